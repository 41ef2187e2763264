"""The embedded monitor, sans IO: bytes of clients in, actions out.

A `Monitor` is one server with one machine and any number of sessions (each socket has one at a
time, as `qmpconf.monitor.server` sees to).  It frames what a client sends by JSON value, answers
each command once, and emits events to every session whose negotiation is done.

`receive` only queues in-band commands; each call of `work` carries one of them out, or takes a job
one step further.  An out-of-band command is carried out in `receive`, at once: it overtakes what
is queued.  With out-of-band execution, up to `QUEUE` commands wait; what stands behind the next
one, out-of-band commands too, is not looked at, and `is_stalled` asks its owner to read no more.
Without, commands are taken one by one (qmpconf/protocol/README.md, Out of band).

It knows neither sockets nor time: the clock is given, and what is to be sent, closed or ended are
`Action`s for its owner.
"""

from __future__ import annotations

import heapq
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from qmpconf.monitor.commands import execute
from qmpconf.monitor.descriptors import Descriptors
from qmpconf.monitor.instances import fit
from qmpconf.monitor.machine import Identity, Machine
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
from qmpconf.protocol.rates import LIMITED
from qmpconf.protocol.values import Value, dumps
from qmpconf.schema.model import Catalog
from qmpconf.schema.validator import Validator
from qmpconf.version import __version__

#: What follows every message (qmp-spec section 2.1).
CRLF = b"\r\n"

#: The catalog that a monitor serves where none is named.
DEFAULT_SCHEMA = "qemu-11.1.3"

#: In-band commands that may wait in a session with out-of-band execution.
QUEUE = 8

#: What a monitor that is not a QEMU says where a build names its package.
PACKAGE = f"qmpconf {__version__} (embedded monitor)"

#: Events that there always were, without data: old documents of the commands give no events.
_OF_OLD = frozenset(("STOP", "RESUME", "RESET", "POWERDOWN", "SHUTDOWN"))

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
class Discard:
    """Close these descriptors: nobody needs them any more."""

    descriptors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quit:
    """End the server: every session, and all its sockets."""


Action = Send | Close | Discard | Quit


class Phase(Enum):
    """How far a session has come (qmp-spec section 4)."""

    NEGOTIATION = "capabilities negotiation"
    COMMANDS = "command mode"


@dataclass(slots=True)
class Request:
    """One frame of a client, the descriptors that came with it, and what it was read as."""

    frame: Frame
    descriptors: list[int]
    command: Command | Refusal | None = None


@dataclass(slots=True)
class Session:
    """One client: `unread` are frames that were not looked at yet, `queue` commands that wait."""

    number: int
    framer: Framer = field(default_factory=lambda: Framer(CLIENT_LIMITS))
    phase: Phase = Phase.NEGOTIATION
    oob: bool = False
    unread: deque[Request] = field(default_factory=deque)
    queue: deque[Request] = field(default_factory=deque)
    arrived: list[int] = field(default_factory=list)
    ended: bool = False


def identity_of(catalog: Catalog, name: str = "") -> Identity:
    """The identity of a machine of the catalog's version, with the guest's `name`."""
    numbers = [int(part) for part in re.findall(r"\d{1,9}", catalog.source.version)][:3]
    numbers += [0] * (3 - len(numbers))
    return Identity((numbers[0], numbers[1], numbers[2]), PACKAGE, name)


class Monitor:
    """One server.

    `catalog` says what there is, all of which it offers; `clock` stamps the events and times the
    jobs; `identity` is what the machine says of itself.
    """

    def __init__(self, catalog: Catalog, clock: Clock, identity: Identity | None = None) -> None:
        self._validator = Validator(catalog)
        self._clock = clock
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._sessions: dict[int, Session] = {}
        #: Limited events of the last second: the one that is to be said when it is over.
        self._limited: dict[tuple[str, str], dict[str, Value] | None] = {}
        self._turns: deque[int] = deque()  # sessions with something queued, in the order of turns
        self._opened = 0
        self._steps = 0
        self._actions: list[Action] = []
        self.machine = Machine(
            identity or identity_of(catalog), catalog, self._emit, self._schedule, self._discard
        )
        negotiation = catalog.commands.get(NEGOTIATE)
        #: Before there was anything to enable, `qmp_capabilities` took no argument.
        self.capabilities = ("oob",) if negotiation and negotiation.arguments else ()

    # --- what happens to a session -------------------------------------------------------------

    def open(self) -> tuple[int, list[Action]]:
        """Take a new client; give its session's number, and the greeting to send."""
        self._opened += 1
        session = self._sessions[self._opened] = Session(self._opened)
        self._send(session, self._greeting())
        return session.number, self._done()

    def receive(self, number: int, data: bytes, descriptors: Sequence[int] = ()) -> list[Action]:
        """Take what the client of session `number` sent, in any pieces.

        `descriptors` rode on the first byte of `data`, and belong to the monitor from now on.
        """
        session = self._sessions.get(number)
        if session is None:
            self._discard(descriptors)
            return self._done()
        session.arrived += descriptors
        for frame in session.framer.feed(data):
            if frame.kind in (Kind.VALUE, Kind.MALFORMED):
                session.unread.append(Request(frame, session.arrived))
                session.arrived = []
        self._admit(session)
        return self._done()

    def end(self, number: int) -> list[Action]:
        """Take the end of what a client sends: the rest is answered, a partial message dropped."""
        session = self._sessions.get(number)
        if session is not None:
            session.ended = True
            self._settle(session)
        return self._done()

    def lost(self, number: int) -> list[Action]:
        """Take note that a client has gone, and can be sent nothing any more."""
        session = self._sessions.pop(number, None)
        if session is not None:
            self._forget(session)
        return self._done()

    def close(self) -> list[Action]:
        """Take note that the server ends: give up what is held."""
        self._give_up()
        return self._done()

    def tell(self, name: str, data: Mapping[str, Value]) -> list[Action]:
        """Tell an event, as if it had happened to the machine.

        `data` is made to fit the catalog: what is missing is added, what it does not know is left
        out.  An event that the catalog does not have is not told.
        """
        self._emit(name, dict(data))
        return self._done()

    def _give_up(self) -> None:
        for session in self._sessions.values():
            self._forget(session)
        self._sessions.clear()
        held, self.machine.descriptors = self.machine.descriptors, Descriptors()
        self._discard(held.everything())

    # --- work ----------------------------------------------------------------------------------

    def is_stalled(self, number: int) -> bool:
        """Whether the session takes nothing more for now: its queue is full."""
        session = self._sessions.get(number)
        return session is not None and bool(session.unread)

    def wait(self) -> float | None:
        """Seconds until there is something for `work` to do; None when there is nothing."""
        if self._turns:
            return 0.0
        if not self._later:
            return None
        return max(0.0, (self._later[0][0] - self._now()) / 1_000_000)

    def work(self) -> list[Action]:
        """Carry out one queued command, in turns, and the next step of a job that is due."""
        due = self._later and self._later[0][0] <= self._now()
        step = heapq.heappop(self._later)[2] if due else None
        if self._turns:
            session = self._sessions[self._turns.popleft()]
            self._answer(session, session.queue.popleft())
            if session.queue:
                self._turns.append(session.number)
            if not self.machine.ended:
                self._admit(session)
                self._settle(session)
        if step is not None and not self.machine.ended:
            step()
        if self.machine.ended:
            self._give_up()
            self._actions.append(Quit())
        return self._done()

    def _now(self) -> int:
        """The clock's time; where it fails, what is to be done later is due."""
        now = self._clock()
        return now if now >= 0 else 1 << 62

    def _schedule(self, seconds: float, step: Callable[[], None]) -> None:
        self._steps += 1
        at = max(self._clock(), 0) + int(seconds * 1_000_000)
        heapq.heappush(self._later, (at, self._steps, step))

    def _admit(self, session: Session) -> None:
        """Look at what has come: out-of-band commands are carried out, the others queued."""
        while session.unread:
            request = session.unread[0]
            if request.command is None:
                request.command = self._read(request.frame)
            urgent = session.oob and isinstance(request.command, Command) and request.command.oob
            if urgent:
                self._answer(session, session.unread.popleft())
            elif len(session.queue) < self._room(session):
                if not session.queue and session.number not in self._turns:
                    self._turns.append(session.number)
                session.queue.append(session.unread.popleft())
            else:
                return

    def _room(self, session: Session) -> int:
        """How many in-band commands may wait."""
        return QUEUE if session.oob else 1

    def _settle(self, session: Session) -> None:
        """End a session of which nothing more is to come, and nothing is pending."""
        if session.ended and not session.queue and session.number in self._sessions:
            del self._sessions[session.number]
            self._forget(session)
            self._actions.append(Close(session.number))

    def _forget(self, session: Session) -> None:
        if session.number in self._turns:
            self._turns.remove(session.number)
        waiting = [one.descriptors for one in (*session.unread, *session.queue)]
        self._discard([fd for each in (*waiting, session.arrived) for fd in each])

    # --- what goes out -------------------------------------------------------------------------

    def _done(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _greeting(self) -> Value:
        version = self.machine.version
        return {"QMP": {"version": version, "capabilities": list(self.capabilities)}}

    def _send(self, session: Session, message: Value) -> None:
        self._actions.append(Send(session.number, dumps(message) + CRLF))

    def _discard(self, descriptors: Sequence[int]) -> None:
        if descriptors:
            self._actions.append(Discard(tuple(descriptors)))

    def _emit(self, name: str, data: dict[str, Value]) -> None:
        """Tell an event, as far as the catalog knows it, to everyone who has negotiated."""
        events = self.machine.offered.events
        known = events.get(name)
        if known is None and (events or name not in _OF_OLD):
            return
        now = self._clock()
        seconds, microseconds = divmod(now, 1_000_000) if now >= 0 else (-1, -1)
        event: dict[str, Value] = {
            "timestamp": {"seconds": seconds, "microseconds": microseconds},
            "event": name,
        }
        data = fit(self.machine.offered, known.data, data) if known and known.data else {}
        if data:
            event["data"] = data
        member = LIMITED.get(name)
        if member is None:
            self._announce(event)
        else:
            self._limit((name, str(data.get(member, ""))), event)

    def _limit(self, key: tuple[str, str], event: dict[str, Value]) -> None:
        """Tell an event at most once a second, the last one late (qmpconf/protocol/README.md, Events)."""
        if key in self._limited:
            self._limited[key] = event
            return
        self._announce(event)
        self._limited[key] = None
        self._schedule(1.0, lambda: self._unlimit(key))

    def _unlimit(self, key: tuple[str, str]) -> None:
        event = self._limited.pop(key)
        if event is not None:
            self._limit(key, event)

    def _announce(self, event: dict[str, Value]) -> None:
        for session in self._sessions.values():
            if session.phase is Phase.COMMANDS:
                self._send(session, event)

    # --- commands ------------------------------------------------------------------------------

    def _read(self, frame: Frame) -> Command | Refusal:
        try:
            return read(frame)
        except Refusal as refusal:
            return refusal

    def _answer(self, session: Session, request: Request) -> None:
        """Give the one response to a request: a success or an error, with the command's id."""
        tag: dict[str, Value] = {}
        command = request.command
        if request.descriptors:
            self._discard(self.machine.descriptors.arrived)
            self.machine.descriptors.arrived = request.descriptors
        try:
            if not isinstance(command, Command):
                raise command or Refusal("the message was not read")
            if command.has_id:
                tag["id"] = normal(command.id)
            response: dict[str, Value] = {"return": self._execute(session, command), **tag}
        except Refusal as refusal:
            error = {"class": refusal.error_class, "desc": refusal.description}
            response = {**tag, "error": error}
        self._send(session, response)

    def _execute(self, session: Session, command: Command) -> Value:
        check_shape(command, oob=session.oob)
        negotiating = session.phase is Phase.NEGOTIATION
        check_known(command, self._validator, negotiating=negotiating)
        check_arguments(command, self._validator)
        if command.name == NEGOTIATE:
            return self._negotiate(session, command)
        return execute(self.machine, command.name, command.arguments)

    def _negotiate(self, session: Session, command: Command) -> Value:
        wanted = command.arguments.get("enable", [])
        for name in wanted:
            if name not in self.capabilities:
                raise Refusal(f"the capability {name!r} was not offered")
        session.oob = "oob" in wanted
        session.phase = Phase.COMMANDS
        return {}
