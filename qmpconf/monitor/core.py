"""The embedded monitor, sans IO: bytes of clients in, actions out.

A `Monitor` is one server with one machine and any number of sessions (each socket has one at a
time, as `qmpconf.monitor.server` sees to).  It frames what a client sends by JSON value, answers
each command once and in order, and tells events to every session whose negotiation is done.  It
carries a command out the moment that it is read, so out-of-band commands never have to overtake.

It knows neither sockets nor time: the clock is given, and what is to be sent, closed or ended are
`Action`s for its owner.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from qmpconf.monitor.machine import COMMANDS, EVENTS, Identity, Machine
from qmpconf.monitor.offer import fit, restrict
from qmpconf.monitor.refusal import Refusal
from qmpconf.monitor.requests import (
    NEGOTIATE,
    check_arguments,
    check_known,
    check_shape,
    normal,
    read,
)
from qmpconf.protocol.framing import CLIENT_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value, dumps
from qmpconf.schema.model import Catalog
from qmpconf.schema.validator import Validator
from qmpconf.version import __version__

#: What follows every message (qmp-spec section 2.1).
CRLF = b"\r\n"

#: What a monitor that is no QEMU says where a build names its package.
PACKAGE = f"qmpconf {__version__} (embedded monitor)"

#: A clock gives microseconds since 1970, or a negative number where it fails.
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Send:
    """Send `data` to a session's client."""

    session: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End a session, once everything was sent to it."""

    session: int


@dataclass(frozen=True, slots=True)
class Quit:
    """End the server: every session, and all its sockets."""


Action = Send | Close | Quit


class Phase(Enum):
    """How far a session has come (qmp-spec section 4)."""

    NEGOTIATION = "capabilities negotiation"
    COMMANDS = "command mode"


@dataclass(slots=True)
class _Session:
    number: int
    framer: Framer = field(default_factory=lambda: Framer(CLIENT_LIMITS))
    phase: Phase = Phase.NEGOTIATION
    oob: bool = False


def identity_of(catalog: Catalog, name: str = "") -> Identity:
    """The identity of a machine of the catalog's version, with the guest's `name`."""
    numbers = [int(part) for part in re.findall(r"\d+", catalog.source.version)][:3]
    numbers += [0] * (3 - len(numbers))
    return Identity((numbers[0], numbers[1], numbers[2]), PACKAGE, name)


class Monitor:
    """One server.

    `catalog` says what there is (of which it offers what it implements), `clock` stamps the
    events, `identity` is what the machine says of itself.
    """

    def __init__(self, catalog: Catalog, clock: Clock, identity: Identity | None = None) -> None:
        offered = restrict(catalog, (NEGOTIATE, *COMMANDS), EVENTS)
        self._validator = Validator(offered)
        self._clock = clock
        self.machine = Machine(identity or identity_of(catalog), offered, self._emit)
        negotiation = offered.commands.get(NEGOTIATE)
        #: Before there was anything to enable, `qmp_capabilities` took no argument.
        self.capabilities = ("oob",) if negotiation and negotiation.arguments else ()
        self._sessions: dict[int, _Session] = {}
        self._opened = 0
        self._actions: list[Action] = []

    # --- what happens to a session -------------------------------------------------------------

    def open(self) -> tuple[int, list[Action]]:
        """Take a new client; give its session's number, and the greeting to send."""
        self._opened += 1
        session = self._sessions[self._opened] = _Session(self._opened)
        greeting = {"version": self.machine.version, "capabilities": list(self.capabilities)}
        self._send(session, {"QMP": greeting})
        return session.number, self._done()

    def receive(self, number: int, data: bytes) -> list[Action]:
        """Take what the client of session `number` sent, in any pieces."""
        session = self._sessions[number]
        for frame in session.framer.feed(data):
            if frame.kind in (Kind.VALUE, Kind.MALFORMED):
                self._answer(session, frame)
            if self.machine.ended:
                self._sessions.clear()
                self._actions.append(Quit())
                break
        return self._done()

    def end(self, number: int) -> list[Action]:
        """Take the end of what a client sends: everything is answered, a partial message dropped."""
        if self._sessions.pop(number, None) is not None:
            self._actions.append(Close(number))
        return self._done()

    def lost(self, number: int) -> None:
        """Take note that a client has gone, and can be sent nothing any more."""
        self._sessions.pop(number, None)

    # --- what goes out -------------------------------------------------------------------------

    def _done(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _send(self, session: _Session, message: Value) -> None:
        self._actions.append(Send(session.number, dumps(message) + CRLF))

    def _emit(self, name: str, data: dict[str, Value]) -> None:
        """Tell an event, as far as the catalog knows it, to everyone who has negotiated."""
        known = self.machine.offered.events.get(name)
        if known is None:
            return
        now = self._clock()
        seconds, microseconds = divmod(now, 1_000_000) if now >= 0 else (-1, -1)
        event: dict[str, Value] = {
            "timestamp": {"seconds": seconds, "microseconds": microseconds},
            "event": name,
        }
        data = fit(self.machine.offered, known.data, data) if known.data else {}
        if data:
            event["data"] = data
        for session in self._sessions.values():
            if session.phase is Phase.COMMANDS:
                self._send(session, event)

    # --- commands ------------------------------------------------------------------------------

    def _answer(self, session: _Session, frame: Frame) -> None:
        """Give the one response to a frame: a success or an error, with the command's id."""
        tag: dict[str, Value] = {}
        try:
            command = read(frame)
            if command.has_id:
                tag["id"] = normal(command.id)
            response: dict[str, Value] = {"return": self._execute(session, command), **tag}
        except Refusal as refusal:
            error = {"class": refusal.error_class, "desc": refusal.description}
            response = {**tag, "error": error}
        self._send(session, response)

    def _execute(self, session: _Session, command: Command) -> Value:
        check_shape(command, oob=session.oob)
        negotiating = session.phase is Phase.NEGOTIATION
        check_known(command, self._validator, negotiating=negotiating)
        check_arguments(command, self._validator)
        if command.name == NEGOTIATE:
            return self._negotiate(session, command)
        returns = self.machine.offered.commands[command.name].returns
        value = COMMANDS[command.name](self.machine, command.arguments)
        return fit(self.machine.offered, returns, value)

    def _negotiate(self, session: _Session, command: Command) -> Value:
        wanted = command.arguments.get("enable", [])
        for name in wanted:
            if name not in self.capabilities:
                raise Refusal(f"the capability {name!r} was not offered")
        session.oob = "oob" in wanted
        session.phase = Phase.COMMANDS
        return {}
