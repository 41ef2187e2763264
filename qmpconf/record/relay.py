"""One session between two sockets: what comes in on one goes out on the other, written down first.

A `Relay` has two `Flow`s, one a direction.  A flow reads, frames, has the trace written, and only
then sends (write-ahead).  It reads no more while its receiver does not take what it has, so that
nobody sees a buffer that would not be there without the recorder.

What ends a direction is passed on as it came: a half-close as a half-close, a reset as a reset
(on TCP; a UNIX socket cannot be made to reset), and when a receiver has gone, its sender sees a
broken pipe.  The relay does not decide when it is called; `qmpconf.record.recorder` does that.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Sequence

from qmpconf.net.descriptors import close_all, describe, receive, send
from qmpconf.net.endpoint import abort, reason
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer
from qmpconf.trace.records import Closer, Descriptor, Side

#: Bytes read at once.  A UNIX socket holds at most 208 KiB by default (net.core.wmem_default),
#: so that one read takes all there is.
CHUNK = 256 << 10

#: Called with what is to be written before it is sent on: conn, sender, frames, descriptors.
Write = Callable[[int, Side, Sequence[Frame], tuple[Descriptor, ...]], None]


class Flow:
    """One direction of a session."""

    __slots__ = (
        "described",
        "done",
        "fds",
        "fds_at",
        "framer",
        "peek",
        "pending",
        "sender",
        "sink",
        "source",
    )

    def __init__(self, sender: Side, source: socket.socket, sink: socket.socket) -> None:
        self.sender: Side = sender
        self.source = source
        self.sink = sink
        self.framer = Framer(CLIENT_LIMITS if sender == "client" else SERVER_LIMITS)
        self.pending: memoryview | None = None  # read and written down, not yet sent
        self.fds: list[int] = []  # descriptors for one of the pending bytes
        self.fds_at = 0  # which one
        self.described: tuple[Descriptor, ...] = ()  # of a message that has not ended
        self.done = False  # nothing more comes
        # Only a client sends descriptors, and only a UNIX socket carries them.
        self.peek = sender == "client" and source.family == socket.AF_UNIX


class Relay:
    """One session; `conn` is its number in the trace.

    `buffer` is room to read into, which sessions of one thread share.  `write` is called before
    anything is sent on, `shut` when a side has ended its direction, `ended` when the session is
    over.  `closed_by` and `error` tell how it ended, once `over` is true.
    """

    def __init__(
        self,
        conn: int,
        client: socket.socket,
        server: socket.socket,
        poller: select.epoll,
        write: Write,
        shut: Callable[[int, Side], None],
        ended: Callable[[Relay], None],
        buffer: memoryview,
    ) -> None:
        self.conn = conn
        self.over = False
        self.closed_by: Closer | None = None
        self.error = ""
        self._poller = poller
        self._write = write
        self._shut = shut
        self._ended = ended
        self._buffer = buffer
        self._forward = Flow("client", client, server)
        self._backward = Flow("server", server, client)
        self._flows = (self._forward, self._backward)
        self._masks: dict[socket.socket, int] = {}
        for sock in (client, server):
            sock.setblocking(False)
            self._masks[sock] = select.EPOLLIN
            poller.register(sock, select.EPOLLIN)

    @property
    def sockets(self) -> tuple[socket.socket, socket.socket]:
        """The client's and the server's socket."""
        return self._forward.source, self._backward.source

    def on_client(self, mask: int) -> None:
        """Something happened on the client's socket."""
        if mask == select.EPOLLIN:  # asked for only when there is room; nearly always this one
            self._read(self._forward, mask)
        else:
            self._event(self._forward, self._backward, mask)

    def on_server(self, mask: int) -> None:
        """Something happened on the server's socket."""
        if mask == select.EPOLLIN:
            self._read(self._backward, mask)
        else:
            self._event(self._backward, self._forward, mask)

    def _event(self, reads: Flow, writes: Flow, mask: int) -> None:
        if mask & select.EPOLLOUT and writes.pending is not None:
            self._flush(writes)
        if mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and not self.over:
            if reads.pending is None and not reads.done:
                self._read(reads, mask)
            elif mask & (select.EPOLLHUP | select.EPOLLERR):
                self._gone(reads, writes)

    def _read(self, flow: Flow, mask: int) -> None:
        try:
            if flow.peek:
                count, fds, at = receive(flow.source, self._buffer)
            else:
                count, fds, at = flow.source.recv_into(self._buffer), [], 0
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(flow, error)
            return
        if not count:
            self._end(flow, mask)
            return
        data = bytes(self._buffer[:count])
        if fds:
            self._read_with(flow, data, fds, at)
            return
        frames = flow.framer.feed(data)
        if frames:
            self._write(self.conn, flow.sender, frames, flow.described)
            flow.described = ()
        try:
            sent = flow.sink.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._break(flow, error)
            return
        if sent < count:
            flow.pending = memoryview(data)[sent:]
            self._update()

    def _read_with(self, flow: Flow, data: bytes, fds: list[int], at: int) -> None:
        """Give on bytes, and descriptors that ride on the one `at`."""
        flow.fds, flow.fds_at = fds, at
        flow.pending = memoryview(data)
        for part, carried in ((data[:at], ()), (data[at:], tuple(map(describe, fds)))):
            flow.described += carried
            frames = flow.framer.feed(part)
            if frames:
                self._write(self.conn, flow.sender, frames, flow.described)
                flow.described = ()
        self._flush(flow)
        self._update()

    def _flush(self, flow: Flow) -> None:
        """Send what waits; read on when it is gone."""
        while flow.pending is not None:
            data = flow.pending
            try:
                if flow.fds and flow.fds_at:
                    sent = flow.sink.send(data[: flow.fds_at])
                    flow.fds_at -= sent
                else:
                    sent = send(flow.sink, data, flow.fds)
                    close_all(flow.fds)
            except BlockingIOError:
                return
            except OSError as error:
                self._break(flow, error)
                return
            flow.pending = data[sent:] if sent < len(data) else None
        self._update()

    def _end(self, flow: Flow, mask: int) -> None:
        """The source has closed its sending direction, or all of it."""
        self._leftovers(flow)
        flow.done = True
        self._closing(flow.sender)
        if mask & select.EPOLLHUP and flow.source.family == socket.AF_UNIX:
            # Gone altogether: there is nobody left to read what the other side may still send.
            self._settle(self._backward if flow is self._forward else self._forward)
            self.finish()
            return
        if all(each.done for each in self._flows):
            self.finish()
            return
        self._shut(self.conn, flow.sender)
        try:
            flow.sink.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._break(flow, error)
            return
        self._update()

    def _gone(self, reads: Flow, writes: Flow) -> None:
        """A side hung up while nothing was read from it: it takes nothing any more."""
        if reads.pending is not None:
            # What it sent before still has to be delivered; look again when that is done.
            # Until then it would report its end again and again.
            self._unregistered(reads.source)
            return
        if not writes.done:
            self._closing(reads.sender)
        self._settle(writes)
        self.finish()

    def _break(self, flow: Flow, error: OSError) -> None:
        """The sink takes nothing any more: let the source see that as it would without us."""
        flow.done = True
        flow.pending = None
        close_all(flow.fds)
        other = self._forward if flow is self._backward else self._backward
        self._closing(other.sender)
        self.error = self.error or reason(error)
        if other.done:
            self.finish()
            return
        self._settle(flow)
        self._leftovers(flow)
        self._update()

    def _settle(self, flow: Flow) -> None:
        """Take no more from a source whose sink has gone, so that it sees a broken pipe.

        What it had sent before is written down; left unread, it would make the end a reset.  On
        TCP the system does all that by itself.
        """
        if flow.source.family != socket.AF_UNIX:
            return
        flow.source.shutdown(socket.SHUT_RD)
        while True:
            try:
                count = flow.source.recv_into(self._buffer)
            except OSError:
                return
            if not count:
                return
            frames = flow.framer.feed(bytes(self._buffer[:count]))
            if frames:
                self._write(self.conn, flow.sender, frames, flow.described)
                flow.described = ()

    def _fail(self, flow: Flow, error: OSError) -> None:
        """Reading failed: pass the reset on."""
        self._leftovers(flow)
        self._closing(flow.sender)
        self.error = reason(error)
        abort(self._unregistered(flow.sink))
        self.finish()

    def _leftovers(self, flow: Flow) -> None:
        frames = flow.framer.close()
        if frames:
            self._write(self.conn, flow.sender, frames, flow.described)
            flow.described = ()

    def _closing(self, who: Closer) -> None:
        if self.closed_by is None:
            self.closed_by = who

    def finish(self, who: Closer | None = None) -> None:
        """End the session: close both sockets.  `who` ends it, if nobody did before."""
        if self.over:
            return
        self.over = True
        if who is not None:
            self._closing(who)
        try:
            for flow in self._flows:
                if not flow.done:
                    self._leftovers(flow)
        finally:
            for flow in self._flows:
                close_all(flow.fds)
                self._unregistered(flow.source).close()
        self._ended(self)

    def _unregistered(self, sock: socket.socket) -> socket.socket:
        if self._masks.pop(sock, None) is not None:
            self._poller.unregister(sock)
        return sock

    def _update(self) -> None:
        """Ask for what can be dealt with now."""
        for reads, writes in (self._flows, self._flows[::-1]):
            mask = 0
            if not reads.done and reads.pending is None:
                mask |= select.EPOLLIN
            if writes.pending is not None:
                mask |= select.EPOLLOUT
            sock = reads.source
            if self._masks.get(sock, 0) == mask:
                continue
            if sock in self._masks:
                self._poller.modify(sock, mask)
            else:
                self._poller.register(sock, mask)
            self._masks[sock] = mask
