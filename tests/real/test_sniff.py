"""A session with a real QEMU over TCP, recorded by the proxy and captured at the same time."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.cli.main import main
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Close, Open, Side
from tests.real.conftest import StartServer
from tests.record.sniffing import (
    PATIENCE,
    free_port,
    messages,
    recording,
    require_capture,
    talk,
)
from tests.trace.capture.test_tshark import tshark

SIDES: tuple[Side, Side] = ("client", "server")

COMMANDS = [
    *("qmp_capabilities", "query-qmp-schema", "query-version", "query-commands", "query-status"),
    *("qom-list-types", "query-events", "nonsense", "stop", "cont", "query-name"),
]


@pytest.mark.parametrize("build", ["qemu-7.2", "qemu-11.1"])
def test_a_proxy_and_a_capture_hold_the_same(
    tmp_path: Path, start_server: StartServer, build: str
) -> None:
    require_capture()
    port, proxy = free_port(), free_port()
    start_server(build, "-qmp", f"tcp:127.0.0.1:{port},server=on,wait=off")
    captured, proxied = tmp_path / "captured.qmptrace", tmp_path / "proxied.qmptrace"
    with (
        recording("--sniff", "lo", "--port", str(port), "-o", str(captured), begins="captur"),
        recording(
            *("--server", f"tcp:127.0.0.1:{port}", "--listen", f"tcp:127.0.0.1:{proxy}"),
            *("-o", str(proxied)),
            begins="listen",
        ),
    ):
        talk(proxy, *COMMANDS)
        talk(proxy, "qmp_capabilities", "query-status")
    assert messages(captured) == messages(proxied)
    for conn in (1, 2):
        for side in SIDES:
            assert direction(str(captured), conn, side) == direction(str(proxied), conn, side)
    ends = [one.who for one in TraceReader(str(captured)).records() if isinstance(one, Close)]
    assert ends == ["client", "client"]
    found = [check_trace(str(one)) for one in (captured, proxied)]
    assert {g.fingerprint for g in found[0].groups} == {g.fingerprint for g in found[1].groups}
    assert found[0].messages == found[1].messages


@pytest.mark.parametrize("ending", ["pcap", "pcapng"])
def test_what_tshark_captures_is_the_session(
    tmp_path: Path, start_server: StartServer, ending: str
) -> None:
    require_capture()
    tshark("--version")
    port, path = free_port(), tmp_path / f"captured.{ending}"
    start_server("qemu-7.2", "-qmp", f"tcp:127.0.0.1:{port},server=on,wait=off")
    words = ["tshark", "-i", "lo", "-f", f"tcp port {port}", "-w", str(path), "-F", ending]
    proxied, proxy = tmp_path / "proxied.qmptrace", free_port()
    with (
        subprocess.Popen([*words, "-a", "duration:60"], stderr=subprocess.PIPE, text=True) as done,
        recording(
            *("--server", f"tcp:127.0.0.1:{port}", "--listen", f"tcp:127.0.0.1:{proxy}"),
            *("-o", str(proxied)),
            begins="listen",
        ),
    ):
        assert done.stderr is not None
        for line in done.stderr:
            if "Capturing on" in line:
                break
        while not path.exists() or not path.stat().st_size:
            talk(port, "qmp_capabilities")  # until the capture has begun
        talk(proxy, *COMMANDS)
        wanted = [direction(str(proxied), 1, side) for side in SIDES]
        trace = tmp_path / "captured.qmptrace"
        deadline = time.monotonic() + PATIENCE
        while wanted not in in_capture(path, trace):
            assert time.monotonic() < deadline, trace.read_text()
        done.terminate()
        done.stderr.read()


def in_capture(path: Path, trace: Path) -> list[list[bytes]]:
    """What both sides of each session said, as far as a capture that still grows has it."""
    assert main(["convert", "--force", str(path), str(trace)]) in (0, 3)
    if not trace.exists():
        return []
    conns = [one.conn for one in TraceReader(str(trace)).records() if isinstance(one, Open)]
    return [[direction(str(trace), conn, side) for side in SIDES] for conn in conns]
