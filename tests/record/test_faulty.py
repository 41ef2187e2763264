"""Faults on purpose, over real sockets: what a client gets, and what stands in the trace."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpconf.check.checking import findings
from qmpconf.errors import UsageError
from qmpconf.faults.chance import drawn
from qmpconf.faults.engine import MOST_HELD, Happened
from qmpconf.faults.rules import FAULTS, Rule, Schedule
from qmpconf.monitor.core import Monitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import UnixAddress
from qmpconf.net.endpoint import Listener
from qmpconf.record.arrivals import Ends
from qmpconf.record.faulty import FaultyRecorder
from qmpconf.schema.store import load
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Fault, Gap
from qmpconf.trace.writer import TraceWriter
from tests.descriptors import no_descriptor_left
from tests.record.proxy import GREETING, Pair, connected, receive, until, until_end

STATUS = b'{"execute":"query-status","id":1}'
REPLY = b'{"return": {"status": "running", "running": true}, "id": 1}\r\n'
EVENT = b'{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "STOP"}\r\n'


@pytest.fixture(autouse=True)
def closes_all() -> Iterator[None]:
    with no_descriptor_left():
        yield


def pair(folder: Path, *rules: Rule, **more: Any) -> Pair:
    return Pair(folder, make=FaultyRecorder, schedule=Schedule(rules), told=lambda _: None, **more)


def faults(trace: str) -> list[Fault]:
    return [one for one in TraceReader(trace).records() if isinstance(one, Fault)]


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_without_a_rule_that_fits_everything_passes(tmp_path: Path, kind: str) -> None:
    with pair(tmp_path, Rule("lose", "event", "RESUME"), kind=kind) as both:
        client, server = both.session()
        server.sendall(GREETING + b"noise\n" + EVENT)
        assert receive(client, len(GREETING) + 6 + len(EVENT)) == GREETING + b"noise\n" + EVENT
        client.sendall(STATUS)
        assert receive(server, len(STATUS)) == STATUS
        server.sendall(REPLY)
        server.close()
        assert until_end(client) == REPLY
    assert both.proxy.bytes("server") == GREETING + b"noise\n" + EVENT + REPLY
    assert not faults(both.proxy.trace)


def test_what_is_lost_is_in_the_trace_with_its_fault_behind_it(tmp_path: Path) -> None:
    with pair(tmp_path, Rule("lose", "event", "STOP")) as both:
        client, server = both.session()
        server.sendall(GREETING + EVENT)
        server.close()
        assert until_end(client) == GREETING
    assert both.proxy.bytes("server") == GREETING + EVENT
    records = list(TraceReader(both.proxy.trace).records())
    at = next(at for at, one in enumerate(records) if isinstance(one, Fault))
    assert records[at] == Fault(records[at].line, records[at].t, 1, "lose", "event STOP", 1)
    assert getattr(records[at - 1], "data", b"") + b"\r\n" == EVENT


def test_what_is_delayed_comes_also_when_the_server_has_ended(tmp_path: Path) -> None:
    with pair(tmp_path, Rule("delay", "event", "*", seconds=0.2)) as both:
        client, server = both.session()
        server.sendall(GREETING + EVENT)
        server.close()
        assert until_end(client) == GREETING + EVENT
    assert [one.given for one in faults(both.proxy.trace)] == [False, True]


def test_a_cut_ends_both_sessions(tmp_path: Path) -> None:
    with pair(tmp_path, Rule("cut", "event", "STOP")) as both:
        client, server = both.session()
        server.sendall(GREETING + EVENT)
        got = until_end(client)
        assert (GREETING + EVENT).startswith(got)
        assert len(GREETING) < len(got) < len(GREETING + EVENT) - 2
        assert until_end(server) == b""
        until(both.proxy.closed)
    assert both.proxy.closed() == {1: ("recorder", "")}


def test_a_hang_keeps_the_session_and_the_server_hears_the_client(tmp_path: Path) -> None:
    with pair(tmp_path, Rule("hang", "connection")) as both:
        client, server = both.session()
        server.sendall(GREETING)
        client.sendall(STATUS)
        assert receive(server, len(STATUS)) == STATUS
        server.sendall(REPLY)
        until(lambda: both.proxy.bytes("server") == GREETING + REPLY)
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_refusal_reaches_neither_side(tmp_path: Path) -> None:
    with pair(tmp_path, Rule("refuse", "connection", session=1)) as both:
        with connected(both.proxy.address) as client, contextlib.suppress(ConnectionResetError):
            assert until_end(client) == b""
        server, _ = both.listener.accept()
        assert until_end(server) == b""
        server.close()
        client, server = both.session()
        server.sendall(GREETING)
        assert receive(client, len(GREETING)) == GREETING
        until(both.proxy.closed)
    assert both.proxy.closed()[1] == ("recorder", "refused on purpose")


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_client_is_read_slowly_and_what_is_unread_is_a_gap(tmp_path: Path, kind: str) -> None:
    text = b'{"execute":"x","arguments":{"a":"%b"}}' % (b"a" * 5000)
    with pair(tmp_path, Rule("slow", "connection", size=400), kind=kind) as both:
        client, server = both.session()
        client.sendall(text)
        receive(server, 100)
        both.proxy.stop()
    gaps = [one for one in TraceReader(both.proxy.trace).records() if isinstance(one, Gap)]
    assert [one.sender for one in gaps] == ["client"]
    assert 0 < gaps[0].size < len(text)


def test_a_server_whose_messages_wait_is_held_back(tmp_path: Path) -> None:
    with pair(tmp_path, Rule("delay", "greeting", seconds=60)) as both:
        _, server = both.session()
        server.sendall(GREETING)
        server.setblocking(False)
        sent = 0
        big = b'{"return": "%b"}\r\n' % (b"x" * 100_000)

        def full() -> bool:
            nonlocal sent
            try:
                sent += server.send(big[sent % len(big) :])
            except BlockingIOError:
                return sent > MOST_HELD
            return False

        until(full)
        assert sent < 2 * MOST_HELD


def test_who_cannot_have_faults(tmp_path: Path) -> None:
    ends = Ends(UnixAddress("s"), UnixAddress("c"), server_dials=True)
    writer = TraceWriter(str(tmp_path / "t.qmptrace"))
    with writer, pytest.raises(UsageError, match="clients that connect"):
        FaultyRecorder(ends, writer, schedule=Schedule(), told=lambda _: None)


def session(path: str) -> None:
    """A client that waits for nothing for long, and keeps every rule."""
    names = ("qmp_capabilities", "query-status", "stop", "cont", "query-version", "system_reset")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(0.05)
        try:
            sock.connect(path)
            for number, name in enumerate(("", *names)):
                if name:
                    sock.sendall(b'{"execute":"%b","id":%d}' % (name.encode(), number))
                with_answer = b""
                while b"return" not in with_answer and b"QMP" not in with_answer:
                    try:
                        data = sock.recv(65536)
                    except TimeoutError:
                        break
                    if not data:
                        return
                    with_answer += data
        except OSError:
            return


def recorded(folder: Path, schedule: Schedule) -> tuple[str, list[Rule], list[Happened]]:
    """Two sessions with the embedded monitor under a schedule."""
    folder.mkdir()
    server, client = (UnixAddress(str(folder / name)) for name in ("server", "client"))
    trace = str(folder / "t.qmptrace")
    monitor = Monitor(load("qemu-11.1.3"), lambda: time.time_ns() // 1000)
    told: list[Happened] = []
    with Listener(server) as listener, MonitorServer(monitor, [listener]):
        writer = TraceWriter(trace)
        recorder = FaultyRecorder(Ends(server, client), writer, schedule=schedule, told=told.append)
        thread = threading.Thread(target=recorder.run)
        thread.start()
        for _ in range(2):
            session(client.name)
        recorder.stop()
        thread.join()
    return trace, list(recorder.happened), told


@pytest.mark.parametrize("seed", range(12))
def test_whatever_goes_wrong_on_purpose_nobody_is_blamed(tmp_path: Path, seed: int) -> None:
    schedule = Schedule(seed=seed, rate=0.25)
    trace, happened, told = recorded(tmp_path / "a", schedule)
    assert [one for one in findings(TraceReader(trace)) if one.severity != "note"] == []
    written = [one for one in faults(trace) if not one.given]
    assert len(written) == len(happened) == len([one for one in told if not one.given])


def test_all_kinds_happen_by_chance(tmp_path: Path) -> None:
    """The seeds of the test before, together, have every kind of fault."""
    found = {
        rule.do
        for seed in range(200)
        for target in ("reply", "connection")
        if (rule := drawn(seed, 1.0, 1, target, "x", 0)) is not None
    }
    assert found == set(FAULTS)
