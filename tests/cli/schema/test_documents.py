"""``schema compile`` and ``schema audit`` on the command line."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.schema import store
from tests.schema.documents import samples


@pytest.fixture
def lamps(tmp_path: Path) -> Path:
    path = tmp_path / "lamps.txt"
    path.write_text(samples.PLAIN)
    return path


def test_compile_prints_the_report_and_writes_the_catalog(
    lamps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lamps.json"
    assert main(["schema", "compile", str(lamps), "-o", str(out), "--name", "lamps"]) == 0
    report = dict(
        line.split(None, 1) for line in capsys.readouterr().out.split("\n\n")[0].splitlines()
    )
    assert report["catalog"] == "lamps"
    assert report["form"] == "qmp-commands.txt"
    assert report["commands"] == "8"
    assert report["headings"].startswith("12: 8 command, 4 prose")
    assert report["undetermined"] == "3"
    assert report["concluded"].startswith("3 from examples")
    assert report["findings"] == "5"
    assert set(store.read(out).commands) >= {"lamp-on", "query-fuses"}


def test_compile_takes_gzip(lamps: Path, tmp_path: Path) -> None:
    packed = tmp_path / "lamps.txt.gz"
    packed.write_bytes(gzip.compress(lamps.read_bytes()))
    out = tmp_path / "a.json.gz"
    assert main(["schema", "compile", str(packed), "-o", str(out)]) == 0
    assert store.read(out).name == "qemu-doc"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a letter\n", "no known form"),
        (b"", "empty"),
        (b"\x7fELF\0\0", "not text"),
        (b"caf\xe9\n", "not UTF-8"),
        (b"\x1f\x8b\x08", "gzip"),
    ],
)
@pytest.mark.parametrize("verb", ["compile", "audit"])
def test_what_is_no_document_is_told_with_its_name(
    verb: str, content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "thing.txt"
    path.write_bytes(content)
    assert main(["schema", verb, str(path)]) == 3
    error = capsys.readouterr().err
    assert words in error
    assert error.count(str(path)) == 1


def test_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "compile", "/nowhere/at/all"]) == 3
    assert "cannot read /nowhere/at/all" in capsys.readouterr().err


def test_audit_prints_a_table_and_says_by_its_code_that_there_are_findings(
    lamps: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", "audit", str(lamps)]) == 1
    out = capsys.readouterr().out
    assert re.search(r"1 document with \d+ example messages audited: 5 errors\n", out)
    assert "type.misspelled" in out


def test_audit_without_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.txt"
    path.write_text('a\n-\nb\n---\n\nExample:\n\n-> { "execute": "b" }\n<- { "return": {} }\n')
    assert main(["schema", "audit", str(path)]) == 0
    said = "1 document with 2 example messages audited: no findings\n"
    assert capsys.readouterr().out == said


def test_audit_as_markdown_and_as_json(
    lamps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, data, result = tmp_path / "a.md", tmp_path / "a.json", tmp_path / "a.result"
    audit = ["schema", "audit", str(lamps), "--format", "markdown", "-o", str(page)]
    assert main([*audit, "--result", str(result)]) == 1
    text = page.read_text()
    assert "1 document with 16 example messages audited" in text
    assert "| query-lamps" in text
    assert "| examples | 16 |" in text
    capsys.readouterr()
    assert main(["report", str(result), "--format", "markdown"]) == 1
    assert capsys.readouterr().out == text
    assert main(["schema", "audit", str(lamps), "--format", "json", "-o", str(data)]) == 1
    document = json.loads(data.read_text())
    assert document["subjects"][0]["name"] == "lamps.txt"
    assert {one["rule"] for one in document["findings"]} >= {"document.enum.duplicate"}


def test_audit_against_another_catalog(
    lamps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.txt"
    other.write_text(samples.PLAIN.replace('"level": how', '"glow": how'))
    out = tmp_path / "other.json"
    main(["schema", "compile", str(other), "-o", str(out)])
    lamps.write_text(samples.PLAIN.replace('"colour": "+12"', '"level": 1, "colour": "+12"'))
    capsys.readouterr()
    assert main(["schema", "audit", str(lamps), "--catalog", str(out)]) == 1
    assert "'level' is not documented" in capsys.readouterr().out
