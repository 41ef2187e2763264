"""The session: what each side may say at this point, what a response answers, whose fault it is.

A `Session` sees both directions of one connection, message by message, in the order in which they
passed the recorder.  For each it gives a `Step`: the typed message, the `Pending` command that a
response answers, and the breaches of the protocol that show here.

What the machine knows: the phase of negotiation, which commands wait for a response, and what
malformed input waits for an error.  What it cannot know: the moment at which the server read a
message.  A message that was recorded later may have been sent before the other side saw the
earlier ones, so nothing is judged by who was first, where both orders are legal; a command is
judged by the phase that it met in the server, which is known when its response comes, because
in-band responses keep the order of their commands (qmp-spec section 2.3).

It knows no schema: arguments and results are values.  `LEGAL` is the table of what may come when.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import (
    Command,
    Event,
    Failure,
    Greeting,
    Problem,
    Success,
    Unknown,
    brief,
    from_client,
    from_server,
)
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.values import has_duplicates, same


class Phase(Enum):
    """How far a session has come, as its server's messages show."""

    GREETING = "no greeting yet"
    NEGOTIATION = "capabilities negotiation"
    COMMANDS = "command mode"
    CLOSED = "closed"


#: What a server's message means in each phase: the requirement that it breaks ("" for none).
LEGAL: dict[tuple[Phase, type], str] = {
    (Phase.GREETING, Greeting): "",
    (Phase.GREETING, Success): "greeting.first",
    (Phase.GREETING, Failure): "greeting.first",
    (Phase.GREETING, Event): "greeting.first",
    (Phase.NEGOTIATION, Greeting): "greeting.first",
    (Phase.NEGOTIATION, Success): "",
    (Phase.NEGOTIATION, Failure): "",
    (Phase.NEGOTIATION, Event): "negotiation.no-events",
    (Phase.COMMANDS, Greeting): "greeting.first",
    (Phase.COMMANDS, Success): "",
    (Phase.COMMANDS, Failure): "",
    (Phase.COMMANDS, Event): "",
}

#: Phases in which `enable` of a command was decided: up to this version errors had other classes.
_CLOSED_CLASSES_SINCE = (1, 2, 0)


@dataclass(frozen=True, slots=True)
class Breach:
    """One requirement broken at one message.

    `mark` is what the caller gave with the message that is to blame, which need not be the
    latest one.
    """

    requirement: str
    blame: Party
    pointer: str
    expected: str
    seen: str
    mark: Any


@dataclass(slots=True, eq=False)
class Pending:
    """Something that a client sent, and that waits for its response.

    `elastic` input is malformed: real servers answer it with any number of errors, none included
    (PROTOCOL.md, recovery).
    """

    message: Command | Unknown
    mark: Any
    oob: bool = False
    elastic: bool = False
    errors: int = 0

    @property
    def name(self) -> str:
        """The command's name, or an empty string for what is no command."""
        return self.message.name if isinstance(self.message, Command) else ""

    def has_id(self) -> bool:
        """Whether a response must carry an id."""
        return isinstance(self.message, Command) and self.message.has_id

    def wants(self, response: Success | Failure) -> bool:
        """Whether `response` carries this command's id, or rightly none."""
        if isinstance(self.message, Command) and self.message.has_id:
            if response.has_id:
                return same(self.message.id, response.id)
            # A duplicate member is refused by the parser, which knows no id yet.
            return isinstance(response, Failure) and has_duplicates(self.message.value)
        return not response.has_id


@dataclass(slots=True)
class Step:
    """What one frame meant.

    `message` is None for white space and skipped bytes; `answered` the command that a response
    answers; `waiting` the entry that a client's message made.
    """

    message: Command | Greeting | Success | Failure | Event | Unknown | None = None
    breaches: list[Breach] = field(default_factory=list)
    answered: Pending | None = None
    waiting: Pending | None = None


class Session:
    """The state of one connection; feed it the frames of both sides in recorded order."""

    def __init__(self) -> None:
        self.phase = Phase.GREETING
        self.version: tuple[int, ...] = ()
        self.package = ""
        self.offered: tuple[str, ...] | None = None  # None: no greeting seen
        self.enabled: frozenset[str] = frozenset()
        self._asked: frozenset[str] = frozenset()  # what the client has tried to enable so far
        self._commands = 0
        self._in_band: deque[Pending] = deque()
        self._oob: list[Pending] = []
        self._end = b""  # white space behind the server's latest message
        self._end_mark: Any = None
        self._quitting = False
        self._shut: Party | None = None

    @property
    def pending(self) -> tuple[Pending, ...]:
        """The commands (and malformed inputs) that wait for a response, in the order sent."""
        return (*self._in_band, *self._oob)

    # --- the client's side ---------------------------------------------------------------------

    def client(self, frame: Frame, mark: Any = None) -> Step:
        """Take the client's next frame.  `mark` comes back in the breaches that it causes."""
        step = Step()
        if frame.kind is Kind.VALUE:
            step.message = message = from_client(frame.data)
        elif frame.kind is Kind.MALFORMED:
            problem = Problem("request.object", "", "well-formed JSON", _shown(frame.data))
            step.message = message = Unknown(None, (problem,), well_formed=False)
        else:
            if frame.kind is Kind.PARTIAL:
                step.breaches.append(
                    Breach(
                        "request.object",
                        Party.CLIENT,
                        "",
                        "a whole message before the end",
                        _shown(frame.data),
                        mark,
                    )
                )
            return step
        for problem in message.problems:
            step.breaches.append(_breach(problem, Party.CLIENT, mark))
        waiting = Pending(message, mark)
        step.waiting = waiting
        if isinstance(message, Unknown):
            waiting.elastic = not message.well_formed
            self._in_band.append(waiting)
            return step
        self._commands += 1
        self._judge_command(message, waiting, step)
        (self._oob if waiting.oob else self._in_band).append(waiting)
        return step

    def _judge_command(self, command: Command, waiting: Pending, step: Step) -> None:
        mark = waiting.mark
        if self._commands == 1 and command.name != "qmp_capabilities":
            step.breaches.append(
                Breach(
                    "negotiation.client-first",
                    Party.CLIENT,
                    "",
                    "qmp_capabilities",
                    brief(command.name),
                    mark,
                )
            )
        if command.name == "qmp_capabilities" and not command.oob:
            self._judge_enable(command, step, mark)
        oob = "oob" in self.enabled or "oob" in self._asked
        if command.oob:
            waiting.oob = "oob" in self.enabled
            if not oob:
                step.breaches.append(
                    Breach(
                        "request.oob-negotiated",
                        Party.CLIENT,
                        "/exec-oob",
                        "oob enabled before",
                        "it was not",
                        mark,
                    )
                )
        if "oob" in self.enabled and not command.has_id:
            step.breaches.append(
                Breach("oob.id", Party.CLIENT, "", "an id", "none", mark),
            )

    def _judge_enable(self, command: Command, step: Step, mark: Any) -> None:
        wanted = command.arguments.get("enable", [])
        names = (
            frozenset(name for name in wanted if isinstance(name, str))
            if isinstance(wanted, list)
            else frozenset()
        )
        self._asked |= names
        if self.offered is None:
            return  # sent before the greeting was seen: judged by the server's answer
        for index, name in enumerate(wanted if isinstance(wanted, list) else []):
            if isinstance(name, str) and name not in self.offered:
                step.breaches.append(
                    Breach(
                        "negotiation.enable-offered",
                        Party.CLIENT,
                        f"/arguments/enable/{index}",
                        " | ".join(self.offered) or "nothing: none was offered",
                        brief(name),
                        mark,
                    )
                )

    # --- the server's side ---------------------------------------------------------------------

    def server(self, frame: Frame, mark: Any = None) -> Step:
        """Take the server's next frame.  `mark` comes back in the breaches that it causes."""
        step = Step()
        if frame.kind is Kind.SPACE:
            self._end += frame.data
            return step
        self._judge_end(step)
        if frame.kind is Kind.VALUE:
            step.message = message = from_server(frame.data)
        else:
            rule = "framing.object" if frame.kind is Kind.PARTIAL else "framing.valid-json"
            expected = "a whole message before the end" if frame.kind is Kind.PARTIAL else "JSON"
            problem = Problem(rule, "", expected, _shown(frame.data))
            step.message = message = Unknown(None, (problem,), well_formed=False)
        if frame.kind is Kind.VALUE:
            self._end, self._end_mark = frame.end, mark
        for problem in message.problems:
            if self._applies(problem):
                step.breaches.append(_breach(problem, Party.SERVER, mark))
        if isinstance(message, Unknown):
            return step
        rule = LEGAL.get((self.phase, type(message)), "")
        if rule:
            step.breaches.append(
                Breach(rule, Party.SERVER, "", _due(self.phase), _said(message), mark)
            )
        if isinstance(message, Greeting):
            self._greet(message)
        elif isinstance(message, Event):
            self._quitting |= message.name == "SHUTDOWN"
        else:
            self._answer(message, step, mark)
        return step

    def close(self, who: Party | None) -> list[Breach]:
        """Take the end of the session; `who` closed first (None: the recording was cut off)."""
        step = Step()
        if who is not None:
            self._judge_end(step)
        if who is Party.SERVER and not self._quitting:
            for waiting in self.pending:
                if not waiting.elastic and waiting.name != "quit":
                    step.breaches.append(
                        Breach(
                            "response.exactly-one",
                            Party.SERVER,
                            "",
                            "a response before the end of the session",
                            "none",
                            waiting.mark,
                        )
                    )
        self.phase = Phase.CLOSED
        return step.breaches

    def _judge_end(self, step: Step) -> None:
        mark, end = self._end_mark, self._end
        self._end, self._end_mark = b"", None
        if mark is not None and end != b"\r\n":
            step.breaches.append(
                Breach("framing.crlf", Party.SERVER, "", "CR LF behind it", _shown(end), mark)
            )

    def _applies(self, problem: Problem) -> bool:
        """Whether a requirement held already in the version that greeted."""
        if problem.requirement == "response.error-class" or problem.pointer == "/error/data":
            return not self.version or self.version >= _CLOSED_CLASSES_SINCE
        return True

    def _greet(self, greeting: Greeting) -> None:
        self.version = greeting.version
        self.package = greeting.package
        self.offered = greeting.capabilities
        if self.phase is Phase.GREETING:
            self.phase = Phase.NEGOTIATION

    def _answer(self, response: Success | Failure, step: Step, mark: Any) -> None:
        step.answered = answered = self._match(response, step, mark)
        if answered is None:
            return
        command = answered.message
        if isinstance(command, Command):
            self._judge_negotiation(command, response, step, mark)
            self._quitting |= command.name == "quit" and isinstance(response, Success)
        elif isinstance(response, Success):
            rule = "request.non-object" if command.well_formed else "framing.json-strict"
            step.breaches.append(Breach(rule, Party.SERVER, "", "an error", "success", mark))
        elif command.well_formed and response.error_class != "GenericError":
            step.breaches.append(
                Breach(
                    "request.non-object",
                    Party.SERVER,
                    "/error/class",
                    "GenericError",
                    brief(response.error_class),
                    mark,
                )
            )

    def _judge_negotiation(
        self, command: Command, response: Success | Failure, step: Step, mark: Any
    ) -> None:
        negotiates = command.name == "qmp_capabilities" and not command.oob
        refused = isinstance(response, Failure)
        if isinstance(response, Success) and command.problems:
            duplicate = all("once" in problem.expected for problem in command.problems)
            rule = "framing.duplicate-member" if duplicate else "response.exactly-one"
            rule = rule if duplicate else "request.strict-arguments"
            step.breaches.append(
                Breach(
                    rule, Party.SERVER, "", "an error: the command is malformed", "success", mark
                )
            )
        if self.phase is Phase.NEGOTIATION:
            if negotiates and isinstance(response, Success):
                self._enable(command, step, mark)
            elif not negotiates and not command.problems and not command.oob:
                wrong = response.error_class if isinstance(response, Failure) else "success"
                if wrong != "CommandNotFound":
                    step.breaches.append(
                        Breach(
                            "negotiation.gate",
                            Party.SERVER,
                            "/error/class" if refused else "",
                            "CommandNotFound",
                            wrong,
                            mark,
                        )
                    )
        elif negotiates and self.phase is Phase.COMMANDS and not command.problems:
            wrong = response.error_class if isinstance(response, Failure) else "success"
            if wrong != "CommandNotFound":
                step.breaches.append(
                    Breach(
                        "negotiation.once",
                        Party.SERVER,
                        "/error/class" if refused else "",
                        "CommandNotFound",
                        wrong,
                        mark,
                    )
                )

    def _enable(self, command: Command, step: Step, mark: Any) -> None:
        wanted = command.arguments.get("enable", [])
        names = (
            {name for name in wanted if isinstance(name, str)}
            if isinstance(wanted, list)
            else set()
        )
        for name in sorted(names - set(self.offered or ())):
            step.breaches.append(
                Breach(
                    "negotiation.bad-enable",
                    Party.SERVER,
                    "",
                    "an error: it was not offered",
                    f"success for {brief(name)}",
                    mark,
                )
            )
        self.enabled = frozenset(names)
        self.phase = Phase.COMMANDS

    # --- which command a response answers ------------------------------------------------------

    def _match(self, response: Success | Failure, step: Step, mark: Any) -> Pending | None:
        """Find what `response` answers, and take it out of the queue."""
        for waiting in self._oob:
            if waiting.has_id() and waiting.wants(response):
                self._oob.remove(waiting)
                return waiting
        while self._in_band and self._in_band[0].elastic:
            head = self._in_band[0]
            if self._belongs(head, response):
                head.errors += 1
                return head
            self._in_band.popleft()
        if not self._in_band:
            return self._match_rest(response, step, mark)
        if self._in_band[0].wants(response):
            return self._in_band.popleft()
        return self._match_astray(response, step, mark)

    def _belongs(self, head: Pending, response: Success | Failure) -> bool:
        """Whether `response` is one more error for the malformed input at the head."""
        if isinstance(response, Success) or response.has_id:
            return False
        following = next((one for one in self._in_band if not one.elastic), None)
        if head.errors == 0 or following is None or following.has_id():
            return True
        return "JSON" in response.description

    def _match_rest(self, response: Success | Failure, step: Step, mark: Any) -> Pending | None:
        """No in-band command waits: perhaps an out-of-band one does, by the wrong id."""
        if self._oob:
            waiting = self._oob.pop(0)
            step.breaches.append(_wrong_id(waiting, response, mark))
            return waiting
        step.breaches.append(
            Breach(
                "response.exactly-one",
                Party.SERVER,
                "",
                "a command that waits for a response",
                f"none waits; {_said(response)}",
                mark,
            )
        )
        return None

    def _match_astray(self, response: Success | Failure, step: Step, mark: Any) -> Pending:
        """The response does not fit the command that is due: it is a later one's, or has a wrong id."""
        due = self._in_band[0]
        for waiting in self._in_band:
            if not waiting.elastic and waiting.wants(response):
                self._in_band.remove(waiting)
                step.breaches.append(
                    Breach(
                        "response.in-order",
                        Party.SERVER,
                        "",
                        f"the response to {_named(due)}",
                        f"the response to {_named(waiting)}",
                        mark,
                    )
                )
                return waiting
        self._in_band.popleft()
        step.breaches.append(_wrong_id(due, response, mark))
        return due


def _breach(problem: Problem, blame: Party, mark: Any) -> Breach:
    return Breach(problem.requirement, blame, problem.pointer, problem.expected, problem.seen, mark)


def _wrong_id(waiting: Pending, response: Success | Failure, mark: Any) -> Breach:
    seen = brief(response.id) if response.has_id else "none"
    if isinstance(waiting.message, Command) and waiting.message.has_id:
        wanted = brief(waiting.message.id)
        return Breach("response.id-echo", Party.SERVER, "/id", f"the id {wanted}", seen, mark)
    return Breach("response.id-absent", Party.SERVER, "/id", "no id", seen, mark)


def _shown(data: bytes) -> str:
    text = repr(data[:40])[1:]
    return text + (" ..." if len(data) > 40 else "")


def _due(phase: Phase) -> str:
    if phase is Phase.GREETING:
        return "the greeting first"
    return "no event before negotiation is done" if phase is Phase.NEGOTIATION else "one greeting"


def _said(message: Greeting | Success | Failure | Event) -> str:
    if isinstance(message, Event):
        return f"event {message.name}"
    if isinstance(message, Greeting):
        return "a greeting"
    kind = "a success" if isinstance(message, Success) else f"error {message.error_class}"
    return f"{kind} with id {brief(message.id)}" if message.has_id else kind


def _named(waiting: Pending) -> str:
    if not isinstance(waiting.message, Command):
        return "malformed input"
    command = waiting.message
    return f"{command.name} (id {brief(command.id)})" if command.has_id else command.name
