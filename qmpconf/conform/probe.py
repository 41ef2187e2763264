"""What a case has in its hands: connections to the target, and facts about it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from qmpconf.conform.patience import Patience
from qmpconf.conform.said import Said
from qmpconf.conform.talk import Talk
from qmpconf.conform.tape import Tape
from qmpconf.conform.target import Facts, Target, sync
from qmpconf.conform.verdicts import Inconclusive, NotApplicable, Stop, Unmet
from qmpconf.errors import TargetError
from qmpconf.protocol.messages import Failure
from qmpconf.protocol.values import Value

#: Seconds without a word after which nothing is expected to come any more.
QUIET = 0.15

#: What a server breaks that does not greet.
_GREETING = "greeting.first"


class Probe:
    """One case's way to the target.

    `patience` says how long an answer may take, `limit` how long the whole case (in seconds);
    `silence` is the requirement that a missing response breaks.
    """

    def __init__(
        self, target: Target, tape: Tape, *, patience: Patience, limit: float, silence: str
    ) -> None:
        self.target = target
        self.tape = tape
        self.patience = patience.full
        self._patience = patience
        self.silence = silence
        self.deadline = time.monotonic() + limit
        self.talks: list[Talk] = []

    @property
    def facts(self) -> Facts:
        """What the survey found."""
        return self.target.facts

    @property
    def late(self) -> float:
        """Seconds that an event may take after its cause was answered."""
        return self._patience.event()

    def dial(self) -> Talk:
        """A new connection, and nothing else."""
        try:
            talk = self.target.talk(self.tape, self._patience, self.deadline, self.silence)
        except TargetError as error:
            raise Inconclusive(str(error)) from error
        self.talks.append(talk)
        return talk

    def connect(self) -> Talk:
        """A new connection that was greeted.  Raises Inconclusive when it is not."""
        talk = self.dial()
        patience = self._patience.answer(_GREETING)
        said = talk.hear(patience)
        if talk.greeting is None:
            if said is None and not talk.ended:
                self._patience.in_vain(_GREETING, patience)
            what = f"{said}" if said else "nothing" if not talk.ended else "the end of the session"
            raise Inconclusive(f"no greeting to begin with: got {what}")
        return talk

    def negotiated(self, *enable: str) -> Talk:
        """A new session in command mode.  Raises Inconclusive when that fails."""
        talk = self.connect()
        command: dict[str, Value] = {"execute": "qmp_capabilities", "id": "negotiate"}
        if enable:
            command["arguments"] = {"enable": list(enable)}
        try:
            said = talk.ask(command)
        except Unmet as unmet:
            raise Inconclusive(f"negotiation was not possible: {unmet}") from unmet
        if not said.ok:
            raise Inconclusive(f"negotiation was not possible: {said}")
        return talk

    def synced(self) -> Talk:
        """A new session with a guest agent that has found its place.  Raises Inconclusive."""
        talk = self.dial()
        try:
            succeeded(sync(talk))
        except Unmet as unmet:
            raise Inconclusive(f"a sync was not possible: {unmet}") from unmet
        return talk

    def ready(self) -> Talk:
        """A new session in which commands are taken.  Raises Inconclusive."""
        return self.negotiated() if self.target.dialect.greets else self.synced()

    def has(self, *commands: str) -> bool:
        """Whether the target has all these commands."""
        return set(commands) <= self.facts.commands

    def need(self, *commands: str) -> None:
        """Raises NotApplicable unless the target has all these commands."""
        missing = [name for name in commands if name not in self.facts.commands]
        if missing:
            raise NotApplicable(f"the target has no {' and no '.join(missing)}")

    def close(self) -> None:
        """End every session."""
        for talk in self.talks:
            talk.close()

    @property
    def hung(self) -> bool:
        """Whether the target failed to answer or to read in time."""
        return any(talk.stalled for talk in self.talks)


def harmless_oob(probe: Probe) -> str:
    """A command that could be executed out of band, were it enabled, and changes nothing."""
    return "query-yank" if probe.has("query-yank") else "query-version"


# --- expectations --------------------------------------------------------------------------------


def succeeded(said: Said, expected: str = "success", *, requirement: str = "") -> Said:
    """Raises Unmet unless `said` is a success."""
    if not said.ok:
        raise Unmet(expected, str(said), line=said.line, requirement=requirement)
    return said


def refused(said: Said, *classes: str, requirement: str = "") -> Failure:
    """Raises Unmet unless `said` is an error (of one of these classes, if any are given)."""
    message = said.message
    if not isinstance(message, Failure) or (classes and message.error_class not in classes):
        wanted = " or ".join(classes) or "an error"
        raise Unmet(wanted, str(said), line=said.line, requirement=requirement)
    return message


def without_id(said: Said) -> Said:
    """Raises Unmet when a response carries an id."""
    if getattr(said.message, "has_id", False):
        raise Unmet("no id", str(said), line=said.line)
    return said


def nothing_more(heard: Sequence[Said]) -> None:
    """Raises Unmet when there is a response among what was heard."""
    for said in heard:
        if said.outcome not in ("event", "greeting"):
            raise Unmet("no further response", str(said), line=said.line)


__all__ = [
    "QUIET",
    "Inconclusive",
    "NotApplicable",
    "Probe",
    "Said",
    "Stop",
    "Talk",
    "Unmet",
    "harmless_oob",
    "nothing_more",
    "refused",
    "succeeded",
    "without_id",
]
