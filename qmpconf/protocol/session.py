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
`qmpconf.protocol.agent`, and what only a monitor's has, the negotiation, in
`qmpconf.protocol.negotiation`.

It knows no schema: arguments and results are values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from qmpconf.protocol.agent import Agent
from qmpconf.protocol.dialect import QMP, SENTINEL, Dialect, Message, recognised
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.matching import Pending, Queue
from qmpconf.protocol.messages import (
    Command,
    Event,
    Failure,
    Greeting,
    Problem,
    Sentinel,
    Success,
    Unknown,
    from_client,
    from_server,
    sentinel,
)
from qmpconf.protocol.negotiation import Negotiation
from qmpconf.protocol.phases import Phase
from qmpconf.protocol.rates import Rates
from qmpconf.protocol.replies import as_torn, judge_event, judge_outcome, unreadable
from qmpconf.protocol.requirements import REQUIREMENTS, Party
from qmpconf.protocol.signs import (
    RESPONSE,
    cause_of,
    enables,
    shown,
)
from qmpconf.protocol.steps import Breach, Spoken, Step, drop_order
from qmpconf.protocol.values import in_dialect

#: Bytes of malformed input that are remembered, to find an id in.
_MOST_TEXT = 4096


class Session:
    """The state of one connection; feed it the frames of both sides in recorded order.

    `version` is as greeted, or as the guest agent says.  `dialect` is the one that is spoken; None makes the session recognise it, and `exact` says that every byte is there: what was
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
        self.version: tuple[int, ...] = ()
        self._queue = Queue()
        self._negotiation = Negotiation(self._queue)
        self._end = b""  # white space behind the server's latest message
        self._end_mark: Any = None
        self._rates = Rates()
        self._quitting = False
        self._shut: set[Party] = set()  # who has ended its direction
        self._unfinished: dict[Party, tuple[str, str, Any]] = {}  # messages that did not end
        self._passing: set[Party] = set()  # whose bytes are missing, and no message was read since
        if dialect is not None:
            self._speak(dialect)

    def _speak(self, dialect: Dialect) -> None:
        """Take note of the dialect."""
        self.recognised = True
        self.dialect = dialect if self._exact else dialect.as_text()
        if not dialect.greets:
            self._negotiation.skip()
            self._agent = Agent(self.dialect, self._queue, reset=self._reset)
            if self._gapped:
                self._agent.gap()

    def _recognise(self, frame: Frame, message: Message | None) -> list[Breach]:
        """Look for the dialect in a frame; give what was found before it was known, and is wrong in it.

        In the other dialect that is what the client has written, but for a `SENTINEL`.
        """
        dialect = recognised(frame, message)
        if dialect is None:
            return []
        self._speak(dialect)
        kept, self._kept = self._kept, []
        return [one for one in kept if self._agent is None or self._is_wrong_anywhere(one)]

    def _is_wrong_anywhere(self, breach: Breach) -> bool:
        client = breach.blame is Party.CLIENT and self.dialect.has(breach.requirement)
        return client and breach.seen != shown(SENTINEL)

    def _keep(self, step: Step) -> Step:
        """Keep back what was found before the dialect is known."""
        if not self.recognised:
            self._kept += step.breaches
            step.breaches = []
        return step

    @property
    def phase(self) -> Phase:
        """How far the session has come."""
        return self._negotiation.phase

    @property
    def package(self) -> str:
        """The server's package, as greeted."""
        return self._negotiation.package

    @property
    def offered(self) -> tuple[str, ...] | None:
        """The capabilities of the greeting; None before it."""
        return self._negotiation.offered

    @property
    def enabled(self) -> frozenset[str]:
        """The capabilities that the client has enabled."""
        return self._negotiation.enabled

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

    @property
    def calm(self) -> bool:
        """Whether an event changes nothing that is judged later; while it is `idle`, a command and its success, too.

        All without a fault, and not ``qmp_capabilities``, ``query-version`` and ``quit``, nor events that are limited
        or say that the server ends.  Whoever looks at such messages elsewhere says so by `passed`.
        """
        ended = self._end_mark is None or self._end in self.dialect.ends
        known = self.recognised and self._agent is None and not self._passing
        return ended and known and self._negotiation.done

    @property
    def idle(self) -> bool:
        """Whether nothing waits for a response, nor may."""
        return self._queue.empty

    def passed(self, end: bytes, mark: Any, answered: Callable[[], Pending] | None) -> None:
        """While all was `calm`, messages of the server passed that were looked at elsewhere.

        Behind the last one, which has `mark`, came `end`; `answered` gives the last command that was answered.
        """
        self._end, self._end_mark = end, mark
        if answered is not None:
            self._queue.passed(answered)

    def gap(self, who: Party, messages: int = 0) -> None:
        """Take note that bytes of `who` are missing here, and with them whatever they held.

        `messages` is how many whole messages that were, where it is known (else 0).
        """
        if messages and who is Party.CLIENT:
            self._queue.unseen(messages)
        elif messages:
            self._queue.left_out()
        elif who is Party.CLIENT or self._queue.begun:
            self._queue.gap()  # before the client has said anything, nothing is answered
        if not messages:
            self._passing.add(who)
        self._unfinished.pop(who, None)
        self._negotiation.gap()
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
            negotiation = self._negotiation
            if self._agent is None:
                negotiation.sent(message, step, mark)
            waiting.oob = message.oob and (negotiation.unsure or "oob" in negotiation.enabled)
            if message.problems and not message.has_id:
                waiting.elastic = self._queue.after_malformed
        if self._agent is not None:
            self._agent.sent(message, step, mark)
        self._queue.add(waiting)
        if self._negotiation.unsure:
            drop_order(step)
        return self._keep(step)

    def _is_sentinel(self, frame: Frame) -> bool:
        """Whether that is a 0xFF by itself, which is not malformed where the agent may be spoken to."""
        is_qmp = self.recognised and self._agent is None
        return frame.kind is Kind.MALFORMED and frame.data == SENTINEL and not is_qmp

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
            message = unreadable(frame)
        if type(message) is Unknown:
            if self._agent is not None and self._agent.is_stale(frame.data):
                step.message = msgspec.structs.replace(message, problems=())
                return step
            message = as_torn(message, frame)
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
        negotiation = self._negotiation
        before = negotiation.phase
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
            negotiation.move(message, step.answered, step, mark)
        if isinstance(message, Greeting | Event):
            if self._agent is None:
                self._unasked(message, step, mark)
        else:
            if misfit is not None:
                step.server(mark, misfit.requirement, misfit.pointer, misfit.expected, misfit.seen)
            if step.answered is not None:
                self._answer(message, step.answered, before, step, mark)
        if negotiation.unsure:
            negotiation.settle(message, step)
        return self._keep(step)

    def _unasked(self, message: Greeting | Event, step: Step, mark: Any) -> None:
        if isinstance(message, Greeting):
            self.version = message.version
            self._negotiation.greet(message)
        else:
            self._quitting |= message.name == "SHUTDOWN"
            judge_event(message, self._rates, self.version, step, mark)

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
        self._negotiation.phase = Phase.CLOSED
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

    # --- responses -----------------------------------------------------------------------------

    def _answer(
        self, response: Success | Failure, answered: Pending, phase: Phase, step: Step, mark: Any
    ) -> None:
        """Judge a response to `answered` that came in `phase`."""
        if answered.overtaken and self._queue.certain:
            wanted, seen = "its response at once", f"behind that to {answered.overtaken}"
            step.server(mark, "oob.overtakes", "", wanted, seen)
        message = answered.message
        if not isinstance(message, Command) or message.problems or message.duplicates:
            judge_outcome(response, answered, step, mark)
        if isinstance(message, Command) and isinstance(response, Success):
            self._quitting |= message.name == "quit"
            if phase is not Phase.COMMANDS and enables(answered):
                self._negotiation.enable(message, step, mark)
            if message.name == "query-version":
                self._negotiation.judge_version(response, step, mark)
