"""The check of one trace in shares: some of its sessions each, and how what they come to is put together.

What a session is judged by that stands in others is known before: the catalogs that the trace speaks of
(`qmpconf.check.survey`) and what its servers offered, and in which line (`qmpconf.check.elsewhere`);
`look_ahead` reads both, with the index of the sessions, in one reading.  What goes the other way, from a
session to the outcome of all (which finding of a kind is the first, what took longest, which catalogs were
used), has its place in the trace (`qmpconf.trace.order`), and `CheckedShare.merge` keeps what is first.

Where one process would have reached one of its bounds (so many kinds of findings, of lacks, of refusals),
shares cannot know what it would have kept: `CheckedShare.alone` says so, and the trace is for one process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qmpconf.check.checker import Checker, no_more
from qmpconf.check.checking import Outcome, SpreadError, automatic_of, rare_collections, utterance
from qmpconf.check.choice import Automatic
from qmpconf.check.elsewhere import Heard, Hearing, OffersApart
from qmpconf.check.practice.refusals import MOST_REFUSED
from qmpconf.check.practice.waiting import MOST_SLOW, Slowness
from qmpconf.check.survey import Surveyor, may_tell
from qmpconf.check.unjudged import MOST_LACKS, Lacks
from qmpconf.findings import MOST_GROUPS, Groups, Place
from qmpconf.trace.order import Noted, Where, earliest
from qmpconf.trace.records import Close, Gap, Open, Traffic
from qmpconf.trace.share import Index, LineReader, NotSharedError, Share, ShareReader

if TYPE_CHECKING:
    from qmpconf.check.basis import Basis, NoSchema
    from qmpconf.check.choice import Choose
    from qmpconf.check.collect import Collector
    from qmpconf.check.practice import Practice
    from qmpconf.check.survey import Survey
    from qmpconf.protocol.messages import Greeting
    from qmpconf.trace.items import Flow

#: Sentences about catalogs of which one process keeps the first.
_MOST_USED = 100


@dataclass(slots=True)
class Ahead:
    """What was read of a trace before it is checked in shares.

    `survey` is None where the user named the catalog, and `heard` where there is none; `torn` is the number
    of a torn last line, or 0.
    """

    shares: list[Share]
    survey: Survey | None
    heard: Heard | None
    finished: bool
    torn: int
    last: float


def look_ahead(reader: LineReader, jobs: int, schema: str) -> Ahead:
    """Read a trace once, to check it in shares by so many processes.

    `schema` is that of `check_trace`.  Raises NotSharedError, what reading a file raises, and InputError.
    """
    index, hearing = Index(reader), Hearing()
    surveyor = Surveyor(reader.header.meta, reader.dialect) if schema == "auto" else None
    hears = schema != "none"
    for number, at, line in reader.lines():
        said = index.take(number, at, line)
        if not hears:
            continue
        if isinstance(said, tuple):
            conn, sender = said
            hearing.seen(conn)
            (hearing.client if sender == "client" else hearing.server)(conn, number, line)
        elif isinstance(said, Open | Close):
            hearing.over(said.conn)
        if isinstance(said, Open | Gap | Traffic):
            hearing.seen(said.conn)
        if hearing.full:
            raise NotSharedError("servers say too much that differs")
        if surveyor is not None and may_tell(line):
            record = reader.record(line, number)
            try:
                one = utterance(record)
            except SpreadError:
                raise NotSharedError("messages stand in parts") from None
            if one is not None:
                surveyor.take(one)
    index.end()
    survey = surveyor.found if surveyor else None
    heard = hearing.found if hears else None
    return Ahead(index.shares(jobs), survey, heard, index.finished, reader.torn, index.last)


@dataclass(slots=True)
class CheckedShare:
    """What came of some sessions of one trace; `alone` says why they cannot be judged apart, if so."""

    groups: Groups = field(default_factory=Groups)
    messages: int = 0
    sessions: int = 0
    used: dict[str, Place] = field(default_factory=dict)
    asked: dict[str, Place] = field(default_factory=dict)
    lacks: Lacks = field(default_factory=Lacks)
    slowness: Slowness = field(default_factory=Slowness)
    refused: frozenset[tuple[str, str]] = frozenset()
    alone: str = ""

    def merge(self, other: CheckedShare) -> CheckedShare:
        """Both."""
        if self.alone or other.alone:
            return CheckedShare(alone=min(filter(None, (self.alone, other.alone))))
        return CheckedShare(
            self.groups.merge(other.groups),
            self.messages + other.messages,
            self.sessions + other.sessions,
            earliest(self.used, other.used),
            earliest(self.asked, other.asked),
            self.lacks.merge(other.lacks),
            self.slowness.merge(other.slowness),
            self.refused | other.refused,
        )

    @property
    def bound(self) -> str:
        """Which bound of one process was reached; empty for none."""
        bounds = {
            "kinds of findings": self.groups.dropped or len(self.groups) >= MOST_GROUPS,
            "things that were not judged": len(self.lacks) >= MOST_LACKS,
            "slow commands": len(self.slowness) >= MOST_SLOW,
            "refusals": len(self.refused) >= MOST_REFUSED,
            "catalogs": len(self.used) >= _MOST_USED,
        }
        return next((f"there are too many {what}" for what, full in bounds.items() if full), "")


def check_share(
    path: str,
    protocol: str,
    share: Share,
    ahead: Ahead,
    choose: Choose | None,
    practice: Practice,
    collector: Collector | None = None,
) -> CheckedShare:
    """Check some sessions of a trace; `choose` is None where its catalogs are chosen by what it says.

    Raises InputError for a trace that cannot be read.
    """
    offers = None if ahead.heard is None else OffersApart(ahead.heard, share.conns)
    reader = ShareReader(path, share, protocol, offers.reach if offers else None)
    where = reader.where
    if collector is not None:
        collector.look(where)
    noting = _Noting(automatic_of(reader, ahead.survey) if choose is None else choose, where)
    checker = Checker(
        path,
        noting,
        collector,
        practice,
        reader.begin,
        where=where,
        offers=offers,
        last=ahead.last,
    )
    groups = Groups(place=where.next)
    try:
        with rare_collections():
            for finding in checker.of_sessions(reader.items(aside=_Aside(checker, groups))):
                groups.add(finding)
    except NotSharedError as error:
        return CheckedShare(alone=str(error))
    if offers is not None and not offers.as_noted:
        return CheckedShare(alone="what a server answered was not known before")
    watched = checker.practice
    found = CheckedShare(
        Groups().merge(groups),  # without the way to this reader
        checker.messages,
        checker.sessions,
        dict(noting.used),
        dict(checker.asked),
        Lacks().merge(checker.lacks),
        watched.slowness.without(checker.elsewhere) if watched else Slowness(),
        frozenset(watched.refused) if watched else frozenset(),
    )
    bound = found.bound or (collector.bound if collector else "")
    return CheckedShare(alone=bound) if bound else found


def outcome_of_shares(path: str, found: CheckedShare, ahead: Ahead) -> Outcome:
    """What the shares of a trace came to together.  Raises NotSharedError for what is for one process."""
    why = found.alone or found.bound
    if why:
        raise NotSharedError(why)
    for finding in found.slowness.finish():
        found.groups.add(finding)
    no_more(found.lacks, untimed=found.slowness.untimed, empty=not found.messages)
    return Outcome(
        path,
        found.groups,
        found.messages,
        found.sessions,
        [*found.used, *found.asked],
        ahead.finished,
        ahead.torn,
        tuple(found.lacks),
    )


class _Aside:
    """The checker's fast lane; what it finds is noted at once, with its place."""

    def __init__(self, checker: Checker, groups: Groups) -> None:
        self._checker = checker
        self._lane = checker.lane
        self._groups = groups

    def begin(self, flow: Flow) -> None:
        """Take note of the sessions."""
        self._lane.begin(flow)

    def takes(self, line: bytes, number: int) -> bool:
        """Whether the lane takes a line."""
        taken = self._lane.takes(line, number)
        if self._lane.found:
            elsewhere = self._checker.elsewhere
            for finding in self._lane.take():
                if elsewhere.get(finding.session) != finding.blame:
                    self._groups.add(finding)
        return taken


class _Noting:
    """Chooses as `choose` does, and notes where each catalog was used first."""

    def __init__(self, choose: Choose, where: Where) -> None:
        self._choose = choose
        self.used = Noted(where)
        if not isinstance(choose, Automatic):
            self._note()

    def __call__(self, conn: int, line: int, greeting: Greeting | None) -> Basis | NoSchema | None:
        """The catalog of a session."""
        chosen = self._choose(conn, line, greeting)
        self._note()
        return chosen

    def _note(self) -> None:
        for text in getattr(self._choose, "used", ())[len(self.used) :]:
            self.used.note(text)
