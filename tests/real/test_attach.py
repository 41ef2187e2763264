"""`record --attach`: a monitor is added to a machine, recorded, and removed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import IO, NamedTuple

import pytest

from qmpconf.errors import TargetError
from qmpconf.net.address import UnixAddress
from qmpconf.record import attach
from qmpconf.record.attach import Attached
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Header, Traffic
from tests.real.conftest import StartServer
from tests.real.machines import Server
from tests.real.wire import Wire


class Recorder(NamedTuple):
    process: Popen[str]
    stderr: IO[str]


@contextmanager
def record(server: Server, *words: str) -> Iterator[Recorder]:
    """The recorder as a process."""
    command = [sys.executable, "-m", "qmpconf", "record", "--attach", "qmp.sock"]
    with Popen(
        [*command, "-o", "a.qmptrace", *words], cwd=server.folder, stderr=PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            yield Recorder(process, process.stderr)
        finally:
            process.kill()


def said(server: Server) -> list[bytes]:
    records = TraceReader(str(server.folder / "a.qmptrace")).records()
    return [one.data for one in records if isinstance(one, Traffic)]


def added(wire: Wire) -> list[str]:
    """What was added to the machine, of monitors and of character devices."""
    objects = wire.command("qom-list", path="/objects")["return"]
    devices = wire.command("query-chardev")["return"]
    names = [one["name"] for one in objects] + [one["label"] for one in devices]
    return [name for name in names if name.startswith("qmpconf")]


def test_events_are_recorded_and_nothing_stays(start_server: StartServer) -> None:
    server = start_server("qemu-11.1")
    with record(server) as recorder:
        assert "recording what qmp.sock says on a monitor of our own" in recorder.stderr.readline()
        with Wire(server.path) as wire:  # the machine's own monitor is free
            wire.negotiate()
            assert len(added(wire)) == 2
            wait_for(server, b'"return"')
            wire.command("cont")
            wait_for(server, b'"RESUME"')
        recorder.process.send_signal(signal.SIGINT)
        assert recorder.process.wait() == 130
        assert "messages in 1 session" in recorder.stderr.read()
        messages = said(server)
        assert b'"QMP"' in messages[0]
        assert b"qmp_capabilities" in messages[1]
        assert b'"RESUME"' in messages[3]
        header = TraceReader(str(server.folder / "a.qmptrace")).header
        assert isinstance(header, Header)
        assert header.meta["attach"] == "qmp.sock"
        with Wire(server.path) as wire:
            wire.negotiate()
            assert added(wire) == []


def wait_for(server: Server, text: bytes) -> None:
    """Wait until the trace holds a text."""
    trace = server.folder / "a.qmptrace"
    with Popen(["tail", "-n", "+1", "-F", "--", trace], stdout=PIPE, stderr=DEVNULL) as tail:
        assert tail.stdout is not None
        for line in tail.stdout:
            if text in line:
                break
        tail.terminate()


def test_a_client_is_recorded_on_it(start_server: StartServer) -> None:
    server = start_server("qemu-11.1")
    client = [sys.executable, "-m", "qmpconf", "schema", "fetch", "--target", "{listen}"]
    with record(server, "--", *client, "-o", "mine.json.gz") as recorder:
        assert recorder.process.wait() == 0
        assert any(b"query-qmp-schema" in one for one in said(server))
        with Wire(server.path) as wire:
            wire.negotiate()
            assert added(wire) == []


def test_the_machine_ends(start_server: StartServer) -> None:
    server = start_server("qemu-11.1")
    with record(server) as recorder:
        wait_for(server, b'"return"')
        with Wire(server.path) as wire:
            wire.negotiate()
            wire.command("quit")
        assert recorder.process.wait() == 0
        assert "stays" not in recorder.stderr.read()
        assert b'"SHUTDOWN"' in said(server)[-1]


def test_a_storage_daemon_makes_the_socket_itself(start_server: StartServer) -> None:
    server = start_server("qemu-storage-daemon-11.1")
    with Attached(UnixAddress(str(server.path)), pytest.fail) as attached:
        assert Path(attached.address.path).is_socket()
        with Wire(attached.address.path) as wire:
            wire.negotiate()
    assert not Path(attached.address.path).parent.exists()


def test_an_older_server_refuses(qemu: Server) -> None:
    with record(qemu) as recorder:
        said = recorder.stderr.read()
        assert recorder.process.wait() == 4
        assert "this server (7.2.22) cannot be given another monitor while it runs" in said
        assert "from 11.1 on" in said
        assert not (qemu.folder / "a.qmptrace").exists()


def test_what_stays_is_said_where_the_monitor_is_taken_in_the_end(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "_PATIENCE", 0.1)
    server = start_server("qemu-11.1")
    told: list[str] = []
    with Attached(UnixAddress(str(server.path)), told.append):
        wire = Wire(server.path)
        wire.negotiate()
    (name, _) = added(wire)
    wire.close()
    (text,) = told
    assert text.startswith("the monitor stays in the machine: ")
    assert f"remove it with object-del and chardev-remove of the id {name}" in text


def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="cannot connect"):
        Attached(UnixAddress(str(tmp_path / "no.sock")), pytest.fail).__enter__()
