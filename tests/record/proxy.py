"""A recorder in a thread, between a test's own client and server sockets."""

from __future__ import annotations

import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any, Self

from qmpconf.errors import OutputError
from qmpconf.net.address import Address, FdAddress, TcpAddress, UnixAddress
from qmpconf.net.endpoint import places
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.record.arrivals import Ends
from qmpconf.record.recorder import Recorder
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Close, Side
from qmpconf.trace.writer import TraceWriter

#: Seconds after which a test gives up; only a failing test waits that long.
PATIENCE = 60.0

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, '
    b'"capabilities": ["oob"]}}\r\n'
)


def listening(address: Address) -> socket.socket:
    """A listening socket; a TCP port of 0 is any."""
    assert not isinstance(address, FdAddress)
    place = places(address)[0]
    sock = socket.socket(place.family)
    sock.bind(place.target)
    sock.listen(64)
    sock.settimeout(PATIENCE)
    return sock


def connected(address: Address) -> socket.socket:
    """A connected socket that gives up after `PATIENCE`."""
    assert not isinstance(address, FdAddress)
    place = places(address)[0]
    sock = socket.socket(place.family)
    sock.settimeout(PATIENCE)
    try:
        sock.connect(place.target)
    except OSError:
        sock.close()
        raise
    return sock


def reset(sock: socket.socket) -> None:
    """Close so that the other side sees a reset (TCP)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def receive(sock: socket.socket, count: int) -> bytes:
    """Exactly so many bytes, or fewer at the end of the stream."""
    got = bytearray()
    while len(got) < count and (data := sock.recv(min(1 << 20, count - len(got)))):
        got += data
    return bytes(got)


def until_end(sock: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    return receive(sock, 1 << 62)


def until(true: Any, what: str = "it never came to be") -> None:
    """Wait until `true()` is."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.002)


class Proxy:
    """A recorder between `server` (where this test listens) and `client` (where it connects)."""

    def __init__(
        self, folder: Path, server: Address, client: Address, name: str = "t.qmptrace", **more: Any
    ) -> None:
        self.trace = str(folder / name)
        self.said: list[str] = []
        self.error: OutputError | None = None
        dials = more.pop("server_dials", False)
        listens = more.pop("client_listens", False)
        self.writer = TraceWriter(
            self.trace, redact=more.pop("redact", None), complain=self.said.append
        )
        make = more.pop("make", Recorder)
        self.recorder: Recorder = make(
            Ends(server, client, dials, listens), self.writer, complain=self.said.append, **more
        )
        self.address = self.recorder.listen_address
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.recorder.run()
        except OutputError as error:
            self.error = error

    def join(self) -> None:
        """Wait until the recorder has ended by itself."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def stop(self) -> None:
        """End it, and wait."""
        if self._thread.is_alive():
            self.recorder.stop()
        self.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.writer.abandon()

    # What stands in the trace.

    def bytes(self, sender: Side, conn: int = 1) -> bytes:
        """What `sender` sent, after the trace."""
        return direction(self.trace, conn, sender)

    def frames(self, sender: Side, conn: int = 1) -> list[Frame]:
        """The messages of one direction."""
        return [
            item.frame
            for item in TraceReader(self.trace).items()
            if isinstance(item, Item) and (item.conn, item.sender) == (conn, sender)
            if item.frame.kind is not Kind.SPACE
        ]

    def closed(self) -> dict[int, tuple[str, str]]:
        """How each session ended: by whom, and the error."""
        reader = TraceReader(self.trace)
        found = {one.conn: (one.who, one.error) for one in reader.records() if type(one) is Close}
        assert reader.torn == 0
        return found

    def finished(self) -> bool:
        """Whether the trace has its footer."""
        reader = TraceReader(self.trace)
        list(reader.records())
        return reader.finished


class Pair:
    """A server's listening socket, a proxy in front of it, and sessions through both."""

    def __init__(self, folder: Path, kind: str = "unix", **more: Any) -> None:
        self.listener = listening(_server_address(folder, kind))
        self.server_address = _named(self.listener)
        self.proxy = Proxy(folder, self.server_address, _client_address(folder, kind), **more)
        self._socks: list[socket.socket] = [self.listener]

    def session(self, *, through: bool = True) -> tuple[socket.socket, socket.socket]:
        """A client and the server's side of its session; with `through` behind the proxy."""
        client = connected(self.proxy.address if through else self.server_address)
        server, _ = self.listener.accept()
        server.settimeout(PATIENCE)
        self._socks += [client, server]
        return client, server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.proxy.stop()
        finally:
            self.proxy.writer.abandon()
            for sock in self._socks:
                sock.close()


def _named(listener: socket.socket) -> Address:
    name = listener.getsockname()
    return UnixAddress(name) if isinstance(name, str) else TcpAddress(name[0], name[1])


def _server_address(folder: Path, kind: str) -> Address:
    if kind in ("tcp", "unix-tcp"):
        return TcpAddress("127.0.0.1", 0)
    if kind == "ipv6":
        return TcpAddress("::1", 0)
    return UnixAddress(str(folder / "server"))


def _client_address(folder: Path, kind: str) -> Address:
    if kind in ("tcp", "tcp-unix"):
        return TcpAddress("127.0.0.1", 0)
    if kind == "ipv6":
        return TcpAddress("::1", 0)
    return UnixAddress(str(folder / "client"))
