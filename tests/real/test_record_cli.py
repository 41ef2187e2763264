"""`qmpconf record` on the command line, with real servers that come and go."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Close, Open
from tests.real.builds import RELEASES
from tests.real.conftest import StartProxy, StartServer, require
from tests.real.wire import Wire

ROOT = Path(__file__).parents[2]

#: Of a server that is started: where it listens, and a file that it removes at its end.
ARGUMENTS = "-M none -display none -qmp unix:{socket},server=on,wait=off -pidfile server.pid"


@pytest.mark.parametrize("release", RELEASES)
def test_server_and_client_are_started_and_ended(release: str, tmp_path: Path) -> None:
    """One command line: it starts a server, waits for it, starts a client, cleans up."""
    launcher = shlex.quote(str(require(f"qemu-{release}").launcher))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "qmpconf", "record", "--quiet", "--listen", "proxy.sock"),
            *("--spawn", f"{launcher} {ARGUMENTS}"),
            *("--output", "session.qmptrace"),
            *("--", sys.executable, "-m", "traces.clients.shell", "{listen}"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
    )
    assert done.returncode == 0
    trace = str(tmp_path / "session.qmptrace")
    assert b'"no-such-command"' in direction(trace, 1, "client")
    reader = TraceReader(trace)
    assert sum(isinstance(record, Open) for record in reader.records()) == 1
    assert reader.finished
    # The server is gone, and with it its files; the listening socket is gone, too.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["session.qmptrace"]


def test_one_recording_spans_two_servers(
    start_server: StartServer, start_proxy: StartProxy
) -> None:
    """A server goes, another takes its place: the same recorder serves both."""
    first = start_server("qemu-7.2")
    proxy = start_proxy(first)
    with Wire(proxy.path) as wire:
        assert wire.negotiate()["QMP"]["version"]["qemu"]["major"] == 7
        first.stop()
        assert wire.message()["event"] == "SHUTDOWN"
        assert wire.line() == b""
    # Nobody listens: as without the recorder, there is no greeting.
    with Wire(proxy.path) as wire, pytest.raises((EOFError, ConnectionResetError)):
        wire.message()
    start_server("qemu-10.0")
    with Wire(proxy.path) as wire:
        assert wire.negotiate()["QMP"]["version"]["qemu"]["major"] == 10
        assert wire.command("query-name") == {"return": {}}
    proxy.stop()
    closings = [
        record.who
        for record in TraceReader(str(proxy.trace)).records()
        if isinstance(record, Close)
    ]
    assert closings[0] == "server"
    assert closings[-1] == "client"
