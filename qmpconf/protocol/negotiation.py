"""How a session with a monitor begins: the greeting, the negotiation of capabilities, what they allow.

A `Negotiation` belongs to one `qmpconf.protocol.session.Session`, and shares its queue.  It keeps
the phase, by the table in `qmpconf.protocol.phases`, and judges what the greeting and the enabled
capabilities bind both sides to (qmp-spec sections 2.2, 2.3.1 and 4).  A guest agent has none of it
(`qmpconf.protocol.agent`).

Behind a gap it is `unsure`: the negotiation, or a part of it, may have been missed.  Then the phase is
taken from what shows it, and nothing is judged by it.
"""

from __future__ import annotations

from typing import Any

from qmpconf.protocol.matching import Pending, Queue
from qmpconf.protocol.messages import (
    Command,
    Event,
    Failure,
    Greeting,
    Success,
    brief,
    brief_pair,
)
from qmpconf.protocol.phases import TRANSITIONS, Phase, Said
from qmpconf.protocol.places import same
from qmpconf.protocol.signs import (
    ENABLE,
    NOT_FOUND,
    SUCCESS,
    enables,
    message_words,
    outcome_of,
    wanted_by,
)
from qmpconf.protocol.steps import Step, drop_order
from qmpconf.protocol.values import Value


class Negotiation:
    """How far one session has come.

    `package` is as greeted, `offered` the capabilities of the greeting (None before it), `enabled`
    those that the client has enabled.
    """

    def __init__(self, queue: Queue) -> None:
        self.phase = Phase.GREETING
        self.package = ""
        self.offered: tuple[str, ...] | None = None
        self.enabled: frozenset[str] = frozenset()
        self.unsure = False
        self._queue = queue
        self._asked: frozenset[str] = frozenset()  # what the client has tried to enable so far
        self._begun = False  # the client has sent a command
        self._told: Value = None  # the greeting's version, whole
        self._ungreeted = False

    @property
    def done(self) -> bool:
        """Whether it surely is over: commands are taken, and the first one was seen."""
        return self.phase is Phase.COMMANDS and self._begun and not self.unsure

    def skip(self) -> None:
        """Take note that there is none: commands are taken from the beginning."""
        self.phase, self.unsure = Phase.COMMANDS, False

    def gap(self) -> None:
        """Take note that bytes are missing, and with them what they may have enabled."""
        self.unsure |= self.phase is not Phase.COMMANDS

    # --- the client's side ---------------------------------------------------------------------

    def sent(self, command: Command, step: Step, mark: Any) -> None:
        """Judge the client's next command."""
        if not self._begun and command.name != ENABLE:
            seen = brief(command.name)
            step.client(mark, "negotiation.client-first", "", ENABLE, seen)
        self._begun = True
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

    def greet(self, greeting: Greeting) -> None:
        """Take note of what the server says of itself."""
        if greeting.version:
            self._told = greeting.value["QMP"]["version"]
        self.package = greeting.package
        self.offered = greeting.capabilities

    def move(
        self,
        message: Greeting | Success | Failure | Event,
        answered: Pending | None,
        step: Step,
        mark: Any,
    ) -> None:
        """Hold a message against the phase, and go on to the next one."""
        rule, expected, following = TRANSITIONS[self.phase, self._said(message, answered)]
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
            return Said.EVENT_MEANWHILE if self._is_waited_for() else Said.EVENT
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

    def _is_waited_for(self) -> bool:
        """Whether qmp_capabilities waits for its response: its success may be what comes next.

        The server leaves the negotiation when it carries the command out, and an event may come
        between a command and its response (spec 4 and 2.5).
        """
        return any(one.name == ENABLE for one in self._queue.pending)

    def enable(self, command: Command, step: Step, mark: Any) -> None:
        """Take note of what the server has enabled."""
        wanted = wanted_by(command)
        offered = wanted.keys() if self.offered is None else set(self.offered)
        for name in sorted(wanted.keys() - offered):
            seen = f"success for {brief(name)}"
            step.server(mark, "negotiation.bad-enable", "", "an error: not offered", seen)
        self.enabled = frozenset(wanted)

    def judge_version(self, response: Success, step: Step, mark: Any) -> None:
        """Hold a response to ``query-version`` against the greeting."""
        if self._told is not None and not same(self._told, response.result):
            told, seen = brief_pair(self._told, response.result)
            step.server(mark, "greeting.shape", "/return", f"as greeted, {told}", seen)

    def settle(self, message: Greeting | Success | Failure | Event, step: Step) -> None:
        """Behind a gap: take the phase from what shows it, and nothing from what does not."""
        drop_order(step)
        if self.phase is Phase.COMMANDS and step.answered is not None:
            # The negotiation itself was seen to succeed, or else `enabled` stays unknown.
            negotiated = step.answered.name == ENABLE and isinstance(message, Success)
            self.unsure = not negotiated
        elif isinstance(message, Event) or (isinstance(message, Success) and step.answered):
            self.phase = Phase.COMMANDS
