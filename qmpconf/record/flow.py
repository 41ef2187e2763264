"""One direction of a session: bytes that come in on one socket and go out on another.

What does not go out stays where it is, in the socket that it came in on, as it would without us: a
sender is held back as if its receiver were there itself.  What was looked at there is `ahead`, and
no more than `ROOM` bytes are taken before their receiver takes them.  Of what was looked at, the
last `Framer.behind` bytes are not cut into frames yet, and do not go out before they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios

from qmpconf.net.descriptors import close_all, look, send
from qmpconf.protocol.framing import CLIENT_PASSING, SERVER_PASSING, Framer
from qmpconf.trace.records import Descriptor, Side

#: Bytes that are looked at together.  A UNIX socket holds at most 208 KiB by default
#: (net.core.wmem_default), so that this is all there is.
CHUNK = 256 << 10
#: Bytes of them that are taken at once: more than nearly all messages have.
ROOM = 8 << 10
#: Bytes that wait in a socket that we write to, beside what is sent on: so many, and no more, could
#: a sender write that could not be written to the receiver itself.
_UNIX_SENDS, _TCP_SENDS = 16 << 10, 128 << 10
#: While so many bytes of a message are held or wait, a UNIX socket takes more: each time that it is full costs
#: a turn of all three, and who sends long messages has as much room without us.
LONG, _UNIX_SENDS_LONG = 16 << 10, 128 << 10
#: Bytes that wait in a TCP socket that we read from.
_TCP_RECEIVES = 512 << 10


class Flow:
    """One direction of a session, from `source` to `sink`.

    `described` are the descriptors of a message that has not ended, `done` says that nothing more
    comes.  `paused`, `owed` and `held` belong to whoever decides when to read, and what is held.
    """

    __slots__ = (
        "_fds",
        "_fds_at",
        "_held",
        "ahead",
        "described",
        "done",
        "framer",
        "held",
        "looks",
        "owed",
        "paused",
        "sender",
        "sends",
        "sink",
        "source",
        "wide",
    )

    def __init__(self, sender: Side, source: socket.socket, sink: socket.socket) -> None:
        self.sender: Side = sender
        self.source = source
        self.sink = sink
        self.framer = Framer(CLIENT_PASSING if sender == "client" else SERVER_PASSING)
        self.ahead = 0  # bytes in the source that were looked at
        self.described: tuple[Descriptor, ...] = ()
        self.done = False
        self.paused = False
        self.owed = 0
        self.held = 0
        #: SO_SNDBUF of the sink, usually and during a long message; 0: the system's own.  The kernel doubles it.
        self.sends = (
            (_UNIX_SENDS >> 1, _UNIX_SENDS_LONG >> 1) if sink.family == socket.AF_UNIX else (0, 0)
        )
        self.wide = False  # the sink takes more
        self._held: memoryview | None = None  # taken, and not yet sent
        self._fds: list[int] = []  # descriptors for one of the bytes that are held
        self._fds_at = 0  # which one
        # Only a client sends descriptors, and only a UNIX socket carries them.
        self.looks = sender == "client" and source.family == socket.AF_UNIX
        narrow(source, sink)

    @property
    def full(self) -> bool:
        """Whether there are bytes that were looked at, and did not go out yet."""
        return self._held is not None or self.ahead > 0

    @property
    def is_idle(self) -> bool:
        """Whether what comes next begins with a message, and nothing hinders it."""
        return self.framer.idle and not (
            self.full or self.done or self.paused or self.owed or self.described
        )

    @property
    def ready(self) -> int:
        """How many bytes may go out."""
        held = 0 if self._held is None else len(self._held)
        return held + self.ahead - self.framer.behind

    @property
    def unseen(self) -> bool:
        """Whether there are bytes in the source that were not looked at."""
        return self.unread > 0

    @property
    def unread(self) -> int:
        """How many bytes there are in the source that were not looked at."""
        waiting = fcntl.ioctl(self.source, termios.FIONREAD, b"\0" * 4)
        return max(0, int(struct.unpack("i", waiting)[0]) - self.ahead)

    def look(self, buffer: memoryview) -> tuple[int, int, list[int], int]:
        """What is there: bytes in `buffer`, how many of them were taken, descriptors, their byte.

        All that have descriptors are taken.  Raises what reading does.
        """
        if self.looks:
            return look(self.source, buffer, ROOM)
        count = taken = self.source.recv_into(buffer[:ROOM])
        if count == ROOM:
            # What ended the stream, if anything did, is there the next time as well.
            with contextlib.suppress(OSError):
                count += self.source.recv_into(buffer[ROOM:], 0, socket.MSG_PEEK)
        return count, taken, [], 0

    def hold(self, held: int) -> None:
        """So many bytes of a message are held."""
        self.held = held
        self.fit()

    def fit(self, waiting: int = 0) -> None:
        """Have the sink take as much as is right while so many bytes are sent on."""
        wide = self.held >= LONG or waiting >= LONG
        if wide != self.wide:
            self.wide = wide
            if self.sends[wide]:
                self.sink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.sends[wide])

    def keep(self, data: bytes, taken: int, fds: list[int], at: int) -> None:
        """Have all of `data` wait, of which `taken` bytes are not in the source any more."""
        self._held = memoryview(data)[:taken] if taken else None
        self._fds, self._fds_at = fds, at
        self.ahead = len(data) - taken

    def add(self, data: bytes) -> None:
        """Have bytes wait behind what waits already; for a direction that has taken all that it looked at."""
        self._held = memoryview((b"" if self._held is None else bytes(self._held)) + data)

    def sent(self, data: bytes, taken: int, sent: int, buffer: memoryview) -> None:
        """So many bytes of `data` went out; the others wait."""
        if sent < taken:
            self._held = memoryview(data)[sent:taken]
            self.ahead = len(data) - taken
        else:
            self.ahead = len(data) - sent
            self._drop(sent - taken, buffer)
            self._fit_again()

    def send(self, buffer: memoryview) -> None:
        """Send what may go out, as far as the sink takes it.  Raises what sending does."""
        while (most := self.ready) > 0:
            if self._held is None:
                count = self.source.recv_into(buffer, min(most, CHUNK >> 1), socket.MSG_PEEK)
                sent = self.sink.send(buffer[:count])
                self.ahead -= sent
                self._drop(sent, buffer)
                if sent < count:
                    return  # the sink is full
                continue
            data = self._held[:most]
            if self._fds and self._fds_at:
                sent = self.sink.send(data[: self._fds_at])
                self._fds_at -= sent
            else:
                sent = send(self.sink, data, self._fds)
                close_all(self._fds)
            self._held = self._held[sent:] if sent < len(self._held) else None
        self._fit_again()

    def _fit_again(self) -> None:
        """Nothing may wait any more, for which the sink takes more."""
        if self.wide and not self.full:
            self.fit()

    def _drop(self, count: int, buffer: memoryview) -> None:
        """Take so many bytes, which were looked at and sent."""
        while count:
            count -= self.source.recv_into(buffer, count)

    def rest(self, buffer: memoryview) -> bytes:
        """What is there, and was not looked at; the source takes no more."""
        self.source.shutdown(socket.SHUT_RD)
        found = bytearray()
        with contextlib.suppress(OSError):
            while count := self.source.recv_into(buffer):
                found += buffer[:count]
        seen, self.ahead = self.ahead, 0
        return bytes(found[seen:])

    def forget(self) -> None:
        """Send nothing more: the sink takes nothing."""
        self._held = None
        self.close()

    def close(self) -> None:
        """Close the descriptors that wait."""
        close_all(self._fds)


def narrow(source: socket.socket, sink: socket.socket) -> None:
    """Keep the system from holding much of what passes, besides what it would hold without us."""
    if sink.family == socket.AF_UNIX:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNIX_SENDS >> 1)
    else:
        sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _TCP_SENDS)
    if source.family != socket.AF_UNIX:
        source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _TCP_RECEIVES)
