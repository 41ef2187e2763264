"""The two ends of a benchmark: a server that costs next to nothing, and a load generator.

Both speak just enough: a request is anything that comes in one read, a reply is the same bytes
each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from qemu.qmp import QMPClient

REQUEST = b'{"execute":"query-status","id":"libvirt-123"}\r\n'
#: How a QMP server begins a session; without it, each of its messages is taken for a guest agent's.
GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, '
    b'"capabilities": ["oob"]}}\r\n'
)
SMALL = (
    b'{"return": {"status": "running", "singlestep": false, "running": true}, '
    b'"id": "libvirt-123"}\r\n'
)


def large_reply(size: int = 200_000) -> bytes:
    """A reply of about `size` bytes that looks like that of query-qmp-schema."""
    entries = []
    length = 0
    while length < size:
        number = len(entries)
        entry = (
            b'{"name": "%d", "members": [{"name": "member-%d", "type": "str"}, {"name": "x", '
            b'"default": null, "type": "%d"}], "meta-type": "object"}' % (number, number, number)
        )
        entries.append(entry)
        length += len(entry) + 2
    return b'{"return": [' + b", ".join(entries) + b"]}\r\n"


@contextlib.contextmanager
def zero_cost_server(path: str, reply: bytes) -> Iterator[None]:
    """A process that greets, and answers each read with `reply`, one connection after the other."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    pid = os.fork()
    if pid == 0:
        _serve(listener, reply)
        os._exit(0)
    listener.close()
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.unlink(path)


def _serve(listener: socket.socket, reply: bytes) -> None:
    while True:
        connection, _ = listener.accept()
        with contextlib.suppress(OSError):
            connection.sendall(GREETING)
            while connection.recv(65536):
                connection.sendall(reply)
        connection.close()


def connect(path: str) -> socket.socket:
    """Connect, as soon as somebody listens."""
    deadline = time.monotonic() + 10
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return sock


class Spent(NamedTuple):
    """Seconds that went by, and seconds of a processor that the relay has taken of them."""

    seconds: float
    processor: float


#: How many seconds of a processor a relay has taken so far.
Meter = Callable[[], float]


def nothing() -> float:
    """No relay takes anything."""
    return 0.0


def round_trips(path: str, count: int, length: int, meter: Meter = nothing) -> Spent:
    """Requests one after the other, each with a reply of `length` bytes."""
    with connect(path) as sock:
        buffer = bytearray(1 << 20)
        assert sock.recv_into(buffer) == len(GREETING)
        for _ in range(min(count, 20)):
            _exchange(sock, REQUEST, length, buffer)
        taken, start = meter(), time.perf_counter()
        for _ in range(count):
            _exchange(sock, REQUEST, length, buffer)
        return Spent(time.perf_counter() - start, meter() - taken)


def _exchange(sock: socket.socket, request: bytes, length: int, buffer: bytearray) -> None:
    sock.sendall(request)
    got = 0
    while got < length:
        count = sock.recv_into(buffer)
        if not count:
            raise ConnectionError("the other side has closed the connection")
        got += count


#: What a management tool asks a running machine about, over and over (as libvirt words it).
POLLING = tuple(
    json.dumps({"execute": name, **({"arguments": arguments} if arguments else {})})
    for name, arguments in (
        ("query-status", {}),
        ("query-cpus-fast", {}),
        ("query-blockstats", {"query-nodes": True}),
        ("query-named-block-nodes", {"flat": True}),
        ("qom-get", {"path": "/machine/unattached/device[0]", "property": "hotplugged"}),
        ("query-iothreads", {}),
        ("query-block-jobs", {}),
        ("query-migrate", {}),
    )
)


def qmp_round_trips(
    path: str, count: int, commands: tuple[str, ...], meter: Meter = nothing
) -> Spent:
    """Commands, in turn, on a real monitor, one after the other."""
    with connect(path) as sock, sock.makefile("rb") as lines:
        lines.readline()
        sock.sendall(b'{"execute":"qmp_capabilities"}\r\n')
        lines.readline()
        requests = [
            f'{commands[number % len(commands)][:-1]},"id":"libvirt-{number}"}}\r\n'.encode()
            for number in range(count)
        ]
        taken, start = meter(), time.perf_counter()
        for request in requests:
            sock.sendall(request)
            lines.readline()
        return Spent(time.perf_counter() - start, meter() - taken)


def qemu_qmp_round_trips(
    path: str, count: int, commands: tuple[str, ...], meter: Meter = nothing
) -> Spent:
    """Commands, in turn, by QEMU's own Python client."""

    async def measure() -> Spent:
        client = QMPClient("benchmark")
        await client.connect(path)
        try:
            taken, start = meter(), time.perf_counter()
            for number in range(count):
                command = json.loads(commands[number % len(commands)])
                await client.execute(command["execute"], command.get("arguments"))
            return Spent(time.perf_counter() - start, meter() - taken)
        finally:
            await client.disconnect()

    return asyncio.run(measure())
