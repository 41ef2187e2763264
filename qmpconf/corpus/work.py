"""What the verbs do with one file of many, and how what comes of two files comes together.

Each task is a frozen value that can be sent to another process or machine.  Nothing of one file has an
influence on what comes of another; the order of the files is in their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from qmpconf.check.checking import Outcome, check
from qmpconf.check.collect import Collector, Exercised, join
from qmpconf.check.practice import Practice
from qmpconf.corpus.gathered import Watch
from qmpconf.corpus.shared import Plan, added_up, checked, named
from qmpconf.report.results.of_check import Checked, lacks_of, near_of, packed
from qmpconf.report.results.records import Unjudged
from qmpconf.text import counted
from qmpconf.trace.filter.selecting import Chosen, choose, of_sessions
from qmpconf.trace.filter.syntax import Filter
from qmpconf.trace.reader import TraceReader, cut_off_of
from qmpconf.trace.share import NotSharedError
from qmpconf.trace.shared import of_clients
from qmpconf.trace.stats import Stats
from qmpconf.trace.summary import summarize


@dataclass(frozen=True, slots=True)
class CheckPart:
    """Traces that were checked, by their numbers, and what they exercise together."""

    checked: dict[int, Checked]
    exercised: Exercised = field(default_factory=Exercised)

    def merge(self, other: CheckPart) -> CheckPart:
        """Both."""
        exercised = join((self.exercised, other.exercised))
        return CheckPart(self.checked | other.checked, exercised)

    def in_order(self) -> list[Checked]:
        """What was checked, in the order of the files."""
        return [self.checked[number] for number in sorted(self.checked)]


@dataclass(frozen=True, slots=True)
class CheckTask:
    """Check a trace; with `full`, in all detail (`qmpconf.report.results.of_check`)."""

    schema: str
    protocol: str
    practice: Practice
    full: bool
    filter: Filter | None = None

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[CheckPart, list[str]]:
        """One trace, checked."""
        # What passes no filter is not judged: then only what is broken is said of the requirements.
        collector = Collector(self.practice) if self.full and self.filter is None else None
        reader = TraceReader(path, self.protocol)
        with watch(reader):
            outcome = check(
                reader,
                named(self.schema),
                observer=collector,
                practice=self.practice,
                wanted=self.filter,
            )
        told = [_told(path, outcome)]
        near = near_of(outcome) if self.full else None
        if collector is None:
            return CheckPart({number: Checked(outcome, near=near)}), told
        data = collector.data()
        return CheckPart({number: Checked(outcome, data.requirements, near)}, data), told

    def plan(self, number: int, path: str, jobs: int, watch: Watch) -> Plan:
        """The same of a large trace, by several processes (`qmpconf.corpus.shared`)."""
        if self.filter is not None:
            raise NotSharedError("a filter is for who reads all of it")
        how = (self.schema, self.protocol, self.practice)
        outcome, exercised, near = yield from checked(
            path, jobs, watch, how, full=self.full, collects=self.full
        )
        told = [_told(path, outcome)]
        if not self.full:
            return CheckPart({number: Checked(outcome)}), told
        one = Checked(outcome, exercised.requirements, packed(outcome, near))
        return CheckPart({number: one}, exercised), told


def _told(path: str, outcome: Outcome) -> str:
    used = "; ".join(outcome.schemas) or "no schema: the wire protocol alone"
    return f"{path}: checked against {used}"


@dataclass(frozen=True, slots=True)
class CoveragePart:
    """What traces exercise, and what was held against no schema, by the traces' numbers."""

    exercised: Exercised
    lacks: dict[int, list[Unjudged]]

    def merge(self, other: CoveragePart) -> CoveragePart:
        """Both."""
        return CoveragePart(join((self.exercised, other.exercised)), self.lacks | other.lacks)

    def lacking(self) -> list[Unjudged]:
        """What was held against no schema, in the order of the files."""
        return [one for number in sorted(self.lacks) for one in self.lacks[number]]


@dataclass(frozen=True, slots=True)
class CoverageTask:
    """Look at what a trace exercises of a schema."""

    schema: str

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[CoveragePart, list[str]]:
        """One trace."""
        reader = TraceReader(path)
        collector = Collector()
        with watch(reader):
            outcome = check(reader, named(self.schema), observer=collector)
        return self._part(number, path, outcome, collector.data(), reader.cut_off)

    def plan(self, number: int, path: str, jobs: int, watch: Watch) -> Plan:
        """The same of a large trace, by several processes."""
        how = (self.schema, "", Practice())
        outcome, exercised, _ = yield from checked(
            path, jobs, watch, how, full=False, collects=True
        )
        cut_off = cut_off_of(path, outcome.torn, finished=outcome.finished)
        return self._part(number, path, outcome, exercised, cut_off)

    def _part(
        self, number: int, path: str, outcome: Outcome, data: Exercised, cut_off: str
    ) -> tuple[CoveragePart, list[str]]:
        told = []
        for lack in outcome.unjudged:
            if lack.kind == "schema":
                sessions = counted(lack.count, "session")
                advice = f"; {lack.advice}" if lack.advice else ""
                told.append(f"{path}: {sessions} held against no schema: {lack.text}{advice}")
        told += filter(None, [cut_off])
        lacks = [one for one in lacks_of(outcome) if one.kind == "schema"]
        return CoveragePart(data, {number: lacks}), told


@dataclass(frozen=True, slots=True)
class StatsPart:
    """The figures of traces, and what their files lack, by their numbers.

    With a filter, `selected` messages of `messages` are in the figures.
    """

    stats: Stats
    notes: dict[int, str]
    selected: int = 0
    messages: int = 0

    def merge(self, other: StatsPart) -> StatsPart:
        """Both."""
        self.stats.merge(other.stats)
        return StatsPart(
            self.stats,
            self.notes | other.notes,
            self.selected + other.selected,
            self.messages + other.messages,
        )


@dataclass(frozen=True, slots=True)
class StatsTask:
    """Add up a trace."""

    protocol: str
    filter: Filter | None = None

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[StatsPart, list[str]]:
        """One trace."""
        reader = TraceReader(path, self.protocol)
        chosen = Chosen()
        with watch(reader):
            if self.filter is not None:
                chosen = choose(self.filter, of_clients(reader.items()), reader.begin)
                marked = of_sessions(chosen, of_clients(reader.items()), reader.begin)
                stats = Stats(path, number)
                for one, _, passes in marked:
                    if one is not None and passes:
                        stats.add(one)
                    elif one is not None and one.kind == "greeting":
                        stats.greeted(one)
            else:
                summaries = summarize(of_clients(reader.items()), reader.begin)
                stats = Stats.of(summaries, path, number)
        stats.settle()
        told = reader.cut_off
        notes = {number: told} if told else {}
        return StatsPart(stats, notes, chosen.selected, chosen.messages), [told] if told else []

    def plan(self, number: int, path: str, jobs: int, watch: Watch) -> Plan:
        """The same of a large trace, by several processes."""
        if self.filter is not None:
            raise NotSharedError("a filter is for who reads all of it")
        stats, told = yield from added_up(path, number, jobs, watch, self.protocol)
        return StatsPart(stats, {number: told} if told else {}), [told] if told else []
