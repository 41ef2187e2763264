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

A recording may lack bytes (`Session.gap`).  From there on nobody is blamed for what the missing
bytes may hold: a greeting, a negotiation, commands, their responses.  A response counts as the
answer to a command where its id proves it; once one was answered that was sent behind the gap, the
order holds again, and so do the rules that build on it.  Without ids, that is never.

Texts that people write leave whole messages out.  Where it is known how many, the order is not
lost: a response that fits no command that is there answers one of the missing ones.

It knows no schema: arguments and results are values.  `LEGAL` is the table of what may come when.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

import msgspec

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.matching import Pending, Queue
from qmpconf.protocol.messages import (
    DOWNSTREAM,
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
from qmpconf.protocol.rates import LIMITED, Rates
from qmpconf.protocol.requirements import REQUIREMENTS, Party
from qmpconf.protocol.values import Value, same


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

#: In each phase, what the server should have said instead.
_DUE = {
    Phase.GREETING: "the greeting first",
    Phase.NEGOTIATION: "no event before negotiation is done",
    Phase.COMMANDS: "one greeting",
}


#: How responses and events begin, also those that cannot be read to their end.
_RESPONSE = re.compile(rb'\s*\{\s*"(?:return|error|id)"')
#: What a reader says of input that is JSON, but for its characters.
NO_TEXT = re.compile("UTF-8|surrogate")
_EVENT = re.compile(rb'\s*\{\s*"(?:timestamp|event|data)"')


#: Rules about how a message fits what came before it: behind a gap, that is not known.
_OF_ORDER = frozenset(
    {
        "greeting.first",
        "negotiation.client-first",
        "negotiation.no-events",
        "negotiation.gate",
        "negotiation.once",
        "request.oob-negotiated",
        "oob.id",
        "oob.overtakes",
    }
)


#: What a server says.
Said = Greeting | Success | Failure | Event | Unknown


class Breach(msgspec.Struct, frozen=True):
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


class Step(msgspec.Struct):
    """What one frame meant.

    `message` is None for white space and skipped bytes; `answered` the command that a response
    answers; `waiting` the entry that a client's message made.
    """

    message: Command | Greeting | Success | Failure | Event | Unknown | None = None
    breaches: list[Breach] = []
    answered: Pending | None = None
    waiting: Pending | None = None

    def client(self, mark: Any, requirement: str, pointer: str, expected: str, seen: str) -> None:
        """Note a breach of the client."""
        self.breaches.append(Breach(requirement, Party.CLIENT, pointer, expected, seen, mark))

    def server(self, mark: Any, requirement: str, pointer: str, expected: str, seen: str) -> None:
        """Note a breach of the server."""
        self.breaches.append(Breach(requirement, Party.SERVER, pointer, expected, seen, mark))


class Session:
    """The state of one connection; feed it the frames of both sides in recorded order.

    `version` and `package` are as greeted, `offered` the capabilities of the greeting (None
    before it), `enabled` those that the client has enabled.
    """

    def __init__(self) -> None:
        self.phase = Phase.GREETING
        self.version: tuple[int, ...] = ()
        self.package = ""
        self.offered: tuple[str, ...] | None = None
        self.enabled: frozenset[str] = frozenset()
        self._asked: frozenset[str] = frozenset()  # what the client has tried to enable so far
        self._commands = 0
        self._queue = Queue()
        self._end = b""  # white space behind the server's latest message
        self._end_mark: Any = None
        self._told: Value = None  # the greeting's version, whole
        self._rates = Rates()
        self._quitting = False
        self._shut: set[Party] = set()  # who has ended its direction
        self._unfinished: dict[Party, tuple[str, str, Any]] = {}  # messages that did not end
        self._ungreeted = False
        self._passing: set[Party] = set()  # whose bytes are missing, and no message was read since
        self._unsure = False  # the negotiation, or a part of it, may have been missed

    @property
    def pending(self) -> tuple[Pending, ...]:
        """What waits for a response: in-band in the order sent, then out-of-band."""
        return self._queue.pending

    @property
    def quitting(self) -> bool:
        """Whether the server has said that it ends: it has accepted ``quit``, or the machine shuts down."""
        return self._quitting

    @property
    def certain(self) -> bool:
        """Whether `pending` is all that waits; not so where a gap may hide commands or responses."""
        return self._queue.certain

    @property
    def settled(self) -> int:
        """How many commands were given up, because too many waited for a response at once."""
        return self._queue.settled

    def gap(self, who: Party, messages: int = 0) -> None:
        """Take note that bytes of `who` are missing here, and with them whatever they held.

        `messages` is how many whole messages that were, where it is known (else 0).
        """
        if messages and who is Party.CLIENT:
            self._queue.unseen(messages)
        elif messages:
            self._queue.left_out(messages)
        elif who is Party.CLIENT or self._queue.begun:
            self._queue.gap()  # before the client has said anything, nothing is answered
        if not messages:
            self._passing.add(who)
        self._unfinished.pop(who, None)
        self._unsure |= self.phase is not Phase.COMMANDS
        if who is Party.SERVER:
            self._end, self._end_mark = b"", None

    # --- the client's side ---------------------------------------------------------------------

    def client(
        self, frame: Frame, mark: Any = None, known: Command | Unknown | None = None
    ) -> Step:
        """Take the client's next frame.  `mark` comes back in the breaches that it causes.

        `known` is the message in it, where that was read already.
        """
        step = Step()
        if frame.kind is not Kind.SKIPPED and self._passing:
            self._passing.discard(Party.CLIENT)
        if frame.kind is Kind.VALUE:
            step.message = message = known or from_client(frame.data)
        elif frame.kind is Kind.MALFORMED:
            problem = Problem("request.object", "", "well-formed JSON", _shown(frame.data))
            step.message = message = Unknown(None, (problem,), duplicates=False, well_formed=False)
        else:
            if frame.kind is Kind.PARTIAL:
                self._unfinished[Party.CLIENT] = ("request.object", _shown(frame.data), mark)
            return step
        for problem in message.problems:
            step.client(mark, problem.requirement, problem.pointer, problem.expected, problem.seen)
        step.waiting = waiting = Pending(message, mark, size=len(frame.data))
        if isinstance(message, Unknown):
            # What stands in the middle of garbage may have been cut otherwise by the server.
            waiting.elastic = not message.well_formed or self._queue.after_malformed
        else:
            self._commands += 1
            self._judge_command(message, step, mark)
            waiting.oob = message.oob and (self._unsure or "oob" in self.enabled)
            if message.problems and not message.has_id:
                waiting.elastic = self._queue.after_malformed
        self._queue.add(waiting)
        if self._unsure:
            _drop_order(step)
        return step

    def _judge_command(self, command: Command, step: Step, mark: Any) -> None:
        if self._commands == 1 and command.name != "qmp_capabilities":
            seen = brief(command.name)
            step.client(mark, "negotiation.client-first", "", "qmp_capabilities", seen)
        if command.name == "qmp_capabilities" and not command.oob:
            self._judge_enable(command, step, mark)
        if command.oob and "oob" not in self.enabled | self._asked:
            wanted, seen = "oob enabled before", "it was not"
            step.client(mark, "request.oob-negotiated", "/exec-oob", wanted, seen)
        if "oob" in self.enabled and not command.has_id:
            step.client(mark, "oob.id", "", "an id", "none")

    def _judge_enable(self, command: Command, step: Step, mark: Any) -> None:
        wanted = _enable(command)
        self._asked |= frozenset(wanted)
        if self.offered is None:
            return  # sent before the greeting was seen: judged by the server's answer
        for name, index in wanted.items():
            if name not in self.offered:
                where = f"/arguments/enable/{index}"
                offered = " | ".join(self.offered) or "nothing: none was offered"
                step.client(mark, "negotiation.enable-offered", where, offered, brief(name))

    # --- the server's side ---------------------------------------------------------------------

    def server(self, frame: Frame, mark: Any = None, known: Said | None = None) -> Step:
        """Take the server's next frame.  `mark` comes back in the breaches that it causes.

        `known` is the message in it, where that was read already.
        """
        step = Step()
        if frame.kind is Kind.SPACE:
            self._end += frame.data
            return step
        if self._passing and Party.SERVER in self._passing:
            if frame.kind is Kind.SKIPPED:
                return step  # the rest of a message that is lost
            self._passing.discard(Party.SERVER)
        if self._end == b"\r\n":
            self._end, self._end_mark = b"", None
        else:
            self._judge_end(step)
        if frame.kind is Kind.VALUE:
            step.message = message = known or from_server(frame.data)
            self._end, self._end_mark = frame.end, mark
        elif frame.kind is Kind.PARTIAL:
            self._unfinished[Party.SERVER] = ("framing.object", _shown(frame.data), mark)
            return step
        else:
            problem = Problem("framing.valid-json", "", "JSON", _shown(frame.data))
            step.message = message = Unknown(None, (problem,), duplicates=False, well_formed=False)
        if type(message) is Unknown and not message.well_formed and _holds_event(frame.data):
            wanted = "an event before or behind a message"
            problem = Problem("event.not-inside", "", wanted, _shown(frame.data))
            step.message = message = Unknown(None, (problem,), duplicates=False, well_formed=False)
        for problem in message.problems:
            if self._holds(problem):
                step.server(
                    mark, problem.requirement, problem.pointer, problem.expected, problem.seen
                )
        if isinstance(message, Unknown):
            if not message.well_formed and _RESPONSE.match(frame.data):
                step.answered = self._queue.garbled()
            return step
        settled = self.phase is Phase.COMMANDS and type(message) is not Greeting
        rule = "" if settled else LEGAL.get((self.phase, type(message)), "")
        if rule == "negotiation.no-events" and self._negotiates():
            rule = ""
        if rule and not self._ungreeted:
            # That there was no greeting is told once, not with each message that follows.
            self._ungreeted = self.phase is Phase.GREETING
            step.server(mark, rule, "", _DUE[self.phase], _said(message))
        if isinstance(message, Greeting):
            self._greet(message)
        elif isinstance(message, Event):
            self._judge_event(message, step, mark)
        else:
            self._answer(message, step, mark)
        if self._unsure:
            self._settle_phase(message, step)
        return step

    def _negotiates(self) -> bool:
        """Whether qmp_capabilities waits for its response: its success may be what comes next.

        The server leaves the negotiation when it carries the command out, and an event may come
        between a command and its response (spec 4 and 2.5).
        """
        return any(one.name == "qmp_capabilities" for one in self.pending)

    def _settle_phase(self, message: Greeting | Success | Failure | Event, step: Step) -> None:
        """Behind a gap: take the phase from what shows it, and nothing from what does not."""
        _drop_order(step)
        if self.phase is Phase.COMMANDS and step.answered is not None:
            # The negotiation itself was seen to succeed, or else `enabled` stays unknown.
            negotiated = step.answered.name == "qmp_capabilities" and isinstance(message, Success)
            self._unsure = not negotiated
        elif isinstance(message, Event) or (isinstance(message, Success) and step.answered):
            self.phase = Phase.COMMANDS

    def _judge_event(self, event: Event, step: Step, mark: Any) -> None:
        self._quitting |= event.name == "SHUTDOWN"
        if event.name in LIMITED:
            apart = self._rates.too_often(event, self.version)
            if apart is not None:
                seen = f"three {event.name} within {apart / 1e6:.3f} s"
                step.server(mark, "event.rate-limit", "/timestamp", "one a second", seen)
        elif event.name.startswith("__") and not DOWNSTREAM.match(event.name):
            wanted = "__, a reversed domain name and _"
            step.server(mark, "compat.downstream-prefix", "/event", wanted, brief(event.name))

    def shut(self, who: Party) -> None:
        """Take the end of one direction: `who` sends nothing more, and may still receive."""
        self._shut.add(who)

    def close(self, who: Party | None, *, failed: bool = False) -> list[Breach]:
        """Take the end of the session, and give what is missing then.

        `who` closed first (None: the recording was cut off, or the recorder stopped); `failed`
        tells that it was no orderly end.
        """
        step = Step()
        # Who was cut off by the other one is not to blame for what is missing.
        enders = self._shut | ({who} if who else set())
        if Party.SERVER in enders or not b"\r\n".startswith(self._end):
            self._judge_end(step)
        for party, (rule, seen, mark) in self._unfinished.items():
            if party in enders:
                wanted = "a whole message before the end"
                step.breaches.append(Breach(rule, party, "", wanted, seen, mark))
        rule = {
            Party.SERVER: "response.exactly-one",
            Party.CLIENT: "session.half-close" if Party.CLIENT in self._shut and not failed else "",
        }.get(who or Party.RECORDER, "")
        if rule and not self._quitting and self._queue.certain:
            wanted = "a response before the end of the session"
            for waiting in self.pending:
                if waiting.elastic and who is Party.SERVER:
                    wanted, rule = "that the session goes on", "recovery.after-error"
                    step.server(waiting.mark, rule, "", wanted, "its end")
                elif not waiting.elastic and waiting.name != "quit":
                    step.server(waiting.mark, rule, "", wanted, "none")
        self.phase = Phase.CLOSED
        return step.breaches

    def _judge_end(self, step: Step) -> None:
        mark, end = self._end_mark, self._end
        self._end, self._end_mark = b"", None
        if mark is not None and end != b"\r\n":
            step.server(
                mark, "framing.crlf", "", "CR LF behind it", _shown(end) if end else "nothing"
            )

    def _holds(self, problem: Problem) -> bool:
        """Whether a requirement held already in the version that greeted."""
        if problem.requirement == "response.error-class" or problem.pointer == "/error/data":
            return REQUIREMENTS[problem.requirement].holds(self.version)
        return True

    def _greet(self, greeting: Greeting) -> None:
        self.version = greeting.version
        if greeting.version:
            self._told = greeting.value["QMP"]["version"]
        self.package = greeting.package
        self.offered = greeting.capabilities
        if self.phase is Phase.GREETING:
            self.phase = Phase.NEGOTIATION

    # --- responses -----------------------------------------------------------------------------

    def _answer(self, response: Success | Failure, step: Step, mark: Any) -> None:
        step.answered, problem = self._queue.match(response)
        if problem is not None:
            step.server(mark, problem.requirement, problem.pointer, problem.expected, problem.seen)
        if step.answered is None:
            return
        if step.answered.overtaken and self._queue.certain:
            wanted, seen = "its response at once", f"behind that to {step.answered.overtaken}"
            step.server(mark, "oob.overtakes", "", wanted, seen)
        message = step.answered.message
        outcome = "success" if isinstance(response, Success) else response.error_class
        if isinstance(message, Command):
            self._quitting |= message.name == "quit" and isinstance(response, Success)
            self._judge_outcome(message, outcome, step, mark)
            if message.name == "query-version" and isinstance(response, Success):
                self._judge_version(response, step, mark)
        elif isinstance(response, Success):
            rule = "request.non-object" if message.well_formed else "framing.json-strict"
            if message.problems and NO_TEXT.search(message.problems[0].seen):
                rule = "framing.utf8-in"
            step.server(mark, rule, "", "an error", outcome)
        elif message.well_formed and outcome != "GenericError":
            step.server(mark, "request.non-object", "/error/class", "GenericError", outcome)

    def _judge_outcome(self, command: Command, outcome: str, step: Step, mark: Any) -> None:
        """Hold a command's outcome (``success``, or its error's class) against the phase."""
        negotiates = command.name == "qmp_capabilities" and not command.oob
        duplicates = command.duplicates
        if command.problems or duplicates:
            if outcome == "success":
                rule = "framing.duplicate-member" if duplicates else command.problems[0].requirement
                step.server(mark, rule, "", "an error: the command is malformed", outcome)
        elif self.phase is Phase.NEGOTIATION and not negotiates and not command.oob:
            self._want_not_found("negotiation.gate", outcome, step, mark)
        elif self.phase is Phase.COMMANDS and negotiates:
            self._want_not_found("negotiation.once", outcome, step, mark)
        if self.phase is not Phase.COMMANDS and negotiates and outcome == "success":
            wanted = _enable(command)
            offered = wanted.keys() if self.offered is None else set(self.offered)
            for name in sorted(wanted.keys() - offered):
                seen = f"success for {brief(name)}"
                step.server(mark, "negotiation.bad-enable", "", "an error: not offered", seen)
            self.enabled = frozenset(wanted)
            self.phase = Phase.COMMANDS

    def _judge_version(self, response: Success, step: Step, mark: Any) -> None:
        if self._told is not None and not same(self._told, response.result):
            wanted, seen = f"as greeted, {brief(self._told)}", brief(response.result)
            step.server(mark, "greeting.shape", "/return", wanted, seen)

    @staticmethod
    def _want_not_found(rule: str, outcome: str, step: Step, mark: Any) -> None:
        if outcome != "CommandNotFound":
            where = "" if outcome == "success" else "/error/class"
            step.server(mark, rule, where, "CommandNotFound", outcome)


def _drop_order(step: Step) -> None:
    """Forget breaches that may be none, where the negotiation may have been missed."""
    if step.breaches:
        step.breaches = [one for one in step.breaches if one.requirement not in _OF_ORDER]


def _enable(command: Command) -> dict[str, int]:
    """The capabilities that a command wants to enable, with their place in the list."""
    wanted: Value = command.arguments.get("enable", [])
    if not isinstance(wanted, list):
        return {}
    return {name: index for index, name in enumerate(wanted) if isinstance(name, str)}


def _holds_event(data: bytes) -> bool:
    """Whether an event begins inside of a message that cannot be read."""
    return data.find(b'"timestamp"', 1) > 0 and not _EVENT.match(data)


def _shown(data: bytes) -> str:
    text = repr(data[:40])[1:]
    return text + (" ..." if len(data) > 40 else "")


def _said(message: Greeting | Success | Failure | Event) -> str:
    if isinstance(message, Event):
        return f"event {message.name}"
    if isinstance(message, Greeting):
        return "a greeting"
    kind = "a success" if isinstance(message, Success) else f"error {message.error_class}"
    return f"{kind} with id {brief(message.id)}" if message.has_id else kind
