"""Who is at the other end of a socket: a monitor, one that says what an input holds, or a client.

And who writes a file that is read as it grows.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from random import Random

from qmpconf.monitor.core import Monitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import UnixAddress
from qmpconf.net.endpoint import Listener
from qmpconf.schema.model import Catalog
from qmpconf.schema.store import load_shipped

#: Seconds after which a peer gives up; a verb's own limits are shorter.
_PATIENCE = 3.0
#: Seconds before each further piece of a file that grows, and behind the last one.
_PIECE, _END = 0.03, 0.2
#: How often a file goes in the end; else it is made shorter.
_GOES = 0.7


@contextlib.contextmanager
def peer(kind: str, path: str, place: str, data: bytes) -> Iterator[None]:
    """A peer of that kind while the block runs: at `path`, or a client of what is at ``PLACE.sock``.

    `place` is the input, with `data`, which grows there where that is wanted.
    """
    served = f"{place}.sock"
    with contextlib.ExitStack() as stack:
        if kind == "monitor":
            monitor = Monitor(_catalog(), lambda: 1_000_002)
            listener = stack.enter_context(Listener(UnixAddress(path)))
            stack.enter_context(MonitorServer(monitor, [listener]))
        elif kind == "liar":
            stack.enter_context(_liar(path, data))
            stack.enter_context(_client(served, data))
        elif kind == "client":
            stack.enter_context(_client(served, b""))
        elif kind == "talker":
            stack.enter_context(_client(served, data))
        elif kind == "writer":
            stack.enter_context(_writer(place, data))
        yield


@cache
def _catalog() -> Catalog:
    return load_shipped("qemu-7.2.22")


@contextlib.contextmanager
def _liar(path: str, data: bytes) -> Iterator[None]:
    """Sends the first line of `data` as its greeting, and one more for whatever it is sent."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(4)
    listening.settimeout(_PATIENCE)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_PATIENCE)
                for line in data.splitlines(keepends=True)[:200]:
                    connection.sendall(line)
                    if not connection.recv(65536):
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(2 * _PATIENCE)


@contextlib.contextmanager
def _client(path: str, data: bytes) -> Iterator[None]:
    """Connects as soon as somebody listens there; says a little, or what `data` holds; reads on."""
    lines = data.splitlines(keepends=True)[:100] or [
        b'{"execute":"qmp_capabilities"}\n',
        b'{"execute":"query-status"}\n',
        b'{"execute":"query-qmp-schema"}',
        b'{"execute":',
        b'"quit"}\n',
    ]
    over = threading.Event()

    def talk() -> None:
        for _ in range(200):
            if over.is_set():
                return
            with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
                sock.connect(path)
                sock.settimeout(0.1)
                for line in lines:
                    sock.sendall(line)
                    with contextlib.suppress(TimeoutError):
                        sock.recv(65536)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(2 * _PATIENCE)


@contextlib.contextmanager
def _writer(place: str, data: bytes) -> Iterator[None]:
    """Writes `data` in pieces, then ends the recording: the file goes, or is made shorter.

    In the end it is there again as it was.  Where it is cut, and how it ends, depends on `data` alone.
    """
    rng = Random(data)
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((1, 2, 5))))
    goes = rng.random() < _GOES
    over = threading.Event()
    with open(place, "wb") as file:
        file.write(data[: cuts[0]])

    def write() -> None:
        with contextlib.suppress(OSError):
            for cut, until in pairwise((*cuts, len(data))):
                if over.wait(_PIECE):
                    return
                with open(place, "ab") as file:
                    file.write(data[cut:until])
            if over.wait(_END):
                return
            if goes:
                os.unlink(place)
                return
            os.truncate(place, 0)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_PATIENCE)
        with open(place, "wb") as file:
            file.write(data)
