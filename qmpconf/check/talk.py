"""One session as the checker sees it: the protocol's state, and the rules that were chosen for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmpconf.check.basis import NoSchema
from qmpconf.check.lane import Passing
from qmpconf.check.reporter import Reporter, answered
from qmpconf.check.rules import Rules
from qmpconf.protocol.messages import Failure, Success

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qmpconf.check.basis import Basis
    from qmpconf.check.checker import Observer
    from qmpconf.check.everywhere import Suspicions
    from qmpconf.check.offers import Offered
    from qmpconf.check.practice import Trace
    from qmpconf.check.unjudged import Lacks
    from qmpconf.findings import Finding
    from qmpconf.protocol.matching import Pending
    from qmpconf.protocol.session import Session
    from qmpconf.protocol.steps import Step
    from qmpconf.trace.order import Noted

#: Findings about commands that wait for their answer are held back, for so many commands.
_MOST_HELD = 1000


class Talk:
    """One session: the protocol's state, and the rules that were chosen for it, or why none."""

    __slots__ = (
        "_held",
        "asked",
        "conn",
        "lacks",
        "line",
        "observer",
        "offered",
        "passing",
        "reporter",
        "rules",
        "said",
        "session",
        "settled",
        "suspicions",
        "watch",
        "why",
    )

    def __init__(
        self,
        path: str,
        conn: int,
        line: int,
        lacks: Lacks,
        asked: Noted,
        practice: Trace | None,
        session: Session,
        observer: Observer | None,
    ) -> None:
        self.session = session
        self.observer = observer
        self.settled = 0  # as many commands have been given up
        self.asked = asked
        self.conn = conn
        self.line = line
        self.said = False  # there was a message that did not pass by itself
        self.reporter = Reporter(path, conn)
        self.lacks = lacks
        self.watch = practice.watch(self.reporter) if practice else None
        self.rules: Rules | None = None
        self._held: dict[int, tuple[Pending, list[Finding]]] = {}  # by the command's identity
        self.why: NoSchema | None = None
        self.suspicions: Suspicions | None = None
        self.passing = Passing()

    @property
    def basis(self) -> Basis | None:
        """What it is checked against."""
        return self.rules.basis if self.rules else None

    def take(self, basis: Basis | NoSchema | None, offered: Offered) -> None:
        """Check against `basis` from now on; `offered` is what its server has offered."""
        self.offered = offered
        self.why = basis if isinstance(basis, NoSchema) else None
        known = None if isinstance(basis, NoSchema) else basis
        if known is not self.basis:
            self.rules = (
                Rules(known, self.reporter, offered, self.lacks, self.asked) if known else None
            )
        elif self.rules is not None:
            self.rules.offered = offered

    def hold(self, waiting: Pending, found: list[Finding]) -> list[Finding]:
        """Keep errors of a command until it is answered; give what is to be said now."""
        now = [one for one in found if one.line != waiting.mark]
        found = [one for one in found if one.line == waiting.mark]
        if not any(one.severity == "error" for one in found):
            return now + found
        self._held[id(waiting)] = waiting, found
        if len(self._held) <= _MOST_HELD:
            return now
        return now + self._held.pop(next(iter(self._held)))[1]

    def settle(self, step: Step) -> list[Finding]:
        """What was held back about the command that is answered, with the server's own words."""
        if not self._held or step.answered is None:
            return []
        _, found = self._held.pop(id(step.answered), (None, []))
        return answered(found, step.message) if type(step.message) is Failure else found

    def suspect(self, step: Step) -> list[Finding]:
        """What every shipped catalog has against a command that its server refused, too."""
        reply = step.message
        if self.suspicions is None or step.answered is None:
            return []
        if not isinstance(reply, Success | Failure):
            return []
        found = self.suspicions.answered(step.answered, reply)
        return answered(found, reply) if isinstance(reply, Failure) else found

    def given_up(self) -> list[Finding]:
        """What was held back about commands that are not waited for any more: too many do at once."""
        self.settled = self.session.settled
        if self.watch is not None:
            self.watch.given_up()
        found = [one for _, several in self._held.values() for one in several]
        self._held.clear()
        return found

    def rest(self) -> Iterator[Finding]:
        """What was held back about commands that were never answered."""
        if self.suspicions is not None and self.why is not None:
            yield from self.suspicions.rest()
        for _, found in self._held.values():
            yield from found
        self._held.clear()
