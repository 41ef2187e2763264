"""One TCP connection: both directions in the order in which its ends saw them.

The ends of a connection tell by their acknowledgements what they had received when they sent
something.  So what one side sent is given only after that of the other side which it had seen: a
reply never stands behind the command that it caused, also where a capture has them so.

A hole is waited for: the capture may have reordered packets, or the segment is sent again.  It is
given up once it was acknowledged, and nothing has filled it for a while (`_PATIENCE`), or when more
waits behind it than there is room for (`qmpconf.trace.capture.stream.ROOM`), or at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from qmpconf.trace.capture.segments import ACK, FIN, RST, SYN, End, Segment
from qmpconf.trace.capture.stream import Room, Stream

#: How long a hole is waited for: in ns, and in segments of its connection.
_PATIENCE = 1_000_000_000
_SEGMENTS = 500
#: Segments by which it is settled where a connection that began before the capture begins here.
_SETTLED = 16


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened next: `side` (0: the end that was seen first) sent data, or ended something.

    `size` is that of a gap; 0 where it is unknown.
    """

    what: Literal["data", "gap", "shut", "reset"]
    side: int
    number: int
    ns: int
    data: bytes = b""
    size: int = 0


class Connection:
    """Puts one connection together; what waits goes to the account of `room`.

    `ends` are its two ends, in the order in which they were seen; `opener` is the one that sent
    the SYN (None: it was not captured), `whole` whether any SYN was.  `first` and `latest` are times
    in ns.  `answered` says that more than a SYN and its refusal was seen, `over` that nothing more
    can come.
    """

    def __init__(self, segment: Segment, room: Room) -> None:
        self.ends: tuple[End, End] = (segment.source, segment.target)
        self.opener: int | None = None
        self.number = segment.number
        self.first = self.latest = segment.ns
        self.answered = False
        self.over = False
        self.whole = False
        self._isn: int | None = None  # of the opener's SYN
        self._streams = (Stream(room), Stream(room))
        self._segments = 0
        self._since: list[tuple[int, int] | None] = [None, None]  # ns and segments: hole seen
        self._shut = [False, False]

    @property
    def strays(self) -> int:
        """Segments that did not belong to the connection."""
        return sum(stream.strays for stream in self._streams)

    @property
    def conflicts(self) -> int:
        """Copies of a segment that said something else than the first."""
        return sum(stream.conflicts for stream in self._streams)

    def begins_anew(self, segment: Segment) -> bool:
        """Whether a SYN is that of another connection between the same ends."""
        if not segment.flags & SYN or segment.flags & ACK:
            return False
        if self.over or self._isn is not None:
            return self._isn != segment.seq
        own = self._streams[self._side(segment)]
        return not own.may_begin((segment.seq + 1) % (1 << 32))

    def take(self, segment: Segment) -> Iterator[Happening]:
        """Take the next captured segment."""
        if self.over:
            return
        side = self._side(segment)
        own, other = self._streams[side], self._streams[1 - side]
        self.latest = max(self.latest, segment.ns)
        self._segments += 1
        flags, seq = segment.flags, segment.seq
        if flags & SYN:
            seq = (seq + 1) % (1 << 32)
            own.begin(seq)
            self.whole = True
            if flags & ACK:
                self.opener = 1 - side if self.opener is None else self.opener
            else:
                self.opener, self._isn = side, segment.seq
        elif not flags & RST:
            self.answered = True
        ack = segment.ack if flags & ACK else None
        if ack is not None and not flags & RST:
            if self.whole:
                other.begin(ack)
            other.acked(ack, segment.ns)
        if segment.data or segment.lost:
            own.add(seq, segment.data, segment.lost, segment.number, segment.ns, ack)
        if flags & FIN:
            own.end((seq + len(segment.data) + segment.lost) % (1 << 32), segment.ns, ack)
        settled = self.whole or own.next is not None or other.next is not None
        if not settled and self._segments < _SETTLED and not flags & RST:
            return
        yield from self._advance(segment.number)
        if flags & RST:
            yield from self.finish(segment.number)
            self.over = True
            yield Happening("reset", side, segment.number, segment.ns)

    def tick(self, ns: int) -> Iterator[Happening]:
        """Time has passed, and nothing was captured: give up what was waited for long enough."""
        if not self.over and ns - self.latest > _PATIENCE:
            self.latest = ns
            yield from self._advance(self.number)

    def finish(self, number: int = 0) -> Iterator[Happening]:
        """Nothing more comes: give everything that waits."""
        yield from self._advance(number, patient=False)

    def forget(self) -> None:
        """Nothing of it is wanted."""
        self.over = True
        for stream in self._streams:
            stream.forget()

    def _side(self, segment: Segment) -> int:
        return 0 if segment.source == self.ends[0] else 1

    def _advance(self, number: int, *, patient: bool = True) -> Iterator[Happening]:
        """Give what can be given."""
        if not self.whole or not patient or self._segments > _SETTLED:
            for stream in self._streams:
                stream.begin_anywhere()
        moved = True
        while moved:
            moved = False
            for side in (0, 1):
                for happening in self._deliver(side):
                    moved = True
                    yield happening
            if not moved:
                for side in (0, 1):
                    gap = self._hole(side, number, patient=patient)
                    if gap is not None:
                        moved = True
                        yield gap
                        break
            if not moved:
                # Each side waits for the other: no real capture does, a made-up one may.
                for side in (0, 1):
                    stream = self._streams[side]
                    if stream.peek() is not None and (not patient or stream.overflows):
                        yield from self._deliver(side, causal=False)
                        moved = True
                        break
                    stream.fin_ack = stream.fin_ack if patient else None
        if all(self._shut):
            self.over = True

    def _deliver(self, side: int, *, causal: bool = True) -> Iterator[Happening]:
        """Give what is there, as long as its sender had seen no more than was given."""
        stream = self._streams[side]
        while (piece := stream.peek()) is not None:
            if causal and not self._has_given(1 - side, piece.ack):
                return
            stream.take()
            causal = True
            self._since[side] = None
            if piece.data is None:
                yield Happening("gap", side, piece.number, piece.ns, size=piece.size)
            else:
                yield Happening("data", side, piece.number, piece.ns, piece.data)
        if stream.done and not self._shut[side] and self._has_given(1 - side, stream.fin_ack):
            self._shut[side] = True
            yield Happening("shut", side, self.number, stream.fin_ns)

    def _hole(self, side: int, number: int, *, patient: bool) -> Happening | None:
        """Give up a hole that will not be filled any more."""
        stream = self._streams[side]
        missing = stream.missing
        if not missing:
            self._since[side] = None
            return None
        if patient and not stream.overflows:
            received = stream.next is not None and stream.known > stream.next
            since = self._since[side]
            if not received:
                return None  # it was lost on the way, and will be sent again
            if since is None:
                self._since[side] = (self.latest, self._segments)
                return None
            if self.latest - since[0] < _PATIENCE and self._segments - since[1] < _SEGMENTS:
                return None
        ns = stream.missed_at
        if patient and not stream.overflows:
            missing = min(missing, stream.known - (stream.next or 0))
        # The other side spoke when it had seen a part of it: the rest is missing behind that.
        other = self._streams[1 - side].peek()
        seen = (
            stream.counted_ack(other.ack) if other is not None and other.ack is not None else None
        )
        if seen is not None and stream.next is not None and 0 < seen - stream.next < missing:
            missing = seen - stream.next
        else:
            self._since[side] = None
        stream.give_up(missing)
        return Happening("gap", side, number, ns, size=missing)

    def _has_given(self, side: int, ack: int | None) -> bool:
        """Whether all of a side up to `ack` was given; its end takes a number, and is not a byte."""
        stream = self._streams[side]
        wanted = None if ack is None else stream.counted_ack(ack)
        if wanted is None or stream.next is None:
            return True
        if stream.fin is not None and wanted > stream.fin:
            return self._shut[side]
        return stream.next >= wanted
