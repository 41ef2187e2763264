"""Bytes to records, cut into messages the way the recorder does it.

A converter tells who sent which bytes when; `Wire` keeps a framer for each direction, and gives
the records that a recording of the same bytes would hold.  Behind a gap, what is the rest of a lost
message stands as raw bytes of its own, up to the next message that can be told
(`qmpconf.protocol.resync`).

`joined` puts noise, of which every few bytes are a frame, into few records again: a trace of it is
little longer than the noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.resync import Resync, begins
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
)

SIDES: tuple[Side, Side] = ("client", "server")
#: The frames that a receiver answers.
MESSAGES = (Kind.VALUE, Kind.MALFORMED)


class Wire:
    """The sessions of one input.  Every method gives records, in the order of the trace.

    `line` is that of the input, for messages; `t` is in seconds since the header's time.
    """

    def __init__(self) -> None:
        self.sessions = 0
        self.messages = 0
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
        for side, limits in zip(SIDES, (CLIENT_LIMITS, SERVER_LIMITS), strict=True):
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
            yield traffic(line, t, conn, sender, frame, fds, redacted)
            fds = ()


def traffic(
    line: int,
    t: float,
    conn: int,
    sender: Side,
    frame: Frame,
    fds: tuple[Descriptor, ...] = (),
    redacted: tuple[str, ...] = (),
) -> Traffic:
    """The record of one frame."""
    if frame.plain:
        return Traffic(line, t, conn, sender, "msg", frame.data, frame.end, fds, redacted)
    return Traffic(line, t, conn, sender, "raw", frame.data + frame.end, b"", fds, redacted)


def frame_of(record: Traffic) -> Frame:
    """The frame of one record; what is not plain counts as a value that need not parse."""
    if record.form == "msg":
        return Frame(Kind.VALUE, record.data, record.end, plain=True)
    kind = Kind.VALUE if record.data.strip() else Kind.SPACE
    return Frame(kind, record.data)


def joined(records: Iterable[Record]) -> Iterator[Record]:
    """The same records, but for malformed bytes that came in one piece: they stand in one.

    A reader makes the same frames of them (`qmpconf.trace.reader.items_of`).  What looks like a
    message or carried a descriptor has its own record, as before, and so has a message of which values
    were redacted.
    """
    run: list[Traffic] = []
    behind: set[tuple[int, Side]] = set()  # directions where no message has begun since a gap
    for record in records:
        noise = None
        goes_on = False
        if isinstance(record, Traffic):
            noise = record if _is_noise(record) else None
            goes_on = bool(run) and noise is not None and _is_next(run[-1], record)
            way = record.conn, record.sender
            if way in behind:
                # A reader looks for the beginning of a message where a record begins.
                goes_on = False
                if record.form == "msg" or begins(record.data):
                    behind.remove(way)
        elif isinstance(record, Gap):
            behind.add((record.conn, record.sender))
        if run and not goes_on:
            yield _one(run)
            run = []
        if noise is not None:
            run.append(noise)
        else:
            yield record
    if run:
        yield _one(run)


#: The pointers of bytes that are no message, and in which something was redacted.
_WHOLE = ("",)


def _is_noise(record: Traffic) -> bool:
    if record.form == "msg" or record.redacted not in ((), _WHOLE):
        return False
    text = record.data.strip()
    return not (text.startswith(b"{") and text.endswith(b"}"))


def _is_next(last: Traffic, record: Traffic) -> bool:
    """Whether both came with one piece of the input, on one way, and `record` with nothing else."""
    place = record.line, record.t, record.conn, record.sender
    return place == (last.line, last.t, last.conn, last.sender) and not record.fds


def _one(run: list[Traffic]) -> Traffic:
    first = run[0]
    if len(run) == 1:
        return first
    data = b"".join(record.data for record in run)
    redacted = _WHOLE if any(record.redacted for record in run) else ()
    return Traffic(
        first.line, first.t, first.conn, first.sender, "raw", data, b"", first.fds, redacted
    )
