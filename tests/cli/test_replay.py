"""``qmpconf replay``: what it prints, and its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from tests.replay.conftest import monitors, written

GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "a build"}, '
    '"capabilities": ["oob"]}}'
)
STAMP = '"timestamp": {"seconds": 5, "microseconds": 6}'
SAME = [
    "1+",
    f"1<-{GREETING}",
    '1->{"execute":"qmp_capabilities"}',
    '1<-{"return": {}}',
    '1->{"execute":"stop"}',
    f'1<-{{{STAMP}, "event": "STOP"}}',
    '1<-{"return": {}}',
    '1->{"execute":"query-status","id":7}',
    '1<-{"return": {"status": "paused", "singlestep": false, "running": false}, "id": 7}',
    "1-client",
]
OTHER = [line.replace('"paused"', '"running"') for line in SAME]

REPORT = """\
severity    requirement     line    what
----------  --------------  ------  ------------------------------------------------------------------------------------
error       replay.changed  10      reply to query-status /return/status: is another one
                                      expected     "running"
                                      seen         "paused"
                                      replay line  10
                                      source       TRACE:10
                                      fingerprint  FINGERPRINT
                                      <- {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}
                                      <- {"return": {}}
                                      -> {"execute":"query-status","id":7}
                                      <- {"return": {"status": "paused", "singlestep": false, "running": false}, "id"...

Masked (3 rows):
  mask        message     place                    times    recorded    got                     why
  ----------  ----------  -----------------------  -------  ----------  ----------------------  ----------------------
  event-time  event STOP  /timestamp/microseconds  1        6           2                       a time of the host's
                                                                                                clock
  event-time  event STOP  /timestamp/seconds       1        5           1                       a time of the host's
                                                                                                clock
  package     greeting    /QMP/version/package     1        "a build"   "qmpconf ...            names the build
                                                                        (embedded monitor)"

3 messages sent, 3 replies and 1 event matched: 1 difference
next: --result FILE and 'qmpconf report FILE --format html' for a page
"""


@pytest.fixture
def target(tmp_path: Path) -> object:
    path = tmp_path / "target"
    with monitors(path):
        yield path


def columns(text: str) -> list[list[str]]:
    """Lines as words, so that the width of a column does not matter."""
    return [re.sub(r"-{2,}", "--", line).split() for line in text.splitlines()]


def test_the_report(tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = written(tmp_path / "trace", OTHER)
    assert main(["replay", trace, "--target", str(target)]) == 1
    text = capsys.readouterr().out
    text = text.replace(trace, "TRACE").replace(str(target), "TARGET")
    text = re.sub(r'"qmpconf [0-9.]+', '"qmpconf ...', text)
    text = re.sub(r"\b[0-9a-f]{16}\b", "FINGERPRINT", text)
    assert columns(text) == columns(REPORT)


def test_no_differences(tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.qmptrace"
    trace = written(tmp_path / "trace", SAME)
    assert main(["replay", trace, "--target", f"unix:{target}", "-o", str(output)]) == 0
    assert "1 event matched: no differences\n" in capsys.readouterr().out
    assert output.stat().st_mode & 0o777 == 0o600
    assert main(["replay", trace, "--target", str(target), "-o", str(output)]) == 2
    assert "exists" in capsys.readouterr().err
    second = tmp_path / "second"
    with monitors(second):
        assert main(["replay", trace, "--target", str(second), "-o", str(output), "--force"]) == 0


@pytest.mark.parametrize("lines", [[], ["1+", "1-client"]], ids=["no session", "no message"])
def test_a_replay_of_nothing_is_no_success(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str], lines: list[str]
) -> None:
    trace, result = written(tmp_path / "trace", lines), str(tmp_path / "result")
    assert main(["replay", trace, "--target", str(target), "--result", result]) == 1
    assert "nothing was judged" in capsys.readouterr().out
    assert main(["report", result]) == 1
    assert "nothing was judged" in capsys.readouterr().out


def test_a_replay_of_a_greeting_judges_the_greeting(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = written(tmp_path / "trace", ["1+", f"1<-{GREETING}", "1-client"])
    assert main(["replay", trace, "--target", str(target)]) == 0
    assert "no differences" in capsys.readouterr().out


def test_the_views_of_every_result(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = written(tmp_path / "trace", OTHER)
    assert main(["replay", trace, "--target", str(target), "--format", "junit"]) == 1
    page = capsys.readouterr().out
    assert page.startswith("<?xml")
    assert "reply to query-status" in page


def test_json(tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = written(tmp_path / "trace", OTHER)
    assert main(["replay", trace, "--target", str(target), "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    (difference,) = report["findings"]
    assert (difference["pointer"], difference["line"]) == ("/return/status", 10)
    (table,) = report["tables"]
    assert [row[2] for row in table["rows"]] == [
        "/timestamp/microseconds",
        "/timestamp/seconds",
        "/QMP/version/package",
    ]
    assert (report["totals"]["error"], report["exit_code"]) == (1, 1)


def test_short_is_one_line_a_finding(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = written(tmp_path / "trace", OTHER)
    assert main(["replay", trace, "--target", str(target), "-s", "-q"]) == 1
    printed = capsys.readouterr()
    place = "reply to query-status /return/status"
    first, *_ = printed.out.splitlines()
    assert first == f"{trace}:10: error: replay.changed: {place}: is another one"
    assert printed.err == ""


def test_nothing_that_is_printed_controls_a_terminal(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = [*SAME[:-1], f'1<-{{{STAMP}, "event": "\\u001b[2J\\u009b1m"}}', "1-client"]
    trace = written(tmp_path / "trace", script)
    assert main(["replay", trace, "--target", str(target), "--event-timeout", "0.1"]) == 1
    text = capsys.readouterr().out
    assert "event \\u001B[2J\\u009B1m" in text
    assert "\x1b" not in text


def test_a_target_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = written(tmp_path / "trace", SAME)
    assert main(["replay", trace, "--target", str(tmp_path / "none")]) == 4
    printed = capsys.readouterr()
    assert "cannot connect" in printed.err
    assert "not played to the end" in printed.out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\x7fELF\x00\x00", "first line of a trace"),
        (b'{"qmptrace":99}\n', "newer"),
        (b"[1]\n", "first line of a trace"),
    ],
)
def test_a_file_that_is_no_trace(
    tmp_path: Path, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace"
    path.write_bytes(content)
    assert main(["replay", str(path), "--target", "x"]) == 3
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["t"],
        ["t", "--target", "a", "--spawn", "b"],
        ["t", "--target", "a", "--event-timeout", "-1"],
        ["t", "--target", "a", "--timeout", "soon"],
        ["t", "--target", "a", "--compare", "fuzzy"],
        ["t", "--target", "a", "--speed", "0"],
        ["t", "--target", "a", "--speed", "fast"],
    ],
)
def test_wrong_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["replay", *words])
    assert error.value.code == 2


@pytest.mark.parametrize("spawn", ["", "'", "no socket here", "no-such-program {socket}"])
def test_a_command_line_that_cannot_be_used(
    tmp_path: Path, spawn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = written(tmp_path / "trace", SAME)
    assert main(["replay", trace, "--spawn", spawn]) == 2
    assert "Traceback" not in capsys.readouterr().err
