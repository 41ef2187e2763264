"""Records to messages: the frames of each direction, also where they are spread over records.

A message of more than `HELD` bytes, or of more than `MOST_VALUES` values, would fill the memory of
whoever parses it: among the items it is a `Gap` that is `too_long`.  Its bytes are in the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, Protocol, overload

import msgspec

from qmpconf.protocol.framing import CLIENT_PASSING, HELD, SERVER_PASSING, Frame, Framer, Kind
from qmpconf.protocol.resync import Resync
from qmpconf.protocol.values import is_json
from qmpconf.trace.records import (
    Close,
    Descriptor,
    Fault,
    Finish,
    Gap,
    Open,
    Record,
    Shut,
    Side,
    Traffic,
)
from qmpconf.trace.settle import Settler

#: The most values that a message may have to be judged; each takes some 200 bytes of memory.
MOST_VALUES = 1 << 18
#: Messages of fewer bytes are not looked at for that.
MANY = 1 << 20
#: Bytes of a record that is not one message are looked at in pieces of this size.
_PIECE = 1 << 16

_SIDES: tuple[Side, Side] = ("client", "server")
_OTHER: dict[Side, Side] = {"client": "server", "server": "client"}


class Item(msgspec.Struct, frozen=True):
    """One frame of one direction, and where it stands in the file.

    `line` is the line on which the frame ends.
    """

    line: int
    t: float
    conn: int
    sender: Side
    frame: Frame
    fds: tuple[Descriptor, ...] = ()
    redacted: tuple[str, ...] = ()


class Flow:
    """The sessions of a trace that is being read, as `items_of` knows them.

    Whoever looks at a whole message by itself, and leaves it out of the records, asks `passes` first.
    """

    def __init__(self) -> None:
        self.settler = Settler()
        #: Directions in which messages are spread over records.
        self.split: dict[tuple[int, Side], _Split] = {}

    def passes(self, conn: int) -> bool:
        """Whether a message of session `conn` may be left out; then it counts as the latest record."""
        if self.split:
            for side in _SIDES:
                one = self.split.get((conn, side))
                if one is not None and not one.idle:
                    return False
        return conn == self.settler.latest or self.settler.goes_on(conn)


class Aside(Protocol):
    """Looks at the lines of a trace before they are read, and may take some for itself."""

    def begin(self, flow: Flow) -> None:
        """Take note of the sessions of the trace whose lines come."""

    def takes(self, line: bytes, number: int) -> bool:
        """Whether it takes this line; only those that hold a whole message may be taken."""


@overload
def items_of(
    records: Iterable[Item | Record],
    flow: Flow | None = None,
    *,
    faults: Literal[False] = False,
) -> Iterator[Open | Item | Gap | Shut | Close]: ...


@overload
def items_of(
    records: Iterable[Item | Record], flow: Flow | None = None, *, faults: bool
) -> Iterator[Open | Item | Gap | Shut | Close | Fault]: ...


def items_of(
    records: Iterable[Item | Record], flow: Flow | None = None, *, faults: bool = False
) -> Iterator[Open | Item | Gap | Shut | Close | Fault]:
    """The frames of `records`, between the openings and closings of the sessions.

    Before a gap comes what was left of a message, as `Kind.PARTIAL`; behind it the rest of a
    message that is lost, as `Kind.SKIPPED`.  What a recorder did on purpose is said with `faults`: it changes
    nothing of what the two sides have said.
    """
    flow = flow or Flow()
    split = flow.split
    for record in flow.settler.of(records):
        if split and isinstance(record, Item | Traffic):
            other = split.get((record.conn, _OTHER[record.sender]))
            if other is not None:
                yield from other.settle()
        if type(record) is Item:
            one = split.get((record.conn, record.sender)) if split else None
            if one is None or one.idle:
                yield _judgeable(record) if len(record.frame.data) > MANY else record
            else:
                yield from one.feed(traffic_of(record))
            continue
        if isinstance(record, Traffic):
            one = split.get((record.conn, record.sender))
            if one is None:
                one = split[record.conn, record.sender] = _Split(record)
            yield from one.feed(record)
            continue
        if isinstance(record, Finish):
            continue
        if isinstance(record, Fault):
            if faults:
                yield record
            continue
        if isinstance(record, Gap):
            one = split.get((record.conn, record.sender))
            if one is None:
                one = split[record.conn, record.sender] = _Split(_nothing(record))
            yield from one.gap(whole=record.messages > 0)
            yield record
            continue
        for side in _SIDES:
            over = isinstance(record, Close) or (isinstance(record, Shut) and record.who == side)
            if over and (record.conn, side) in split:
                yield from split.pop((record.conn, side)).close()
        yield record
    for key in sorted(split):
        yield from split[key].close()


class _Split:
    """One direction in which frames are spread over records.

    What stood with the parts of a frame, descriptors and redactions, comes out with the frame.
    """

    def __init__(self, record: Traffic) -> None:
        self.framer = Framer(CLIENT_PASSING if record.sender == "client" else SERVER_PASSING)
        self._latest = record
        self._fds: tuple[Descriptor, ...] = ()
        self._redacted: tuple[str, ...] = ()
        self._parts = 0  # bytes of a message that came as parts
        self._resync: Resync | None = None  # bytes are missing, and no message has begun since

    @property
    def idle(self) -> bool:
        """Whether the next record can be looked at alone."""
        return self.framer.idle and self._resync is None

    def feed(self, record: Traffic) -> Iterator[Item | Gap]:
        """The frames that end in `record`."""
        data = record.data + record.end
        if self._resync is not None:
            if record.form == "msg":  # who wrote it knew that a message begins here
                passed = self._resync.close()
            else:
                self._take(record)
                passed, data = self._resync.feed(data)
            if passed:
                yield from self._items((Frame(Kind.SKIPPED, passed),))
            if not data:
                return
            self._resync = None
            if record.form != "msg":
                yield from self._framed(data)
                return
        self._take(record)
        yield from self._framed(data)

    def _framed(self, data: bytes) -> Iterator[Item | Gap]:
        """Bytes that are not one message may be very many frames: not all of them at once."""
        whole = len(data) <= HELD and data[:1] == b"{" and self.idle
        if len(data) <= _PIECE or (whole and is_json(data)):
            yield from self._items(self.framer.feed(data))
            return
        for at in range(0, len(data), _PIECE):
            yield from self._items(self.framer.feed(data[at : at + _PIECE]))

    def gap(self, *, whole: bool) -> Iterator[Item | Gap]:
        """What is left of a frame, the rest of which is missing; the direction begins anew.

        With `whole` messages missing, one begins right behind it.
        """
        yield from self.close()
        self._resync = None if whole else Resync()

    def _take(self, record: Traffic) -> None:
        self._latest = record
        self._fds += record.fds
        self._redacted += record.redacted

    def settle(self) -> Iterator[Item | Gap]:
        """A bare number or keyword, which the other side has answered: it ended here."""
        return self._items(self.framer.settle())

    def close(self) -> Iterator[Item | Gap]:
        """What is left of a frame that did not end."""
        if self._resync is not None:
            held, self._resync = self._resync.close(), None
            return self._items((Frame(Kind.SKIPPED, held),) if held else ())
        return self._items(self.framer.close())

    def _items(self, frames: Iterable[Frame]) -> Iterator[Item | Gap]:
        for frame in frames:
            if frame.kind is Kind.PART:
                self._parts += len(frame.data)
                continue
            latest, fds, redacted = self._latest, self._fds, self._redacted
            self._fds = self._redacted = ()
            item = Item(latest.line, latest.t, latest.conn, latest.sender, frame, fds, redacted)
            yield _judgeable(item, self._parts) if len(frame.data) + self._parts > MANY else item
            self._parts = 0


def _judgeable(item: Item, before: int = 0) -> Item | Gap:
    """`item`, or what stands for a message that nobody shall parse; `before` is what came of it in parts."""
    frame = item.frame
    data = frame.data
    size = before + len(data)
    if frame.kind is Kind.VALUE and size <= HELD:
        if data.count(b",") + data.count(b"[") + data.count(b"{") <= MOST_VALUES:
            return item
    elif frame.kind is not Kind.VALUE and frame.kind is not Kind.LONG:
        return item
    return Gap(item.line, item.t, item.conn, item.sender, size, messages=1, too_long=True)


def traffic_of(item: Item) -> Traffic:
    """The record that a message stood in."""
    frame = item.frame
    return Traffic(
        item.line,
        item.t,
        item.conn,
        item.sender,
        "msg",
        frame.data,
        frame.end,
        item.fds,
        item.redacted,
    )


def _nothing(gap: Gap) -> Traffic:
    """No bytes, where bytes are missing."""
    return Traffic(gap.line, gap.t, gap.conn, gap.sender, "raw", b"")
