"""Which requirements a trace gave an occasion to judge.

A rule that was never at stake was not broken, but nor was it kept: a session without an
out-of-band command says nothing about out-of-band execution.  `Fact` lists what can happen in a
session, as far as it matters to a rule; `OCCASIONS` says which of these puts which requirement to
the test.  Whatever the checker finds broken was at stake, which a test holds against all traces.

`NOT_SHOWN` gives the reason for each requirement that no recording can show to the checker; cases
of the conformance suite do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from qmpconf.check.requirements import ALL_REQUIREMENTS, PRACTICE_REQUIREMENTS
from qmpconf.protocol.framing import Kind
from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Sentinel, Success, Unknown
from qmpconf.protocol.phases import Phase
from qmpconf.protocol.rates import LIMITED
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.values import Cause

if TYPE_CHECKING:
    from qmpconf.check.basis import Basis
    from qmpconf.findings import Finding
    from qmpconf.protocol.matching import Pending
    from qmpconf.protocol.session import Session
    from qmpconf.protocol.steps import Step
    from qmpconf.trace.items import Item


class Fact(Enum):
    """What can happen in a session; the value says it to people."""

    SENT = "a client sends anything"
    COMMAND = "a client sends a command"
    MALFORMED = "a client sends input that is not JSON, in a session that goes on or ends"
    PIPELINED = "a client sends a command while another one waits"
    ENABLES = "a client enables a capability"
    OUT_OF_BAND = "a command is sent out of band"
    OOB_ENABLED = "an in-band command is sent with the capability oob enabled"
    OOB_USED = "a command is sent out of band with the capability oob enabled"
    OOB_AND_QUEUE = "a command is sent out of band while another one waits, or the other way round"
    HALF_CLOSED = "a client ends its direction while a command waits"
    LEFT = "a session ends while a command waits"

    SAID = "a server sends anything"
    UNREADABLE = "a server sends what cannot be read"
    GREETING = "a server greets"
    RESPONSE = "a response comes"
    ERROR = "a command is refused"
    ID_ANSWERED = "a command with an id is answered"
    BARE_ANSWERED = "a command without an id is answered"
    NO_JSON_ANSWERED = "input that is not JSON is answered"
    NO_TEXT_ANSWERED = "input that is not UTF-8 is answered"
    HALF_PAIR_ANSWERED = "input with half a surrogate pair is answered"
    NO_OBJECT_ANSWERED = "input that is JSON, but no object, is answered"
    TWICE_ANSWERED = "a command in which a member stands twice is answered"
    EARLY_ANSWERED = "a command is answered before negotiation is done"
    AGAIN_ANSWERED = "a second qmp_capabilities is answered"
    BAD_ENABLE_ANSWERED = "a qmp_capabilities that enables what was not offered is answered"
    EVENT = "an event comes"
    LIMITED_EVENT = "a rate-limited event comes"
    DOWNSTREAM_EVENT = "an event comes whose name begins with __"

    MONITOR_SENT = "a client sends a command to a monitor"
    MONITOR_SAID = "a monitor sends anything"
    AGENT_SENT = "a client sends a command to a guest agent"
    AGENT_SAID = "a guest agent sends anything"
    SYNC_SENT = "a client sends a sync to a guest agent"
    FROZEN_SENT = "a client sends a command to a guest agent that has frozen file systems"
    SILENT_SENT = "a client sends a command that gets no response where it succeeds"

    HELD_COMMAND = "a command is held against a schema"
    KNOWN_COMMAND = "a command of the schema is sent"
    KNOWN_OOB = "a command of an introspected schema is sent out of band"
    OPEN_ENDED = "a command whose arguments the schema leaves open is sent"
    FORBIDDEN_OOB = "a command that does not allow it is sent out of band, and answered"
    KNOWN_ANSWERED = "a command of the schema of another build is answered"
    UNKNOWN_ANSWERED = "a command that is not in the schema of the very build is answered"
    BAD_ANSWERED = "arguments that break the schema of the very build are answered"
    RESULT = "a command that returns something succeeds"
    VOID = "a command that returns nothing succeeds"
    HUMAN = "a human-monitor-command succeeds"
    UNPLUGS = "a device_del succeeds"
    HELD_EVENT = "an event is held against the schema of the very build"
    KNOWN_EVENT = "an event of the schema comes"
    OTHER_BUILD = "a message is held against the schema of another build"
    DOCUMENT = "a message is held against a document"
    OLDER_SERVER = "a response or event is held against the schema of a newer server"


F = Fact

#: Requirement -> the facts of which each puts it to the test.
OCCASIONS: Mapping[str, tuple[Fact, ...]] = MappingProxyType(
    {
        "framing.object": (F.SAID,),
        "framing.crlf": (F.MONITOR_SAID,),
        "framing.ascii": (F.SAID,),
        "framing.escapes": (F.SAID,),
        "framing.valid-json": (F.SAID,),
        "framing.utf8-in": (F.NO_TEXT_ANSWERED,),
        "framing.surrogates": (F.HALF_PAIR_ANSWERED,),
        "framing.json-strict": (F.NO_JSON_ANSWERED,),
        "framing.duplicate-member": (F.TWICE_ANSWERED,),
        "greeting.first": (F.MONITOR_SAID,),
        "greeting.shape": (F.GREETING,),
        "capabilities.known": (F.GREETING,),
        "negotiation.gate": (F.EARLY_ANSWERED,),
        "negotiation.no-events": (F.GREETING,),
        "negotiation.enable-offered": (F.ENABLES,),
        "negotiation.bad-enable": (F.BAD_ENABLE_ANSWERED,),
        "negotiation.once": (F.AGAIN_ANSWERED,),
        "negotiation.client-first": (F.MONITOR_SENT,),
        "session.half-close": (F.HALF_CLOSED,),
        "request.object": (F.SENT,),
        "request.members": (F.COMMAND,),
        "request.execute-string": (F.COMMAND,),
        "request.arguments-object": (F.COMMAND,),
        "request.non-object": (F.NO_OBJECT_ANSWERED,),
        "request.oob-negotiated": (F.OUT_OF_BAND,),
        "request.strict-arguments": (F.BAD_ANSWERED,),
        "request.unknown-command": (F.UNKNOWN_ANSWERED,),
        "response.exactly-one": (F.RESPONSE, F.LEFT),
        "response.members": (F.RESPONSE,),
        "response.id-echo": (F.ID_ANSWERED,),
        "response.id-absent": (F.BARE_ANSWERED,),
        "response.void": (F.VOID,),
        "response.error-shape": (F.ERROR,),
        "response.error-class": (F.ERROR,),
        "response.in-order": (F.PIPELINED,),
        "event.shape": (F.EVENT,),
        "event.timestamp": (F.EVENT,),
        "event.no-empty-data": (F.EVENT,),
        "event.not-inside": (F.EVENT, F.UNREADABLE),
        "event.rate-limit": (F.LIMITED_EVENT,),
        "oob.overtakes": (F.OOB_AND_QUEUE,),
        "oob.allowed-only": (F.FORBIDDEN_OOB,),
        "oob.id": (F.OOB_ENABLED,),
        "oob.exec-id": (F.OOB_USED,),
        "recovery.after-error": (F.MALFORMED,),
        "agent.line-feed": (F.AGENT_SAID,),
        "agent.unasked": (F.AGENT_SAID,),
        "agent.sync-echo": (F.SYNC_SENT,),
        "agent.sentinel": (F.AGENT_SAID,),
        "agent.silent": (F.SILENT_SENT,),
        "agent.answered": (F.SYNC_SENT,),
        "agent.frozen-refused": (F.FROZEN_SENT,),
        "agent.sync-first": (F.AGENT_SENT,),
        "agent.reset-first": (F.SYNC_SENT,),
        "agent.sync-unique": (F.SYNC_SENT,),
        "agent.frozen": (F.FROZEN_SENT,),
        "compat.downstream-prefix": (F.DOWNSTREAM_EVENT,),
        "compat.unstable": (F.KNOWN_COMMAND,),
        "compat.deprecated": (F.KNOWN_COMMAND,),
        "schema.command-known": (F.HELD_COMMAND,),
        "schema.arguments": (F.KNOWN_COMMAND,),
        "schema.property-type": (F.OPEN_ENDED,),
        "schema.oob-allowed": (F.KNOWN_OOB,),
        "schema.conditional": (F.HELD_COMMAND,),
        "schema.built-in": (F.KNOWN_COMMAND,),
        "schema.looked-up": (F.HELD_COMMAND,),
        "schema.command-offered": (F.KNOWN_ANSWERED,),
        "schema.return": (F.RESULT,),
        "schema.event-known": (F.HELD_EVENT,),
        "schema.event-data": (F.KNOWN_EVENT,),
        "schema.additions": (F.OTHER_BUILD,),
        "schema.not-yet": (F.OLDER_SERVER,),
        "schema.document": (F.DOCUMENT,),
        "schema.member-once": (F.SENT, F.SAID),
        "trace.gap": (F.SENT, F.SAID),
        "practice.unanswered": (F.COMMAND,),
        "practice.latency": (F.COMMAND,),
        "practice.too-early": (F.RESPONSE,),
        "practice.hmp-error": (F.HUMAN,),
        "practice.polling": (F.COMMAND,),
        "practice.unplug": (F.UNPLUGS,),
        "practice.work-failed": (F.EVENT, F.RESPONSE),
        "practice.failed": (F.RESPONSE,),
    }
)

#: The occasions of rules alone: practice has nothing that could be left out.
RULES: Mapping[str, tuple[Fact, ...]] = MappingProxyType(
    {one: facts for one, facts in OCCASIONS.items() if one not in PRACTICE_REQUIREMENTS}
)

_PIECES = "a recording keeps messages, not the pieces in which they travelled"
_INSIDE = "what a client makes of a message does not show in what it sends"
_HABIT = "it is judged where the client alone is put to the test (qmpconf conform-client)"

_CAUSE = "what happened to the server, and whether it came of a command, does not show"

#: Requirement -> why no recording shows to the checker whether it is kept.
NOT_SHOWN: Mapping[str, str] = MappingProxyType(
    {
        "framing.by-value": _PIECES,
        "framing.any-piece": _PIECES,
        "framing.dialect": "it is a liberty of the server; nothing can break it",
        "framing.any-size": _INSIDE,
        "greeting.unsolicited": "that the greeting waited for the client does not show",
        "greeting.each-session": "what is left over from the session before does not show as such",
        "session.single": "a client that is kept waiting is not in the recording",
        "session.idle": "why a server ends a session does not show",
        "session.patience": _INSIDE,
        "session.quit-eof": _INSIDE,
        "session.silence": _INSIDE,
        "session.cut": _INSIDE,
        "session.greeted-twice": _INSIDE,
        "session.after-quit": _HABIT,
        "request.id-in-flight": _HABIT,
        "response.own": _INSIDE,
        "response.unparsed-desc": _INSIDE,
        "event.comes": _CAUSE,
        "event.as-many": _CAUSE,
        "event.delivered": _CAUSE,
        "event.clock": "which time it was where the server ran does not show",
        "event.own-session": _CAUSE,
        "event.unknown-tolerated": _INSIDE,
        "event.any-time": _INSIDE,
        "agent.resync": "a client that has given up looks like one that sends ahead",
        "oob.queue": "when the server read a command does not show",
        "oob.by-id": _INSIDE,
        "recovery.reset-byte": "whether bytes were meant as a reset does not show",
        "limits.nesting": "a refusal for its size looks like any other one",
        "limits.size": "a refusal for its size looks like any other one",
        "fds.pass": "what became of a descriptor does not show",
        "fds.any-byte": "what became of a descriptor does not show",
        "schema.introspection": "it takes questions about what is there, and asks them itself",
    }
)


#: What is answered, by what is wrong with its characters.
_UNTOLD: Mapping[Cause, Fact] = {
    Cause.CHARACTERS: F.NO_TEXT_ANSWERED,
    Cause.SURROGATE: F.HALF_PAIR_ANSWERED,
}

#: Commands whose success is a fact of its own.
_BY_NAME: Mapping[str, Fact] = {"human-monitor-command": F.HUMAN, "device_del": F.UNPLUGS}

#: Commands that break the schema and wait: as many are remembered.
_MOST_BAD = 1000


def exercised(facts: Iterable[Fact]) -> list[str]:
    """The requirements that these facts put to the test, in the order of the register."""
    seen = set(facts)
    return [one for one in ALL_REQUIREMENTS if not seen.isdisjoint(OCCASIONS.get(one, ()))]


class Facts:
    """Gathers the facts of one trace, as the checker's observer; `seen` are those so far."""

    def __init__(self) -> None:
        self.seen: set[Fact] = set()
        #: There were too many commands to remember.
        self.full = False
        self._bad: dict[int, Pending] = {}  # what broke the schema and waits, by identity
        self._half: set[int] = set()  # sessions whose client has closed its direction

    def sent(
        self, session: Session, basis: Basis | None, item: Item, step: Step, found: list[Finding]
    ) -> None:
        """A frame of the client, and what was found in it."""
        add = self.seen.add
        if item.frame.kind is not Kind.SPACE:
            add(F.SENT)
        message, waiting = step.message, step.waiting
        if waiting is None:
            return
        if waiting.elastic:
            add(F.MALFORMED)
        if F.PIPELINED not in self.seen and _in_band(session) > 1:
            add(F.PIPELINED)
        if type(message) is not Command:
            return
        self._command(session, basis, message)
        if basis is not None:
            closed = message.name not in basis.open_ended
            if closed and any(one.requirement == "schema.arguments" for one in found):
                self._remember(waiting)

    def usual_command(
        self, session: Session, basis: Basis, command: Command, *, behind: bool
    ) -> None:
        """A command without any fault; whether it is sent while another one waits."""
        self.seen.add(F.SENT)
        if behind:
            self.seen.add(F.PIPELINED)
        self._command(session, basis, command)

    def _command(self, session: Session, basis: Basis | None, command: Command) -> None:
        add = self.seen.add
        add(F.COMMAND)
        self._by_dialect(session, command)
        if command.name == "qmp_capabilities" and command.arguments.get("enable"):
            add(F.ENABLES)
        if command.oob:
            add(F.OUT_OF_BAND)
        if "oob" in session.enabled:
            add(F.OOB_USED if command.oob else F.OOB_ENABLED)
            if F.OOB_AND_QUEUE not in self.seen and _both_ways(session):
                add(F.OOB_AND_QUEUE)
        if basis is not None:
            self._held(basis, command)

    def _by_dialect(self, session: Session, command: Command) -> None:
        """A command, to a monitor or to a guest agent."""
        dialect = session.dialect
        self.seen.add(F.MONITOR_SENT if dialect.greets else F.AGENT_SENT)
        if command.name in dialect.syncs:
            self.seen.add(F.SYNC_SENT)
        if command.name in dialect.silent:
            self.seen.add(F.SILENT_SENT)
        if session.frozen:
            self.seen.add(F.FROZEN_SENT)

    def _remember(self, waiting: Pending) -> None:
        if F.BAD_ANSWERED in self.seen:
            return
        self._bad[id(waiting)] = waiting
        if len(self._bad) > _MOST_BAD:
            del self._bad[id(waiting)]
            self.full = True

    def _held(self, basis: Basis, command: Command) -> None:
        self.seen.add(F.HELD_COMMAND)
        if not basis.very_build:
            self.seen.add(F.OTHER_BUILD)
        if basis.catalog.source.kind == "document":
            self.seen.add(F.DOCUMENT)
        if command.name in basis.catalog.commands:
            self.seen.add(F.KNOWN_COMMAND)
            if command.name in basis.open_ended:
                self.seen.add(F.OPEN_ENDED)
            if command.oob and basis.tells_oob:
                self.seen.add(F.KNOWN_OOB)

    def received(
        self, session: Session, basis: Basis | None, item: Item, step: Step, phase: Phase
    ) -> None:
        """A frame of the server; `phase` is that in which it came."""
        if item.frame.kind is Kind.SPACE:
            return
        add = self.seen.add
        self._said(session)
        message, answered = step.message, step.answered
        bad = answered is not None and self._bad.pop(id(answered), None) is not None
        if type(message) is Event:
            self._event(message, basis)
        elif isinstance(message, Success | Failure):
            refused = type(message) is Failure
            self._response(refused=refused)
            if answered is not None:
                self._answer(answered, session, phase)
                if not refused and answered.name in _BY_NAME:
                    add(_BY_NAME[answered.name])
                if basis is not None and isinstance(answered.message, Command):
                    sure = not refused or phase is Phase.COMMANDS
                    self._schema(answered.message, basis, refused=refused, bad=bad, sure=sure)
        elif type(message) is Greeting:
            add(F.GREETING)
        elif not isinstance(message, Sentinel):
            add(F.UNREADABLE)

    def usual_response(
        self, session: Session, basis: Basis, command: Command, *, has_id: bool, refused: bool
    ) -> None:
        """What answers a command that had no fault, after the negotiation."""
        self._said(session)
        self._response(refused=refused)
        self.seen.add(F.ID_ANSWERED if has_id else F.BARE_ANSWERED)
        if not refused and command.name in _BY_NAME:
            self.seen.add(_BY_NAME[command.name])
        self._schema(command, basis, refused=refused, bad=False, sure=True)

    def usual_event(self, session: Session, basis: Basis, event: Event) -> None:
        """An event without any fault."""
        self._said(session)
        self._event(event, basis)

    def _said(self, session: Session) -> None:
        self.seen.add(F.SAID)
        self.seen.add(F.MONITOR_SAID if session.dialect.greets else F.AGENT_SAID)

    def _response(self, *, refused: bool) -> None:
        self.seen.add(F.RESPONSE)
        if refused:
            self.seen.add(F.ERROR)

    def _answer(self, answered: Pending, session: Session, phase: Phase) -> None:
        add = self.seen.add
        add(F.ID_ANSWERED if answered.has_id else F.BARE_ANSWERED)
        command = answered.message
        if isinstance(command, Unknown):
            add(F.NO_OBJECT_ANSWERED if command.well_formed else F.NO_JSON_ANSWERED)
            if command.cause is not None and command.cause in _UNTOLD:
                add(_UNTOLD[command.cause])
            return
        if command.duplicates:
            add(F.TWICE_ANSWERED)
        if command.name == "qmp_capabilities" and not command.oob:
            if phase is Phase.COMMANDS:
                add(F.AGAIN_ANSWERED)
            elif _enables_more(command, session.offered or ()):
                add(F.BAD_ENABLE_ANSWERED)
        elif phase is Phase.NEGOTIATION:
            add(F.EARLY_ANSWERED)

    def _schema(
        self, command: Command, basis: Basis, *, refused: bool, bad: bool, sure: bool
    ) -> None:
        """An answer; one is `sure` to be about the command, not about the phase of the session."""
        add = self.seen.add
        self._held(basis, command)
        if not sure:
            return
        known = basis.catalog.commands.get(command.name)
        if basis.very_build:
            if known is None:
                add(F.UNKNOWN_ANSWERED)
            elif command.oob and not known.allow_oob:
                add(F.FORBIDDEN_OOB)
            if bad:
                add(F.BAD_ANSWERED)
        else:
            self._other_build(basis)
            if known is not None:
                add(F.KNOWN_ANSWERED)
        if known is not None and not refused:
            add(F.RESULT if known.returns else F.VOID)

    def _other_build(self, basis: Basis) -> None:
        self.seen.add(F.OTHER_BUILD)
        if basis.catalog.source.kind == "document":
            self.seen.add(F.DOCUMENT)
        if basis.server_older:
            self.seen.add(F.OLDER_SERVER)

    def _event(self, event: Event, basis: Basis | None) -> None:
        add = self.seen.add
        add(F.EVENT)
        if event.name in LIMITED:
            add(F.LIMITED_EVENT)
        elif event.name.startswith("__"):
            add(F.DOWNSTREAM_EVENT)
        if basis is None or not basis.catalog.events:
            return
        if event.name in basis.catalog.events:
            add(F.KNOWN_EVENT)
        if basis.very_build:
            add(F.HELD_EVENT)
        else:
            self._other_build(basis)

    def shut(self, session: Session, who: Party) -> None:
        """`who` has closed its sending direction."""
        if who is Party.CLIENT:
            self._half.add(id(session))
            if session.pending:
                self.seen.add(F.HALF_CLOSED)

    def ended(
        self, session: Session, basis: Basis | None, pending: Sequence[Pending], who: Party | None
    ) -> None:
        """The session ended, by `who` (None: unknown); `pending` still waited."""
        if pending and id(session) in self._half:
            self.seen.add(F.HALF_CLOSED)  # sent behind it, if a recording is so odd
        self._half.discard(id(session))
        for one in pending:
            self._bad.pop(id(one), None)
            if who is not None:
                self.seen.add(F.LEFT)
            if basis is not None and isinstance(one.message, Command):
                self._held(basis, one.message)


def _enables_more(command: Command, offered: Sequence[str]) -> bool:
    wanted = command.arguments.get("enable")
    return isinstance(wanted, list) and any(one not in offered for one in wanted)


def _in_band(session: Session) -> int:
    return sum(not one.oob for one in session.pending)


def _both_ways(session: Session) -> bool:
    return len({one.oob for one in session.pending}) > 1
