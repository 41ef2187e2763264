"""The recorder: accepts, connects, relays, and writes every session into one trace.

One thread, one poll.  For each client that connects it makes one connection to the server, and
gives the pair to a `Relay`.  The other way round, where a server dials out (``--server-dials``)
or a client listens (``--client-listens``), the same two ends are listened on or connected to.

A trace that cannot be written stops the recorder before anything unrecorded is sent, unless it
was told to let traffic pass.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from qmpconf.errors import OutputError, UsageError
from qmpconf.net.address import Address, FdAddress
from qmpconf.net.endpoint import (
    Listener,
    abort,
    inherited,
    is_listening,
    polled,
    reason,
)
from qmpconf.protocol.framing import Frame
from qmpconf.record.dial import RETRY, Dialer
from qmpconf.record.relay import CHUNK, Relay
from qmpconf.trace.records import Descriptor, Side
from qmpconf.trace.writer import TraceWriter

#: Called after frames were recorded: conn, sender, frames, seconds since the trace began.
Observe = Callable[[int, Side, Sequence[Frame], float], None]


def ignore(_: object) -> None:
    """Do nothing with it: what a caller who wants no news gives."""


#: Seconds that sessions may take to end after the client that was started has ended.
_DRAIN = 10.0


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the two sides are, and who of them dials.

    Without the flags the server listens at `server` and clients connect to `client`.
    `server_dials`: the server connects to `server`, where the recorder listens.
    `client_listens`: the client listens at `client`, and the recorder connects to it.
    """

    server: Address
    client: Address
    server_dials: bool = False
    client_listens: bool = False


#: What shows that a side that waits for the other one has gone.  A client may have sent all it
#: has to say, and wait for the answers.
_GONE: dict[Side, int] = {
    "client": select.POLLHUP | select.POLLERR,
    "server": select.POLLHUP | select.POLLERR | select.POLLRDHUP,
}


class Recorder:
    """Records sessions between `ends` into `writer`.

    Listens as soon as it is made.  `once` ends `run` after the first session.  `patience` is how
    many seconds after the start a refused connection to the server is tried again.
    `pass_on_error` lets traffic pass when the trace cannot be written any more; `complain` gets
    that news.  `failed` is why the trace could not be written, `sessions` how many there were,
    `refused` how many of them never had both sides.
    Raises `UsageError` for an address that cannot be used.
    """

    def __init__(
        self,
        ends: Ends,
        writer: TraceWriter,
        *,
        once: bool = False,
        patience: float = 0.0,
        pass_on_error: bool = False,
        observe: Observe | None = None,
        complain: Callable[[str], None] = ignore,
    ) -> None:
        if ends.client_listens and not ends.server_dials:
            raise UsageError("a client that listens needs a server that dials: nobody would begin")
        self.ends = ends
        self.failed: OutputError | None = None
        self.sessions = 0
        self.refused = 0
        self._writer = writer
        self._once = once
        self._pass_on_error = pass_on_error
        self._observe = observe
        self._complain = complain
        self._poller = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._relays: dict[int, Relay] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = itertools.count()
        self._dialer = Dialer(self._poller, self._handlers, self._later, patience)
        self._given: dict[Side, socket.socket] = {}  # connections that were inherited
        self._stopping = False
        self._quiet_by = 0.0
        self._buffer = memoryview(bytearray(CHUNK))
        self._parked: dict[Side, deque[socket.socket]] = {"client": deque(), "server": deque()}
        self._listeners: dict[Side, Listener] = {}
        self._watched: dict[int, int] = {}
        self._wake, self._wakes = socket.socketpair()
        self._wake.setblocking(False)
        self._wakes.setblocking(False)
        try:
            each: tuple[tuple[Side, Address, bool], ...] = (
                ("client", ends.client, not ends.client_listens),
                ("server", ends.server, ends.server_dials),
            )
            for side, address, comes in each:
                if comes:
                    self._listen(side, address)
                elif isinstance(address, FdAddress):
                    self._take(side, address)
        except BaseException:
            self.close()
            raise
        self._register(self._wakes, self._on_wake)

    @property
    def listen_address(self) -> Address:
        """Where the recorder listens for clients, or else for the server."""
        for listener in self._listeners.values():
            return listener.address
        return self.ends.client

    @property
    def wake_fd(self) -> int:
        """A descriptor; any byte that is written to it makes `run` look around."""
        return self._wake.fileno()

    # --- running -------------------------------------------------------------------------------

    def run(self) -> None:
        """Relay until `stop` is called or, with `once`, until the first session has ended.

        Raises `OutputError` when the trace cannot be written, unless traffic is to pass then.
        """
        try:
            while not self._stopping:
                self._look(self._due() if self._timers else -1)
                if self._timers:
                    self._fire()
            # What was there before the end belongs to the recording.
            self._stop_listening()
            self._look(0)
            for relay in list(self._relays.values()):
                relay.finish("recorder")
            self._writer_call(self._writer.finish)
        finally:
            self.close()
        if self.failed is not None and not self._pass_on_error:
            raise self.failed

    def _look(self, timeout: float) -> None:
        """Deal with what has happened, or happens within `timeout` seconds (-1: no limit)."""
        for fd, mask in self._poller.poll(timeout):
            handler = self._handlers.get(fd)
            if handler is not None:
                handler(mask)

    def stop(self) -> None:
        """End `run`, from any thread or signal handler."""
        self._stopping = True
        try:
            self._wake.send(b"x")
        except OSError:
            return  # the loop is awake, or over

    def stop_when_quiet(self, patience: float) -> None:
        """End `run` once clients have nothing more to say for now, from any thread.

        Connections that wait to be accepted and what clients have sent are recorded first; that
        may take `patience` seconds.  Clients that are connected and silent are not waited for.
        """
        self._quiet_by = time.monotonic() + patience
        try:
            self._wake.send(b"x")
        except OSError:
            return  # the loop is over

    def stop_after_child(self, pid: int) -> None:
        """End `run` when process `pid` has ended, and so have the sessions that it left."""
        watch = os.pidfd_open(pid)

        def ended(_: int) -> None:
            self._poller.unregister(watch)
            del self._handlers[watch]
            self._drain(time.monotonic() + _DRAIN)

        self._watched[watch] = pid
        self._handlers[watch] = ended
        self._poller.register(watch, select.EPOLLIN)

    def close(self) -> None:
        """Close every socket, and remove the socket files that the recorder made."""
        for listener in self._listeners.values():
            listener.close()
        for relay in self._relays.values():
            for sock in relay.sockets:
                sock.close()
        for waiting in self._parked.values():
            for sock in waiting:
                sock.close()
        self._dialer.close()
        for sock in self._given.values():
            sock.close()
        for watch in self._watched:
            os.close(watch)
        self._watched.clear()
        self._poller.close()
        self._wake.close()
        self._wakes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _on_wake(self, _: int) -> None:
        self._wakes.recv(64)
        if self._quiet_by:
            self._drain(self._quiet_by, quiet=True)

    def _due(self) -> float:
        """Seconds until the next timer."""
        return max(0.0, self._timers[0][0] - time.monotonic())

    def _fire(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        due = time.monotonic() + seconds
        heapq.heappush(self._timers, (due, next(self._serial), action))

    def _drain(self, deadline: float, *, quiet: bool = False) -> None:
        """Stop once all sessions are over, or all clients `quiet`; who waits is accepted first."""
        listener = self._listeners.get("client")
        backlog = (
            listener is not None
            and listener.socket.fileno() >= 0
            and bool(polled(listener.socket, select.POLLIN))
        )
        busy = any(not quiet or _has_said(relay) for relay in self._relays.values())
        if (busy or self._dialer.busy or backlog) and time.monotonic() < deadline:
            self._later(RETRY, lambda: self._drain(deadline, quiet=quiet))
        else:
            self._stopping = True

    def _register(self, sock: socket.socket, handler: Callable[[int], None]) -> None:
        self._handlers[sock.fileno()] = handler
        self._poller.register(sock, select.EPOLLIN)

    # --- sessions begin ------------------------------------------------------------------------

    def _listen(self, side: Side, address: Address) -> None:
        if isinstance(address, FdAddress):
            sock = inherited(address)
            if not is_listening(sock):
                # One connection, made by whoever started us.
                self._once = True
                self._given[side] = sock
                self._later(0, lambda: self._arrived(side, self._given.pop(side)))
                return
            sock.detach()
        # Whoever may connect to the server may connect here.
        listener = Listener(address, self.ends.server if side == "client" else None)
        listener.socket.setblocking(False)
        self._listeners[side] = listener
        self._register(listener.socket, lambda _: self._accept(side, listener))

    def _take(self, side: Side, address: FdAddress) -> None:
        """Keep a connection that was made by whoever started us, for the one session it is for."""
        sock = self._given[side] = inherited(address)
        if is_listening(sock):
            raise UsageError(f"{address} listens: it is no connection to the {side}")
        self._once = True

    def _accept(self, side: Side, listener: Listener) -> None:
        try:
            sock, _ = listener.socket.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                return  # that one has gone again
            self._complain(f"cannot accept a connection: {reason(error)}; trying again")
            self._poller.unregister(listener.socket)
            self._later(1.0, lambda: self._poller.register(listener.socket, select.EPOLLIN))
            return
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._arrived(side, sock)

    def _arrived(self, side: Side, sock: socket.socket) -> None:
        """One side is there: get the other one, and begin."""
        if self._once and side == "client":
            self._stop_listening()
        if side == "client" and not self.ends.server_dials:
            self._dial("server", self.ends.server, sock)
        elif side == "server" and self.ends.client_listens:
            self._dial("client", self.ends.client, sock)
        else:
            self._parked[side].append(sock)
            self._pair()

    def _pair(self) -> None:
        """Bring a server that has dialled in together with a client that has come."""
        for side, waiting in self._parked.items():
            while waiting and polled(waiting[0], select.POLLRDHUP) & _GONE[side]:
                waiting.popleft().close()
        clients, servers = self._parked["client"], self._parked["server"]
        while clients and servers:
            self._begin(clients.popleft(), servers.popleft())

    def _dial(self, side: Side, address: Address, other: socket.socket) -> None:
        """Connect to `address` for the session of `other`, who waits."""

        def connected(sock: socket.socket) -> None:
            self._begin(*((other, sock) if side == "server" else (sock, other)))

        def refused(why: str) -> None:
            self._refused(side, other, why)

        if not isinstance(address, FdAddress):
            self._dialer.dial(address, other, connected, refused)
        elif side in self._given:
            connected(self._given.pop(side))
        else:
            refused(f"{address} was the connection of an earlier session")

    def _refused(self, side: Side, other: socket.socket, why: str) -> None:
        """The other side cannot be had: give the one that waits the same, and write it down."""
        conn = self._opened(other)
        self.refused += 1
        self._complain(f"session {conn}: the {side} cannot be reached: {why}")
        try:
            self._writer_call(lambda: self._writer.close(conn, side, error=why))
        finally:
            abort(other)
        self._after_session()

    def _opened(self, *socks: socket.socket) -> int:
        """Write that a session begins; gives its number."""
        self.sessions += 1
        conn, ends = self.sessions, self.ends
        try:
            self._writer_call(
                lambda: self._writer.open(conn, client=str(ends.client), server=str(ends.server))
            )
        except OutputError:
            for sock in socks:
                sock.close()
            raise
        return conn

    def _begin(self, client: socket.socket, server: socket.socket) -> None:
        conn = self._opened(client, server)
        fds = (client.fileno(), server.fileno())

        def ended(relay: Relay) -> None:
            for fd in fds:
                self._handlers.pop(fd, None)
            self._ended(relay)

        self._relays[conn] = relay = Relay(
            conn, client, server, self._poller, self._write, self._on_shut, ended, self._buffer
        )
        self._handlers[fds[0]] = relay.on_client
        self._handlers[fds[1]] = relay.on_server

    # --- sessions go on, and end ---------------------------------------------------------------

    def _write(
        self,
        conn: int,
        sender: Side,
        frames: Sequence[Frame],
        fds: tuple[Descriptor, ...],
    ) -> None:
        if self.failed is None:
            try:
                self._writer.frames(conn, sender, frames, fds)
            except OutputError as error:
                self._unwritable(error)
        if self._observe is not None:
            self._observe(conn, sender, frames, self._writer.now())

    def _on_shut(self, conn: int, who: Side) -> None:
        self._writer_call(lambda: self._writer.shut(conn, who))

    def _writer_call(self, call: Callable[[], None]) -> None:
        if self.failed is None:
            try:
                call()
            except OutputError as error:
                self._unwritable(error)

    def _unwritable(self, error: OutputError) -> None:
        self.failed = error
        self._writer.abandon()
        if not self._pass_on_error:
            raise error
        self._complain(f"{error}; traffic passes UNRECORDED from here on")

    def _ended(self, relay: Relay) -> None:
        self._relays.pop(relay.conn, None)
        who = relay.closed_by or "recorder"
        self._writer_call(lambda: self._writer.close(relay.conn, who, error=relay.error))
        self._after_session()

    def _after_session(self) -> None:
        if self._once and not self._relays:
            self._stopping = True

    def _stop_listening(self) -> None:
        listener = self._listeners.get("client")
        if listener is not None and self._handlers.pop(listener.socket.fileno(), None) is not None:
            self._poller.unregister(listener.socket)
            listener.close()


def _has_said(relay: Relay) -> bool:
    """Whether a session's client has sent something that was not read yet, or has gone."""
    return bool(polled(relay.sockets[0], select.POLLIN | select.POLLRDHUP))
