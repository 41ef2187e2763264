"""What a pair of messages, or a message without a partner, means: compared, bound, and reported.

`qmpconf.replay.play.match` finds out which message of the target stands for which recorded one; an
`Assessor` says what differs between the two, which mask or binding excuses it, and whether an event
of `INSIDE` kept its place beside the reply of the command that causes it.  One for one session,
told in the order in which the pairs were found.  Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from qmpconf.protocol.messages import Event, Failure, Success, Unknown
from qmpconf.protocol.places import pointer, same
from qmpconf.replay import excerpt, introspection
from qmpconf.replay.bindings import NAMES, Bindings
from qmpconf.replay.compare import (
    NOTHING,
    Comparison,
    Level,
    Masked,
    Mismatch,
    compare,
    excuse_counted,
    excuse_redacted,
    kind_of,
)
from qmpconf.replay.difference import VALUE_WIDTH, Difference, Kind, shown
from qmpconf.replay.events import CAUSED, INSIDE
from qmpconf.replay.masks import Masks
from qmpconf.replay.said import Said
from qmpconf.replay.upgrade import Judge, Judgement
from qmpconf.text import apart

#: Places of one message that are reported one by one.
_MOST_PLACES = 40
#: Characters that one byte of a message takes at most, where it is shown.
_UNCUT = 4
#: The place of an id.
ID = ("id",)
#: Characters of a message around a difference.
_LINE_WIDTH = 120

#: Messages around a difference: (arrow, bytes).
Around = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A recorded message and what stands for it."""

    expected: Said
    got: Said


class Assessor:
    """Assesses one session; the arguments are those of `qmpconf.replay.play.match.Matcher`."""

    def __init__(
        self,
        session: int,
        report: Callable[[Difference], None],
        masked: Callable[[Said, Masked], None],
        *,
        level: Level,
        masks: Masks,
        bindings: Bindings,
        paired: Callable[[Said, Said, Comparison], None] | None,
        judge: Judge | None,
    ) -> None:
        self.level = level
        self.bindings = bindings
        self._session = session
        self._report = report
        self._masked = masked
        self._masks = masks
        self._paired = paired
        self._judge = judge
        self._order: deque[Pair] = deque(maxlen=6)

    def compare(self, expected: Said, got: Said, level: Level | None = None) -> Comparison:
        """What differs, before bindings; nothing is reported."""
        level = level or self.level
        by_value = level in (Level.VALUE, Level.SHAPE)
        if expected.data == got.data and (expected.echoes is got.echoes or not by_value):
            return Comparison()
        one, other = expected.message, got.message
        is_fixed = isinstance(one, Failure) and isinstance(other, Success)
        whole = Mismatch((), "fixed" if is_fixed else "changed", one.value, other.value)
        if isinstance(one, Unknown) and not one.well_formed:
            return Comparison([whole])
        if type(one) is not type(other) and level is not Level.OUTCOME:
            return Comparison([whole])
        found = compare(
            expected.content if by_value else one.value,
            got.content if by_value else other.value,
            level=level,
            masks=self._masks,
            message=expected.kind,
            of=expected.of,
        )
        if by_value:
            found.mismatches += ids_differ(expected, got)
        if level is Level.EXACT and not found.mismatches:
            return Comparison([whole])
        if expected.redacted or got.redacted:
            excuse_redacted(found, (*expected.redacted, *got.redacted))
        excuse_counted(found, expected.command)
        return found

    def may_bind(self, pair: Pair, found: Comparison | None) -> bool:
        """Whether a pair, which compares as `found` if that is known, can show a binding."""
        if pair.expected.data == pair.got.data:
            return False
        return (
            found is None
            or self.level is not Level.VALUE
            or bool(found.mismatches)
            or any(one.mask.name in NAMES or one.mask.source for one in found.masked)
        )

    def pair(self, pair: Pair, found: Comparison | None = None) -> None:
        """Learn and report what a pair says; `found` if it was compared already."""
        expected, got = pair.expected, pair.got
        if found is None:
            found = self.compare(expected, got)
        if self.level is Level.VALUE:
            self._bind(expected, found)
        else:
            # What is bound shows in the values, which another level looks at otherwise.
            self._bind(expected, self.compare(expected, got, Level.VALUE))
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
                self.tell("changed", expected, got, "", "the recorded message", rest)
                break
            told += self._differs(expected, got, mismatch)
        self._keep_order(pair)

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
            self.tell(change.kind, expected, got, "", *told, mismatch=mismatch)

    def _bind(self, expected: Said, found: Comparison) -> None:
        """Learn which values the target chose otherwise; those are not mismatches."""
        for masked in found.masked:
            self.bindings.learn_names(masked.mask, masked.expected, masked.got)
            if masked.mask.source:  # a user's mask may cover what the client sends back
                about = expected.kind, expected.of
                self.bindings.learn(*about, masked.path, masked.expected, masked.got, expected.line)
        for mismatch in list(found.mismatches):
            path, kind, one, other = mismatch
            if kind != "changed" or path == ID:
                continue  # the client's own value
            about = expected.kind, expected.of
            mask = self.bindings.learn(*about, path, one, other, expected.line)
            if mask is not None:
                found.mismatches.remove(mismatch)
                found.masked.append(Masked(mask, path, one, other))

    def _keep_order(self, pair: Pair) -> None:
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
                self.tell("moved", event.expected, event.got, "", *places)
        self._order.append(pair)

    # --- reports -------------------------------------------------------------------------------

    def _differs(self, expected: Said, got: Said, mismatch: Mismatch) -> bool:
        """Tell one place that differs; gives whether it counts."""
        if mismatch.path:
            sides = excerpt.of_values(mismatch.expected, mismatch.got, VALUE_WIDTH)
        else:
            one, other = (shown(said.data, _UNCUT * len(said.data)) for said in (expected, got))
            sides = apart(one, other, VALUE_WIDTH)
        place = pointer(mismatch.path)
        return self.tell(mismatch.kind, expected, got, place, *sides, mismatch=mismatch)

    def tell(
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
        around: Around = (),
    ) -> bool:
        """Report a difference; gives whether it counts.

        `around` are the messages before it, if `got` has none of its own.
        """
        meant = self._judge(kind, expected, got, mismatch) if self._judge else Judgement("")
        if meant.effect == "design":
            note = note or meant.words
        about = expected or got
        lines = (got.before if got else ()) or around
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


def ids_differ(expected: Said, got: Said) -> Iterator[Mismatch]:
    """The place of the id, where only one of two replies has that of its own command.

    Where neither has, both have to have the same one.  No mask covers an id: what it should be is
    known.
    """
    one, other = expected.id, got.id
    if expected.echoes and got.echoes:
        return
    if expected.echoes:
        one = got.asked
    elif not got.echoes and one is not NOTHING and other is not NOTHING and same(one, other):
        return
    if one is not other:
        yield Mismatch(ID, kind_of(one, other), one, other)
