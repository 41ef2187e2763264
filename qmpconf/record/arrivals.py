"""Who comes to a recorder, and who is connected to, until both sides of a session are there.

A client connects, and the recorder connects to the server for it; the other way round, where a server
dials out (``--server-dials``) or a client listens (``--client-listens``), the same two ends are listened
on or connected to.  Sides that wait for the other one are parked.  Nothing is read from them here, and
nothing is written down: what becomes of two sides is for whoever takes them in (`qmpconf.record.recorder`).
"""

from __future__ import annotations

import select
import socket
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from qmpconf.closing import Closing
from qmpconf.errors import UsageError
from qmpconf.net.address import Address, FdAddress
from qmpconf.net.endpoint import NO_ROOM, Listener, inherited, is_listening, polled, reason
from qmpconf.record.dial import Dialer
from qmpconf.record.loop import Loop
from qmpconf.trace.records import Side

#: Sides that wait for the other one to come, at most; more wait in the system's queue.
_MOST_PARKED = 128
#: Seconds after which it is accepted again, where there was no room for a connection.
_AGAIN = 1.0

#: What shows that a side that waits for the other one has gone.  A client may have sent all it
#: has to say, and wait for the answers.
_GONE: dict[Side, int] = {
    "client": select.POLLHUP | select.POLLERR,
    "server": select.POLLHUP | select.POLLERR | select.POLLRDHUP,
}


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the two sides are, and who of them dials.

    Without the flags the server listens at `server` and clients connect to `client`.
    `server_dials`: the server connects to `server`, where the recorder listens.
    `client_listens`: the client listens at `client`, and the recorder connects to it.  Raises `UsageError`
    where nobody would begin, and where both have one address: the recorder would connect to itself.
    """

    server: Address
    client: Address
    server_dials: bool = False
    client_listens: bool = False

    def __post_init__(self) -> None:
        if self.client_listens and not self.server_dials:
            raise UsageError("a client that listens needs a server that dials: nobody would begin")
        if self.server == self.client:
            raise UsageError(
                f"{self.client} cannot be the server's address and the clients': the recorder stands "
                "between them, and would connect to itself; name another one to listen on"
            )


class Arrivals(Closing):
    """The doors of a recorder between `ends`, in its `loop`; whoever is one says what becomes of two sides.

    `patience` is how many seconds after the start a refused connection to the server is tried again,
    `once` says that only one session is taken, `complain` gets news.
    """

    def __init__(
        self,
        ends: Ends,
        loop: Loop,
        patience: float,
        complain: Callable[[str], None],
        *,
        once: bool,
    ) -> None:
        self.ends = ends
        self._loop = loop
        self._once = once
        self._complain = complain
        self._dialer = Dialer(loop.poller, loop.handlers, loop.later, patience)
        self._given: dict[Side, socket.socket] = {}  # connections that were inherited
        self._parked: dict[Side, deque[socket.socket]] = {"client": deque(), "server": deque()}
        self._full: set[Side] = set()  # sides of which too many are parked
        self._listeners: dict[Side, Listener] = {}
        self._attended: set[Listener] = set()  # those at which somebody is accepted now

    @abstractmethod
    def _begin(self, client: socket.socket, server: socket.socket) -> None:
        """Both sides of a session are there."""

    @abstractmethod
    def _refused(self, side: Side, other: socket.socket, why: str) -> None:
        """`side` cannot be had for the `other` one, who waits."""

    @property
    def listen_address(self) -> Address:
        """Where the recorder listens for clients, or else for the server."""
        for listener in self._listeners.values():
            return listener.address
        return self.ends.client

    @property
    def _backlog(self) -> bool:
        """Whether a client waits to be accepted."""
        listener = self._listeners.get("client")
        return (
            listener is not None
            and listener.socket.fileno() >= 0
            and bool(polled(listener.socket, select.POLLIN))
        )

    # --- doors ---------------------------------------------------------------------------------

    def _open_doors(self) -> None:
        """Listen, or take what was inherited; all is closed if that is not possible."""
        try:
            each: tuple[tuple[Side, Address, bool], ...] = (
                ("client", self.ends.client, not self.ends.client_listens),
                ("server", self.ends.server, self.ends.server_dials),
            )
            for side, address, comes in each:
                if comes:
                    self._listen(side, address)
                elif isinstance(address, FdAddress):
                    self._take(side, address)
        except BaseException:
            self.close()
            raise

    def _close_doors(self) -> None:
        """Close what is not a session yet, and remove the socket files that were made."""
        for listener in self._listeners.values():
            self._loop.handlers.pop(listener.socket.fileno(), None)
            listener.close()
        for waiting in self._parked.values():
            for sock in waiting:
                sock.close()
        self._dialer.close()
        for sock in self._given.values():
            sock.close()

    def _stop_listening(self) -> None:
        self._full.discard("client")
        self._close_door(self._listeners.get("client"))

    def _open_door(self, side: Side, listener: Listener) -> None:
        """Accept who comes to `listener`, as one of `side`."""
        listener.socket.setblocking(False)
        self._loop.handlers[listener.socket.fileno()] = lambda _: self._accept(side, listener)
        self._attend(listener)

    def _attend(self, listener: Listener) -> None:
        """Accept who comes there from now on, unless it was closed meanwhile."""
        if listener not in self._attended and listener.socket.fileno() >= 0:
            self._attended.add(listener)
            self._loop.poller.register(listener.socket, select.EPOLLIN)

    def _neglect(self, listener: Listener) -> None:
        """Have who comes there wait in the system's queue."""
        if listener in self._attended:
            self._attended.remove(listener)
            self._loop.poller.unregister(listener.socket)

    def _close_door(self, listener: Listener | None) -> None:
        """Accept nobody there any more."""
        if listener is None:
            return
        if self._loop.handlers.pop(listener.socket.fileno(), None) is not None:
            self._neglect(listener)
            listener.close()

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
        self._listeners[side] = listener
        self._open_door(side, listener)

    def _take(self, side: Side, address: FdAddress) -> None:
        """Keep a connection that was made by whoever started us, for the one session it is for."""
        sock = self._given[side] = inherited(address)
        if is_listening(sock):
            raise UsageError(f"{address} listens: it is not a connection to the {side}")
        self._once = True

    # --- who comes -----------------------------------------------------------------------------

    def _accept(self, side: Side, listener: Listener) -> None:
        try:
            sock, _ = listener.socket.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in NO_ROOM:
                return  # that one has gone again
            self._complain(f"cannot accept a connection: {reason(error)}; trying again")
            self._neglect(listener)
            self._loop.later(_AGAIN, lambda: self._attend(listener))
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
                self._full.add(side)
                self._neglect(listener)

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
            self._attend(self._listeners[side])

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
