"""Matching: which message of the target stands for which recorded one, and what differs.

One `Matcher` for one session.  It is told what the recording expects and what the target says, in
whatever order the two come to be known, and reports differences as soon as they are certain.

- A reply stands for the recorded reply to the same command (counted, so ids need not be unique;
  the state machine of the protocol knows which command a reply answers).
- An event stands for an equal recorded event; where there is none, after a while, for one of the
  same name about the same thing.  Events are a partial order: they may come at another moment
  between two commands.  Only those of `INSIDE` keep their place beside the reply to the command
  that causes them.

Pure: how long "a while" is, is the caller's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from qmpconf.protocol.messages import Event, Failure, Greeting, Success, Unknown, brief
from qmpconf.protocol.values import Value, pointer
from qmpconf.replay import introspection
from qmpconf.replay.bindings import Bindings
from qmpconf.replay.compare import (
    NOTHING,
    Comparison,
    Level,
    Masked,
    Mismatch,
    compare,
    excuse_redacted,
)
from qmpconf.replay.difference import VALUE_WIDTH, Difference, Kind, shown
from qmpconf.replay.events import CAUSED, INSIDE, RATE_LIMITED, about_of, nearest
from qmpconf.replay.masks import Masks
from qmpconf.replay.said import Said
from qmpconf.replay.upgrade import Judge, Judgement

#: Places of one message that are reported one by one.
_MOST_PLACES = 40
#: Characters of a message around a difference.
_LINE_WIDTH = 120
#: Messages before a difference that are kept to be shown.
_BEFORE = 3
#: Events of the target that wait for a recorded one; more than these are given up as extra.
_POOL = 10_000

_Key = Hashable


@dataclass(frozen=True, slots=True)
class _Pair:
    """A recorded message and what stands for it."""

    expected: Said
    got: Said


class Matcher:
    """Matches one session; `report` gets its differences, `masked` what masks excused.

    `paired` is told each pair of messages and how they compare, before any of it is reported;
    `judge` says what a difference means, where the target is of another version.
    """

    def __init__(
        self,
        session: int,
        report: Callable[[Difference], None],
        masked: Callable[[Said, Masked], None],
        *,
        level: Level = Level.VALUE,
        masks: Masks | None = None,
        bindings: Bindings | None = None,
        paired: Callable[[Said, Said, Comparison], None] | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._judge = judge
        self._paired = paired
        self._session = session
        self._report = report
        self._masked = masked
        self._level = level
        self._masks = masks or Masks()
        self._bindings = bindings or Bindings()
        self._due: dict[_Key, deque[Said]] = {}
        self._arrived: dict[_Key, deque[Said]] = {}
        self._due_events: list[Said] = []
        self._pool: list[Said] = []
        self._order: deque[_Pair] = deque(maxlen=6)
        self._around: deque[tuple[str, bytes]] = deque(maxlen=_BEFORE)
        self._last_match = -1  # index of the target's latest message that stands for a recorded one
        #: Messages of the target that stood for a recorded one, by kind.
        self.matched = {"greeting": 0, "reply": 0, "event": 0}

    # --- what is known -------------------------------------------------------------------------

    @property
    def due(self) -> list[Said]:
        """Recorded messages that the target has not given: replies first, then events."""
        replies = [said for waiting in self._due.values() for said in waiting]
        return [*sorted(replies, key=lambda said: said.index), *self._due_events]

    @property
    def satisfied(self) -> bool:
        """Whether nothing is due."""
        return not self._due and not self._due_events

    @property
    def waits_softly(self) -> bool:
        """Whether all that is due may rightly never come."""
        return all(said.is_soft for waiting in self._due.values() for said in waiting)

    @property
    def has_candidates(self) -> bool:
        """Whether an event came that could stand for a due one, but for what it says."""
        return any(self._candidate(said) is not None for said in self._due_events)

    # --- what happens --------------------------------------------------------------------------

    def sent(self, data: bytes) -> None:
        """Take note of what was sent, to be shown around differences."""
        self._around.append(("->", data))

    def expect(self, said: Said) -> None:
        """Take the next recorded message."""
        if isinstance(said.message, Event):
            found = next((one for one in self._pool if self._is_equal(said, one)), None)
            if found is None:
                self._due_events.append(said)
            else:
                self._pool.remove(found)
                self._pair(said, found)
            return
        self._meet(said, self._due, self._arrived, is_expected=True)

    def got(self, said: Said) -> None:
        """Take the target's next message."""
        if isinstance(said.message, Event):
            found = next((one for one in self._due_events if self._is_equal(one, said)), None)
            if found is not None:
                self._due_events.remove(found)
                self._pair(found, said)
            else:
                said.before = tuple(self._around)
                self._pool.append(said)
                if len(self._pool) > _POOL:
                    self._extra(self._pool.pop(0))
        elif isinstance(said.message, Success | Failure) and said.answers is None:
            self._extra(said)
        else:
            self._meet(said, self._arrived, self._due, is_expected=False)
        self._around.append(("<-", said.data))

    def settle(self) -> None:
        """Let events that came stand for due ones of the same name that say something else."""
        for said in list(self._due_events):
            found = self._candidate(said)
            if found is not None:
                self._due_events.remove(said)
                self._pool.remove(found)
                self._pair(said, found)

    def give_up(self, *, why: str = "nothing", ended: bool = False) -> None:
        """Report everything that is due as missing; `why` there is no more hope.

        `ended` tells that the target has ended the session.
        """
        self.settle()
        for said in self.due:
            note = self._excuse(said)
            if not note and said.command == "quit" and ended:
                note = "a server that quits need not get its reply out"
            near = nearest(said, self._pool)
            self._tell("missing", said, None, "", shown(said.data), why, note=note, nearest=near)
        self._due.clear()
        self._due_events.clear()

    def finish(self, *, whole: bool) -> None:
        """The session is over; `whole` tells whether the recording holds its end."""
        self.give_up()
        behind = "" if whole else "came when the recording had already ended"
        for said in self._pool:
            late = "came after the last recorded message" if said.index > self._last_match else ""
            self._extra(said, behind or late)
        for waiting in self._arrived.values():
            for said in waiting:
                lost = "the recording ended before the reply"
                self._extra(said, behind or (lost if said.command == "quit" else ""))
        self._pool.clear()
        self._arrived.clear()

    # --- pairs ---------------------------------------------------------------------------------

    def _meet(
        self,
        said: Said,
        own: dict[_Key, deque[Said]],
        others: dict[_Key, deque[Said]],
        *,
        is_expected: bool,
    ) -> None:
        """Pair a message with the other side's of the same key, or let it wait for that."""
        key = _key(said)
        waiting = others.get(key)
        if not waiting:
            own.setdefault(key, deque()).append(said)
            return
        other = waiting.popleft()
        if not waiting:
            del others[key]
        if is_expected:
            self._pair(said, other)
        else:
            self._pair(other, said)

    def _pair(self, expected: Said, got: Said) -> None:
        self.matched[got.kind] += 1
        self._last_match = max(self._last_match, got.index)
        found = self._compare(expected, got)
        if self._level is Level.VALUE:
            self._bind(expected, found)
        else:
            # What is bound shows in the values, which another level looks at otherwise.
            self._bind(expected, self._compare(expected, got, Level.VALUE))
        if self._paired:
            self._paired(expected, got, found)
        if expected.of == introspection.COMMAND and len(found.mismatches) > _MOST_PLACES:
            self._compare_schemas(expected, got, found)
        for masked in found.masked:
            self._masked(got, masked)
        told = 0
        for number, mismatch in enumerate(found.mismatches):
            if told == _MOST_PLACES:
                rest = f"{len(found.mismatches) - number} more places of this message differ"
                self._tell("changed", expected, got, "", "the recorded message", rest)
                break
            told += self._differs(expected, got, mismatch)
        self._keep_order(_Pair(expected, got))

    def _compare_schemas(self, expected: Said, got: Said, found: Comparison) -> None:
        """Tell what two introspections mean differently, in place of how they are written."""
        values = expected.message.value, got.message.value
        changes = introspection.by_structure(*values)
        if changes is None:
            return
        found.mismatches.clear()
        if not changes:
            found.masked.append(Masked(introspection.TYPE_NAMES, ("return",), *values))
        for change in changes:
            told = change.expected, change.got, change.place
            mismatch = Mismatch(("return",), change.kind, None, None)
            self._tell(change.kind, expected, got, "", *told, mismatch=mismatch)

    def _bind(self, expected: Said, found: Comparison) -> None:
        """Learn which values the target chose otherwise; those are no mismatches."""
        for masked in found.masked:
            self._bindings.learn_names(masked.mask, masked.expected, masked.got)
            if masked.mask.source:  # a user's mask may cover what the client sends back
                about = expected.kind, expected.of
                self._bindings.learn(
                    *about, masked.path, masked.expected, masked.got, expected.line
                )
        for mismatch in list(found.mismatches):
            path, kind, one, other = mismatch
            if kind != "changed":
                continue
            about = expected.kind, expected.of
            mask = self._bindings.learn(*about, path, one, other, expected.line)
            if mask is not None:
                found.mismatches.remove(mismatch)
                found.masked.append(Masked(mask, path, one, other))

    def _compare(self, expected: Said, got: Said, level: Level | None = None) -> Comparison:
        level = level or self._level
        if expected.data == got.data:
            return Comparison()
        one, other = expected.message, got.message
        is_fixed = isinstance(one, Failure) and isinstance(other, Success)
        whole = Mismatch((), "fixed" if is_fixed else "changed", one.value, other.value)
        if isinstance(one, Unknown) and not one.well_formed:
            return Comparison([whole])
        if type(one) is not type(other) and level is not Level.OUTCOME:
            return Comparison([whole])
        found = compare(
            one.value,
            other.value,
            level=level,
            masks=self._masks,
            message=expected.kind,
            of=expected.of,
        )
        if level is Level.EXACT and not found.mismatches:
            return Comparison([whole])
        if expected.redacted:
            excuse_redacted(found, expected.redacted)
        return found

    def _is_equal(self, expected: Said, got: Said) -> bool:
        # No event is exactly another one: they have the time in them.
        level = Level.VALUE if self._level is Level.EXACT else self._level
        return expected.of == got.of and all(
            self._bindings.shows(one.expected, one.got)
            for one in self._compare(expected, got, level).mismatches
        )

    def _candidate(self, said: Said) -> Said | None:
        """What came and has the same name, and is most nearly about the same thing."""
        about = frozenset(
            item
            for item in about_of(said.message.value)
            if not self._bindings.may_differ(
                "event", said.of, ("data", item[0]), item[1], said.line
            )
        )
        best, most = None, -1
        for one in self._pool:
            if one.of != said.of:
                continue
            other = about_of(one.message.value)
            common = len(about & other)
            if common > most and (common or not about or not other):
                best, most = one, common
        return best

    def _keep_order(self, pair: _Pair) -> None:
        """Compare on which side of its command's reply an event of `INSIDE` came."""
        is_event = isinstance(pair.expected.message, Event)
        cause = pair.expected.of if is_event else INSIDE.get(pair.expected.command, "")
        if cause not in CAUSED:
            return
        for other in self._order:
            if isinstance(other.expected.message, Event) == is_event:
                continue
            if cause != (INSIDE.get(other.expected.command, "") if is_event else other.expected.of):
                continue
            before = pair.expected.index < other.expected.index
            if before != (pair.got.index < other.got.index):
                event, reply = (pair, other) if is_event else (other, pair)
                places = [f"{word} the {reply.expected.subject}" for word in ("before", "after")]
                if before != is_event:
                    places.reverse()
                self._tell("moved", event.expected, event.got, "", *places)
        self._order.append(pair)

    # --- reports -------------------------------------------------------------------------------

    def _differs(self, expected: Said, got: Said, mismatch: Mismatch) -> bool:
        """Tell one place that differs; gives whether it counts."""
        whole = not mismatch.path
        sides = [
            shown(said.data) if whole else _text(value)
            for said, value in ((expected, mismatch.expected), (got, mismatch.got))
        ]
        place = pointer(mismatch.path)
        return self._tell(mismatch.kind, expected, got, place, *sides, mismatch=mismatch)

    def _extra(self, said: Said, note: str = "") -> None:
        note = note or self._excuse(said)
        self._tell("extra", None, said, "", "nothing", shown(said.data), note=note)

    def _excuse(self, said: Said) -> str:
        limited = isinstance(said.message, Event) and said.of in RATE_LIMITED
        return "the number of these events depends on time" if limited else ""

    def _tell(
        self,
        kind: Kind,
        expected: Said | None,
        got: Said | None,
        place: str,
        wanted: str,
        seen: str,
        subject: str = "",
        *,
        note: str = "",
        mismatch: Mismatch | None = None,
        nearest: str = "",
    ) -> bool:
        """Report a difference; gives whether it counts."""
        meant = self._judge(kind, expected, got, mismatch) if self._judge else Judgement("")
        if meant.effect == "design":
            note = note or meant.words
        about = expected or got
        lines = (got.before if got else ()) or self._around
        before = tuple(f"{arrow} {shown(data, _LINE_WIDTH)}" for arrow, data in lines)
        own = (f"<- {shown(got.data, _LINE_WIDTH)}",) if got else ()
        self._report(
            Difference(
                kind,
                subject or (about.subject if about else ""),
                self._session,
                expected.line if expected else 0,
                got.line if got else 0,
                place,
                wanted,
                seen,
                before if own and before[-1:] == own else before + own,
                note,
                *meant,
                nearest,
            )
        )
        return not note


def _key(said: Said) -> _Key:
    if isinstance(said.message, Success | Failure):
        return said.answers
    return "greeting" if isinstance(said.message, Greeting) else "unknown"


def _text(value: Value) -> str:
    return "nothing" if value is NOTHING else brief(value, VALUE_WIDTH)
