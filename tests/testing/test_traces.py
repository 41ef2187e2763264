"""Traces as tests: what is collected, when it fails, and how that reads."""

from __future__ import annotations

import gzip
import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import zstandard

from qmpconf.cli.main import main
from qmpconf.testing import traces
from tests.testing.samples import BAD, GOOD, GREETING, RESIZE, UNKNOWN, write_trace

pytest_plugins = ["pytester"]

SERVE = f"{sys.executable} -m qmpconf serve --schema qemu-7.2.22 --listen {{socket}}"


def ids(pytester: pytest.Pytester, *words: object) -> list[str]:
    lines = pytester.runpytest("--collect-only", "-q", *map(str, words)).stdout.lines
    return [one for one in lines if "::" in one]


def test_each_session_is_a_test(pytester: pytest.Pytester) -> None:
    write_trace(pytester.path / "traces" / "two.qmptrace", GOOD, BAD)
    assert ids(pytester, "traces") == [
        "traces/two.qmptrace::session-1",
        "traces/two.qmptrace::session-2",
    ]
    result = pytester.runpytest("traces")
    result.assert_outcomes(passed=1, failed=1)
    assert ids(pytester, "traces/two.qmptrace::session-2") == ["traces/two.qmptrace::session-2"]
    pytester.runpytest("traces/two.qmptrace::session-1").assert_outcomes(passed=1)
    pytester.runpytest("traces", "-k", "session-2").assert_outcomes(failed=1, deselected=1)


def test_compressed_traces_are_collected(pytester: pytest.Pytester) -> None:
    plain = write_trace(pytester.path / "one.qmptrace", GOOD)
    (pytester.path / "one.qmptrace.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (pytester.path / "two.qmptrace.zst").write_bytes(zstandard.compress(plain.read_bytes()))
    plain.unlink()
    assert ids(pytester) == ["one.qmptrace.gz::session-1", "two.qmptrace.zst::session-1"]
    pytester.runpytest().assert_outcomes(passed=2)


def test_sessions_are_numbered_as_in_the_trace_and_need_no_opening(
    pytester: pytest.Pytester,
) -> None:
    header = {"qmptrace": 1, "started": "2026-11-20T05:17:00Z"}
    lines = [{"t": 0.0, "conn": number, "from": "server", "msg": GREETING} for number in (7, 3, 7)]
    path = pytester.path / "x.qmptrace"
    path.write_text("".join(json.dumps(one) + "\n" for one in (header, *lines)))
    assert ids(pytester) == ["x.qmptrace::session-7", "x.qmptrace::session-3"]
    assert traces.sessions(str(path)) == {7: 2, 3: 3}


def test_a_failure_tells_everything(pytester: pytest.Pytester) -> None:
    write_trace(pytester.path / "two.qmptrace", GOOD, BAD)
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(
        [
            "*two.qmptrace session-2 *",
            "session 2: 1 error, checked against qemu-7.2.22*",
            "error schema.arguments: block_resize /arguments/size: is not an integer",
            "  two.qmptrace:13: by the client",
            "  expected     integer",
            '  seen         string "1M"',
            "  source       qemu-7.2.22, block_resize",
            f"  fingerprint  {RESIZE}",
            "     11 *->  qmp_capabilities",
            "     12 *<-  qmp_capabilities returned   (0 s)",
            '>    13 *->  block_resize  {"execute": "block_resize", *"size": "1M"}}',
            "     14 *<-  block_resize failed: GenericError: Invalid parameter *   (0 s)",
            "     15 *--  session 2 closed by the client",
            "two.qmptrace:13: error schema.arguments by the client: block_resize *",
            "FAILED two.qmptrace::session-2 - error schema.arguments*",
        ]
    )
    assert "two.qmptrace:4" not in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize(
    "sessions",
    [[GOOD], [BAD], [GOOD, UNKNOWN], [[*GOOD, ("->", {"execute": "query-name", "id": None})]]],
    ids=["good", "bad", "second", "odd"],
)
def test_the_verdict_is_that_of_check(
    sessions: list[list[tuple[str, object]]], pytester: pytest.Pytester
) -> None:
    path = write_trace(pytester.path / "x.qmptrace", *sessions)
    code = main(["check", "-q", str(path)])
    assert pytester.runpytest().ret == code


def test_hostile_messages_do_not_reach_the_terminal(pytester: pytest.Pytester) -> None:
    name = "\x1b[31mno\x07\u202e"
    write_trace(pytester.path / "x.qmptrace", [*GOOD, ("->", {"execute": name, name: name})])
    shown = pytester.runpytest("--color=no").stdout.str()
    assert "1 failed" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty: a trace begins with its header line"),
        ("hello\n", "is not the first line of a trace"),
        ('{"qmptrace":99,"started":""}\n', "newer than this"),
        ('{"qmptrace":1,"started":""}\n{"t":0}\nx\n', "not a record of a trace"),
    ],
)
def test_what_is_no_trace_is_a_clear_error(text: str, told: str, pytester: pytest.Pytester) -> None:
    (pytester.path / "x.qmptrace").write_text(text)
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*x.qmptrace*{told}*"])
    assert "Traceback" not in result.stdout.str()
    assert "traces.py" not in result.stdout.str()


def test_wrong_options_are_told(pytester: pytest.Pytester) -> None:
    write_trace(pytester.path / "x.qmptrace", GOOD)
    result = pytester.runpytest("--qmp-schema", "qemu-0.1")
    result.stdout.fnmatch_lines(["*qemu-0.1*"])
    assert result.ret != 0
    result = pytester.runpytest("--qmp-baseline", "none.toml")
    result.stdout.fnmatch_lines(["*cannot read *none.toml*"])
    assert "Traceback" not in result.stdout.str()


def test_a_torn_trace_is_checked_up_to_there(pytester: pytest.Pytester) -> None:
    path = write_trace(pytester.path / "x.qmptrace", GOOD, GOOD)
    path.write_text(path.read_text()[:-70])
    pytester.runpytest().assert_outcomes(passed=2)
    path = write_trace(path, BAD, GOOD)
    path.write_text(path.read_text()[:-70])
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result = pytester.runpytest("-rP")
    result.stdout.fnmatch_lines(["x.qmptrace:*: the last line is torn"])


def test_a_file_is_checked_once(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = []

    def check(*arguments: Any, **named: Any) -> object:
        checks.append(arguments)
        return original(*arguments, **named)

    original = traces.check
    monkeypatch.setattr(traces, "check", check)
    write_trace(pytester.path / "x.qmptrace", GOOD, BAD, GOOD, BAD, GOOD)
    pytester.runpytest().assert_outcomes(passed=3, failed=2)
    assert len(checks) == 1


def test_workers_of_xdist_tell_the_same(pytester: pytest.Pytester) -> None:
    write_trace(pytester.path / "x.qmptrace", GOOD, BAD, GOOD, UNKNOWN)
    result = pytester.runpytest_subprocess("-n", "2")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        ["x.qmptrace:13: error schema.arguments by the client: block_resize *", "FAILED *"]
    )


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_what_was_not_judged_ends_the_run(pytester: pytest.Pytester, workers: tuple[str]) -> None:
    """Once for a trace, also with several sessions and workers; quiet runs say it, too."""
    write_trace(pytester.path / "one.qmptrace", GOOD, GOOD)
    write_trace(pytester.path / "two.qmptrace", GOOD[1:])
    result = pytester.runpytest("-q", "--qmp-schema", "none", *workers)
    lines = [one for one in result.stdout.lines if one.startswith("NOT JUDGED")]
    (line,) = lines
    assert "3 sessions against a schema: no schema was asked for" in line


def test_nothing_is_said_where_all_was_judged(pytester: pytest.Pytester) -> None:
    write_trace(pytester.path / "one.qmptrace", GOOD)
    pytester.runpytest().stdout.no_fnmatch_line("*NOT JUDGED*")


def test_junit_names_the_requirements(pytester: pytest.Pytester) -> None:
    write_trace(pytester.path / "x.qmptrace", BAD, GOOD)
    pytester.runpytest("--junitxml", "junit.xml")
    cases = list(ET.parse(pytester.path / "junit.xml").iter("testcase"))
    assert [(one.get("classname"), one.get("name")) for one in cases] == [
        ("x.qmptrace", "session-1"),
        ("x.qmptrace", "session-2"),
    ]
    found = {(one.get("name"), one.get("value")) for one in cases[0].iter("property")}
    assert {("qmp-requirement", "schema.arguments"), ("qmp-finding", RESIZE)} <= found
    failure = cases[0].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("error schema.arguments by the client")
    assert "x.qmptrace:6" in (failure.text or "")


# --- replays ------------------------------------------------------------------------------------


def test_without_a_server_there_is_no_replay(pytester: pytest.Pytester) -> None:
    write_trace(pytester.path / "x.qmptrace", GOOD)
    assert ids(pytester) == ["x.qmptrace::session-1"]
    words = ("--qmp-spawn", "true {socket}")
    assert ids(pytester, *words) == ["x.qmptrace::session-1", "x.qmptrace::replay"]


def test_a_replay_has_the_verdict_of_replay(pytester: pytest.Pytester) -> None:
    said = {"return": {"status": "paused", "singlestep": False, "running": False}}
    write_trace(pytester.path / "x.qmptrace", [*GOOD[:-1], ("<-", said)])
    result = pytester.runpytest("--qmp-spawn", SERVE, "--qmp-report", "kept")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "error  *replay.changed *reply to query-status /return/status: is another one",
            '*  expected     "paused"',
            '*  seen         "running"',
            "x.qmptrace:7: *differences*",
            "FAILED x.qmptrace::replay - *differences*",
        ]
    )
    assert (pytester.path / "kept" / "x-replay.qmptrace").exists()
    words = ("--qmp-spawn", SERVE, "--qmp-compare", "shape", "--qmp-report", "kept")
    pytester.runpytest(*words).assert_outcomes(passed=2)


def test_known_differences_do_not_fail(pytester: pytest.Pytester) -> None:
    said = {"return": {"status": "paused", "singlestep": False, "running": False}}
    path = write_trace(pytester.path / "x.qmptrace", [*GOOD[:-1], ("<-", said)])
    write_trace(pytester.path / "y.qmptrace", GOOD)
    assert main(["replay", str(path), "--spawn", SERVE, "--format", "json"]) == 1
    digests = known_in(pytester, path)
    text = "".join(f'[[known]]\nfingerprint = "{one}"\nreason = "so"\n' for one in digests)
    (pytester.path / "known.toml").write_text(text)
    words = ("--qmp-spawn", SERVE, "--qmp-known-differences", "known.toml")
    result = pytester.runpytest(*words)
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    with open("known.toml", "a", encoding="utf-8") as file:
        file.write('[[known]]\nfingerprint = "0123456789abcdef"\nreason = "gone"\n')
    result = pytester.runpytest(*words)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["known.toml: 0123456789abcdef (gone): no difference has *"])


def known_in(pytester: pytest.Pytester, path: Path) -> list[str]:
    shown = pytester.runpytest(path, "--qmp-spawn", SERVE).stdout.lines
    return [one.split()[1] for one in shown if one.split()[:1] == ["fingerprint"]]


def test_a_server_that_does_not_start_is_told(pytester: pytest.Pytester) -> None:
    write_trace(pytester.path / "x.qmptrace", GOOD)
    result = pytester.runpytest("--qmp-spawn", "false {socket}")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED x.qmptrace::replay - *"])
    assert "Traceback" not in result.stdout.str()


HUMAN = [
    *GOOD,
    ("->", {"execute": "human-monitor-command", "arguments": {"command-line": "foo"}}),
    ("<-", {"return": "unknown command: 'foo'\r\n"}),
]


def test_habits_can_be_ignored(pytester: pytest.Pytester) -> None:
    """As check says: by option, ini file and configuration."""
    path = write_trace(pytester.path / "x.qmptrace", HUMAN)
    assert pytester.runpytest().ret == main(["check", "-q", str(path)])
    pytester.runpytest("--qmp-ignore=practice.hmp-error").assert_outcomes(passed=1)
    pytester.runpytest("-o", "qmp_ignore=practice").assert_outcomes(passed=1)
    result = pytester.runpytest("--qmp-ignore=practice.hmp-err")
    result.stdout.fnmatch_lines(["*did you mean 'practice.hmp-error'?*"])


def test_the_configuration_of_checks_holds(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytester.path)
    path = write_trace(pytester.path / "x.qmptrace", HUMAN)
    settings = pytester.path / "qmpconf.toml"
    settings.write_text('[check]\nignore = ["practice.hmp-error"]')
    assert main(["check", "-q", str(path)]) == 0
    pytester.runpytest().assert_outcomes(passed=1)
    path.write_text(re.sub(r'"t": 0.0(?=.*"(return|close)")', '"t": 9.0', path.read_text()))
    settings.write_text('[check]\nignore = ["practice.hmp-error"]\nmax-latency = "8s"')
    assert main(["check", "-q", str(path)]) == 1
    pytester.runpytest().assert_outcomes(failed=1)
