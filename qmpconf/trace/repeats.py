"""What a part of a recording repeats of the parts before it, so that it can be read alone.

Of each session that goes on: its opening, the greeting, the negotiation, a gap that says how much more
there was, and the commands that still wait for their responses.  And the latest reply to
``query-qmp-schema``, with its session, even if that is over: all others are judged by it.

What is not certain (a message that has not ended, what is not JSON, what is too long to be kept) is a
gap of unknown content, behind which a reader blames nobody (qmpconf/trace/README.md, Gaps).  Knows no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qmpconf.protocol.framing import MESSAGES, Frame, Kind
from qmpconf.protocol.messages import Greeting, Success
from qmpconf.protocol.session import Session
from qmpconf.trace.records import Close, Gap, Open, Record, Shut, Side, Traffic
from qmpconf.trace.summary import skimmed

#: Bytes of the longest message that is repeated, and of all commands of a session that wait.
LONGEST = 1 << 20

_SIDES: tuple[Side, Side] = ("client", "server")

Exchange = tuple[Traffic, Traffic]


class _Kept:
    """One session: what may have to be repeated of it."""

    def __init__(self, opening: Open) -> None:
        self.opening = opening
        self.session = Session()
        self.greeting: Traffic | None = None
        self.negotiation: Exchange | None = None
        self.schema: Exchange | None = None
        self.shuts: list[Shut] = []
        self.closing: Close | None = None
        self.unsure = False
        self.within: set[Side] = set()  # in the middle of a message
        self.bytes: dict[Side, int] = {"client": 0, "server": 0}
        self.messages: dict[Side, int] = {"client": 0, "server": 0}

    def records(self) -> Iterator[Record]:
        """What is repeated."""
        yield self.opening
        begun = [self.greeting] if self.greeting is not None else []
        for exchange in (self.negotiation, self.schema):
            begun += exchange or ()
        begun.sort(key=lambda one: one.t)
        yield from begun
        waiting = self._waiting()
        unsure = self.unsure or waiting is None or bool(self.within)
        waiting = waiting or []
        t = begun[-1].t if begun else self.opening.t
        for side in _SIDES:
            there = [one for one in (*begun, *waiting) if one.sender == side]
            size = self.bytes[side] - sum(len(one.data) + len(one.end) for one in there)
            messages = self.messages[side] - len(there)
            if messages or side in self.within or (size and unsure):
                yield Gap(0, t, self.opening.conn, side, size, 0 if unsure else messages)
        yield from waiting
        yield from self.shuts
        if self.closing is not None:
            yield self.closing

    def _waiting(self) -> list[Traffic] | None:
        """The commands that wait for their responses; None if that is not certain."""
        if self.unsure or self.closing is not None:
            return []
        found: list[Traffic] = [one.mark for one in self.session.pending]
        found.sort(key=lambda one: one.t)
        return found if sum(len(one.data) for one in found) <= LONGEST else None


class Repeats:
    """Sees every record of a recording, and says what its next part repeats."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._asked: _Kept | None = None  # the session of the latest schema reply

    def records(self) -> list[Record]:
        """What the next part begins with, session by session."""
        found = dict(self._kept)
        if self._asked is not None:
            found.setdefault(self._asked.opening.conn, self._asked)
        return [record for _, one in sorted(found.items()) for record in one.records()]

    def take(self, record: Open | Shut | Close | Gap) -> None:
        """What happened to a session."""
        if isinstance(record, Open):
            self._kept[record.conn] = _Kept(record)
            return
        kept = self._of(record)
        if isinstance(record, Shut):
            kept.shuts.append(record)
        elif isinstance(record, Gap):
            kept.unsure = True
        else:
            kept.closing = record
            del self._kept[record.conn]

    def frame(self, record: Traffic, frame: Frame) -> None:
        """A frame, and the record that it is written as."""
        kept, side = self._of(record), record.sender
        kept.bytes[side] += len(record.data) + len(record.end)
        if frame.kind is Kind.PART:
            kept.within.add(side)
            return
        kept.within.discard(side)
        if frame.kind in MESSAGES:
            kept.messages[side] += 1
        if frame.kind is Kind.SPACE:
            return
        if frame.kind is not Kind.VALUE or kept.unsure:
            kept.unsure = True  # what it does to the order of responses differs between servers
            return
        seen = skimmed(frame) if side == "server" else frame
        if len(seen.data) > LONGEST:
            kept.unsure = True
        elif side == "client":
            kept.session.client(frame, record)
        else:
            self._received(kept, record, seen)

    def _received(self, kept: _Kept, record: Traffic, frame: Frame) -> None:
        step = kept.session.server(frame, record)
        if type(step.message) is Greeting:
            kept.greeting, kept.negotiation = record, None
        elif step.answered is not None and type(step.message) is Success:
            exchange = step.answered.mark, record
            if step.answered.name == "qmp_capabilities" and kept.negotiation is None:
                kept.negotiation = exchange
            elif step.answered.name == "query-qmp-schema" and len(record.data) <= LONGEST:
                if self._asked is not None:
                    self._asked.schema = None
                kept.schema, self._asked = exchange, kept

    def _of(self, record: Traffic | Shut | Close | Gap) -> _Kept:
        if record.conn not in self._kept:
            self._kept[record.conn] = _Kept(Open(0, record.t, record.conn))
        return self._kept[record.conn]


def uncertain(records: Sequence[Record]) -> list[Gap]:
    """The gaps of unknown content among what is repeated."""
    return [one for one in records if isinstance(one, Gap) and not one.messages]
