"""One direction of a TCP connection: segments in any order to its bytes in theirs.

A `Stream` is given what was captured (`add`, `end`) and what the other side has acknowledged
(`acked`).  It gives, one after the other, the bytes that come next, or that some are missing
(`take`).  Sequence numbers count without end in here, from a start that is far from 0; on the wire
they wrap around after 4 GiB.

Of what was captured twice the first copy counts, as with most receivers.  What has been given
already is not looked at again, so keep-alives and repeated segments do no harm.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import NamedTuple

#: Bytes of a direction that wait for missing ones, at most.  A TCP window can be larger, and
#: hardly ever is.
ROOM = 16 << 20
#: The same of a whole capture.
ALL_ROOM = 64 << 20
#: Pieces of a direction that wait, at most.
_MOST_PIECES = 20_000

_WRAP = 1 << 32
#: What is further away than a window can be belongs to another connection, or to none.
_FAR = 1 << 30


class Piece(NamedTuple):
    """Bytes at `start`, or (`data` is None) `size` bytes that are missing for good.

    `number` and `ns` are those of the packet, `ack` the other side's next byte as its sender knew
    it, as it was on the wire.
    """

    start: int
    size: int
    data: bytes | None
    number: int
    ns: int
    ack: int | None

    @property
    def stop(self) -> int:
        """Where the next byte would be."""
        return self.start + self.size


class Room:
    """The memory that all of a capture has for what waits: `left` bytes."""

    def __init__(self, left: int = ALL_ROOM) -> None:
        self.left = left


class Stream:
    """Puts one direction together.

    `next` is the number of the byte that comes next (None: not known yet), `known` that of the
    last byte which the other side is known to have received, plus one.  `fin` is where the
    direction ends, once that was seen, `fin_ns` when, and `fin_ack` what its sender had received
    by then.
    `conflicts` counts copies that said something else, `strays` segments from far away.
    """

    def __init__(self, room: Room) -> None:
        self._all = room
        self.next: int | None = None
        self.known = 0
        self._known_ns = 0
        self.fin: int | None = None
        self.fin_ack: int | None = None
        self.fin_ns = 0
        self.conflicts = 0
        self.strays = 0
        self._waiting: list[Piece] = []  # in order, and none overlaps another
        self._room = ROOM

    def begin(self, seq: int) -> None:
        """The direction begins at this sequence number: a SYN was seen, or an answer to one."""
        if self.next is None:
            self.next = self._counted(seq, None)
            self.known = max(self.known, self.next)
            self._drop_old()

    def begin_anywhere(self) -> None:
        """Take what was captured first as the beginning."""
        if self.next is None and self._waiting:
            self.next = self._waiting[0].start
            self.known = max(self.known, self.next)
        elif self.next is None and self.known:
            self.next = self.known

    def add(
        self, seq: int, data: bytes, lost: int, number: int, ns: int, ack: int | None = None
    ) -> None:
        """Bytes were captured at `seq`; `lost` more behind them were cut off."""
        start = self._counted(seq, self.next)
        if self.next is not None and abs(start - self.next) > _FAR:
            self.strays += 1
            return
        if data:
            self._put(Piece(start, len(data), data, number, ns, ack))
        if lost:
            self._put(Piece(start + len(data), lost, None, number, ns, ack))

    def end(self, seq: int, ns: int, ack: int | None = None) -> None:
        """The direction ends at `seq`; its sender had received everything before `ack`."""
        if self.fin is None:
            self.fin_ns = ns
            self.fin = self._counted(seq, self.next)
            self.fin_ack = ack

    def acked(self, ack: int, ns: int) -> None:
        """The other side has received everything before `ack`, and told so at `ns`."""
        count = self._counted(ack, self.next)
        if self.next is None or -_FAR < count - self.next < _FAR:
            # A FIN takes a number, too, and is not a byte.
            limit = count if self.fin is None else min(count, self.fin)
            if limit > self.known:
                self.known, self._known_ns = limit, ns

    def counted_ack(self, ack: int) -> int | None:
        """An acknowledgement as a number of this stream's own; None for one that makes no sense."""
        if self.next is None:
            return None
        count = self._counted(ack, self.next)
        return count if abs(count - self.next) < _FAR else None

    def may_begin(self, seq: int) -> bool:
        """Whether what was captured of the direction may follow a SYN before `seq`."""
        if self.next is not None or not self._waiting:
            return self.next is None
        return 0 <= self._waiting[0].start - self._counted(seq, None) < ROOM

    @property
    def done(self) -> bool:
        """Whether everything up to the direction's end has been given."""
        return self.fin is not None and self.next is not None and self.next >= self.fin

    @property
    def missing(self) -> int:
        """Bytes that are missing before whatever is known to come; 0: none, or nothing does."""
        if self.next is None:
            return 0
        if self._waiting:
            return self._waiting[0].start - self.next
        target = self.known if self.fin is None else max(self.known, self.fin)
        return max(0, target - self.next)

    @property
    def overflows(self) -> bool:
        """Whether more waits than there is room for."""
        return self._room < 0 or self._all.left < 0 or len(self._waiting) > _MOST_PIECES

    def peek(self) -> Piece | None:
        """The piece that comes next, if nothing is missing before it."""
        if self._waiting and self.next is not None and self._waiting[0].start <= self.next:
            return self._waiting[0]
        return None

    def take(self) -> Piece | None:
        """The bytes that come next, if nothing is missing before them."""
        piece = self.peek()
        if piece is not None:
            del self._waiting[0]
            self._charge(piece, -1)
            self.next = piece.stop
        return piece

    @property
    def missed_at(self) -> int:
        """When it showed that bytes are missing, in ns."""
        if self._waiting:
            return self._waiting[0].ns
        return self._known_ns if self.next is None or self.known > self.next else self.fin_ns

    def give_up(self, size: int) -> None:
        """Stop waiting for the next `size` bytes, which are missing."""
        if self.next is not None:
            self.next += size

    def _counted(self, seq: int, near: int | None) -> int:
        """The number without wrapping that is `seq` on the wire, and closest to what is known."""
        if near is None:
            near = (
                self._waiting[0].start if self._waiting else self.known or self.fin or seq + _WRAP
            )
        step = (seq - near) % _WRAP
        return near + (step if step < _WRAP // 2 else step - _WRAP)

    def _drop_old(self) -> None:
        waiting, self._waiting = self._waiting, []
        for piece in waiting:
            self._charge(piece, -1)
            self._put(piece)

    def _put(self, piece: Piece) -> None:
        """Keep what is new in a piece."""
        if self.next is not None and piece.start < self.next:
            piece = _from(piece, self.next)
        at = bisect_right(self._waiting, piece.start, key=_start)
        if at and self._waiting[at - 1].stop > piece.start:
            at -= 1
        while piece.size > 0:
            if at < len(self._waiting):
                other = self._waiting[at]
                if other.start <= piece.start < other.stop:
                    self._compare(other, piece)
                    piece = _from(piece, other.stop)
                    at += 1
                    continue
                if other.start < piece.stop:
                    self._keep(_until(piece, other.start))
                    piece = _from(piece, other.start)
                    at += 1
                    continue
            self._keep(piece)
            return

    def _keep(self, piece: Piece) -> None:
        insort(self._waiting, piece, key=_start)
        self._charge(piece, 1)

    def _charge(self, piece: Piece, sign: int) -> None:
        if piece.data is not None:
            self._room -= sign * piece.size
            self._all.left -= sign * piece.size

    def forget(self) -> None:
        """Drop what waits."""
        for piece in self._waiting:
            self._charge(piece, -1)
        self._waiting.clear()

    def _compare(self, old: Piece, new: Piece) -> None:
        if old.data is None or new.data is None:
            return
        offset = new.start - old.start
        common = min(old.stop, new.stop) - new.start
        self.conflicts += old.data[offset : offset + common] != new.data[:common]


def _start(piece: Piece) -> int:
    return piece.start


def _from(piece: Piece, start: int) -> Piece:
    """What of a piece stands at `start` and behind."""
    skip = min(start - piece.start, piece.size)
    data = None if piece.data is None else piece.data[skip:]
    return piece._replace(start=start, size=piece.size - skip, data=data)


def _until(piece: Piece, stop: int) -> Piece:
    """What of a piece stands before `stop`."""
    size = stop - piece.start
    return piece._replace(size=size, data=None if piece.data is None else piece.data[:size])
