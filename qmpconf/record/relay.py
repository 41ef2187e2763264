"""One session between two sockets: what comes in on one goes out on the other, written down first.

A `Relay` has two `Flow`s, one a direction.  It reads, frames, has the trace written, and only then
sends (write-ahead).  It reads no more while the receiver does not take what there is, so that nobody
sees a buffer that would not be there without the recorder.

What ends a direction is passed on as it came: a half-close as a half-close, a reset as a reset
(on TCP; a UNIX socket cannot be made to reset), and when a receiver has gone, its sender sees a
broken pipe.  The relay does not decide when it is called; `qmpconf.record.recorder` does that.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qmpconf.net.descriptors import MOST as MOST_DESCRIPTORS
from qmpconf.net.descriptors import describe
from qmpconf.net.endpoint import abort, polled, reason
from qmpconf.protocol.framing import Frame
from qmpconf.record.assistance import Assistance, Pass
from qmpconf.record.flow import LONG, Flow
from qmpconf.record.holding import Holding
from qmpconf.record.turns import Turns
from qmpconf.trace.joining import is_noise
from qmpconf.trace.records import Closer, Descriptor, Side

#: Bytes that a line of a trace costs besides those that are in it.
_LINE = 64
#: Noise in fewer bytes a read than that costs more than it is long: so much it may, and then it is
#: read in such steps of seconds, so that more of it comes together.
_MOST_OWED, _PAUSE = 4096, 0.01


@dataclass(frozen=True, slots=True)
class Desk:
    """What the sessions of one loop share.

    `write` is called before anything is sent on: conn, sender, frames, descriptors; `gap` for a
    number of bytes of a sender that are left out, `shut` when a side has ended its direction, `ended`
    when a session is over.  `usual` passes on what it can by itself.  `handlers` are called with what happened on a descriptor that `poller`
    knows.  `buffer` is room to read into, `turns` are whose turn it is,
    `holding` is what all hold together, and `later` calls something after some seconds.
    """

    poller: select.epoll
    handlers: dict[int, Callable[[int], None]]
    turns: Turns
    holding: Holding
    buffer: memoryview
    later: Callable[[float, Callable[[], None]], None]
    write: Callable[[int, Side, Sequence[Frame], tuple[Descriptor, ...]], None]
    gap: Callable[[int, Side, int], None]
    shut: Callable[[int, Side], None]
    ended: Callable[[Relay], None]
    usual: Pass | None = None


class Relay:
    """One session; `conn` is its number in the trace.

    `closed_by` and `error` say how it ended, once `over` is true.
    """

    def __init__(self, conn: int, client: socket.socket, server: socket.socket, desk: Desk) -> None:
        self.conn = conn
        self.over = False
        self.closed_by: Closer | None = None
        self.error = ""
        self._reset: socket.socket | None = None  # to be closed as the other one was
        self._desk = desk
        self._poller = desk.poller
        self._buffer = desk.buffer
        self._turns = desk.turns
        self._write = desk.write
        self._forward = Flow("client", client, server)
        self._backward = Flow("server", server, client)
        self._flows = (self._forward, self._backward)
        self._masks: dict[socket.socket, int] = {}
        for sock, handler in ((client, self.on_client), (server, self.on_server)):
            sock.setblocking(False)
            desk.handlers[sock.fileno()] = handler
            self._masks[sock] = select.EPOLLIN
            self._poller.register(sock, select.EPOLLIN)
        self._core = Assistance(desk.usual, conn, self._flows) if desk.usual is not None else None
        if self._core is not None:
            self._core.offer()

    @property
    def sockets(self) -> tuple[socket.socket, socket.socket]:
        """The client's and the server's socket."""
        return self._forward.source, self._backward.source

    def on_client(self, mask: int) -> None:
        """Something happened on the client's socket."""
        self._on(self._forward, self._backward, mask)

    def on_server(self, mask: int) -> None:
        """Something happened on the server's socket."""
        self._on(self._backward, self._forward, mask)

    def _on(self, reads: Flow, writes: Flow, mask: int) -> None:
        if self._core is not None:
            self._take_back(self._core, whole=bool(mask & ~select.EPOLLOUT))
            if self.over:
                return
        if (
            mask == select.EPOLLIN and not reads.full
        ):  # asked for only when there is room; nearly always this one
            self._read(reads, mask)
        elif mask:
            self._event(reads, writes, mask)
        if self._core is not None and not self.over:
            self._core.offer()

    def _take_back(self, core: Assistance, *, whole: bool) -> None:
        """Go on where the core has stopped; with `whole`, also with what it holds of a message."""
        taken = [(flow, *self._reclaim(core, flow, whole=whole)) for flow in self._flows]
        for flow, new, _ in taken:
            if new and not self.over:
                self._pass_on(flow, new, len(new))
        for flow, _, error in taken:
            if self.over or not (error or flow.full):
                continue
            if error:
                for each in self._flows:
                    self._reclaim(core, each, whole=True)
            if error > 0:
                self._break(flow, OSError(error, os.strerror(error)))
            elif error < 0:
                self._fail(flow, OSError(-error, os.strerror(-error)))
            else:
                self._update()

    def _reclaim(self, core: Assistance, flow: Flow, *, whole: bool) -> tuple[bytes, int]:
        """Take a flow from the core; gives what it has only read, and its error."""
        found = core.take_back(flow, whole=whole)
        self._hold(flow)
        return found

    def wake(self) -> None:
        """Read on at once where noise is read in steps."""
        for flow in self._flows:
            flow.paused = False
        if not self.over:
            self._update()

    def has_news(self) -> bool:
        """Whether the client has sent something that was not recorded yet, or has gone."""
        if self._forward.framer.behind:
            return True
        found = polled(self._forward.source, select.POLLIN | select.POLLRDHUP)
        return bool(found & ~select.POLLIN) or (bool(found) and self._forward.unseen)

    def _event(self, reads: Flow, writes: Flow, mask: int) -> None:
        if mask & select.EPOLLOUT and writes.full:
            self._flush(writes)
        if mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and not self.over:
            if not reads.full and not reads.done:
                self._read(reads, mask)
            elif mask & (select.EPOLLHUP | select.EPOLLERR):
                self._gone(reads, writes)

    def _read(self, flow: Flow, mask: int) -> None:
        try:
            count, taken, fds, at = flow.look(self._buffer)
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
        else:
            self._pass_on(flow, data, taken)

    def _pass_on(self, flow: Flow, data: bytes, taken: int) -> None:
        """Have bytes written, and send them; the first ones are `taken`, the others still in the source."""
        frames = self._take(flow, data)
        if flow.framer.behind:
            flow.keep(data, taken, [], 0)
            self._turns.later(lambda: self._go_on(flow))
            self._flush(flow)
            return
        count = len(data)
        if count >= LONG and len(frames) <= 1:  # of one message
            flow.fit(count)
        try:
            sent = flow.sink.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            flow.keep(data, taken, [], 0)  # all of it is written, also what is in the source still
            self._break(flow, error)
            return
        if sent < count or taken < count:
            flow.sent(data, taken, sent, self._buffer)
            self._update()
        elif flow.wide:
            flow.fit()
        if count < 2 * _LINE or flow.owed:
            self._count(flow, count, frames)

    def _take(self, flow: Flow, data: bytes) -> list[Frame]:
        """Cut bytes into frames and have them written; those that nobody has time for are `behind`."""
        framer, turns = flow.framer, self._turns
        frames = framer.feed(data, turns.steps)
        turns.took(turns.steps if framer.behind else len(frames))
        if frames:
            self._put(flow, frames)
        self._hold(flow)
        return frames

    def _put(self, flow: Flow, frames: list[Frame]) -> None:
        """Have frames written; what comes of them may change what is usual."""
        self._write(self.conn, flow.sender, frames, flow.described)
        flow.described = ()
        if self._core is not None:
            self._core.stop()

    def _hold(self, flow: Flow) -> None:
        """Count what is held of a message."""
        held = flow.framer.held
        if held or flow.held:
            flow.hold(held)
            self._desk.holding.count(flow, held, lambda: self._spill(flow))

    def _spill(self, flow: Flow) -> None:
        """Write what is held of a message, and hold no more of it."""
        frames = flow.framer.spill()
        if frames:
            self._put(flow, frames)
        self._hold(flow)

    def _go_on(self, flow: Flow) -> None:
        """It is the turn of bytes that are behind."""
        if self.over:
            return  # winding up does that
        self._take(flow, b"")
        if flow.framer.behind:
            self._turns.later(lambda: self._go_on(flow))
        if flow.done:
            self._leftovers(flow)
        else:
            self._flush(flow)

    def _count(self, flow: Flow, count: int, frames: list[Frame]) -> None:
        """Read noise that comes in very small pieces in larger ones."""
        if not frames:
            return
        if not all(is_noise(frame.data) for frame in frames):
            flow.owed = 0
            return
        flow.owed = max(0, flow.owed + _LINE - count // 2)
        if flow.owed > _MOST_OWED and not self.over:
            flow.paused = True
            self._update()
            self._desk.later(_PAUSE, lambda: self._resume(flow))

    def _resume(self, flow: Flow) -> None:
        flow.paused = False
        if not self.over:
            self._update()

    def _read_with(self, flow: Flow, data: bytes, fds: list[int], at: int) -> None:
        """Give on bytes, and descriptors that ride on the one `at`."""
        flow.keep(data, len(data), fds, at)
        for part, carried in ((data[:at], ()), (data[at:], tuple(map(describe, fds)))):
            flow.described += carried
            frames = flow.framer.feed(part)
            if frames:
                self._put(flow, frames)
        if len(flow.described) > MOST_DESCRIPTORS:
            self._spill(flow)
        self._hold(flow)
        self._flush(flow)

    def _flush(self, flow: Flow) -> None:
        """Send what waits; read on when it is gone."""
        try:
            flow.send(self._buffer)
        except BlockingIOError:
            pass
        except OSError as error:
            self._break(flow, error)
            return
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
        self._desk.shut(self.conn, flow.sender)
        try:
            flow.sink.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._break(flow, error)
            return
        self._update()

    def _gone(self, reads: Flow, writes: Flow) -> None:
        """A side hung up while nothing was read from it: it takes nothing any more."""
        if reads.full:
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
        flow.forget()
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
            flow.ahead = 0
            return
        self._take(flow, flow.rest(self._buffer))

    def _fail(self, flow: Flow, error: OSError) -> None:
        """Reading failed: pass the reset on."""
        self._leftovers(flow)
        self._closing(flow.sender)
        self.error = reason(error)
        self._reset = flow.sink
        self.finish()

    def _leftovers(self, flow: Flow) -> None:
        """Write what has no end, once all that was before it is written."""
        if flow.framer.behind:
            return
        frames = flow.framer.close()
        if frames:
            self._put(flow, frames)

    def _closing(self, who: Closer) -> None:
        if self.closed_by is None:
            self.closed_by = who

    def finish(self, who: Closer | None = None) -> None:
        """End the session: close both sockets.  `who` ends it, if nobody did before."""
        if self.over:
            return
        if self._core is not None:
            for flow in self._flows:
                new, _ = self._reclaim(self._core, flow, whole=True)
                if new:
                    self._take(flow, new)
        self.over = True
        if who is not None:
            self._closing(who)
        for flow in self._flows:
            self._unregistered(flow.source)
            self._desk.handlers.pop(flow.source.fileno(), None)
        self._wind_up()

    def _wind_up(self) -> None:
        """Write what is left, and only then close: it was sent before that."""
        try:
            for flow in self._flows:
                if flow.framer.behind:
                    self._take(flow, b"")
                if flow.framer.behind and not self._turns.closing:
                    self._turns.later(self._wind_up)
                    return
                missing = flow.framer.drop()
                self._leftovers(flow)
                if missing:
                    self._desk.gap(self.conn, flow.sender, missing)
        except BaseException:
            self._close()
            raise
        self._close()
        self._desk.ended(self)

    def abandon(self) -> None:
        """End the session at once, and write nothing more of it."""
        self.over = True
        for flow in self._flows:
            self._unregistered(flow.source)
            self._desk.handlers.pop(flow.source.fileno(), None)
        self._close()

    def _close(self) -> None:
        for flow in self._flows:
            if self._core is not None:
                self._core.forget(flow)
            flow.close()
            self._desk.holding.count(flow, 0, _nothing)
            if flow.source is self._reset:
                abort(flow.source)
            flow.source.close()

    def _unregistered(self, sock: socket.socket) -> None:
        if self._masks.pop(sock, None) is not None:
            self._poller.unregister(sock)

    def _update(self) -> None:
        """Ask for what can be dealt with now."""
        for reads, writes in (self._flows, self._flows[::-1]):
            mask = 0
            if not (reads.done or reads.full or reads.paused):
                mask |= select.EPOLLIN
            if writes.ready > 0:
                mask |= select.EPOLLOUT
            sock = reads.source
            if self._masks.get(sock, 0) == mask:
                continue
            if sock in self._masks:
                self._poller.modify(sock, mask)
            else:
                self._poller.register(sock, mask)
            self._masks[sock] = mask


def _nothing() -> None:
    """Hold nothing that could be let go of."""
