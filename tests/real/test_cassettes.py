"""Recordings of a real QEMU as a suite keeps them: recorded again, served, and cut short."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.reduce.reducing import reduce_trace
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.real.conftest import require
from tests.real.machines import BARE
from traces.record import HERE


def spawned(name: str) -> str:
    return " ".join(require(name).command(*BARE, "-qmp", "unix:{socket},server=on,wait=off"))


def test_a_session_is_recorded_again_and_served(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "qmpconf", "record", "-o", "t.qmptrace"]
    client = ["--", sys.executable, "-m", "traces.clients.shell", "{listen}"]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}

    def record(*more: str) -> list[bytes]:
        subprocess.run(
            [*words, *more, *client], cwd=tmp_path, env=environment, check=True, timeout=60
        )
        return (tmp_path / "t.qmptrace").read_bytes().splitlines()

    server = spawned("qemu-7.2")
    first = record("--spawn", server, "--mode", "once")
    again = record("--spawn", server, "--mode", "all")
    changed = [one for one, other in zip(first, again, strict=True) if one != other]
    assert len(changed) == 2  # the header, and a thread's number
    assert b'"thread-id"' in changed[1]
    assert record("--mode", "none") == again


def test_a_difference_between_two_releases_is_cut_out(tmp_path: Path) -> None:
    trace = str(HERE / "qemu-5.2.0-shell.qmptrace.gz")
    server = spawned("qemu-7.2")
    groups = [
        one.first for one in replay_trace(trace, spawn=server).differences if not one.first.note
    ]
    subject = "reply to query-named-block-nodes"
    number = next((at for at, one in enumerate(groups, 1) if one.subject == subject), 0)
    if not number:
        pytest.fail(f"no difference in the {subject}: {[one.subject for one in groups]}")
    output = str(tmp_path / "short.qmptrace")
    reduced = reduce_trace(trace, spawn=server, output=output, difference=number)
    assert reduced.exit_code == 1
    commands = [
        json.loads(item.frame.data)["execute"]
        for item in TraceReader(output).items()
        if isinstance(item, Item) and item.sender == "client"
    ]
    assert commands == ["qmp_capabilities", "blockdev-add", "query-named-block-nodes"]
