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

Which dialect is spoken is given, or told by the first messages that tell it; what was found by then
is kept back (`qmpconf.protocol.dialect`).  What only a guest agent's session has is in
`qmpconf.protocol.agent`.

It knows no schema: arguments and results are values.  What may come when is the table in
`qmpconf.protocol.phases`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from qmpconf.protocol.agent import Agent
from qmpconf.protocol.dialect import QMP, SENTINEL, Dialect, Message, recognised
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.matching import Pending, Queue
from qmpconf.protocol.messages import (
    DOWNSTREAM,
    Command,
    Event,
    Failure,
    Greeting,
    Problem,
    Sentinel,
    Success,
    Unknown,
    brief,
    brief_pair,
    from_client,
    from_server,
    sentinel,
)
from qmpconf.protocol.phases import TRANSITIONS, Phase, Said
from qmpconf.protocol.places import same
from qmpconf.protocol.rates import LIMITED, Rates
from qmpconf.protocol.requirements import REQUIREMENTS, Party
from qmpconf.protocol.signs import (
    ENABLE,
    NOT_FOUND,
    RESPONSE,
    SUCCESS,
    cause_of,
    enables,
    holds_event,
    message_words,
    outcome_of,
    shown,
    wanted_by,
)
from qmpconf.protocol.steps import Breach, Spoken, Step, drop_order
from qmpconf.protocol.values import Cause, Value, in_dialect

_MEMBER_TWICE = "framing.duplicate-member"

#: What a success for input that cannot be read breaks, by what is wrong with the input.
_REFUSES = {
    Cause.SYNTAX: "framing.json-strict",
    Cause.CHARACTERS: "framing.utf8-in",
    Cause.SURROGATE: "framing.surrogates",
    Cause.LIBERTY: "",
}

#: Bytes of malformed input that are remembered, to find an id in.
_MOST_TEXT = 4096


class Session:
    """The state of one connection; feed it the frames of both sides in recorded order.

    `version` and `package` are as greeted, `offered` the capabilities of the greeting (None
    before it), `enabled` those that the client has enabled.  `dialect` is the one that is spoken;
    None makes the session recognise it, and `exact` says that every byte is there: what was
    converted from a text may lack those around messages.
    """

    def __init__(self, dialect: Dialect | None = None, *, exact: bool = True) -> None:
        self.dialect = dialect or QMP
        #: Whether the dialect is known: QMP is only assumed before.
        self.recognised = False
        self._exact = exact
        self._agent: Agent | None = None
        self._kept: list[Breach] = []  # found before the dialect was recognised
        self._reset = self._gapped = False  # what else was before it
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
        if dialect is not None:
            self._speak(dialect)

    def _speak(self, dialect: Dialect) -> None:
        """Take note of the dialect."""
        self.recognised = True
        self.dialect = dialect if self._exact else dialect.as_text()
        if not dialect.greets:
            self.phase, self._unsure = Phase.COMMANDS, False
            self._agent = Agent(self.dialect, self._queue, reset=self._reset)
            if self._gapped:
                self._agent.gap()

    def _recognise(self, frame: Frame, message: Message | None) -> list[Breach]:
        """Look for the dialect in a frame; give what was found before it was known, if it is QMP.

        In the other dialect nothing of that need be wrong.
        """
        dialect = recognised(frame, message)
        if dialect is None:
            return []
        self._speak(dialect)
        kept, self._kept = self._kept, []
        return kept if self._agent is None else []

    def _keep(self, step: Step) -> Step:
        """Keep back what was found before the dialect is known."""
        if not self.recognised:
            self._kept += step.breaches
            step.breaches = []
        return step

    @property
    def pending(self) -> tuple[Pending, ...]:
        """What waits for a response: in-band in the order sent, then out-of-band."""
        return self._queue.pending

    @property
    def quitting(self) -> bool:
        """Whether the server ends as it should: it has accepted ``quit``, or the machine shuts down.

        A command that gets no response where it succeeds has done so where none came.
        """
        return self._quitting or any(one.silent for one in self.pending)

    @property
    def frozen(self) -> bool:
        """Whether the server, a guest agent, has frozen file systems."""
        return self._agent is not None and self._agent.frozen

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
        self._gapped = True
        if self._agent is not None:
            self._agent.gap()
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
        elif self._is_sentinel(frame):
            step.message = message = sentinel()
            self._reset = True
            if not self.recognised:
                step.client(mark, "request.object", "", "well-formed JSON", shown(frame.data))
        elif frame.kind is Kind.MALFORMED:
            problem = Problem("request.object", "", "well-formed JSON", shown(frame.data))
            step.message = message = Unknown(
                None, (problem,), duplicates=False, well_formed=False, cause=cause_of(frame.data)
            )
        else:
            if frame.kind is Kind.PARTIAL:
                self._unfinished[Party.CLIENT] = ("request.object", shown(frame.data), mark)
            return step
        if not self.recognised:
            step.breaches += self._recognise(frame, message)
        for problem in message.problems:
            step.client(mark, problem.requirement, problem.pointer, problem.expected, problem.seen)
        step.waiting = waiting = Pending(message, mark, size=len(frame.data))
        waiting.dialect = in_dialect(frame.data)
        if isinstance(message, Unknown):
            broken = not message.well_formed or isinstance(message, Sentinel)
            waiting.text = frame.data[:_MOST_TEXT] if broken else b""
            # What stands in the middle of garbage may have been cut otherwise by the server.
            waiting.elastic = broken or self._queue.after_malformed
        else:
            self._commands += 1
            if self._agent is None:
                self._judge_command(message, step, mark)
            waiting.oob = message.oob and (self._unsure or "oob" in self.enabled)
            if message.problems and not message.has_id:
                waiting.elastic = self._queue.after_malformed
        if self._agent is not None:
            self._agent.sent(message, step, mark)
        self._queue.add(waiting)
        if self._unsure:
            drop_order(step)
        return self._keep(step)

    def _is_sentinel(self, frame: Frame) -> bool:
        """Whether that is a 0xFF by itself, which is not malformed where the agent may be spoken to."""
        is_qmp = self.recognised and self._agent is None
        return frame.kind is Kind.MALFORMED and frame.data == SENTINEL and not is_qmp

    def _judge_command(self, command: Command, step: Step, mark: Any) -> None:
        if self._commands == 1 and command.name != ENABLE:
            seen = brief(command.name)
            step.client(mark, "negotiation.client-first", "", ENABLE, seen)
        if command.name == ENABLE and not command.oob:
            self._judge_enable(command, step, mark)
        if command.oob and "oob" not in self.enabled | self._asked:
            wanted, seen = "oob enabled before", "it was not"
            step.client(mark, "request.oob-negotiated", "/exec-oob", wanted, seen)
        if "oob" in self.enabled and not command.has_id:
            rule = "oob.exec-id" if command.oob else "oob.id"
            step.client(mark, rule, "", "an id", "none")

    def _judge_enable(self, command: Command, step: Step, mark: Any) -> None:
        wanted = wanted_by(command)
        self._asked |= frozenset(wanted)
        if self.offered is None:
            return  # sent before the greeting was seen: judged by the server's answer
        for name, index in wanted.items():
            if name not in self.offered:
                where = f"/arguments/enable/{index}"
                offered = " | ".join(self.offered) or "nothing: none was offered"
                step.client(mark, "negotiation.enable-offered", where, offered, brief(name))

    # --- the server's side ---------------------------------------------------------------------

    def server(self, frame: Frame, mark: Any = None, known: Spoken | None = None) -> Step:
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
        if frame.kind is Kind.VALUE:
            message = known or from_server(frame.data)
            if not (self.recognised or type(message) is Unknown):
                step.breaches += self._recognise(frame, message)
        if self._end in self.dialect.ends:
            self._end, self._end_mark = b"", None
        else:
            self._judge_end(step)
        if frame.kind is Kind.VALUE:
            self._end, self._end_mark = frame.end, mark
        elif frame.kind is Kind.PARTIAL:
            self._unfinished[Party.SERVER] = ("framing.object", shown(frame.data), mark)
            return self._keep(step)
        elif self._is_sentinel(frame):
            step.message = sentinel()
            if self._agent is not None:
                self._agent.marked()
            else:
                step.server(mark, "framing.valid-json", "", "JSON", shown(frame.data))
            return self._keep(step)
        else:
            message = _unreadable("framing.valid-json", "JSON", frame)
        if type(message) is Unknown:
            if self._agent is not None and self._agent.is_stale(frame.data):
                step.message = msgspec.structs.replace(message, problems=())
                return step
            if not message.well_formed and holds_event(frame.data):
                wanted = "an event before or behind a message"
                message = _unreadable("event.not-inside", wanted, frame)
        step.message = message
        for problem in message.problems:
            if self._holds(problem):
                step.server(
                    mark, problem.requirement, problem.pointer, problem.expected, problem.seen
                )
        if isinstance(message, Unknown):
            if not message.well_formed and RESPONSE.match(frame.data):
                step.answered = self._queue.garbled()
            return self._keep(step)
        misfit: Problem | None = None
        before = self.phase
        if self._agent is not None:
            if isinstance(message, Success | Failure):
                step.answered, misfit, lost = self._agent.match(message, step, mark)
                self._agent.lost(lost, step)
            self._agent.judge(message, step.answered, step, mark)
        elif isinstance(message, Success | Failure):
            step.answered, misfit = self._queue.match(message)
        if self._agent is not None:
            self.version = self._agent.version
        elif before is not Phase.COMMANDS or type(message) is Greeting or enables(step.answered):
            self._move(message, step, mark)
        if isinstance(message, Greeting | Event):
            if self._agent is None:
                self._unasked(message, step, mark)
        else:
            if misfit is not None:
                step.server(mark, misfit.requirement, misfit.pointer, misfit.expected, misfit.seen)
            if step.answered is not None:
                self._answer(message, step.answered, before, step, mark)
        if self._unsure:
            self._settle_phase(message, step)
        return self._keep(step)

    def _unasked(self, message: Greeting | Event, step: Step, mark: Any) -> None:
        if isinstance(message, Greeting):
            self._greet(message)
        else:
            self._judge_event(message, step, mark)

    def _move(self, message: Greeting | Success | Failure | Event, step: Step, mark: Any) -> None:
        """Hold a message against the phase, and go on to the next one."""
        said = self._said(message, step.answered)
        rule, expected, following = TRANSITIONS[self.phase, said]
        # That there was no greeting is reported once, not with each message that follows.
        if rule and not (rule == "greeting.first" and self._ungreeted):
            self._ungreeted = self.phase is Phase.GREETING
            if expected == NOT_FOUND:
                outcome = outcome_of(message)
                where = "" if outcome == SUCCESS else "/error/class"
                step.server(mark, rule, where, expected, outcome)
            else:
                step.server(mark, rule, "", expected, message_words(message))
        self.phase = following

    def _said(
        self, message: Greeting | Success | Failure | Event, answered: Pending | None
    ) -> Said:
        if isinstance(message, Greeting):
            return Said.GREETING
        if isinstance(message, Event):
            return Said.EVENT_MEANWHILE if self._negotiates() else Said.EVENT
        command = answered.message if answered is not None else None
        if not isinstance(command, Command) or command.oob:
            return Said.OTHER
        outcome = outcome_of(message)
        success = outcome == SUCCESS
        if command.problems or command.duplicates:  # it is negotiated all the same
            begins = success and enables(answered) and self.phase is not Phase.COMMANDS
            return Said.ENABLED if begins else Said.OTHER
        if enables(answered):
            if success:
                return Said.ENABLED
            return Said.ENABLE_NOT_FOUND if outcome == NOT_FOUND else Said.ENABLE_FAILED
        if success:
            return Said.SUCCESS
        return Said.NOT_FOUND if outcome == NOT_FOUND else Said.FAILED

    def _negotiates(self) -> bool:
        """Whether qmp_capabilities waits for its response: its success may be what comes next.

        The server leaves the negotiation when it carries the command out, and an event may come
        between a command and its response (spec 4 and 2.5).
        """
        return any(one.name == ENABLE for one in self.pending)

    def _settle_phase(self, message: Greeting | Success | Failure | Event, step: Step) -> None:
        """Behind a gap: take the phase from what shows it, and nothing from what does not."""
        drop_order(step)
        if self.phase is Phase.COMMANDS and step.answered is not None:
            # The negotiation itself was seen to succeed, or else `enabled` stays unknown.
            negotiated = step.answered.name == ENABLE and isinstance(message, Success)
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
        says that it was not an orderly end.
        """
        step = Step()
        # Who was cut off by the other one is not to blame for what is missing.
        enders = self._shut | ({who} if who else set())
        step.breaches += self._kept
        if self._agent is not None and who is not None:
            self._agent.settle(step)
        whole = any(one.startswith(self._end) for one in self.dialect.ends)
        if Party.SERVER in enders or not whole:
            self._judge_end(step)
        for party, (rule, seen, mark) in self._unfinished.items():
            if party in enders:
                wanted = "a whole message before the end"
                step.breaches.append(Breach(rule, party, "", wanted, seen, mark))
        rule = {
            Party.SERVER: "response.exactly-one",
            Party.CLIENT: "session.half-close" if Party.CLIENT in self._shut and not failed else "",
        }.get(who or Party.RECORDER, "")
        if rule and not self.quitting and self._queue.certain:
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
        if mark is not None and end not in self.dialect.ends:
            wanted = f"{'CR LF' if self.dialect.greets else 'a line feed'} behind it"
            step.server(mark, self.dialect.end_rule, "", wanted, shown(end) if end else "nothing")

    def _holds(self, problem: Problem) -> bool:
        """Whether a requirement is one of the dialect, and held already in the server's version."""
        if not (self.dialect.greets or self.dialect.has(problem.requirement)):
            return False
        if problem.requirement == "response.error-class" or problem.pointer == "/error/data":
            return REQUIREMENTS[problem.requirement].holds(self.version)
        return True

    def _greet(self, greeting: Greeting) -> None:
        self.version = greeting.version
        if greeting.version:
            self._told = greeting.value["QMP"]["version"]
        self.package = greeting.package
        self.offered = greeting.capabilities

    # --- responses -----------------------------------------------------------------------------

    def _answer(
        self, response: Success | Failure, answered: Pending, phase: Phase, step: Step, mark: Any
    ) -> None:
        """Judge a response to `answered` that came in `phase`."""
        if answered.overtaken and self._queue.certain:
            wanted, seen = "its response at once", f"behind that to {answered.overtaken}"
            step.server(mark, "oob.overtakes", "", wanted, seen)
        message = answered.message
        outcome = outcome_of(response)
        if isinstance(message, Command):
            self._quitting |= message.name == "quit" and isinstance(response, Success)
            if (message.problems or message.duplicates) and outcome == SUCCESS:
                rule = _MEMBER_TWICE if message.duplicates else message.problems[0].requirement
                step.server(mark, rule, "", "an error: the command is malformed", outcome)
            if phase is not Phase.COMMANDS and enables(answered) and outcome == SUCCESS:
                self._enable(message, step, mark)
            if message.name == "query-version" and isinstance(response, Success):
                self._judge_version(response, step, mark)
        elif isinstance(response, Success):
            rule = "request.non-object" if message.cause is None else _REFUSES[message.cause]
            if rule:
                step.server(mark, rule, "", "an error", outcome)
        elif message.well_formed and outcome != "GenericError":
            step.server(mark, "request.non-object", "/error/class", "GenericError", outcome)

    def _enable(self, command: Command, step: Step, mark: Any) -> None:
        """Take note of what the server has enabled."""
        wanted = wanted_by(command)
        offered = wanted.keys() if self.offered is None else set(self.offered)
        for name in sorted(wanted.keys() - offered):
            seen = f"success for {brief(name)}"
            step.server(mark, "negotiation.bad-enable", "", "an error: not offered", seen)
        self.enabled = frozenset(wanted)

    def _judge_version(self, response: Success, step: Step, mark: Any) -> None:
        if self._told is not None and not same(self._told, response.result):
            told, seen = brief_pair(self._told, response.result)
            step.server(mark, "greeting.shape", "/return", f"as greeted, {told}", seen)


def _unreadable(requirement: str, wanted: str, frame: Frame) -> Unknown:
    """What a server sent that cannot be read."""
    problem = Problem(requirement, "", wanted, shown(frame.data))
    return Unknown(None, (problem,), duplicates=False, well_formed=False)
