"""The recorder: accepts, connects, relays, and writes every session into one trace.

One thread, one poll.  For each client that connects it makes one connection to the server, and
gives the pair to a `Relay`.  The other way round, where a server dials out (``--server-dials``)
or a client listens (``--client-listens``), the same two ends are listened on or connected to.

A trace that cannot be written stops the recorder before anything unrecorded is sent, unless it
was told to let traffic pass.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from qmpconf.closing import Closing
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
from qmpconf.record.journal import Journal
from qmpconf.record.relay import Desk, Relay
from qmpconf.record.shared import Shared
from qmpconf.trace.records import Closer, Descriptor, Side
from qmpconf.trace.writer import TraceWriter

#: Called after frames were recorded: conn, sender, frames, seconds since the trace began.
Observe = Callable[[int, Side, Sequence[Frame], float], None]


def ignore(_: object) -> None:
    """Do nothing with it: what a caller who wants no news gives."""


#: Sides that wait for the other one to come, at most; more wait in the system's queue.
_MOST_PARKED = 128
#: Seconds that noise which was not delivered may still be written down after the end.
_LEAVE = 1.0
#: Seconds between two looks at a server that has left the process which was started.
_LOOK = 0.25
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


class Connection(Protocol):
    """What a recorder asks of each of its sessions."""

    def wake(self) -> None:
        """Do at once what was put off."""

    def has_news(self) -> bool:
        """Whether it has sent something that was not recorded yet."""

    def finish(self, who: Closer) -> None:
        """End it; `who` does that, if nobody did before."""

    def abandon(self) -> None:
        """End it, and write nothing more of it."""


#: What shows that a side that waits for the other one has gone.  A client may have sent all it
#: has to say, and wait for the answers.
_GONE: dict[Side, int] = {
    "client": select.POLLHUP | select.POLLERR,
    "server": select.POLLHUP | select.POLLERR | select.POLLRDHUP,
}


class Recorder(Closing):
    """Records sessions between `ends` into `writer`.

    Listens as soon as it is made.  `once` ends `run` after the first session.  `patience` is how
    many seconds after the start a refused connection to the server is tried again.
    `ended` is called with the number of a session that is over.  `shared` is the loop that it shares with others, whose owner calls `end` in place of `run`.
    `pass_on_error` lets traffic pass when the trace cannot be written any more; `complain` gets
    that news.  `failed` is why the trace cannot be written, `unrecorded` whether traffic has passed
    meanwhile, `sessions` how many there were,
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
        shared: Shared | None = None,
        ended: Callable[[int], None] = ignore,
    ) -> None:
        if ends.client_listens and not ends.server_dials:
            raise UsageError("a client that listens needs a server that dials: nobody would begin")
        self.ends = ends
        self.sessions = 0
        self.refused = 0
        self._once = once
        self._pass_on_error = pass_on_error
        self._observe = observe
        self._complain = complain
        self._told_ended = ended
        self._owned = shared is None
        self._shared = shared = shared or Shared(self._woken)
        self._loop = shared.loop
        self._journal = Journal(writer, self._loop.later, complain, pass_on_error=pass_on_error)
        self._relays: dict[int, Relay] = {}
        poller, handlers, later = self._loop.poller, self._loop.handlers, self._loop.later
        self._dialer = Dialer(poller, handlers, later, patience)
        self._given: dict[Side, socket.socket] = {}  # connections that were inherited
        self._stopping = False
        #: What to do once clients are quiet, and until when to wait for that.
        self._when_quiet: deque[tuple[float, Callable[[], None]]] = deque()
        self._turns = shared.turns
        self._desk = Desk(
            poller,
            handlers,
            shared.turns,
            shared.holding,
            shared.buffer,
            later,
            self._write,
            self._journal.gap,
            self._journal.shut,
            self._ended,
        )
        self._parked: dict[Side, deque[socket.socket]] = {"client": deque(), "server": deque()}
        self._full: set[Side] = set()  # sides of which too many are parked
        self._listeners: dict[Side, Listener] = {}
        self._watched: dict[int, int] = {}
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

    @property
    def listen_address(self) -> Address:
        """Where the recorder listens for clients, or else for the server."""
        for listener in self._listeners.values():
            return listener.address
        return self.ends.client

    @property
    def wake_fd(self) -> int:
        """A descriptor; any byte that is written to it makes `run` look around."""
        return self._loop.wake_fd

    # --- running -------------------------------------------------------------------------------

    def run(self) -> None:
        """Relay until `stop` is called or, with `once`, until the first session has ended.

        Raises `OutputError` when the trace cannot be written, unless traffic is to pass then.
        """
        try:
            while not self._stopping:
                self._shared.turn()
            self.end()
        finally:
            self.close()
        if self.failed is not None and not self._pass_on_error:
            raise self.failed

    @property
    def failed(self) -> OutputError | None:
        """Why the trace cannot be written."""
        return self._journal.failed

    @property
    def unrecorded(self) -> bool:
        """Whether traffic has passed that could not be written."""
        return self._journal.unrecorded

    @property
    def over(self) -> bool:
        """Whether `run` has ended, or would: there is nothing more to record."""
        return self._stopping

    def retire(self) -> None:
        """Take no more clients, and be `over` with the last session."""
        self._stop_listening()
        self._once = True
        if not self._open() and not self._dialer.busy:
            self._stopping = True

    def end(self) -> None:
        """End all sessions, and the trace; what was there before belongs to the recording."""
        self._stop_listening()
        relays = self._connections()
        for relay in relays:
            relay.wake()
        if relays:
            self._loop.look(0)
        for relay in relays:
            relay.finish("recorder")
        leave = time.monotonic() + _LEAVE
        while self._turns.busy:
            self._turns.closing = time.monotonic() > leave
            self._turns.next()
        self._turns.closing = False
        self._journal.finish()

    def stop(self) -> None:
        """End `run`, from any thread or signal handler."""
        self._stopping = True
        self._loop.wake()

    def stop_when_quiet(self, patience: float) -> None:
        """End `run` once clients have nothing more to say for now, from any thread.

        Connections that wait to be accepted and what clients have sent are recorded first; that
        may take `patience` seconds.  Clients that are connected and silent are not waited for.
        """
        self._once_quiet(patience, self._stop)

    def wait_until_quiet(self, patience: float) -> None:
        """Wait, in another thread than that of `run`, until what clients have sent is recorded.

        That is what `stop_when_quiet` waits for; it may take `patience` seconds.
        """
        quiet = threading.Event()
        self._once_quiet(patience, quiet.set)
        quiet.wait(patience)

    def _once_quiet(self, patience: float, action: Callable[[], None]) -> None:
        self._when_quiet.append((time.monotonic() + patience, action))
        self._loop.wake()

    def stop_after_process(self, pid: int, goes_on: Callable[[], bool] | None = None) -> None:
        """End `run` when process `pid` has ended, and so have the sessions that it left.

        `goes_on` says whether a server that had left that process still goes on in another one, and
        is asked every now and then: nothing reports its end.
        """
        watch = os.pidfd_open(pid)

        def look() -> None:
            if goes_on is not None and goes_on():
                self._loop.later(_LOOK, look)
                return
            self._dialer.hurry()  # nobody will listen any more
            self._drain(time.monotonic() + _DRAIN, self._stop)

        def ended(_: int) -> None:
            self._loop.forget(watch)
            look()

        self._watched[watch] = pid
        self._loop.register(watch, ended)

    def close(self) -> None:
        """Close every socket, and remove the socket files that the recorder made."""
        handlers = self._loop.handlers
        for listener in self._listeners.values():
            handlers.pop(listener.socket.fileno(), None)
            listener.close()
        for relay in self._connections():
            relay.abandon()
        for waiting in self._parked.values():
            for sock in waiting:
                sock.close()
        self._dialer.close()
        for sock in self._given.values():
            sock.close()
        for watch in self._watched:
            handlers.pop(watch, None)
            os.close(watch)
        self._watched.clear()
        if self._owned:
            self._shared.close()

    def _woken(self) -> None:
        while self._when_quiet:
            deadline, action = self._when_quiet.popleft()
            self._drain(deadline, action, quiet=True)

    def _stop(self) -> None:
        self._stopping = True

    def _drain(self, deadline: float, action: Callable[[], None], *, quiet: bool = False) -> None:
        """Act once all sessions are over, or all clients `quiet`; who waits is accepted first."""
        listener = self._listeners.get("client")
        backlog = (
            listener is not None
            and listener.socket.fileno() >= 0
            and bool(polled(listener.socket, select.POLLIN))
        )
        busy = any(not quiet or relay.has_news() for relay in self._open())
        if (busy or self._dialer.busy or backlog) and time.monotonic() < deadline:
            self._loop.later(RETRY, lambda: self._drain(deadline, action, quiet=quiet))
        else:
            action()

    # --- sessions begin ------------------------------------------------------------------------

    def _listen(self, side: Side, address: Address) -> None:
        if isinstance(address, FdAddress):
            sock = inherited(address)
            if not is_listening(sock):
                # One connection, made by whoever started us.
                self._once = True
                self._given[side] = sock
                self._loop.later(0, lambda: self._arrived(side, self._given.pop(side)))
                return
            sock.detach()
        # Whoever may connect to the server may connect here.
        listener = Listener(address, self.ends.server if side == "client" else None)
        listener.socket.setblocking(False)
        self._listeners[side] = listener
        self._loop.register(listener.socket.fileno(), lambda _: self._accept(side, listener))

    def _take(self, side: Side, address: FdAddress) -> None:
        """Keep a connection that was made by whoever started us, for the one session it is for."""
        sock = self._given[side] = inherited(address)
        if is_listening(sock):
            raise UsageError(f"{address} listens: it is not a connection to the {side}")
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
            self._loop.poller.unregister(listener.socket)

            def again() -> None:
                if listener.socket.fileno() >= 0:
                    self._loop.poller.register(listener.socket, select.EPOLLIN)

            self._loop.later(1.0, again)
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
            listener = self._listeners.get(side)
            if listener is not None and len(self._parked[side]) >= _MOST_PARKED:
                self._full.add(side)  # who comes now waits in the system's queue
                self._loop.poller.unregister(listener.socket)

    def _pair(self) -> None:
        """Bring a server that has dialled in together with a client that has come."""
        for side, waiting in self._parked.items():
            while waiting and polled(waiting[0], select.POLLRDHUP) & _GONE[side]:
                waiting.popleft().close()
        clients, servers = self._parked["client"], self._parked["server"]
        while clients and servers:
            self._begin(clients.popleft(), servers.popleft())
        for side in [side for side in self._full if len(self._parked[side]) < _MOST_PARKED]:
            self._full.remove(side)
            self._loop.poller.register(self._listeners[side].socket, select.EPOLLIN)

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
            self._journal.close(conn, side, why)
        finally:
            abort(other)
        self._after_session()

    def _opened(self, *socks: socket.socket, shared: bool = False, through: int = 0) -> int:
        """Write that a session begins; gives its number.

        `shared` and `through` are those of `Open`.
        """
        self.sessions += 1
        conn, client, server = self.sessions, str(self.ends.client), str(self.ends.server)
        client = "" if shared else client  # it is the recorder
        try:
            self._journal.open(conn, client, server, through=through, shared=shared)
        except OutputError:
            for sock in socks:
                sock.close()
            raise
        return conn

    def _begin(self, client: socket.socket, server: socket.socket) -> None:
        conn = self._opened(client, server)
        self._relays[conn] = Relay(conn, client, server, self._desk)

    def _open(self) -> Collection[Connection]:
        """The sessions of clients that are open."""
        return self._relays.values()

    def _connections(self) -> list[Connection]:
        """All that is open."""
        return list(self._open())

    # --- sessions go on, and end ---------------------------------------------------------------

    def _write(
        self,
        conn: int,
        sender: Side,
        frames: Sequence[Frame],
        fds: tuple[Descriptor, ...],
    ) -> None:
        self._journal.frames(conn, sender, frames, fds)
        if self._observe is not None:
            self._observe(conn, sender, frames, self._journal.now())

    def _ended(self, relay: Relay) -> None:
        self._relays.pop(relay.conn, None)
        who = relay.closed_by or "recorder"
        self._journal.close(relay.conn, who, relay.error)
        self._told_ended(relay.conn)
        self._after_session()

    def _after_session(self) -> None:
        if self._once and not self._open():
            self._stopping = True

    def _stop_listening(self) -> None:
        listener = self._listeners.get("client")
        if (
            listener is not None
            and self._loop.handlers.pop(listener.socket.fileno(), None) is not None
        ):
            if "client" not in self._full:
                self._loop.poller.unregister(listener.socket)
            self._full.discard("client")
            listener.close()
