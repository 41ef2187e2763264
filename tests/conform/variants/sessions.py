"""Defects of greeting, negotiation, sessions, out-of-band execution and descriptors."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from qmpconf.monitor.commands import execute
from qmpconf.monitor.core import Action, Phase, Session
from qmpconf.monitor.refusal import Refusal
from qmpconf.monitor.requests import NEGOTIATE, check_arguments
from qmpconf.monitor.server import MonitorServer
from qmpconf.protocol.framing import Framer
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value
from tests.conform.variants.base import Broken, Crowd, defect, now

_STAMP = {"seconds": now() // 1_000_000, "microseconds": 0}
_EVENT: dict[str, Any] = {"timestamp": _STAMP, "event": "RESUME"}

# --- greeting --------------------------------------------------------------------------------------


@defect("greeting.unsolicited", smoke=False, cases=("greeting.un*",))
class GreetsWhenSpokenTo(Broken):
    """The greeting comes when the client has said something."""

    def open(self) -> tuple[int, list[Action]]:
        number, self.memory["greeting"] = super().open()
        return number, []

    def receive(self, number: int, data: bytes, descriptors: Any = ()) -> Any:
        greeting = self.memory.pop("greeting", [])
        return greeting + super().receive(number, data, descriptors)


@defect("greeting.first", cases=("greeting.f*",))
class EventBeforeGreeting(Broken):
    """An event comes before the greeting."""

    def outgoing(self, _session: Session, message: dict[str, Any]) -> Iterable[Any]:
        if "QMP" in message:
            yield _EVENT
        yield message


@defect("greeting.first", cases=("greeting.f*",))
class GreetsTwice(Broken):
    """The greeting comes again behind negotiation."""

    def _negotiate(self, session: Session, command: Command) -> Value:
        value = super()._negotiate(session, command)
        self._send(session, self._greeting())
        return value


class OtherGreeting(Broken, ABC):
    """The greeting is not as it should be."""

    @abstractmethod
    def changed(self, inner: dict[str, Any]) -> Any:
        """What comes in its place."""

    def _greeting(self) -> Value:
        whole: Any = super()._greeting()
        whole["QMP"] = self.changed(whole["QMP"])
        return whole


@defect("greeting.shape", cases=("greeting.shape*",))
class VersionIsText(OtherGreeting):
    """The version's numbers are strings."""

    def changed(self, inner: dict[str, Any]) -> Any:
        numbers = inner["version"]["qemu"]
        inner["version"]["qemu"] = {name: str(one) for name, one in numbers.items()}
        return inner


@defect("greeting.shape", cases=("greeting.shape*",))
class NoPackage(OtherGreeting):
    """The greeting has no package."""

    def changed(self, inner: dict[str, Any]) -> Any:
        del inner["version"]["package"]
        return inner


@defect("greeting.shape", cases=("greeting.shape*",))
class NoCapabilities(OtherGreeting):
    """The greeting has no list of capabilities."""

    def changed(self, inner: dict[str, Any]) -> Any:
        del inner["capabilities"]
        return inner


@defect("greeting.shape", cases=("greeting.shape*",))
class AnotherVersion(OtherGreeting):
    """The greeting's version is not that of query-version."""

    def changed(self, inner: dict[str, Any]) -> Any:
        inner["version"]["qemu"]["micro"] += 1
        return inner


@defect("capabilities.known", cases=("capabilities.*", "greeting.*"))
class UnknownCapability(OtherGreeting):
    """A capability is offered that is none."""

    def changed(self, inner: dict[str, Any]) -> Any:
        inner["capabilities"].append("turbo")
        return inner

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = (*self.capabilities, "turbo")


@defect("capabilities.known", cases=("capabilities.*",))
class CannotBeEnabled(Broken):
    """The capability that is offered cannot be enabled."""

    def _negotiate(self, session: Session, command: Command) -> Value:
        if command.arguments.get("enable"):
            raise Refusal("nothing can be enabled")
        return super()._negotiate(session, command)


@defect("greeting.each-session", "negotiation.gate", smoke=False, cases=("greeting.each*",))
class NegotiatesOnce(Broken):
    """One negotiation is good for all sessions."""

    def open(self) -> tuple[int, list[Action]]:
        number, actions = super().open()
        if self.memory.get("negotiated", 0) > 2:
            self._sessions[number].phase = Phase.COMMANDS
        return number, actions

    def _negotiate(self, session: Session, command: Command) -> Value:
        self.memory["negotiated"] = self.memory.get("negotiated", 0) + 1
        return super()._negotiate(session, command)


@defect("greeting.each-session", smoke=False, cases=("greeting.each*", "greeting.first/*"))
class OneParser(Broken):
    """All sessions share one parser."""

    def open(self) -> tuple[int, list[Action]]:
        number, actions = super().open()
        self._sessions[number].framer = self.memory.setdefault("framer", Framer())
        return number, actions


@defect("greeting.each-session", cases=("greeting.each*",))
class OutOfBandStays(Broken):
    """Out-of-band execution stays enabled for the next session."""

    def _negotiate(self, session: Session, command: Command) -> Value:
        value = super()._negotiate(session, command)
        session.oob = self.memory["oob"] = session.oob or self.memory.get("oob", False)
        return value


# --- negotiation -----------------------------------------------------------------------------------


@defect("negotiation.gate", "negotiation.bad-enable")
class NoGate(Broken):
    """Every command works before negotiation."""

    def _execute(self, session: Session, command: Command) -> Value:
        if session.phase is Phase.NEGOTIATION and command.name != NEGOTIATE:
            session.phase = Phase.COMMANDS
            try:
                return super()._execute(session, command)
            finally:
                session.phase = Phase.NEGOTIATION
        return super()._execute(session, command)


@defect("negotiation.gate", "negotiation.bad-enable")
class GateOfAnotherClass(Broken):
    """Before negotiation, commands get GenericError."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        if session.phase is Phase.NEGOTIATION:
            raise Refusal(refusal.description)
        raise refusal


@defect("negotiation.gate", cases=("negotiation.gate*",))
class GateGivesIn(Broken):
    """The gate opens with the third try."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        tries = self.memory[session.number] = self.memory.get(session.number, 0) + 1
        if tries == 3:
            session.phase = Phase.COMMANDS
        raise refusal


@defect("negotiation.bad-enable", "negotiation.gate")
class OpensAllTheSame(Broken):
    """A negotiation that was refused opens the gate."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        if command.name == NEGOTIATE:
            session.phase = Phase.COMMANDS
        raise refusal


@defect("negotiation.bad-enable", "request.strict-arguments")
class UnknownIsIgnored(Broken):
    """Capabilities that are not offered are ignored."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        names = command.arguments.get("enable") if isinstance(command.arguments, dict) else None
        texts = isinstance(names, list) and all(isinstance(one, str) for one in names)
        if command.name == NEGOTIATE and texts and "do not fit" in refusal.description:
            session.phase = Phase.COMMANDS
            return {}
        raise refusal


@defect("negotiation.bad-enable", "request.strict-arguments")
class ArgumentsAreIgnored(Broken):
    """Wrong arguments of qmp_capabilities are ignored."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        if command.name == NEGOTIATE and "do not fit" in refusal.description:
            session.phase = Phase.COMMANDS
            return {}
        raise refusal


@defect("negotiation.once")
class NegotiatesAgain(Broken):
    """qmp_capabilities can be sent again."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        if command.name == NEGOTIATE and session.phase is Phase.COMMANDS:
            return {}
        raise refusal


@defect("negotiation.once")
class AgainOfAnotherClass(Broken):
    """A second qmp_capabilities gets GenericError."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        if command.name == NEGOTIATE:
            raise Refusal(refusal.description)
        raise refusal


@defect("negotiation.no-events", cases=("negotiation.no-events*",))
class EventAtOnce(Broken):
    """An event comes right behind the greeting."""

    def outgoing(self, _session: Session, message: dict[str, Any]) -> Iterable[Any]:
        yield message
        if "QMP" in message:
            yield _EVENT


# --- sessions --------------------------------------------------------------------------------------


@defect("session.single", "negotiation.gate", smoke=False, cases=("session.single/*",))
class SharedSession(Broken):
    """A second client is served at once, in the session of the first one."""

    server = Crowd

    def open(self) -> tuple[int, list[Action]]:
        shared = bool(self._sessions)
        number, actions = super().open()
        if shared:
            self._sessions[number].phase = Phase.COMMANDS
        return number, actions


class Timed(MonitorServer):
    """Whose client says nothing for a while is sent away."""

    def _turn(self, timeout: float | None) -> None:
        super()._turn(0.1 if timeout is None else min(timeout, 0.1))
        for client in [*self._clients.values()]:
            said = self._monitor.memory.get(client.number, math.inf)  # type: ignore[attr-defined]
            if time.monotonic() - said > 0.7:
                self._drop(client)


@defect("session.idle", smoke=False, cases=("session.idle/*",))
class SendsTheIdleAway(Broken):
    """A client that has said something, and then nothing for a while, loses its session."""

    server = Timed

    def heard(self, session: Session, data: bytes) -> bytes:
        self.memory[session.number] = time.monotonic()
        return data


@defect("session.idle", smoke=False, cases=("session.idle/*",))
class ForgetsHalves(Broken):
    """Half a command that is not followed by its end soon is forgotten."""

    def heard(self, session: Session, data: bytes) -> bytes:
        before = self.memory.get(session.number, 0.0)
        self.memory[session.number] = time.monotonic()
        if time.monotonic() - before > 0.3:
            session.framer = Framer()
        return data


@defect("session.half-close", "response.exactly-one", cases=("session.*",))
class DropsPending(Broken):
    """When the client's side ends, what is pending is dropped."""

    def end(self, number: int) -> list[Action]:
        if number in self._sessions:
            self._sessions[number].queue.clear()
        return super().end(number)

    def _settle(self, session: Session) -> None:
        if session.ended and not session.queue and session.number in self._turns:
            self._turns.remove(session.number)
        super()._settle(session)

    def wait(self) -> float | None:
        """What the suite has pending when its side ends is not carried out before."""
        first = [self._sessions[number].queue[0].frame.data for number in self._turns]
        held = first and all(b'"pending-' in data for data in first)
        return None if held else super().wait()

    def _room(self, session: Session) -> int:
        return 64


@defect("session.half-close", smoke=False, cases=("session.half-close/idle",))
class DoesNotEnd(Broken):
    """The end of the client's side is not noticed."""

    def end(self, number: int) -> list[Action]:
        if number == 1:
            return super().end(number)  # of the survey, which just goes
        self.memory[number] = "ended"
        return []

    def is_stalled(self, number: int) -> bool:
        return number in self.memory or super().is_stalled(number)


@defect("session.half-close", "response.exactly-one", cases=("session.*",))
class HalfACommand(Broken):
    """Half a command at the client's end is carried out."""

    def heard(self, session: Session, data: bytes) -> bytes:
        self.memory[session.number] = not data.strip().endswith(b"}")
        return data

    def end(self, number: int) -> list[Action]:
        actions = super().receive(number, b"}") if self.memory.get(number) else []
        while self.wait() == 0:
            actions += self.work()
        return [*actions, *super().end(number)]


# --- out of band -----------------------------------------------------------------------------------


@defect("oob.overtakes", cases=("oob.overtakes*",))
class NoEffect(Broken):
    """exec-oob is taken, and queued like any other command."""

    def _admit(self, session: Session) -> None:
        oob, session.oob = session.oob, False
        room, self.memory["room"] = self.memory.get("room", 1), 64
        super()._admit(session)
        session.oob, self.memory["room"] = oob, room

    def _room(self, session: Session) -> int:
        return int(self.memory.get("room", 1))

    def _execute(self, session: Session, command: Command) -> Value:
        if command.name == "query-qmp-schema":
            time.sleep(0.01)
        return super()._execute(session, command)


@defect("oob.overtakes", "oob.allowed-only")
class NotUnderstood(Broken):
    """oob can be enabled, and exec-oob is not a member of a command."""

    def _execute(self, session: Session, command: Command) -> Value:
        if command.oob:
            raise Refusal("the member exec-oob is not known")
        return super()._execute(session, command)


@defect("oob.allowed-only")
class EverythingOutOfBand(Broken):
    """Every command can be executed out of band."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        if "cannot be executed out of band" in refusal.description:
            return execute(self.machine, command.name, command.arguments)
        raise refusal


@defect("oob.queue", "response.in-order")
class DropsWhenFull(Broken):
    """Commands beyond the queue are dropped."""

    def _admit(self, session: Session) -> None:
        super()._admit(session)
        if session.oob:
            session.unread.clear()


@defect("request.oob-negotiated")
class OutOfBandUnasked(Broken):
    """exec-oob works without having been enabled."""

    def _negotiate(self, session: Session, command: Command) -> Value:
        value = super()._negotiate(session, command)
        session.oob = True
        return value


# --- descriptors -----------------------------------------------------------------------------------


@defect("fds.any-byte", cases=("fds.*",))
class OnlyOnTheFirstByte(Broken):
    """A descriptor on a later byte of a message is lost."""

    def receive(self, number: int, data: bytes, descriptors: Any = ()) -> Any:
        actions: list[Action] = []
        if descriptors and not data.lstrip().startswith(b"{"):
            self._discard(descriptors)
            actions, descriptors = self._done(), ()
        return actions + super().receive(number, data, descriptors)


@defect("fds.pass", cases=("fds.*", "schema.return/*"))
class NoneIsNeeded(Broken):
    """getfd works without a descriptor."""

    def refused(self, session: Session, command: Command, refusal: Refusal) -> Value:
        if "no file descriptor was passed" in refusal.description:
            check_arguments(command, self._validator)
            return {"fdset-id": 0, "fd": 0} if command.name == "add-fd" else {}
        raise refusal


@defect("fds.pass", "fds.any-byte", cases=("fds.*",))
class NoDescriptors(Broken):
    """Descriptors are not taken at all."""

    def receive(self, number: int, data: bytes, descriptors: Any = ()) -> Any:
        self._discard(descriptors)
        return self._done() + super().receive(number, data)
