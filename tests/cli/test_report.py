"""The verb `report`, as a user and as a CI job call it."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from qmpconf.cli.main import main
from qmpconf.cli.report import FILES
from qmpconf.corpus import pool, results
from qmpconf.report.results.records import Header
from qmpconf.report.results.stream import ResultFile, parse_result, write_result
from tests.check.scripts import OPENING, write
from tests.report.results.samples import checked, conformed, finding, warning


@pytest.fixture(autouse=True)
def _no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    return saved(tmp_path / "bad.jsonl", checked(finding(), warning()))


@pytest.fixture
def good(tmp_path: Path) -> str:
    return saved(tmp_path / "good.jsonl", conformed("QEMU 7.2", ("oob.id", "pass")))


@pytest.fixture
def cut(tmp_path: Path) -> str:
    result = checked(finding(), path="cut.qmptrace")
    result.finish = None
    return saved(tmp_path / "cut.jsonl", result)


def saved(path: Path, result: ResultFile) -> str:
    write_result(str(path), result)
    return str(path)


def test_text_is_what_one_gets(capsys: pytest.CaptureFixture[str], bad: str) -> None:
    assert main(["report", bad]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("severity    blame    requirement")
    assert "expected     integer" in captured.out
    assert captured.err == ""
    assert main(["report", bad, "--short"]) == 1
    assert "expected" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("text", "severity "),
        ("markdown", "## qmpconf: "),
        ("html", "<!doctype html>"),
        ("junit", "<?xml "),
        ("sarif", '{\n "$schema"'),
        ("json", '{\n "qmpconf-report": 1'),
        ("github", "::error file=s.qmptrace,line=16,"),
    ],
)
def test_each_format_to_stdout(
    capsys: pytest.CaptureFixture[str], bad: str, name: str, said: str
) -> None:
    assert main(["report", bad, "--format", name]) == 1
    assert capsys.readouterr().out.lower().startswith(said.lower())


def test_all_of_them_as_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bad: str, good: str
) -> None:
    folder = tmp_path / "new" / "folder"
    assert main(["report", bad, good, "--format", "all", "-o", str(folder)]) == 1
    assert sorted(one.name for one in folder.iterdir()) == sorted(FILES.values())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"qmpconf report: wrote {folder}/report.txt, ")
    assert ET.parse(folder / "junit.xml").getroot().attrib["failures"] == "1"
    assert json.loads((folder / "report.sarif").read_text())["version"] == "2.1.0"


def test_some_of_them(capsys: pytest.CaptureFixture[str], tmp_path: Path, good: str) -> None:
    words = ["--format", "json,text", "--format", "text", "-q", "-o", str(tmp_path / "o")]
    assert main(["report", good, *words]) == 0
    assert sorted(os.listdir(tmp_path / "o")) == ["report.json", "report.txt"]
    assert capsys.readouterr() == ("", "")


def test_a_github_job(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bad: str,
) -> None:
    assert main(["report", bad, "--format", "github", "-o", str(tmp_path / "o"), "-q"]) == 1
    assert capsys.readouterr().out.startswith("::error file=s.qmptrace,line=16,title=")
    assert (tmp_path / "o" / "summary.md").read_text().startswith("## qmpconf: 1 error")
    summary = tmp_path / "step.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["report", bad, "--format", "all", "-o", str(tmp_path / "all")]) == 1
    assert summary.read_text().startswith("before\n## qmpconf: 1 error")
    captured = capsys.readouterr()
    *_, last = lines = captured.out.splitlines()
    assert len(lines) == 3
    assert last.startswith("::notice title=qmpconf::")
    assert captured.err.endswith(f"{summary}\n")
    assert "summary.md" not in os.listdir(tmp_path / "all")


def test_a_summary_that_is_nearly_full_takes_what_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    summary = tmp_path / "step.md"
    summary.write_text("x" * ((1 << 20) - 700))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert main(["report", bad, "--format", "github"]) == 1
    assert summary.stat().st_size <= 1 << 20
    assert "had no place" in summary.read_text()


def test_a_result_that_is_cut_off_is_shown_and_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, cut: str, good: str
) -> None:
    assert main(["report", good, cut]) == 3
    captured = capsys.readouterr()
    assert captured.out.startswith(f"NOT WHOLE: {cut}: the result was cut off; ")
    assert "is not an integer" in captured.out
    assert captured.err == f"qmpconf report: {cut}: the result was cut off\n"
    assert main(["report", cut, "--format", "all", "-o", str(tmp_path / "o"), "-q"]) == 3
    for name in FILES.values():
        page = (tmp_path / "o" / name).read_text()
        assert "cut off" in page, name


def test_what_cannot_be_read_does_not_hide_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bad: str
) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    assert main(["report", str(empty), bad]) == 3
    captured = capsys.readouterr()
    assert captured.out.startswith(f"NOT READ: {empty}:1: this is not a result of qmpconf")
    assert "1 error, 4 warnings (1 kind); NOT WHOLE: 1 of 2 results\n" in captured.out
    assert captured.err.count("\n") == 1
    assert main(["report", str(empty), bad, "--exit-zero"]) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "not a result of qmpconf"),
        (b"hello\n", "not a result of qmpconf"),
        (b"\x00\xff\n\x1b[2J", "not a result of qmpconf"),
        (b'{"qmpresult":7}\n', "use a newer one"),
    ],
)
def test_what_is_no_result(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "r"
    if content is not None:
        path.write_bytes(content)
    assert main(["report", str(path)]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    folder = tmp_path / "o"
    assert main(["report", str(path), "--format", "junit", "-o", str(folder)]) == 3
    assert ET.parse(folder / "junit.xml").getroot().attrib["failures"] == "1"


@pytest.mark.parametrize("code", [0, 1, 3, 4, 130])
def test_the_exit_code_is_that_of_the_results(tmp_path: Path, good: str, code: int) -> None:
    path = saved(tmp_path / "r", ResultFile(Header(verb="replay")).end(code))
    assert main(["report", good, path]) == code
    assert main(["report", good, path, "--exit-zero"]) == 0


@pytest.mark.parametrize(
    "words", [["--format", "pdf"], ["--format", ","], ["--format", "text,json"]]
)
def test_what_makes_no_sense_is_said(
    capsys: pytest.CaptureFixture[str], bad: str, words: list[str]
) -> None:
    try:
        code = main(["report", bad, *words])
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "format" in captured.err


@pytest.mark.parametrize("form", ["text", "html", "junit", "sarif", "json"])
def test_two_processes_say_what_one_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(pool, "LEAST", 0)
    for number in range(7):
        name = f"{number}.qmpresult"
        saved(tmp_path / name, checked(finding(), warning(line=number), started=f"{number}"))
    saved(tmp_path / "7.qmpresult", conformed("QEMU 7.2", ("oob.id", "pass")))
    (tmp_path / "8.qmpresult").write_text("no result\n")
    said = set()
    for jobs in ("1", "2"):
        assert main(["report", str(tmp_path), "--format", form, "--jobs", jobs]) == 3
        said.add(capsys.readouterr())
    ((out, err),) = said
    assert f"{tmp_path}/8.qmpresult:1: this is not a result of qmpconf" in err
    assert err.count("\n") == 1
    assert "QEMU 7.2" in out or form in ("text", "sarif")


def test_a_folder_stands_for_the_results_in_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert main(["report", str(tmp_path)]) == 2
    assert f"{tmp_path}: there is no result (*.qmpresult)" in capsys.readouterr().err
    saved(tmp_path / "a" / "b" / "one.qmpresult", checked(finding()))
    saved(tmp_path / "a" / "two.qmpresult", checked(warning(), exit_code=0, started="2"))
    (tmp_path / "a" / "report.html").write_text("not one of them")
    assert main(["report", str(tmp_path), "--format", "json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 2


def test_a_result_from_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    data = io.BytesIO(Path(bad).read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=data))
    assert main(["report", "-"]) == 1
    assert "is not an integer" in capsys.readouterr().out
    assert main(["report", "-", "-"]) == 2
    assert "name it once" in capsys.readouterr().err


def test_an_interrupt_shows_what_was_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    read = results.read_result

    def reading(path: str) -> ResultFile:
        if path != bad:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(results, "read_result", reading)
    words = ["report", bad, "another", "third"]
    assert main([*words, "--format", "json"]) == 130
    assert json.loads(capsys.readouterr().out)["exit_code"] == 130
    assert main([*words, "--exit-zero"]) == 130
    captured = capsys.readouterr()
    assert "NOT READ: interrupted: 1 of 3 files done" in captured.out
    assert "is not an integer" in captured.out
    assert captured.err == "qmpconf report: interrupted: 1 of 3 files done\n"


def test_a_folder_that_cannot_be(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bad: str
) -> None:
    (tmp_path / "o").touch()
    assert main(["report", bad, "-o", str(tmp_path / "o" / "p")]) == 3
    assert "cannot make the folder" in capsys.readouterr().err
    (tmp_path / "q" / "report.txt").mkdir(parents=True)
    assert main(["report", bad, "-o", str(tmp_path / "q")]) == 2
    assert "report.txt is a folder" in capsys.readouterr().err


def test_what_every_verb_writes_can_be_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server = f"{sys.executable} -m qmpconf serve --listen {{socket}}"
    trace = str(write(tmp_path / "s.qmptrace", OPENING))
    document = tmp_path / "qmp-commands.txt"
    document.write_text(
        "stop\n----\n\nStop it.\n\nArguments: None.\n\nExample:\n\n"
        '-> { "execute": "stop" }\n<- { "return": {} }\n\n'
        "cont\n----\n\nResume it.\n\nArguments: None.\n\nExample:\n\n"
        '-> { "execute": "continue" }\n<- { "return": {} }\n'
    )
    calls = {
        "check": ["check", trace],
        "conform": ["conform", "--spawn", server, "-k", "greeting.first"],
        "replay": ["replay", trace, "--spawn", server],
        "audit": ["schema", "audit", str(document)],
        "diff": ["schema", "diff", "qemu-10.0.13", "qemu-11.1.3"],
    }
    paths = {verb: str(tmp_path / f"{verb}.qmpresult") for verb in calls}
    for verb, words in calls.items():
        code = main([*words, "--result", paths[verb], "--label", "night"])
        capsys.readouterr()
        assert code in (0, 1), verb
        assert main(["report", paths[verb], "--format", "json"]) == code, verb
        (run,) = json.loads(capsys.readouterr().out)["runs"]
        assert (run["verb"], run["label"], run["complete"]) == (verb, "night", True)
        assert main([*words, "--result", "-"]) == code, verb
        piped = parse_result(capsys.readouterr().out.encode())  # and nothing else
        assert (piped.finish is not None, piped.damage) == (True, "")
    folder = tmp_path / "o"
    assert main(["report", *paths.values(), "--format", "all", "-q", "-o", str(folder)]) == 1
    assert json.loads((folder / "report.json").read_text())["exit_code"] == 1
