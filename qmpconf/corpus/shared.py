"""What the verbs do with one large file: its sessions, shared out, and put together again (README.md).

Each verb's work on a file is a `Plan`: a generator that reads what must be known before, yields rounds of
work on shares of the sessions (each a task as `qmpconf.corpus.gathered` has it), is sent what came of each
round, and returns what the verb's task on the whole file would have returned, byte by byte.  It returns None
where one process has to do the file: what a trace has may show only to who reads all of it
(`qmpconf.trace.share`, `qmpconf.check.share`), and what is wrong with a file is said best by who reads all.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from qmpconf.check.checking import chooser
from qmpconf.check.choice import Choose, Fixed
from qmpconf.check.collect import Collector, ExercisedShare
from qmpconf.check.practice import Practice
from qmpconf.check.share import (
    Ahead,
    CheckedShare,
    check_share,
    look_ahead,
    outcome_of_shares,
)
from qmpconf.corpus.gathered import Task, Watch
from qmpconf.errors import InputError
from qmpconf.report.results.common import AroundShare, around_of_share
from qmpconf.trace.rows import TooLongError
from qmpconf.trace.share import Index, LineReader, NotSharedError, Share, ShareReader
from qmpconf.trace.shared import of_clients
from qmpconf.trace.stats_share import StatsShare
from qmpconf.trace.summary import summarize

#: What says that a file is for one process.
NOT_SHARED = (NotSharedError, InputError, OSError, zlib.error, TooLongError)

#: A catalog that was named is loaded once in a process.
named = lru_cache(1)(chooser)


@dataclass(frozen=True, slots=True)
class Round:
    """Work on all shares of a file; `task` is given the number of a share, and the file."""

    task: Task[Any]
    shares: Sequence[Share]


Plan = Generator[Round, Any, Any]


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of some sessions: what was found, and what they exercise."""

    checked: CheckedShare
    exercised: ExercisedShare

    def merge(self, other: Looked) -> Looked:
        """Both."""
        checked = self.checked.merge(other.checked)
        if checked.alone:
            return Looked(checked, ExercisedShare())
        return Looked(checked, self.exercised.merge(other.exercised))


@dataclass(frozen=True, slots=True)
class CheckShare:
    """Check some sessions of a trace; with `collects`, look at what they exercise, too."""

    ahead: Ahead
    schema: str
    protocol: str
    practice: Practice
    collects: bool

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[Looked, list[str]]:
        """One share."""
        del watch
        choose: Choose | None = named(self.schema)
        choose = choose.fresh() if isinstance(choose, Fixed) else choose
        share = self.ahead.shares[number]
        collector = Collector(self.practice) if self.collects else None
        try:
            found = check_share(
                path, self.protocol, share, self.ahead, choose, self.practice, collector
            )
        except NOT_SHARED as error:
            found = CheckedShare(alone=str(error))
        exercised = collector.share() if collector and not found.alone else ExercisedShare()
        return Looked(found, exercised), []


@dataclass(frozen=True, slots=True)
class NearShare:
    """Keep what stands around some lines of a trace, of some of its sessions, and their figures."""

    shares: Sequence[Share]
    lines: tuple[int, ...]

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[AroundShare, list[str]]:
        """One share."""
        del watch
        try:
            return around_of_share(ShareReader(path, self.shares[number]), self.lines), []
        except NOT_SHARED as error:
            return AroundShare([], StatsShare(path), str(error)), []


@dataclass(frozen=True, slots=True)
class AddedUp:
    """The figures of some sessions; `alone` says why these are not enough."""

    stats: StatsShare
    alone: str = ""

    def merge(self, other: AddedUp) -> AddedUp:
        """Both; neither is of any use afterwards."""
        self.stats.join(other.stats)
        return AddedUp(self.stats, min(filter(None, (self.alone, other.alone)), default=""))


@dataclass(frozen=True, slots=True)
class AddShare:
    """Add up some sessions of a trace; `order` is the trace's place among others."""

    shares: Sequence[Share]
    protocol: str
    order: int

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[AddedUp, list[str]]:
        """One share."""
        del watch
        stats = StatsShare(path, self.order)
        try:
            reader = ShareReader(path, self.shares[number], self.protocol)
            for one in summarize(of_clients(reader.items()), reader.begin):
                stats.add(one)
        except NOT_SHARED as error:
            return AddedUp(stats, str(error)), []
        return AddedUp(stats, stats.bound), []


def checked(
    path: str,
    jobs: int,
    watch: Watch,
    task: tuple[str, str, Practice],
    *,
    full: bool,
    collects: bool,
) -> Plan:
    """The check of a trace: yields rounds, and returns its `Outcome`, what it exercises, and what is around.

    `task` is the schema, the protocol and the practice that are looked for.
    """
    schema, protocol, practice = task
    reader = LineReader(path, protocol)
    with watch(reader):
        ahead = look_ahead(reader, jobs, schema)
    if len(ahead.shares) < 2:
        raise NotSharedError("one session has nearly all of it")
    looked = yield Round(CheckShare(ahead, schema, protocol, practice, collects), ahead.shares)
    outcome = outcome_of_shares(path, looked.checked, ahead)
    if not full:
        return outcome, looked.exercised.whole, None
    lines = tuple(group.first.line for group in outcome.groups)
    near = yield Round(NearShare(ahead.shares, lines), ahead.shares)
    if near.alone or near.stats.bound:
        raise NotSharedError(near.alone or near.stats.bound)
    return outcome, looked.exercised.whole, near.whole


def added_up(path: str, number: int, jobs: int, watch: Watch, protocol: str) -> Plan:
    """The figures of a trace: yields a round, and returns them, and what is said of a trace that is not whole."""
    reader = LineReader(path, protocol)
    index = Index(reader)
    with watch(reader):
        for at in reader.lines():
            index.take(*at)
        index.end()
    shares = index.shares(jobs)
    if len(shares) < 2 or not index.steady:
        raise NotSharedError("one session has nearly all of it, or time goes back")
    found = yield Round(AddShare(shares, protocol, number), shares)
    why = found.alone or found.stats.bound
    if why:
        raise NotSharedError(why)
    return found.stats.whole(), reader.cut_off
