"""One connection: bytes that come are cut into frames, and bytes that go wait until they are taken.

A `Link` does not know what is said.  What comes is given to `took`, in pieces that hold up nobody; its end
to `ended`.  Whoever owns it says with `update` whether more is to be read.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Callable

from qmpconf.net.descriptors import MOST, close_all, receive, send
from qmpconf.net.endpoint import polled, reason
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer
from qmpconf.record.shared import Shared
from qmpconf.trace.records import Closer, Side

#: Bytes that are read at once: of noise, as much as may be answered in a few milliseconds.
_ROOM = 16 << 10


class Link:
    """The connection of session `conn` with a client or a server (`side`).

    `took` is called with frames and the descriptors on the first of them, `ended` when it sends nothing more: True if
    it takes nothing any more either.  `observes` is the owner's.  `closed_by` and `error` say how
    it ended, once `over` is true; `finished` is called then.  `drained` is called when it has taken something that waited.
    """

    def __init__(
        self,
        conn: int,
        sock: socket.socket,
        side: Side,
        shared: Shared,
        took: Callable[[Link, list[Frame], list[int]], None],
        ended: Callable[[Link, bool], None],
        finished: Callable[[Link], None],
        drained: Callable[[], None],
    ) -> None:
        self.conn = conn
        self.side: Side = side
        self.observes = False
        self.done = False  # it sends nothing more
        self.over = False
        self.closed_by: Closer | None = None
        self.error = ""
        self.waiting = 0  # bytes that it has not taken yet
        self.missing = 0  # bytes of it that nobody has cut into frames
        self._sock = sock
        self._shared = shared
        self._took, self._ended, self._finished = took, ended, finished
        self._drained = drained
        self._framer = Framer(CLIENT_LIMITS if side == "client" else SERVER_LIMITS)
        self._carried: list[int] = []  # descriptors of a message that has not ended
        self._out: deque[tuple[memoryview, list[int]]] = deque()
        self._mask = 0
        self._reads = True
        sock.setblocking(False)
        shared.loop.handlers[sock.fileno()] = self._happened
        self._listen()

    @property
    def held(self) -> int:
        """Bytes of a message that has not ended."""
        return self._framer.held

    @property
    def gone(self) -> bool:
        """Whether it sends nothing more, also where nobody has read that yet."""
        return self.done or bool(polled(self._sock, select.POLLRDHUP) & ~select.POLLIN)

    def send(self, data: bytes, fds: list[int]) -> None:
        """Send bytes, with descriptors on the first of them, once those before have gone."""
        self._out.append((memoryview(data), fds))
        self.waiting += len(data)
        if len(self._out) == 1:
            self._flush()

    def update(self, *, reads: bool) -> None:
        """Read on, or for now no more."""
        self._reads = reads
        self._listen()

    # What a recorder asks of each of its sessions.

    def wake(self) -> None:
        """Do at once what was put off: nothing is."""

    def has_news(self) -> bool:
        """Whether it has sent something that was not read."""
        return bool(self._framer.behind or polled(self._sock, select.POLLIN))

    def finish(self, who: Closer) -> None:
        """End it; `who` does that, if nobody did before."""
        if self.over:
            return
        self.over = True
        self.closed_by = self.closed_by or who
        self.missing = self._framer.drop()
        rest = self._framer.close()
        if rest:
            self._took(self, rest, [])
        self.abandon()
        self._finished(self)

    def abandon(self) -> None:
        """End it, and say nothing of it."""
        self.over = True
        if self._sock.fileno() >= 0:
            if self._mask:
                self._shared.loop.poller.unregister(self._sock)
            self._shared.loop.handlers.pop(self._sock.fileno(), None)
        close_all(self._carried)
        for _, fds in self._out:
            close_all(fds)
        self._out.clear()
        self.waiting = self._mask = 0
        self._sock.close()

    # --- what happens --------------------------------------------------------------------------

    def _happened(self, mask: int) -> None:
        if mask & select.EPOLLOUT:
            self._flush()
            self._drained()
        if mask & ~select.EPOLLOUT and not self.over and not self.done and self._reads:
            self._read()
        elif mask & (select.EPOLLHUP | select.EPOLLERR) and not self.over:
            self._lost(self.side)

    def _read(self) -> None:
        fds: list[int] = []
        at = 0
        buffer = self._shared.buffer[:_ROOM]
        try:
            if self.side == "client" and self._sock.family == socket.AF_UNIX:
                count, fds, at = receive(self._sock, buffer)
            else:
                count = self._sock.recv_into(buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self.error = reason(error)
            self._lost(self.side)
            return
        if not count:
            self._end()
            return
        data = bytes(buffer[:count])
        if fds:
            if at:
                self._take(data[:at])
            data = data[at:]
            self._carried += fds  # they ride on the next message that ends
            extra = self._carried[MOST:]
            del self._carried[MOST:]
            close_all(extra)
        self._take(data)

    def _take(self, data: bytes) -> None:
        """Cut bytes into frames, as far as it is this connection's turn."""
        if self.over:
            return
        turns = self._shared.turns
        frames = self._framer.feed(data, turns.steps)
        turns.took(turns.steps if self._framer.behind else len(frames))
        fds: list[int] = []
        if frames:
            fds, self._carried = self._carried, []
        if self._framer.behind:
            turns.later(self._go_on)
        if frames:
            self._took(self, frames, fds)
        self._listen()

    def _go_on(self) -> None:
        if not self.over:
            self._take(b"")
            if self.done and not self._framer.behind:
                self._leave(gone=False)

    def _end(self) -> None:
        self.done = True
        self.closed_by = self.closed_by or self.side
        if not self._framer.behind:
            gone = bool(polled(self._sock, select.POLLIN) & select.POLLHUP)
            self._leave(gone=gone and self._sock.family == socket.AF_UNIX)

    def _leave(self, *, gone: bool) -> None:
        rest = self._framer.close()
        if rest:
            self._took(self, rest, [])
        self._ended(self, gone)
        self._listen()

    def _lost(self, who: Closer) -> None:
        """It takes nothing any more."""
        self.done = True
        self.closed_by = self.closed_by or who
        self._ended(self, True)

    def _flush(self) -> None:
        try:
            while self._out:
                data, fds = self._out[0]
                count = send(self._sock, data, fds)
                close_all(fds)
                self.waiting -= count
                if count < len(data):
                    self._out[0] = (data[count:], [])
                else:
                    self._out.popleft()
        except BlockingIOError:
            pass
        except OSError as error:
            self.error = self.error or reason(error)
            # Not now: whoever sends is in the middle of something.
            self._shared.loop.later(0, lambda: None if self.over else self._lost(self.side))
            self._out.clear()
            self.waiting = 0
        self._listen()

    def _listen(self) -> None:
        """Ask for what can be dealt with now."""
        if self.over:
            return
        reads = self._reads and not (self.done or self._framer.behind)
        mask = (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if self._out else 0)
        poller = self._shared.loop.poller
        if mask == self._mask:
            return
        if not self._mask:
            poller.register(self._sock, mask)
        elif mask:
            poller.modify(self._sock, mask)
        else:
            poller.unregister(self._sock)
        self._mask = mask
