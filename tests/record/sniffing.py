"""A capture of the loopback interface, and a proxy, both running while a client talks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Gap, Shut, Traffic

PATIENCE = 60.0


def require_capture() -> None:
    """Skip the running test where nothing can be captured."""
    pytest.importorskip("scapy")
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except (PermissionError, AttributeError):
        if os.environ.get("QMPCONF_REQUIRE_REAL"):
            pytest.fail("capturing needs CAP_NET_RAW", pytrace=False)
        pytest.skip("capturing needs CAP_NET_RAW")


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def recording(*arguments: str, begins: str) -> Iterator[subprocess.Popen[str]]:
    """``qmpconf record`` with these arguments, once it has said that it `begins`."""
    with subprocess.Popen(
        [sys.executable, "-m", "qmpconf", "record", *arguments],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert begins in line, line + process.stderr.read()
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.kill()


def talk(port: int, *commands: str, family: int = socket.AF_INET) -> None:
    """Send commands one after the other, each after the reply to the one before."""
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as sock:
        sock.settimeout(PATIENCE)
        sock.connect((host, port))
        with sock.makefile("rwb") as file:
            file.readline()
            for number, command in enumerate(commands):
                file.write(json.dumps({"execute": command, "id": number}).encode() + b"\r\n")
                file.flush()
                while b'"id": %d' % number not in file.readline():
                    pass
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


def messages(path: Path) -> list[tuple[str, str, bytes]]:
    """What a trace holds besides its times: messages, gaps, half-closes, in order."""
    found: list[tuple[str, str, bytes]] = []
    for one in TraceReader(str(path)).records():
        if isinstance(one, Traffic):
            found.append((one.sender, one.form, one.data + one.end))
        elif isinstance(one, Gap):
            found.append((one.sender, "gap", b""))
        elif isinstance(one, Shut):
            found.append((one.who, "shut", b""))
    return found
