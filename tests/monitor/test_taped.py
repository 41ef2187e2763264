"""What a served monitor says stands in a trace as it was said, and the faults as the recorder's own."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.faults.engine import Faults
from qmpconf.faults.rules import Rule, Schedule
from qmpconf.monitor.core import Monitor
from qmpconf.monitor.faulty import FaultyMonitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.monitor.taped import Tape, Taped
from qmpconf.net.address import parse_address
from qmpconf.net.endpoint import Listener
from qmpconf.schema.store import load_shipped
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Fault
from qmpconf.trace.writer import TraceWriter


def served(folder: Path, *texts: str, rules: tuple[Rule, ...] = ()) -> tuple[str, bytes]:
    """The trace of a session in which these commands are sent at once, and what its client got."""
    path, trace = str(folder / "s"), str(folder / "t.qmptrace")
    monitor = Monitor(load_shipped("qemu-7.2.22"), lambda: time.time_ns() // 1000)
    with TraceWriter(trace) as writer, Listener(parse_address(f"unix:{path}")) as listener:
        tape = Tape(writer, path)
        faults = Faults(Schedule(rules), tape.happened)
        taped = Taped(FaultyMonitor(monitor, faults, time.monotonic, tape.said), tape)
        with (
            MonitorServer(taped, [listener], once=True) as server,
            socket.socket(socket.AF_UNIX) as sock,
        ):
            sock.settimeout(30)
            sock.connect(path)
            got = b""
            with contextlib.suppress(ConnectionError):  # a session that is refused is reset
                sock.sendall("".join(texts).encode())
                sock.shutdown(socket.SHUT_WR)
                while data := sock.recv(65536):
                    got += data
            del server
    return trace, got


HELLO = '{"execute": "qmp_capabilities"}'
STATUS = '{"execute": "query-status"}'


def said(trace: str) -> bytes:
    items = [one for one in TraceReader(trace).items() if isinstance(one, Item)]
    return b"".join(one.frame.data + one.frame.end for one in items if one.sender == "server")


def test_without_faults_the_trace_is_what_was_said(tmp_path: Path) -> None:
    trace, got = served(tmp_path, HELLO, STATUS, '{"execute": "quit"}')
    assert said(trace) == got
    heard = [one for one in TraceReader(trace).items() if isinstance(one, Item)]
    assert [one.frame.data.decode() for one in heard if one.sender == "client"] == [
        HELLO,
        STATUS,
        '{"execute": "quit"}',
    ]
    assert not [one for one in check_trace(trace).groups if one.first.blame == "server"]


@pytest.mark.parametrize(
    ("rule", "kinds", "closer"),
    [
        (Rule("lose", "reply", "query-status"), ["lose"], "client"),
        (Rule("double", "reply", "query-status"), ["double"], "client"),
        (Rule("hang", "connection"), ["hang"], "client"),
        (Rule("delay", "reply", "query-status", seconds=0.05), ["delay", "delay"], "client"),
        (Rule("cut", "reply", "query-status"), ["cut"], "recorder"),
        (Rule("refuse", "connection"), ["refuse"], "recorder"),
    ],
)
def test_a_fault_is_the_recorders_own_and_blames_nobody(
    rule: Rule, kinds: list[str], closer: str, tmp_path: Path
) -> None:
    trace, got = served(tmp_path, HELLO, STATUS, rules=(rule,))
    records = list(TraceReader(trace).records())
    assert [one.kind for one in records if isinstance(one, Fault)] == kinds
    assert {one.first.blame for one in check_trace(trace).groups} <= {"client"}
    closes = [one.who for one in records if isinstance(one, Close)]
    if rule.do == "refuse":
        assert got == b""
        return
    assert closes == [closer]
    whole = [json.loads(line) for line in said(trace).splitlines()]
    assert sum("return" in one for one in whole) == 2  # the server has said everything
    if rule.do != "delay":
        assert got != said(trace)
