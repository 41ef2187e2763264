"""What a trace exercises, gathered while it is checked: of its catalogs, and of the requirements.

`Collector` is an observer of the checker: one pass over a trace gives its findings and what they
are out of::

    collector = Collector()
    outcome = check(reader, choose, groups, collector)
    exercised = collector.data()

`collect` is the same for those who do not want the findings.  `join` makes one of the data of many
traces, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from qmpconf.check.checking import check
from qmpconf.check.coverage import Coverage, CoverageData, Uses, merge
from qmpconf.check.exercised import RULES, Facts, exercised
from qmpconf.check.practice import NOTHING, Practice
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.findings import Place
from qmpconf.protocol.framing import MESSAGES
from qmpconf.protocol.messages import Command, Event, Failure, Success
from qmpconf.trace.order import Noted, Where, earliest

if TYPE_CHECKING:
    from qmpconf.check.basis import Basis
    from qmpconf.check.choice import Choose
    from qmpconf.findings import Finding
    from qmpconf.protocol.matching import Pending
    from qmpconf.protocol.phases import Phase
    from qmpconf.protocol.requirements import Party
    from qmpconf.protocol.session import Session
    from qmpconf.protocol.steps import Step
    from qmpconf.trace.items import Item
    from qmpconf.trace.reader import TraceReader


class Exercised(msgspec.Struct, frozen=True, kw_only=True):
    """What one or more traces exercise.

    `catalogs` has one entry for each catalog that they were held against, `requirements` the ids
    that they gave an occasion to judge, in the order of the register, `dialects` what their sessions spoke.
    """

    traces: int = 0
    messages: int = 0
    catalogs: tuple[CoverageData, ...] = ()
    requirements: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()

    @property
    def judgeable(self) -> int:
        """How many requirements a trace can exercise at all."""
        return len(RULES)


class ExercisedShare(msgspec.Struct, frozen=True):
    """What some sessions of one trace exercise; `dialects` are what they spoke, and where that showed."""

    found: Exercised = Exercised()
    dialects: dict[str, Place] = {}

    def merge(self, other: ExercisedShare) -> ExercisedShare:
        """Both."""
        both = join((self.found, other.found))
        return ExercisedShare(both, earliest(self.dialects, other.dialects))

    @property
    def whole(self) -> Exercised:
        """What all sessions of the trace exercise, where these are all."""
        catalogs = _of_one(self.found.catalogs)
        return msgspec.structs.replace(
            self.found, traces=1, catalogs=catalogs, dialects=tuple(self.dialects)
        )


def _of_one(catalogs: Iterable[CoverageData]) -> tuple[CoverageData, ...]:
    """The coverages of one trace, whatever they were put together of."""
    return tuple(msgspec.structs.replace(one, traces=1) for one in catalogs)


class Collector:
    """The checker's observer that gathers what one trace exercises."""

    def __init__(self, practice: Practice | None = None) -> None:
        """`practice` is what the check looks for besides (None: all that needs no limit)."""
        self._practice = practice or Practice()
        self._facts = Facts()
        self._messages = 0
        self._dialects = Noted()
        self._coverages: dict[int, tuple[Basis, Coverage]] = {}  # by the catalog's identity

    def look(self, where: Where) -> None:
        """Say where in the trace it is looked, for who looks at some of its sessions only."""
        self._dialects = Noted(where)

    @property
    def bound(self) -> str:
        """Which bound was reached, beyond which not all was noted; empty for none."""
        return "there are too many wrong commands" if self._facts.full else ""

    def sent(
        self, session: Session, basis: Basis | None, item: Item, step: Step, found: list[Finding]
    ) -> None:
        """A frame of the client, and what was found in it."""
        self._messages += item.frame.kind in MESSAGES
        self._facts.sent(session, basis, item, step, found)

    def received(
        self, session: Session, basis: Basis | None, item: Item, step: Step, phase: Phase
    ) -> None:
        """A frame of the server; `phase` is that in which it came."""
        self._messages += item.frame.kind in MESSAGES
        self._facts.received(session, basis, item, step, phase)
        if basis is None:
            return
        message = step.message
        if type(message) is Event:
            self._coverage(basis).event(message)
        elif step.answered is not None and type(step.answered.message) is Command:
            if type(message) is Success:
                self._coverage(basis).success(step.answered.message, message.result)
            elif type(message) is Failure:
                self._coverage(basis).failure(step.answered.message)

    def usual_command(
        self, session: Session, basis: Basis, command: Command, *, behind: bool
    ) -> None:
        """A command that passed on the fast lane; whether it is sent while another one waits."""
        self._messages += 1
        self._facts.usual_command(session, basis, command, behind=behind)

    def usual_success(
        self, session: Session, basis: Basis, command: Command, uses: Uses, *, has_id: bool
    ) -> None:
        """Its success, which uses so much of the catalog's places."""
        self._messages += 1
        self._facts.usual_response(session, basis, command, has_id=has_id, refused=False)
        self._coverage(basis).success_using(command, uses)

    def usual_failure(
        self, session: Session, basis: Basis, command: Command, *, has_id: bool
    ) -> None:
        """Its refusal."""
        self._messages += 1
        self._facts.usual_response(session, basis, command, has_id=has_id, refused=True)
        self._coverage(basis).failure(command)

    def usual_event(self, session: Session, basis: Basis, event: Event) -> None:
        """An event that passed on the fast lane."""
        self._messages += 1
        self._facts.usual_event(session, basis, event)
        self._coverage(basis).event(event)

    def shut(self, session: Session, who: Party) -> None:
        """`who` has closed its sending direction."""
        self._facts.shut(session, who)

    def ended(
        self, session: Session, basis: Basis | None, pending: Sequence[Pending], who: Party | None
    ) -> None:
        """The session ended, by `who` (None: unknown); `pending` still waited."""
        self._facts.ended(session, basis, pending, who)
        if session.recognised:
            self._dialects.note(session.dialect.name)
        if basis is not None:
            for one in pending:
                if type(one.message) is Command:
                    self._coverage(basis).unanswered(one.message)

    def data(self) -> Exercised:
        """What was gathered so far."""
        return Exercised(
            traces=1,
            messages=self._messages,
            catalogs=_of_one(merge(one.data() for _, one in self._coverages.values())),
            requirements=tuple(filter(self._practice.judges, exercised(self._facts.seen))),
            dialects=tuple(self._dialects),
        )

    def share(self) -> ExercisedShare:
        """The same, of some sessions of the trace."""
        return ExercisedShare(self.data(), dict(self._dialects))

    def _coverage(self, basis: Basis) -> Coverage:
        known = self._coverages.get(id(basis.catalog))
        if known is None:
            known = self._coverages[id(basis.catalog)] = (
                basis,
                Coverage(basis.catalog, basis.places),
            )
        return known[1]


def collect(reader: TraceReader, choose: Choose | None = None) -> Exercised:
    """What one trace exercises of rules; without `choose`, of the catalogs that `automatic` finds.

    Raises InputError for a trace that cannot be read.
    """
    collector = Collector(NOTHING)
    check(reader, choose, observer=collector, practice=NOTHING)
    return collector.data()


def join(parts: Iterable[Exercised]) -> Exercised:
    """What several traces exercise together."""
    whole = Exercised()
    for part in parts:
        seen = {*whole.requirements, *part.requirements}
        whole = Exercised(
            traces=whole.traces + part.traces,
            messages=whole.messages + part.messages,
            catalogs=tuple(merge((*whole.catalogs, *part.catalogs))),
            requirements=tuple(one for one in ALL_REQUIREMENTS if one in seen),
            dialects=tuple(dict.fromkeys((*whole.dialects, *part.dialects))),
        )
    return whole
