"""Bytes to records, cut into messages the way the recorder does it.

A converter says who sent which bytes when; `Wire` keeps a framer for each direction, and gives
the records that a recording of the same bytes would hold.  Behind a gap, what is the rest of a lost
message stands as raw bytes of its own, up to the next message that can be known
(`qmpconf.protocol.resync`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qmpconf.protocol.framing import CLIENT_PASSING, MESSAGES, SERVER_PASSING, Frame, Framer, Kind
from qmpconf.protocol.resync import Resync
from qmpconf.trace.records import (
    Close,
    Closer,
    Descriptor,
    Finish,
    Gap,
    Open,
    Record,
    Shut,
    Side,
    Traffic,
    traffic,
)

SIDES: tuple[Side, Side] = ("client", "server")


class Wire:
    """The sessions of one input.  Every method gives records, in the order of the trace.

    `line` is that of the input, for messages; `t` is in seconds since the header's time.
    """

    def __init__(self) -> None:
        self.sessions = 0
        self.messages = 0
        self.frame = Frame(Kind.SPACE, b"")  # what the latest record of traffic was made of
        self._framers: dict[tuple[int, Side], Framer] = {}
        self._latest: dict[tuple[int, Side], tuple[int, float]] = {}
        self._passing: dict[tuple[int, Side], Resync] = {}  # no message has begun since a gap
        self._t = 0.0

    @property
    def latest(self) -> float:
        """The time of the latest record, in seconds."""
        return self._t

    def open(self, line: int, t: float, conn: int, *, client: str = "", server: str = "") -> Open:
        """Session `conn` begins."""
        self.sessions += 1
        for side, limits in zip(SIDES, (CLIENT_PASSING, SERVER_PASSING), strict=True):
            self._framers[conn, side] = Framer(limits)
        self._t = max(self._t, t)
        return Open(line, t, conn, client, server)

    def is_open(self, conn: int) -> bool:
        """Whether session `conn` has begun, and not ended."""
        return (conn, "client") in self._framers

    def sent(
        self,
        line: int,
        t: float,
        conn: int,
        sender: Side,
        data: bytes,
        fds: tuple[Descriptor, ...] = (),
        redacted: tuple[str, ...] = (),
    ) -> Iterator[Traffic]:
        """`sender` has sent these bytes, with the descriptors on the first of them.

        `redacted` is what was replaced in the message that they are.
        """
        self._latest[conn, sender] = line, t
        resync = self._passing.get((conn, sender)) if self._passing else None
        if resync is not None:
            passed, data = resync.feed(data)
            if data:
                del self._passing[conn, sender]
            if passed:
                yield from self._traffic(conn, sender, (Frame(Kind.SKIPPED, passed),), fds)
                fds = ()
        frames = self._framers[conn, sender].feed(data)
        yield from self._traffic(conn, sender, frames, fds, redacted)

    def gap(
        self,
        line: int,
        t: float,
        conn: int,
        sender: Side,
        size: int = 0,
        *,
        messages: int = 0,
        lines: int = 0,
    ) -> Iterator[Record]:
        """Something of `sender` is missing here, as `Gap` says it."""
        yield from self._rest(conn, sender)
        self._t = max(self._t, t)
        if not messages:
            self._passing[conn, sender] = Resync()
        yield Gap(line, t, conn, sender, size, messages, lines)

    def shut(self, line: int, t: float, conn: int, who: Side) -> Iterator[Record]:
        """`who` has closed its sending direction."""
        yield from self._rest(conn, who)
        yield Shut(line, t, conn, who)

    def close(
        self, line: int, t: float, conn: int, who: Closer, *, error: str = ""
    ) -> Iterator[Record]:
        """Session `conn` has ended."""
        for side in SIDES:
            yield from self._rest(conn, side)
            del self._framers[conn, side]
        self._t = max(self._t, t)
        yield Close(line, t, conn, who, error)

    def finish(self, line: int = 0) -> Iterator[Record]:
        """The input has ended: so does the trace, and every session that is still open."""
        for conn in sorted({conn for conn, _ in self._framers}):
            yield from self.close(line, self._t, conn, "recorder")
        yield Finish(line, self._t, self.sessions, self.messages)

    def _rest(self, conn: int, sender: Side) -> Iterator[Traffic]:
        """What is left of a message that does not end, or has no beginning."""
        resync = self._passing.pop((conn, sender), None)
        if resync is not None and (held := resync.close()):
            yield from self._traffic(conn, sender, (Frame(Kind.SKIPPED, held),), ())
        yield from self._traffic(conn, sender, self._framers[conn, sender].close(), ())

    def _traffic(
        self,
        conn: int,
        sender: Side,
        frames: Iterable[Frame],
        fds: tuple[Descriptor, ...],
        redacted: tuple[str, ...] = (),
    ) -> Iterator[Traffic]:
        line, t = self._latest.get((conn, sender), (0, self._t))
        self._t = max(self._t, t)
        for frame in frames:
            self.messages += frame.kind in MESSAGES
            self.frame = frame
            yield traffic(line, t, conn, sender, frame, fds, redacted)
            fds = ()
