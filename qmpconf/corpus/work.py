"""What the verbs do with one file of many, and how what comes of two files comes together.

Each task is a frozen value that can be sent to another process or machine.  Nothing of one file has an
influence on what comes of another; the order of the files is in their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from qmpconf.check.checking import check, chooser
from qmpconf.check.collect import Collector, Exercised, join
from qmpconf.check.practice import Practice
from qmpconf.corpus.gathered import Watch
from qmpconf.report.results.common import around
from qmpconf.report.results.of_check import Checked, lacks_of, looked_at
from qmpconf.report.results.records import Unjudged
from qmpconf.text import counted
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.shared import of_clients
from qmpconf.trace.stats import Stats
from qmpconf.trace.summary import summarize

#: A catalog that was named is loaded once in a process.
_chooser = lru_cache(1)(chooser)


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

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[CheckPart, list[str]]:
        """One trace, checked."""
        collector = Collector(self.practice) if self.full else None
        reader = TraceReader(path, self.protocol)
        with watch(reader):
            outcome = check(
                reader, _chooser(self.schema), observer=collector, practice=self.practice
            )
        used = "; ".join(outcome.schemas) or "no schema: the wire protocol alone"
        told = [f"{path}: checked against {used}"]
        if collector is None:
            return CheckPart({number: Checked(outcome)}), told
        data = collector.data()
        near = around(path, looked_at(outcome))
        return CheckPart({number: Checked(outcome, data.requirements, near)}, data), told


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
            outcome = check(reader, _chooser(self.schema), observer=collector)
        told = []
        for lack in outcome.unjudged:
            if lack.kind == "schema":
                sessions = counted(lack.count, "session")
                advice = f"; {lack.advice}" if lack.advice else ""
                told.append(f"{path}: {sessions} held against no schema: {lack.text}{advice}")
        told += filter(None, [reader.cut_off])
        lacks = [one for one in lacks_of(outcome) if one.kind == "schema"]
        return CoveragePart(collector.data(), {number: lacks}), told


@dataclass(frozen=True, slots=True)
class StatsPart:
    """The figures of traces, and what their files lack, by their numbers."""

    stats: Stats
    notes: dict[int, str]

    def merge(self, other: StatsPart) -> StatsPart:
        """Both."""
        self.stats.merge(other.stats)
        return StatsPart(self.stats, self.notes | other.notes)


@dataclass(frozen=True, slots=True)
class StatsTask:
    """Add up a trace."""

    protocol: str

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[StatsPart, list[str]]:
        """One trace."""
        reader = TraceReader(path, self.protocol)
        with watch(reader):
            items = of_clients(reader.items())
            stats = Stats.of(summarize(items, reader.begin), path, number)
        stats.settle()
        told = reader.cut_off
        return StatsPart(stats, {number: told} if told else {}), [told] if told else []
