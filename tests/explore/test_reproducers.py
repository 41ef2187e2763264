"""Lines for qmp-shell mean the commands that they stand for, also to qmp-shell itself."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qemu.qmp.qmp_shell import QMPShellError

from qmpconf.explore.judging import CRASH
from qmpconf.explore.life import Ground
from qmpconf.explore.reproducers import Files, line_of, verify, write
from qmpconf.findings import Finding
from tests.trace.convert.test_shorthand import Bare
from tests.usual import examples

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab-", min_size=1), inner, max_size=2)
    ),
    max_leaves=5,
)


def meant(line: str) -> Any:
    try:
        return Bare()._build_cmd(line)  # the whole shell leaves an event loop behind
    except QMPShellError:
        return None


@settings(max_examples=examples(400), deadline=None)
@given(st.dictionaries(st.text("abc-", min_size=1, max_size=4), VALUES, max_size=3))
def test_a_line_means_its_command(arguments: dict[str, Any]) -> None:
    line = line_of("query-status", arguments)
    assert line is None or "\n" not in line
    if line is not None:
        assert meant(line) == {"execute": "query-status", "arguments": arguments}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, "stop"),
        ({"id": "a", "n": 5, "on": True}, "stop id=a n=5 on=true"),
        (
            {"file": {"driver": "file", "locking": None}},
            'stop file={"driver":"file","locking":null}',
        ),
        ({"id": "5"}, None),  # it would be a number
        ({"id": "two words"}, None),
    ],
)
def test_some_lines(arguments: dict[str, Any], line: str | None) -> None:
    assert line_of("stop", arguments) == line


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The reproducers of one command that is said to end the server."""
    trace = tmp_path / "one.qmptrace"
    lines = (
        {"qmptrace": 1, "started": "2026-01-01T00:00:00Z", "recorder": "", "meta": {}},
        {"t": 0, "conn": 1, "open": {}},
        {"t": 0, "conn": 1, "from": "client", "msg": {"execute": "stop"}},
    )
    trace.write_text("".join(json.dumps(one) + "\n" for one in lines))
    finding = Finding(CRASH, "MUST", "error", "server", path=str(trace), line=3, message="it ended")
    return write(finding, str(trace), Ground("no-server {socket}"), str(tmp_path / "crash"))


def test_a_server_that_cannot_be_reached_shows_nothing(files: Files) -> None:
    assert not verify(files, Ground("false {socket}"), 60.0)


def test_a_server_that_is_given_up_does_not_stay(files: Files, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(3600)"
    words = shlex.join([sys.executable, "-c", program, "{socket}"])
    assert not verify(files, Ground(words), 3.0)
    if pid.exists():  # it was started in time
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)
