"""Answers that never came, that came later than a user allows, and that were asked for in a storm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from qmpconf.check.practice.watch import Answer, Call, End, Habit
from qmpconf.protocol.dialect import DIALECTS
from qmpconf.protocol.requirements import Party
from qmpconf.text import counted, duration
from qmpconf.trace.order import Where

if TYPE_CHECKING:
    from qmpconf.check.reporter import Reporter
    from qmpconf.findings import Blame, Finding, Place
    from qmpconf.protocol.messages import Command

#: Commands that are not answered where they succeed: the server, or the guest, is gone then.
UNANSWERED = frozenset({"quit"}).union(*(one.silent for one in DIALECTS.values()))

#: Seconds within which nobody need answer: who leaves earlier has not waited.
PATIENT = 1.0


class Unanswered(Habit):
    """Commands that were never answered, with how long they waited."""

    def ended(self, end: End) -> Sequence[Finding]:
        """The session ends."""
        return [
            one
            for call in end.waiting
            if call.name not in UNANSWERED and call.line not in end.blamed
            for one in self._judged(call, end)
        ]

    def _judged(self, call: Call, end: End) -> Iterator[Finding]:
        waited = call.waited if call.gap else end.t - call.t
        long = end.timed and waited >= PATIENT
        within = f" within {duration(max(0.0, waited))}" if end.timed else ""
        if call.gap:
            if long:  # what came soon after it may well be missing
                what = "was not answered before the gap, nor behind it as far as ids tell"
                seen = f"none{within}, up to the gap in line {call.gap}"
                yield self._finding(call, what, seen, Party.NOBODY)
        elif end.quitting or end.who is Party.SERVER:
            return  # the server's end is its answer, or a breach of the protocol
        elif end.who is Party.CLIENT and end.timed:
            blame = Party.SERVER if long else Party.CLIENT
            seen = f"none{within}, when the client closed the session"
            yield self._finding(call, "was never answered", seen, blame, warns=True)
        else:
            what = "was not answered before its recording ended"
            seen = f"none{within}, up to the end of the recording"
            yield self._finding(
                call, what, seen, Party.SERVER if long else Party.NOBODY, warns=long
            )

    def _finding(
        self, call: Call, message: str, seen: str, blame: Party, *, warns: bool = False
    ) -> Finding:
        return self.report(
            "practice.unanswered",
            call.line,
            "",
            call.name,
            message,
            "an answer",
            seen,
            "spec 2.4",
            blame=blame,
            severity=None if warns else "note",
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """How many seconds an answer may take: for each command (inf: any), and those of its own."""

    every: float = float("inf")
    of: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.every < float("inf") or bool(self.of)

    def limit(self, name: str) -> float:
        """The limit of a command."""
        return self.of.get(name, self.every)


#: Commands whose late answers are told apart, in one trace.
MOST_SLOW = 2000


@dataclass(slots=True)
class _Slow:
    """The slowest call of one command in one session, how many were too slow, and where the first was."""

    finding: Finding
    took: float
    place: Place
    count: int = 1


class Slowness:
    """What took too long in one trace, the slowest first at its end."""

    def __init__(self, where: Where | None = None) -> None:
        self._found: dict[tuple[int, str, str], _Slow] = {}
        self._where = where or Where()
        #: Whether there was a session whose answers have no times.
        self.untimed = False

    def add(self, finding: Finding, took: float) -> None:
        """Take one more."""
        key = (finding.session, finding.subject, finding.message)
        known = self._found.get(key)
        if known is None:
            if len(self._found) >= MOST_SLOW:
                key = next(iter(self._found))
                self._found[key].count += 1
                return
            self._found[key] = _Slow(finding, took, self._where.next())
            return
        known.count += 1
        if took > known.took:
            known.finding, known.took = finding, took

    def __len__(self) -> int:
        return len(self._found)

    def without(self, elsewhere: Mapping[int, Blame]) -> Slowness:
        """The same, but for what is found in another session: by the session, whose doing that is."""
        rest = Slowness()
        rest.untimed = self.untimed
        rest._found = {
            key: one
            for key, one in self._found.items()
            if elsewhere.get(key[0]) != one.finding.blame
        }
        return rest

    def merge(self, other: Slowness) -> Slowness:
        """Both, of different sessions of one trace.  It is exact while no more than `MOST_SLOW` are in both."""
        both = Slowness()
        both.untimed = self.untimed or other.untimed
        both._found = self._found | other._found
        return both

    def finish(self) -> Iterator[Finding]:
        """One finding for each command and session, that of the slowest call."""
        for one in sorted(self._found.values(), key=lambda one: (-one.took, one.place)):
            yield replace(one.finding, count=one.count, weight=one.took)
        self._found.clear()


class Late(Habit):
    """Commands that were answered later than the user allows, or not at all within that time."""

    def __init__(self, reporter: Reporter, limits: Limits, slowness: Slowness) -> None:
        super().__init__(reporter)
        self._limits = limits
        self._slowness = slowness
        self._any = False

    def answered(self, call: Call, answer: Answer) -> Sequence[Finding]:
        """A command is answered."""
        self._any = True
        took, limit = answer.t - call.t, self._limits.limit(call.name)
        if took > limit:
            self._add(call, took, limit, f"{duration(took)}, in line {answer.line}", "answered")
        return ()

    def ended(self, end: End) -> Sequence[Finding]:
        """The session ends."""
        self._slowness.untimed |= self._any and not end.timed
        for call in end.waiting if end.timed and not end.quitting else ():
            took = call.waited if call.gap else end.t - call.t
            limit = self._limits.limit(call.name)
            if took > limit and call.name not in UNANSWERED and not call.gap:
                self._add(call, took, limit, f"no answer within {duration(took)}", "not answered")
        return ()

    def _add(self, call: Call, took: float, limit: float, seen: str, what: str) -> None:
        finding = self.report(
            "practice.latency",
            call.line,
            "",
            call.name,
            f"was {what} {'later than' if what == 'answered' else 'within'} {duration(limit)}",
            f"an answer within {duration(limit)}",
            seen,
            "--max-latency",
        )
        self._slowness.add(finding, took)


#: So often in a row, at so many seconds apart at most: a storm.
STORM = 50
_APART = 0.05

#: What says to a client what it asks for over and over.
_TOLD: Mapping[str, str] = {
    "query-status": "the events STOP, RESUME, SHUTDOWN and their like",
    "query-jobs": "the event JOB_STATUS_CHANGE",
    "query-block-jobs": "the events JOB_STATUS_CHANGE, BLOCK_JOB_READY and BLOCK_JOB_COMPLETED",
    "query-migrate": "the event MIGRATION, with the capability 'events'",
    "query-balloon": "the event BALLOON_CHANGE",
    "query-dump": "the event DUMP_COMPLETED",
    "query-block-exports": "the event BLOCK_EXPORT_DELETED",
    "query-memory-devices": "the event MEMORY_DEVICE_SIZE_CHANGE",
}
_ASKING = ("query-", "x-query-", "qom-get", "qom-list", "human-monitor-command")


class Storm(Habit):
    """The same question, over and over, without a pause."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(reporter)
        self._first: Call | None = None
        self._last: Call | None = None
        self._count = 0

    def sent(self, call: Call) -> Sequence[Finding]:
        """A command is sent."""
        last, command = self._last, call.command
        if last is not None and (last.command is command or _same(last.command, command)):
            self._last, self._count = call, self._count + 1
            return ()
        found = self._told()
        is_question = command.name.startswith(_ASKING)
        self._first = self._last = call if is_question else None
        self._count = 1
        return found

    def ended(self, _end: End) -> Sequence[Finding]:
        """The session ends."""
        return self._told()

    def _told(self) -> Sequence[Finding]:
        first, last, count = self._first, self._last, self._count
        if first is None or last is None or count < STORM:
            return ()
        took = last.t - first.t
        if not 0 < took <= _APART * count:
            return ()
        finding = self.report(
            "practice.polling",
            first.line,
            "",
            first.name,
            "was sent over and over, without a pause",
            _TOLD.get(first.name, "a pause between two of them"),
            f"{counted(count, 'time')} within {duration(took)}, up to line {last.line}",
            "spec 2.5",
        )
        return (finding,)


def _same(one: Command, other: Command) -> bool:
    return one.name == other.name and one.arguments == other.arguments
