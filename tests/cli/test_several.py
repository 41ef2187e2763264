"""Several catalogs in one option, and the matrix of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.cli.several import are_several, named_in
from qmpconf.errors import UsageError
from qmpconf.schema.select import of_product, release_of
from qmpconf.schema.store import load, source_of, write

TRACE = str(Path(__file__).parents[2] / "traces/qemu-7.2.22-libvirtd.qmptrace.gz")


@pytest.mark.parametrize(
    "text",
    ["all", "qemu-7.2..qemu-11.1", "qemu-7.2..", "..qemu-7.2", "qemu-7.2,qemu-10.0", "a.json,b"],
)
def test_several(text: str) -> None:
    assert are_several(text)


@pytest.mark.parametrize(
    "text", ["auto", "qemu-7.2", "../mine.json", "a/../mine.json.gz", "../..", ".."]
)
def test_one(text: str) -> None:
    assert not are_several(text)


def test_a_file_with_a_comma_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a,b.json"
    write(load("qemu-7.2"), path)
    assert not are_several(str(path))


def test_all_is_one_for_each_release() -> None:
    names = named_in("all", ["qemu"])
    releases = [release_of(name) for name in names]
    assert releases == sorted(set(releases))
    assert set(releases) == {release_of(name) for name in of_product("qemu")}
    for name in names:
        if source_of(name).kind == "document":  # only where nothing was introspected
            assert release_of(name) < (2, 5)
    assert all(not source_of(name).partial for name in names)


def test_a_range_a_list_and_both() -> None:
    between = named_in("qemu-7.1..qemu-8.1", ["qemu"])
    assert between == ["qemu-7.1.0", "qemu-7.2.22", "qemu-8.0.0", "qemu-8.1.0"]
    assert named_in("qemu-7.2.22,mine.json,qemu-7.2", []) == ["qemu-7.2.22", "mine.json"]
    assert named_in("qemu-5.2-doc,qemu-7.1..qemu-8.1", [])[:2] == ["qemu-5.2.0-doc", "qemu-7.1.0"]


def test_a_range_that_is_open_at_one_end() -> None:
    every = named_in("all", ["qemu"])
    at = every.index("qemu-7.2.22")
    assert named_in("qemu-7.2..", ["qemu"]) == every[at:]
    assert named_in("..qemu-7.2", ["qemu"]) == every[: at + 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("qemu-9.0..qemu-8.0", "the older one comes first"),
        ("qemu-7.2..qemu-storage-daemon-10.0", "two products"),
        ("qemu-7.2..qemu-99.0", "neither a shipped catalog nor a file"),
        ("qemu-99.0..", "neither a shipped catalog nor a file"),
        (",", "names no catalog"),
    ],
)
def test_what_cannot_be_meant(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        named_in(text, ["qemu"])


def test_releases_that_say_the_same_share_a_column(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-q", "--schema", "qemu-7.2..qemu-11.1", TRACE]) == 0
    told = capsys.readouterr().out
    assert "qemu-7.2.22 to qemu-8.1.0 (3)" in told
    assert "qemu-8.2.0, qemu-9.0.0" in told
    head = told.splitlines()[0].split()
    assert head == ["command", "calls", "1", "2", "3", "4"]
    assert main(["check", "-q", "--schema", "qemu-7.2..qemu-11.1", "--format", "json", TRACE]) == 0
    data = json.loads(capsys.readouterr().out)
    answers = data["answers"]
    assert list(answers) == named_in("qemu-7.2..qemu-11.1", [])
    assert (answers["qemu-7.2.22"], answers["qemu-11.1.3"]) == ("yes", "no")


def test_an_unknown_catalog_of_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-q", "--schema", "qemu-7.2,qemu-99.0", TRACE]) == 2
    assert "'qemu-99.0' is neither" in capsys.readouterr().err


def test_options_about_findings_do_not_go_with_several(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "-q", "--schema", "qemu-7.2,qemu-10.0", "--short", TRACE]) == 2
    assert "--schema qemu-7.2,qemu-10.0 is an overview" in capsys.readouterr().err
