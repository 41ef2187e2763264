"""One session as its habits see it: calls, their answers, events, and what is missing at the end.

A `Watch` pairs each answer with its call, which it keeps until then, with the line and the time at
which it was sent.  A `Habit` takes what it needs of that, and leaves the other methods as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from qmpconf.protocol.framing import Kind
from qmpconf.protocol.messages import Command, Event, Failure, Success

if TYPE_CHECKING:
    from qmpconf.check.reporter import Reporter
    from qmpconf.findings import Finding
    from qmpconf.protocol.matching import Pending
    from qmpconf.protocol.requirements import Party
    from qmpconf.protocol.session import Session
    from qmpconf.protocol.steps import Step
    from qmpconf.trace.items import Item

#: Calls that wait and are remembered in one session.
MOST_CALLS = 1000

_NOTHING: tuple[Finding, ...] = ()


@dataclass(slots=True, eq=False)
class Call:
    """A command that was sent: in which line, and when, in seconds.

    `gap` is the line of a gap in which its answer may be missing, `waited` how long it had waited
    there.
    """

    command: Command
    line: int
    t: float
    gap: int = 0
    waited: float = 0.0

    @property
    def name(self) -> str:
        """The command's name."""
        return self.command.name


@dataclass(frozen=True, slots=True)
class Answer:
    """What answered a call; `explained` says that a finding says already why it was refused."""

    message: Success | Failure
    line: int
    t: float
    explained: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """The end of a session, or of the recording.

    `who` ended it (None: the recording ends before it), `t` is when.  `quitting` says that the
    server was about to end, `timed` that the trace has times, `blamed` are lines of commands that
    are known to lack their answer; `waiting` are all calls without one.
    """

    who: Party | None
    t: float
    quitting: bool
    timed: bool
    blamed: frozenset[int]
    waiting: Sequence[Call]


class Habit:
    """One habit in one session.  Each method gives what shows there.

    `commands` are those whose sending and success matter to it (None: all); errors always do.
    """

    commands: ClassVar[frozenset[str] | None] = None

    def __init__(self, reporter: Reporter) -> None:
        self.report = reporter.finding

    def sent(self, call: Call) -> Sequence[Finding]:  # noqa: ARG002 - for those who need it
        """A command is sent."""
        return _NOTHING

    def answered(self, call: Call, answer: Answer) -> Sequence[Finding]:  # noqa: ARG002 - for those who need it
        """A command is answered."""
        return _NOTHING

    def event(self, event: Event, line: int) -> Sequence[Finding]:  # noqa: ARG002 - for those who need it
        """An event comes."""
        return _NOTHING

    def lost(self) -> None:
        """Bytes are missing: what is known so far may be so no more."""

    def ended(self, end: End) -> Sequence[Finding]:  # noqa: ARG002 - for those who need it
        """The session ends."""
        return _NOTHING


class Watch:
    """Watches one session.  Every method gives the findings that show by then."""

    def __init__(self, habits: Sequence[Habit]) -> None:
        self._habits = habits
        self._sent = _of(habits, "sent")
        self._answered = _of(habits, "answered")
        self._event = _of(habits, "event")
        # By the command's name: who looks at it when it is sent, and when it succeeds.
        self._by_name: dict[str, tuple[list[Habit], list[Habit]]] = {}
        self._calls: dict[int, tuple[Pending, Call]] = {}  # by the waiting command's identity
        self._gap = 0  # the line of the latest gap
        #: Whether the trace has times.
        self.timed = False

    def sent(self, item: Item, step: Step) -> Sequence[Finding]:
        """A frame of the client."""
        waiting = step.waiting
        if waiting is None or type(waiting.message) is not Command:
            return _NOTHING
        self.timed = self.timed or item.t > 0
        call = Call(waiting.message, item.line, item.t)
        self._calls[id(waiting)] = waiting, call
        if len(self._calls) > MOST_CALLS:
            del self._calls[next(iter(self._calls))]
        habits = self._about(call.name)[0]
        return [one for habit in habits for one in habit.sent(call)] if habits else _NOTHING

    def received(self, item: Item, step: Step, *, explained: bool) -> Sequence[Finding]:
        """A frame of the server; `explained` says that a finding says why a call was refused."""
        message = step.message
        if type(message) is Event:
            return [one for habit in self._event for one in habit.event(message, item.line)]
        if step.answered is None or item.frame.kind is Kind.SPACE:
            return _NOTHING
        _, call = self._calls.pop(id(step.answered), (None, None))
        if call is None or not isinstance(message, Success | Failure):
            return _NOTHING
        succeeds = type(message) is Success
        habits = self._about(call.name)[1] if succeeds else self._answered
        if not habits:
            return _NOTHING
        found: list[Finding] = []
        answer = Answer(message, item.line, item.t, explained)
        for habit in habits:
            shown = habit.answered(call, answer)
            if shown:
                found += shown
                answer = Answer(message, item.line, item.t, explained=True)
        return found

    def _about(self, name: str) -> tuple[list[Habit], list[Habit]]:
        """Who looks at a command when it is sent, and when it succeeds."""
        known = self._by_name.get(name)
        if known is None:
            known = (
                [one for one in self._sent if one.commands is None or name in one.commands],
                [one for one in self._answered if one.commands is None or name in one.commands],
            )
            if len(self._by_name) < MOST_CALLS:
                self._by_name[name] = known
        return known

    def given_up(self) -> None:
        """What waits so far is not waited for any more: too much waits at once."""
        self._calls.clear()

    def lost(self, session: Session, line: int, t: float) -> None:
        """Bytes are missing in `line`: the answers of what waits no more may be among them."""
        self._gap = line
        still = {id(one) for one in session.pending}
        for key, (_, call) in self._calls.items():
            if key not in still and not call.gap:
                call.gap, call.waited = line, t - call.t
        for habit in self._habits:
            habit.lost()

    def ended(
        self,
        quitting: bool,
        pending: Iterable[Pending],
        who: Party | None,
        t: float,
        blamed: frozenset[int],
        *,
        certain: bool = True,
    ) -> Sequence[Finding]:
        """The session ends; the arguments are those of `End`, and `pending` is what still waits.

        Unless that is `certain`, what has no id and stands behind a gap may have been answered.
        """
        still = {id(one) for one in pending}
        waiting = [
            call
            for key, (_, call) in self._calls.items()
            if call.gap
            or (key in still and (certain or call.command.has_id or call.line < self._gap))
        ]
        end = End(who, t, quitting, self.timed, blamed, waiting)
        return [one for habit in self._habits for one in habit.ended(end)]


def _of(habits: Sequence[Habit], name: str) -> list[Habit]:
    """Those of the habits that have a method `name` of their own."""
    return [one for one in habits if getattr(type(one), name) is not getattr(Habit, name)]
