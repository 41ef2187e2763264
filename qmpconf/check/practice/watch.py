"""One session as its habits see it: calls, their answers, events, and what is missing at the end.

A `Watch` pairs each answer with its call, which it keeps until then, with the line and the time at
which it was sent.  A `Habit` takes what it needs of that, and leaves the other methods as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec

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


class Call(msgspec.Struct, eq=False):
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


class Answer(msgspec.Struct, frozen=True, eq=False):
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

    `commands` are those whose sending and success matter to it (None: all); errors always do.  `sendings` are those
    whose sending matters, where these are fewer; `events` are those that do (None: all).
    """

    commands: ClassVar[frozenset[str] | None] = None
    sendings: ClassVar[frozenset[str] | None] = None
    events: ClassVar[frozenset[str] | None] = None

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


#: Which habits look at something: their places in the list of all.
_Places = tuple[int, ...]


class Interests:
    """Which of a trace's habits look at what: the same in all of its sessions.

    `commands` says by the name who looks at a command when it is sent, and who when it succeeds; `refused` who looks
    at errors; `events` says who looks at an event.
    """

    def __init__(self, habits: Sequence[Habit]) -> None:
        self._habits = [type(one) for one in habits]
        self._sent, self.refused = self._having("sent"), self._having("answered")
        self._event = self._having("event")
        self._commands: dict[str, tuple[_Places, _Places]] = {}
        self._events: dict[str, _Places] = {}

    def commands(self, name: str) -> tuple[_Places, _Places]:
        """Who looks at a command when it is sent, and when it succeeds."""
        known = self._commands.get(name)
        if known is None:
            all_ = self._habits
            known = (
                tuple(
                    at for at in self._sent if _is_in(name, all_[at].sendings or all_[at].commands)
                ),
                tuple(at for at in self.refused if _is_in(name, all_[at].commands)),
            )
            if len(self._commands) < MOST_CALLS:
                self._commands[name] = known
        return known

    def events(self, name: str) -> _Places:
        """Who looks at an event."""
        known = self._events.get(name)
        if known is None:
            known = tuple(at for at in self._event if _is_in(name, self._habits[at].events))
            if len(self._events) < MOST_CALLS:
                self._events[name] = known
        return known

    def _having(self, method: str) -> _Places:
        """Those that have a method of that name of their own."""
        return tuple(
            at
            for at, one in enumerate(self._habits)
            if getattr(one, method) is not getattr(Habit, method)
        )


class Watch:
    """Watches one session.  Every method gives the findings that show by then."""

    def __init__(self, habits: Sequence[Habit], interests: Interests | None = None) -> None:
        """`interests` are those of the habits, where they are known from another session."""
        self._habits = habits
        self._interests = interests or Interests(habits)
        self._calls: dict[int, tuple[Pending, Call]] = {}  # by the waiting command's identity
        self._gap = 0  # the line of the latest gap
        #: Whether the trace has times.
        self.timed = False

    def sent(self, item: Item, step: Step) -> Sequence[Finding]:
        """A frame of the client."""
        waiting = step.waiting
        if waiting is None or type(waiting.message) is not Command:
            return _NOTHING
        call, found = self.asked(waiting.message, item.line, item.t)
        self.waits(waiting, call)
        return found

    def asked(self, command: Command, line: int, t: float) -> tuple[Call, Sequence[Finding]]:
        """A command is sent in `line`, at `t` seconds; gives the call besides."""
        self.timed = self.timed or t > 0
        call = Call(command, line, t)
        found = _NOTHING
        for at in self._interests.commands(command.name)[0]:
            shown = self._habits[at].sent(call)
            if shown:
                found = (*found, *shown)
        return call, found

    def waits(self, waiting: Pending, call: Call) -> None:
        """A command that was sent waits for its answer."""
        self._calls[id(waiting)] = waiting, call
        if len(self._calls) > MOST_CALLS:
            del self._calls[next(iter(self._calls))]

    def received(self, item: Item, step: Step, *, explained: bool) -> Sequence[Finding]:
        """A frame of the server; `explained` says that a finding says why a call was refused."""
        message = step.message
        if type(message) is Event:
            return self.happened(message, item.line)
        if step.answered is None or item.frame.kind is Kind.SPACE:
            return _NOTHING
        _, call = self._calls.pop(id(step.answered), (None, None))
        if call is None or not isinstance(message, Success | Failure):
            return _NOTHING
        return self.answered(call, Answer(message, item.line, item.t, explained))

    def answered(self, call: Call, answer: Answer) -> Sequence[Finding]:
        """A call that waits no more is answered."""
        succeeds = type(answer.message) is Success
        interests = self._interests
        habits = interests.commands(call.command.name)[1] if succeeds else interests.refused
        found: list[Finding] = []
        for at in habits:
            shown = self._habits[at].answered(call, answer)
            if shown:
                found += shown
                answer = Answer(answer.message, answer.line, answer.t, explained=True)
        return found

    def happened(self, event: Event, line: int) -> Sequence[Finding]:
        """An event comes."""
        found = _NOTHING
        for at in self._interests.events(event.name):
            shown = self._habits[at].event(event, line)
            if shown:
                found = (*found, *shown)
        return found

    def looks_at(self, command: Command) -> bool:
        """Whether the success of a command matters to anybody."""
        return bool(self._interests.commands(command.name)[1])

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


def _is_in(name: str, names: frozenset[str] | None) -> bool:
    return names is None or name in names
