"""The verb `schema`, as a user calls it."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from qmpconf.cli.main import main
from qmpconf.report.catalog import entry, names_of
from qmpconf.schema import store
from tests.schema.samples import catalog

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sample(tmp_path: Path) -> str:
    store.write(catalog(), tmp_path / "sample.json")
    return str(tmp_path / "sample.json")


def output(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["schema", *words]) == 0
    return capsys.readouterr().out


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert "qemu-7.2.22" in output(capsys, "list")
    assert output(capsys, "list", "--names").split() == store.shipped()


def test_show_overview(capsys: pytest.CaptureFixture[str], sample: str) -> None:
    text = output(capsys, "show", sample)
    assert "describes:  qemu 7.0.0 sample" in text
    assert "  device_add, mix, paint, stir (deprecated)\n" in text
    assert "DRIED, SPILT" in text


def test_show_a_union_in_full(capsys: pytest.CaptureFixture[str], sample: str) -> None:
    assert output(capsys, "show", sample, "paint") == (
        "command paint\n"
        "  arguments: object\n"
        "    style: enum, one of\n"
        "      plain, striped, gilded (deprecated), bare\n"
        "    node-name?: string\n"
        "    when style is plain:\n"
        "      colour: string\n"
        "      layers?: int\n"
        "    when style is striped:\n"
        "      width: enum, one of\n"
        "        wide, narrow\n"
        "      when width is wide:\n"
        "        ratio: number\n"
        "        x-old?: boolean  (unstable)\n"
        "      when width is narrow:\n"
        "        no more members\n"
        "    when style is gilded:\n"
        "      no more members\n"
        "  returns: nothing ({})\n"
    )


def test_show_marks_recursion(capsys: pytest.CaptureFixture[str], sample: str) -> None:
    assert output(capsys, "show", sample, "mix") == (
        "command mix\n"
        "  arguments: object\n"
        "    what: alternate, one of\n"
        "      - string\n"
        "      - object\n"
        "        parts?: array of object the same as `arguments.what`, again\n"
        "        size?: int\n"
        "        extra?: any value\n"
        "      - null\n"
        "    names: array of string\n"
        "  returns: object\n"
        "    parts?: array of object the same as `returns`, again\n"
        "    size?: int\n"
        "    extra?: any value\n"
    )


def test_show_more(capsys: pytest.CaptureFixture[str], sample: str) -> None:
    stir = output(capsys, "show", sample, "stir")
    assert stir.startswith("command stir  (may be sent out of band, deprecated)\n")
    assert "event SPILT\n  data: none\n" in output(capsys, "show", sample, "SPILT")
    added = output(capsys, "show", sample, "device_add")
    assert "arguments: object, other members allowed" in added


@pytest.mark.parametrize("name", store.shipped())
def test_every_entry_of_every_catalog_can_be_shown(name: str) -> None:
    one = store.load_shipped(name)
    for word in names_of(one):
        assert word in entry(one, word)


def test_export(capsys: pytest.CaptureFixture[str], sample: str, tmp_path: Path) -> None:
    printed = json.loads(output(capsys, "export", sample))
    assert "command.paint.arguments" in printed["$defs"]
    plain, packed = tmp_path / "a.json", tmp_path / "a.json.gz"
    output(capsys, "export", sample, "-o", str(plain))
    output(capsys, "export", sample, "-o", str(packed))
    assert json.loads(plain.read_text()) == printed
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["show", "qemu-7.2.22", "query-blok"], 2, "did you mean 'query-block'?"),
        (["show", "qemu-7.3"], 2, "neither a shipped catalog nor a file"),
        (["show", "query-status"], 2, "'qmpconf schema history query-status'"),
        (["show", "/no/such.json"], 3, "cannot read"),
        (["export", "qemu-7.2.22", "-o", "/no/such/file"], 3, "cannot write"),
    ],
)
def test_mistakes_get_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    assert main(["schema", *words]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_show_the_properties_of_a_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "show", "qemu-7.2.22", "virtio-net"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("properties of virtio-net-pci (another name: virtio-net)\n")
    assert "\n  vectors: uint32\n" in page
    assert main(["schema", "show", "qemu-7.2.22", "virtio-nat-pci"]) == 2
    assert "did you mean 'virtio-net-pci'?" in capsys.readouterr().err
