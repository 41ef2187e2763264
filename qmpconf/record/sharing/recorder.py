"""A recorder whose clients share one session with the server.

The first client that connects has the server dialled; that session then goes on, also without clients, until
the server ends it.  The trace has it as a session of its own, through which the others go
(qmpconf/trace/README.md, Sessions).

Nobody waits for a client that does not read: what it has not taken is kept for it, up to a bound, and then
its connection ends.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection
from typing import Any

from qmpconf.errors import UsageError
from qmpconf.net.address import Address
from qmpconf.net.descriptors import close_all, describe
from qmpconf.net.endpoint import Listener, abort
from qmpconf.protocol.framing import Frame
from qmpconf.record.arrivals import Ends
from qmpconf.record.recorder import Connection, Recorder
from qmpconf.record.sharing.hub import SERVER, Hub
from qmpconf.record.sharing.link import Link
from qmpconf.trace.records import Side
from qmpconf.trace.writer import TraceWriter

#: A client's commands are not read while more than so many bytes wait to be taken by it.
_HIGH_WATER = 1 << 20
#: Bytes that wait for clients together, and that are held of messages that have not ended: beyond that the
#: client which has the most of them is let go.
_MOST_WAITING, _MOST_HELD = 64 << 20, 80 << 20
#: Clients that wait for a server that is to connect to us, at most.
_MOST_COMING = 128
#: Seconds in which a server greets that is not in use by another client.
_GREETS = 5.0


class SharingRecorder(Recorder):
    """Records clients that share one session with the server; the rest is as with a `Recorder`.

    `observe_at` is where clients connect that only observe.  Of those of ``ends.client``, the first may
    send all, and who comes as long as it is there observes; with `all_write`, all may send all.
    """

    def __init__(
        self,
        ends: Ends,
        writer: TraceWriter,
        *,
        observe_at: Address | None = None,
        all_write: bool = False,
        **more: Any,
    ) -> None:
        if ends.client_listens:
            raise UsageError(
                "a client that listens is one, and is connected to: there is nobody to share a monitor with"
            )
        self._all_write = all_write
        self._links: dict[int, Link] = {}  # clients
        self._up: Link | None = None
        self._hub: Hub | None = None
        self._dialing = False
        self._coming: list[tuple[socket.socket, bool]] = []
        self._observing: Listener | None = None
        self._at_observing = False
        super().__init__(ends, writer, **more)
        if observe_at is not None:
            try:
                self._observing = Listener(observe_at, ends.server)
            except BaseException:
                self.close()
                raise
            self._open_door("client", self._observing)

    # --- clients come --------------------------------------------------------------------------

    def _accept(self, side: Side, listener: Listener) -> None:
        self._at_observing = listener is self._observing
        super()._accept(side, listener)

    def _arrived(self, side: Side, sock: socket.socket) -> None:
        if side == "server":
            self._dialled(sock)
            return
        self._coming.append((sock, self._at_observing))
        self._at_observing = False
        if self._up is not None:
            self._take_in()
        elif self.ends.server_dials:  # it comes, and who waits for it is greeted then
            if len(self._coming) > _MOST_COMING:
                abort(self._coming.pop(0)[0])
        elif not self._dialing:
            self._dialing = True
            self._dial("server", self.ends.server, sock)

    def _dialled(self, sock: socket.socket) -> None:
        """The server has connected to us: its session begins, if it is not there already."""
        if self._up is None:
            self._begin(sock, sock)
            return
        self._complain("another server has connected, while one is shared: it is sent away")
        abort(sock)

    def _refused(self, side: Side, _: socket.socket, why: str) -> None:
        self._dialing = False
        coming, self._coming = self._coming, []
        for one in coming:
            super()._refused(side, one[0], why)

    def _begin(self, _: socket.socket, server: socket.socket) -> None:
        """The server is there: the session with it begins, and those of who has come."""
        self._dialing = False
        conn = self._opened(server, shared=True)
        hub = self._hub = Hub(
            self._send, close_all, self._give_up, f"qmpconf-{secrets.token_hex(4)}"
        )
        self._up = Link(
            conn,
            server,
            "server",
            self._shared,
            self._said,
            self._server_ended,
            self._closed,
            self._settle,
        )

        def look() -> None:
            if self._hub is hub and not hub.ready:
                self._complain(
                    f"{self.ends.server} has not greeted: another client may be connected to it, or it is a "
                    "guest agent, which cannot be shared"
                )

        self._loop.later(_GREETS, look)
        self._take_in()

    def _take_in(self) -> None:
        coming, self._coming = self._coming, []
        for sock, observes in coming:
            through = self._up.conn if self._up is not None else 0
            conn = self._opened(sock, through=through)
            taken = any(not one.observes and not one.gone for one in self._links.values())
            link = Link(
                conn,
                sock,
                "client",
                self._shared,
                self._asked,
                self._client_ended,
                self._closed,
                self._settle,
            )
            link.observes = observes or (taken and not self._all_write)
            self._links[conn] = link
            if self._hub is not None:
                self._hub.join(conn, observes=link.observes)
        self._settle()

    # --- what they say -------------------------------------------------------------------------

    def _asked(self, link: Link, frames: list[Frame], fds: list[int]) -> None:
        """A client has said something."""
        self._write(link.conn, "client", frames, tuple(map(describe, fds)))
        if self._hub is None:
            close_all(fds)
        else:
            self._hub.receive(link.conn, frames, fds)
        if link.held > _HIGH_WATER and sum(one.held for one in self._links.values()) > _MOST_HELD:
            self._let_go(max(self._links.values(), key=lambda one: one.held), "sends too much")
        self._settle()

    def _said(self, link: Link, frames: list[Frame], _: list[int]) -> None:
        """The server has said something."""
        self._journal.frames(link.conn, "server", frames)
        for frame in frames:
            if self._hub is not None:
                self._hub.server(frame)
        self._settle()

    def _send(self, number: int, frame: Frame, fds: list[int]) -> None:
        """Write down what is sent, and send it."""
        link = self._up if number == SERVER else self._links.get(number)
        if link is None or link.over:
            close_all(fds)
            return
        if link is self._up:
            self._journal.frames(link.conn, "client", [frame], tuple(map(describe, fds)))
        else:
            self._write(link.conn, "server", [frame], ())
        link.send(frame.data + frame.end, fds)

    # --- they go -------------------------------------------------------------------------------

    def _client_ended(self, link: Link, gone: bool) -> None:
        if self._hub is not None:
            self._hub.end(link.conn)
        if gone:
            link.finish("client")
        else:
            self._journal.shut(link.conn, "client")
        self._settle()

    def _server_ended(self, link: Link, _: bool) -> None:
        self._end_server(link)

    def _give_up(self, why: str) -> None:
        self._complain(why)
        up = self._up
        if up is not None:
            self._loop.later(0, lambda: None if up.over else self._end_server(up))

    def _end_server(self, link: Link) -> None:
        """The session with the server is over, and so are all that go through it, once they took what is due."""
        if self._up is link:
            hub, self._hub, self._up = self._hub, None, None
            if hub is not None:
                hub.close()
            for one in self._links.values():
                one.closed_by = one.closed_by or "server"
        link.finish("server")
        self._settle()

    def _let_go(self, link: Link, why: str) -> None:
        self._complain(f"session {link.conn}: the client {why}; its connection is ended")
        link.error = why
        if self._hub is not None:
            self._hub.end(link.conn)
        link.finish("recorder")

    def _settle(self) -> None:
        """End what is due to end, and read of whom there is room for."""
        if sum(one.waiting for one in self._links.values()) > _MOST_WAITING:
            self._let_go(max(self._links.values(), key=lambda one: one.waiting), "does not read")
        for link in list(self._links.values()):
            hub = self._hub
            ended = hub is None or (link.done and hub.idle(link.conn))
            if ended and not link.waiting:
                link.finish(link.closed_by or "client")
            elif not link.over:
                stalled = hub is None or hub.stalled(link.conn)
                link.update(reads=not stalled and link.waiting < _HIGH_WATER)

    def _closed(self, link: Link) -> None:
        """A connection is closed."""
        if link.missing:
            self._journal.gap(link.conn, link.side, link.missing)
        who = link.closed_by or "recorder"
        self._journal.close(link.conn, who, link.error)
        self._links.pop(link.conn, None)
        self._told_ended(link.conn)
        self._after_session()

    # --- what is there -------------------------------------------------------------------------

    def _connections(self) -> list[Connection]:
        return [*self._links.values(), *([self._up] if self._up is not None else [])]

    def _open(self) -> Collection[Connection]:
        return self._links.values()

    def _stop_listening(self) -> None:
        super()._stop_listening()
        self._close_door(self._observing)

    def close(self) -> None:
        """Close every socket, and remove the socket files that the recorder made."""
        for sock, _ in self._coming:
            abort(sock)
        self._coming.clear()
        if self._hub is not None:
            self._hub.close()
        self._stop_listening()
        super().close()
