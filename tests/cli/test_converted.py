"""Logs and transcripts where the name of a trace stands: judged as their traces are, in lines of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qmpconf.cli.main import main
from qmpconf.trace.convert.base import Options
from qmpconf.trace.convert.converting import convert
from tests.trace.convert.golden import FOLDER

TEXTS = sorted(one for one in FOLDER.iterdir() if one.suffix != ".expected")
SECRET = "open5esame"
LOG = f"""\
2026-11-30 07:00:00.001 starting
2026-11-30 07:00:00.010 recv {{"QMP": {{"version": {{"qemu": {{"micro": 22, "minor": 2, "major": 7}}, "package": ""}}, "capabilities": ["oob"]}}}}
2026-11-30 07:00:00.020 send {{"execute": "qmp_capabilities", "id": 1}}
2026-11-30 07:00:00.021 recv {{"return": {{}}, "id": 1}}
nothing of interest
2026-11-30 07:00:00.030 send {{"execute": "object-add", "arguments": {{"qom-type": "secret", "id": "s", "data": "{SECRET}"}}, "id": 2}}
2026-11-30 07:00:00.031 recv {{"return": {{}}, "id": 2}}

2026-11-30 07:00:00.040 send {{"execute": "block_resize", "arguments": {{"device": "d", "size": "1M"}}, "id": 3}}
2026-11-30 07:00:00.041 recv {{"error": {{"class": "GenericError", "desc": "Invalid parameter type for 'size', expected: integer"}}, "id": 3}}
"""


def qmpconf(
    *words: str | Path, given: str = "", code: int | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "qmpconf", *map(str, words)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    if code is not None:
        assert done.returncode == code, done.stderr
    return done


def found(path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What `check` finds in a file; the order is that of its lines."""
    assert main(["check", str(path), "--format", "json", "-q"]) in (0, 1)
    findings: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["findings"]
    return findings


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "client.log"
    path.write_text(LOG)
    return path


def test_a_log_is_checked_in_its_own_lines(log: Path) -> None:
    done = qmpconf("check", log, "--short", code=1)
    (error,) = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert error.startswith(f"{log}:9: error: schema.arguments: block_resize /arguments/size")
    assert f"{log}: read as log (" in done.stderr
    assert "1 session, 7 messages" in done.stderr
    assert not list(log.parent.glob("*.qmptrace*"))


def test_so_it_is_from_standard_input(log: Path) -> None:
    ways = [
        qmpconf("check", one, "--format", "json", "-q", given=LOG, code=1) for one in (log, "-")
    ]
    here, there = (json.loads(one.stdout.replace(str(log), "<stdin>"))["findings"] for one in ways)
    assert here == there


@pytest.mark.parametrize("text", TEXTS, ids=lambda one: one.name)
def test_it_is_judged_as_its_trace_is(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[int] = []
    trace = tmp_path / "made.qmptrace"
    convert(str(text), str(trace), options=Options(lines=lines))
    assert len(lines) == len(trace.read_bytes().splitlines()) + 1
    direct, through = found(text, capsys), found(trace, capsys)
    here = sorted((one["fingerprint"], one["line"]) for one in direct)
    assert here == sorted((one["fingerprint"], lines[one["line"]]) for one in through)


def test_the_others_that_only_read_take_it_too(log: Path) -> None:
    shown = qmpconf("show", log, "--line", "9-10", code=0).stdout.splitlines()[2:]
    assert [line.split()[0] for line in shown] == ["9", "10", "10"]
    assert "block_resize failed: GenericError" in shown[1]
    assert "closed" in shown[2]
    assert "3 commands" in qmpconf("stats", log, code=0).stdout
    assert "block_resize" in qmpconf("stats", log, "--against", log, code=0).stdout
    assert qmpconf("coverage", log, "--kind", "commands", code=0).stdout
    assert "no differences" in qmpconf("diff", log, log, code=0).stdout


def test_secrets_are_replaced_as_in_a_recording(log: Path) -> None:
    for verb in (["show", "--pretty"], ["check", "--format", "json"], ["stats"], ["diff", log]):
        done = qmpconf(*verb, log)
        assert SECRET not in done.stdout + done.stderr
    assert "REDACTED" in qmpconf("show", "--pretty", log).stdout


def test_several_at_once_in_several_processes(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    other.write_text(LOG.replace('"size": "1M"', '"sise": 1'))
    made = tmp_path / "made.qmptrace"
    convert(str(log), str(made))
    done = qmpconf("check", log, other, made, "--jobs", "3", "--short", code=1)
    assert f"{log}:9: error: schema.arguments" in done.stdout
    assert "(2 times)" in done.stdout  # in the trace, too
    assert f"{other}:9: error: schema.arguments" in done.stdout


def test_what_is_not_understood_is_said(log: Path) -> None:
    log.write_text(LOG + '2026-11-30 07:00:00.050 send {"execute": "query-sta\n')
    done = qmpconf("check", log)
    assert f"{log}:11: not understood" in done.stderr
    assert "1 line not understood" in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello\n", ":1: is not the first line of a trace"),
        ('{"kind": "other"}\n', ":1: is not the first line of a trace"),
        ("", "is empty"),
        ('{"qmptrace":99}\n', "trace format version 99 is newer"),
        ('{"qmptrace":1}\n{"t":0,"conn":1\n{"t":0}\n', ":2: not a record of a trace"),
    ],
)
def test_what_holds_no_message_is_no_trace(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(text)
    done = qmpconf("check", path, code=3)
    assert says in done.stderr
    assert "read as" not in done.stderr


def test_a_result_is_not_read_for_the_messages_in_it(log: Path, tmp_path: Path) -> None:
    result = tmp_path / "found.qmpresult"
    qmpconf("check", log, "--result", result)
    assert "is not the first line of a trace" in qmpconf("check", result, code=3).stderr
