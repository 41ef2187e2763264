"""The verb `check`, as a user calls it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from qmpconf.cli.main import main
from qmpconf.report.results.merge import merged
from qmpconf.report.results.stream import read_result
from qmpconf.schema import store
from tests.check.scripts import OPENING, basis, write

if TYPE_CHECKING:
    from pathlib import Path

BAD = [
    '> {"execute": "paint", "arguments": {"style": "plain", "colour": 5}, "id": "\\u001B[31m"}',
    '< {"error": {"class": "GenericError", "desc": "x"}, "id": "\\u001B[31m"}',
]


@pytest.fixture
def schema(tmp_path: Path) -> str:
    store.write(basis().catalog, tmp_path / "sample.json")
    return str(tmp_path / "sample.json")


@pytest.fixture
def good(tmp_path: Path) -> str:
    return str(write(tmp_path / "good.qmptrace", OPENING))


@pytest.fixture
def bad(tmp_path: Path) -> str:
    return str(write(tmp_path / "bad.qmptrace", [*OPENING, *BAD, *BAD]))


def test_a_correct_session(capsys: pytest.CaptureFixture[str], good: str, schema: str) -> None:
    assert main(["check", good, "--schema", schema]) == 0
    captured = capsys.readouterr()
    assert captured.out == "3 messages in 1 session checked: no findings\n"
    assert captured.err == f"{good}: checked against sample\n"


def test_the_table(capsys: pytest.CaptureFixture[str], bad: str, schema: str) -> None:
    assert main(["check", bad, "--schema", schema]) == 1
    head, rule, first, *details, last, then, more, _ = capsys.readouterr().out.splitlines()
    assert head.split() == ["severity", "blame", "requirement", "line", "times", "what"]
    assert set(rule) == {"-", " "}
    assert first.split(maxsplit=5) == [
        "error",
        "client",
        "schema.arguments",
        "6",
        "2",
        "paint /arguments/colour: is not a string",
    ]
    words = [line.split(maxsplit=1) for line in details]
    assert words[0] == ["expected", "string"]
    assert words[1] == ["seen", "integer 5"]
    assert words[2] == ["answered", "GenericError: x"]
    assert words[3][0] == "source"
    assert last == "7 messages in 1 session checked: 2 errors (1 kind)"
    assert then == f"next: qmpconf show {bad} --line 3-9"
    assert more == "      --baseline FILE for what is known"


def test_short(capsys: pytest.CaptureFixture[str], bad: str, schema: str) -> None:
    assert main(["check", bad, "--schema", schema, "--short", "-q"]) == 1
    captured = capsys.readouterr()
    first, *rest = captured.out.splitlines()
    said = "error: schema.arguments: paint /arguments/colour: is not a string (2 times)"
    assert first == f"{bad}:6: {said}"
    assert len(rest) == 4
    assert captured.err == ""


def test_the_wire_alone(capsys: pytest.CaptureFixture[str], bad: str) -> None:
    assert main(["check", bad, "--schema", "none"]) == 0
    captured = capsys.readouterr()
    assert "no schema: the wire protocol alone" in captured.err
    assert "no findings" not in captured.out
    assert "NOT JUDGED: 1 session against a schema: no schema was asked for" in captured.out


@pytest.mark.parametrize("form", ["text", "markdown", "json", "junit", "github", "sarif", "html"])
def test_a_check_of_nothing_is_no_success(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str
) -> None:
    empty = write(tmp_path / "empty.qmptrace", [])
    assert main(["check", str(empty), "-q", "--format", form]) == 1
    out = capsys.readouterr().out
    assert "0 messages in 1 session checked: nothing was judged" in out
    assert "no findings" not in out


def test_several_traces(
    capsys: pytest.CaptureFixture[str], good: str, bad: str, schema: str
) -> None:
    assert main(["check", good, bad, "--schema", schema]) == 1
    captured = capsys.readouterr()
    assert f"{bad}:6" in "".join(captured.out.split())
    assert "\n10 messages in 2 sessions of 2 traces checked: 2 errors (1 kind)\n" in captured.out
    assert len(captured.err.splitlines()) == 2


def test_json(capsys: pytest.CaptureFixture[str], bad: str, schema: str) -> None:
    assert main(["check", bad, "--schema", schema, "--format", "json", "-q"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert value["qmpconf-report"] == 1
    assert value["failed"] is True
    assert value["totals"] == {"error": 2, "warning": 0, "note": 0}
    (subject,) = value["subjects"]
    assert subject["name"] == bad
    assert subject["facts"] == {
        "messages": 7,
        "sessions": 1,
        "schema": "sample",
        "finished": True,
    }
    (finding,) = value["findings"]
    assert finding["count"] == 2
    assert finding["pointer"] == "/arguments/colour"
    assert finding["line"] == 6
    assert len(finding["fingerprint"]) == 16


def test_a_baseline(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, good: str, bad: str, schema: str
) -> None:
    words = ["--schema", schema, "-q"]
    main(["check", bad, *words, "--format", "json"])
    mark = json.loads(capsys.readouterr().out)["findings"][0]["fingerprint"]
    known = tmp_path / "known.toml"
    known.write_text(f'[[known]]\nfingerprint = "{mark}"\nreason = "on purpose"\n')
    assert main(["check", bad, *words, "--baseline", str(known)]) == 0
    assert "1 kind known from the baseline" in capsys.readouterr().out
    assert main(["check", good, *words, "--baseline", str(known)]) == 1
    assert f"{mark}: in the baseline, but not found" in capsys.readouterr().out


def test_update_baseline(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, good: str, bad: str, schema: str
) -> None:
    known = tmp_path / "known.toml"
    words = ["--schema", schema, "-q", "--baseline", str(known)]
    assert main(["check", bad, *words, "--update"]) == 0
    assert "to be explained: schema.arguments: paint /arguments/colour: is no" in known.read_text()
    assert capsys.readouterr().err == f"qmpconf check: {known} now has 1 known finding\n"
    assert main(["check", bad, *words]) == 0
    known.write_text(known.read_text().replace("to be explained", "BUG 12"))
    assert main(["check", bad, *words, "--update"]) == 0
    assert "BUG 12" in known.read_text()
    assert main(["check", good, *words, "--update"]) == 0
    assert main(["check", good, *words]) == 0


def test_a_baseline_that_is_not_there(capsys: pytest.CaptureFixture[str], good: str) -> None:
    assert main(["check", good, "--baseline", "none.toml"]) == 3
    assert capsys.readouterr().err == (
        "qmpconf check: cannot read none.toml: No such file or directory; --update makes it\n"
    )


@pytest.mark.parametrize(
    "words",
    [["--result", "x"], ["--baseline", "x"], ["--label", "x"], ["-s"], ["--format", "html"]],
)
def test_the_overview_of_all_catalogs_has_no_findings(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, good: str, words: list[str]
) -> None:
    assert main(["check", good, "--schema", "all", *words]) == 2
    assert "--schema all is an overview" in capsys.readouterr().err


def test_white_space_is_no_message(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, schema: str
) -> None:
    path = write(tmp_path / "spaced.qmptrace", OPENING, close="")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"t":3.0,"conn":1,"from":"client","fds":[{"kind":"file"}],"raw":" "}\n')
    main(["check", str(path), "--schema", schema, "--format", "json"])
    assert json.loads(capsys.readouterr().out)["subjects"][0]["facts"]["messages"] == 3


def test_a_trace_that_cannot_be_read_hides_no_other(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bad: str, schema: str
) -> None:
    absent, result = str(tmp_path / "absent"), str(tmp_path / "found.qmpresult")
    words = ["--schema", schema, "-q", "--result", result]
    assert main(["check", absent, bad, *words]) == 3
    captured = capsys.readouterr()
    assert "paint /arguments/colour: is not a string" in captured.out
    assert captured.err == f"qmpconf check: cannot read {absent}: No such file or directory\n"
    report = merged([read_result(result)])
    assert report.exit_code == 3
    assert [note.text for note in report.notes] == [
        f"cannot read {absent}: No such file or directory"
    ]
    assert main(["check", absent, *words]) == 3
    assert capsys.readouterr().out == ""


def test_update_baseline_needs_a_file(capsys: pytest.CaptureFixture[str], good: str) -> None:
    assert main(["check", good, "--update"]) == 2
    assert "--baseline FILE" in capsys.readouterr().err


def test_the_result_holds_what_the_views_need(tmp_path: Path, bad: str, schema: str) -> None:
    path = tmp_path / "found.qmpresult"
    assert main(["check", bad, "--schema", schema, "-q", "--result", str(path)]) == 1
    report = merged([read_result(str(path))])
    (finding,) = report.findings
    lines = [one.line for one in report.around(finding)]
    assert finding.line in lines
    assert lines == sorted(lines)
    assert len(lines) > 3
    assert report.verdict_of("schema.arguments", bad).verdict == "fail"
    assert report.verdict_of("greeting.shape", bad).verdict == "pass"
    assert report.verdict_of("oob.id", bad).verdict == "not-exercised"
    assert {one.name: one.errors for one in report.latencies}["paint"] == 2
    paint = next(one for one in report.coverage if one.name == "paint")
    assert paint.refused == 2
    assert paint.missing


def test_a_torn_trace_is_checked_as_far_as_it_goes(
    capsys: pytest.CaptureFixture[str], bad: str, schema: str, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.qmptrace"
    with open(bad, encoding="utf-8") as file:
        torn.write_text(file.read()[:-60])
    assert main(["check", str(torn), "--schema", schema]) == 1
    assert "the last line is torn; the rest was checked" in capsys.readouterr().out


def test_a_recording_without_an_end_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, schema: str
) -> None:
    path = write(tmp_path / "cut.qmptrace", OPENING, close="")
    assert main(["check", str(path), "--schema", schema, "-q"]) == 0
    assert capsys.readouterr().out == (
        f"{path}: the recording was cut off: no finish line\n"
        "3 messages in 1 session checked: no findings\n"
    )


def test_a_folder_stands_for_its_traces(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, schema: str
) -> None:
    (tmp_path / "night").mkdir()
    for name in ("one", "two"):
        write(tmp_path / "night" / f"{name}.qmptrace", OPENING)
    assert main(["check", str(tmp_path / "night"), "--schema", schema, "-q"]) == 0
    assert "6 messages in 2 sessions of 2 traces checked" in capsys.readouterr().out


def test_what_a_trace_holds_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, schema: str
) -> None:
    script = [*OPENING, '> {"execute": "\\u001b]0;x\\u0007\\u202e\u009b"}', BAD[1]]
    path = str(write(tmp_path / "evil.qmptrace", script))
    assert main(["check", path, "--schema", schema]) == 1
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    assert "\\u001B" in out


@pytest.mark.parametrize(
    ("name", "content", "words", "code"),
    [
        ("none", None, [], 3),
        ("empty", b"", [], 3),
        ("text", b"hello\n", [], 3),
        ("binary", b"\x00\x01\xff", [], 3),
        ("newer", b'{"qmptrace":2}\n', [], 3),
        ("good", b'{"qmptrace":1}\n', ["--schema", "qemu-0.1"], 2),
        ("good", b'{"qmptrace":1}\n', ["--schema", "/no/such.json"], 3),
        ("good", b'{"qmptrace":1}\n', ["--baseline", "/no/such.toml"], 3),
    ],
)
def test_bad_input_gets_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    content: bytes | None,
    words: list[str],
    code: int,
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert main(["check", str(path), *words]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
