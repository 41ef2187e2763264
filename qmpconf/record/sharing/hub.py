"""Who is answered what, and what goes to the server: several clients, one session with it.

The `Hub` negotiates with the server as soon as that has greeted, with all capabilities that it offers.  Then it
greets each client in the server's words, and answers its negotiation by itself, as a server does (qmp-spec
section 4).  Clients' in-band commands go to the server in turns, one at a time, so that a client that
sends many holds up no other one for longer than a command takes, and an out-of-band command finds room.
A response goes to the client that had asked, an event to all that have negotiated.

What is not a command is answered here, in its turn, as a server answers it.  So is a command of a client
that only observes, unless it only asks (`qmpconf.record.sharing.observers`).

It knows no socket, file or clock: what is to be sent is given to `send`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from qmpconf.monitor.core import CRLF, QUEUE
from qmpconf.monitor.refusal import NOT_FOUND, Refusal
from qmpconf.monitor.requests import NEGOTIATE, check_shape, read
from qmpconf.protocol.framing import Frame, Kind, is_plain
from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Success, from_server
from qmpconf.protocol.values import Value, dumps
from qmpconf.record.sharing.ids import Ids
from qmpconf.record.sharing.observers import may_send

#: Who `send` sends to, where it is not the client of that number.
SERVER = 0

#: Sends a message, with descriptors, to the server or a client.
Send = Callable[[int, Frame, list[int]], None]

#: Commands that take descriptors which came before or with them (SCM_RIGHTS).
_TAKING = frozenset({"getfd", "add-fd"})


@dataclass(slots=True, eq=False)
class _Request:
    """What a client sent, and once it was read: the command, or why it is refused."""

    frame: Frame
    fds: list[int]
    read: Command | Refusal | None = None


@dataclass(slots=True, eq=False)
class _Client:
    """A client.  `unread` was not looked at, `queue` waits for its turn, `asked` are responses that are due."""

    number: int
    observes: bool
    negotiated: bool = False
    oob: bool = False
    ended: bool = False
    unread: deque[_Request] = field(default_factory=deque)
    queue: deque[_Request] = field(default_factory=deque)
    arrived: list[int] = field(default_factory=list)  # descriptors on white space
    asked: int = 0


@dataclass(slots=True, frozen=True)
class _Asked:
    """A command that the server has: whose, its own id, and what it was."""

    client: _Client
    theirs: bytes | None
    takes: bool


class Hub:
    """One session with the server, shared by clients.

    `prefix` is how the ids begin that the server sees, `drop` gets descriptors that are sent to nobody, and
    `failed` is called with the reason when the server cannot be shared.
    """

    def __init__(
        self,
        send: Send,
        drop: Callable[[list[int]], None],
        failed: Callable[[str], None],
        prefix: str,
    ) -> None:
        self._send = send
        self._drop = drop
        self._failed = failed
        self._ids = Ids(prefix)
        self._clients: dict[int, _Client] = {}
        self._greeting: Frame | None = None
        self._offered: tuple[str, ...] = ()
        self._negotiation = 0  # the number of our own command
        self.ready = False
        self._asked: dict[int, _Asked] = {}
        self._busy = 0  # the number of the in-band command that the server has
        self._turns: deque[_Client] = deque()  # clients with something in their queues
        self._left: _Client | None = None  # whose descriptors the server may still have

    # --- clients -------------------------------------------------------------------------------

    def join(self, number: int, *, observes: bool) -> None:
        """Take a client; it is greeted once the server has taken our negotiation."""
        client = self._clients[number] = _Client(number, observes)
        if self.ready:
            self._greet(client)

    def receive(self, number: int, frames: Sequence[Frame], fds: list[int]) -> None:
        """Take what a client has sent; the descriptors rode on the first of the frames."""
        client = self._clients.get(number)
        if client is None:
            self._drop(fds)
            return
        if fds:  # as in a server, they take the place of those that no message has taken
            self._drop(client.arrived)
            client.arrived = fds
        for frame in frames:
            if frame.kind in (Kind.VALUE, Kind.MALFORMED):
                client.unread.append(_Request(frame, client.arrived))
                client.arrived = []
        self._admit(client)
        self._go_on()

    def end(self, number: int) -> None:
        """A client sends nothing more; what it has sent is carried out."""
        client = self._clients.get(number)
        if client is not None:
            client.ended = True
            self._part(client)

    def stalled(self, number: int) -> bool:
        """Whether nothing more is to be read of a client for now."""
        client = self._clients.get(number)
        return client is not None and bool(client.unread)

    def idle(self, number: int) -> bool:
        """Whether a client has been answered all that it has sent."""
        client = self._clients.get(number)
        return client is None or not (client.unread or client.queue or client.asked)

    # --- the server ----------------------------------------------------------------------------

    def server(self, frame: Frame) -> None:
        """Take what the server has sent."""
        if frame.kind is Kind.SPACE:
            return
        message = from_server(frame.data) if frame.kind is Kind.VALUE else None
        if not self.ready:
            self._negotiate(frame, message)
        elif isinstance(message, Success | Failure):
            self._respond(frame, message)
        else:  # an event, or what nobody understands: it may be for each of them
            for client in self._clients.values():
                if client.negotiated:
                    self._send(client.number, frame, [])

    def _negotiate(self, frame: Frame, message: object) -> None:
        """The server greets, and takes our negotiation."""
        if isinstance(message, Greeting) and not self._negotiation:
            self._greeting, self._offered = frame, message.capabilities
            self._negotiation = self._ids.next()
            enable = b', "arguments": {"enable": %b}' % dumps(list(self._offered))
            words = b'{"execute": "%b"%b, "id": %b}' % (
                NEGOTIATE.encode(),
                enable if self._offered else b"",
                self._ids.text(self._negotiation),
            )
            self._send(SERVER, Frame(Kind.VALUE, words, b"\n", plain=True), [])
        elif isinstance(message, Success) and self._negotiation:
            self.ready = True
            for client in list(self._clients.values()):
                self._greet(client)
        elif not isinstance(message, Event):
            why = f": {message.description}" if isinstance(message, Failure) else ""
            self._failed(f"the server does not negotiate as a QMP server does{why}")

    def _greet(self, client: _Client) -> None:
        if self._greeting is not None:
            self._send(client.number, self._greeting, [])
        self._admit(client)
        self._go_on()

    def _respond(self, frame: Frame, message: Success | Failure) -> None:
        """Give a response to who has asked; one without an id is of the command that is carried out."""
        number = self._ids.number_of(message.id) if message.has_id else self._busy
        asked = self._asked.pop(number or 0, None)
        if number == self._busy:
            self._busy = 0
        if asked is not None:
            if asked.takes and isinstance(message, Success):
                self._left = None
            client = asked.client
            client.asked -= 1
            if client.number in self._clients:
                data = frame.data
                if message.has_id:
                    data = self._ids.given_back(data, asked.theirs)
                self._send(client.number, frame._replace(data=data), [])
            self._admit(client)
            self._part(client)
        self._go_on()

    # --- turns ---------------------------------------------------------------------------------

    def _admit(self, client: _Client) -> None:
        """Look at what a client has sent, as far as a server would before it has answered.

        As with a server, at most `QUEUE` commands wait with out-of-band execution, and one without.
        """
        while self.ready and client.unread:
            request = client.unread[0]
            if request.read is None:
                request.read = _read(request.frame)
            command = request.read
            if client.oob and isinstance(command, Command) and command.oob:
                if client.asked > QUEUE:
                    return
                client.unread.popleft()
                self._carry_out(client, request)
            elif len(client.queue) < (QUEUE if client.oob else 1):
                client.queue.append(client.unread.popleft())
                if client not in self._turns:
                    self._turns.append(client)
            else:
                return

    def _go_on(self) -> None:
        """Give clients their turns, as long as anything can be done."""
        moved = True
        while moved:
            moved = False
            for client in list(self._turns):
                if self._must_wait(client):
                    continue
                moved = True
                self._turns.remove(client)
                self._carry_out(client, client.queue.popleft())
                if client.queue:
                    self._turns.append(client)
                self._admit(client)
                self._part(client)

    def _must_wait(self, client: _Client) -> bool:
        """Whether a client's next request waits for the in-band command that the server has.

        What is answered here waits for that only if it is the client's own.
        """
        if not self._busy:
            return False
        if self._asked[self._busy].client is client:
            return True
        try:
            self._checked(client, client.queue[0])
        except Refusal:
            return False
        return client.negotiated

    def _part(self, client: _Client) -> None:
        """Forget a client that sends nothing more, and has been answered all."""
        if client.ended and self.idle(client.number):
            self._drop(client.arrived)
            self._clients.pop(client.number, None)

    def _carry_out(self, client: _Client, request: _Request) -> None:
        """Answer a request here, or have the server answer it."""
        try:
            command = self._checked(client, request)
        except Refusal as refusal:
            error = {"class": refusal.error_class, "desc": refusal.description}
            self._answer(client, request, {"error": error})
            return
        if client.negotiated:
            self._forward(client, request, command)
        else:
            client.negotiated = True
            client.oob = "oob" in command.arguments.get("enable", ())
            self._answer(client, request, {"return": {}})

    def _checked(self, client: _Client, request: _Request) -> Command:
        """The command, if it may be carried out.  Raises Refusal, in the order of a server's checks."""
        command = request.read
        if not isinstance(command, Command):
            raise command or Refusal("the message was not read")
        check_shape(command, oob=client.oob)
        if not client.negotiated:
            self._check_negotiation(command)
        elif client.observes and command.name != NEGOTIATE and not may_send(command.name):
            raise Refusal(
                f"this client only observes a monitor that others use: {command.name!r} is not sent to it, "
                "since it may change something"
            )
        elif command.name in _TAKING and not request.fds and self._left not in (None, client):
            raise Refusal("no descriptor came with this command")  # the server has another client's
        return command

    def _check_negotiation(self, command: Command) -> None:
        """Raise Refusal unless that negotiates, with what the server's session has enabled."""
        if command.name != NEGOTIATE:
            raise Refusal(f"capabilities are to be negotiated first, with {NEGOTIATE}", NOT_FOUND)
        unknown = sorted(set(command.arguments) - {"enable"})
        if unknown:
            raise Refusal(f"the arguments do not fit: there is no {unknown[0]!r}")
        wanted = command.arguments.get("enable", [])
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise Refusal("the arguments do not fit: enable must be an array of strings")
        for name in wanted:
            if name not in self._offered:
                raise Refusal(f"the capability {name!r} was not offered")

    def _answer(self, client: _Client, request: _Request, outcome: dict[str, Value]) -> None:
        """Answer in place of the server, which does not get the descriptors."""
        self._drop(request.fds)
        data = dumps(outcome)
        if isinstance(request.read, Command):
            theirs = self._ids.theirs(request.frame.data, request.read)
            if theirs is not None:
                data = data[:-1] + b', "id": ' + theirs + b"}"
        self._send(client.number, Frame(Kind.VALUE, data, CRLF, plain=True), [])

    def _forward(self, client: _Client, request: _Request, command: Command) -> None:
        number = self._ids.next()
        data = self._ids.sent(request.frame.data, command, number)
        theirs = self._ids.theirs(request.frame.data, command)
        self._asked[number] = _Asked(client, theirs, command.name in _TAKING)
        client.asked += 1
        if not command.oob:
            self._busy = number
        if request.fds:
            self._left = client
        fds, request.fds = request.fds, []
        self._send(SERVER, Frame(Kind.VALUE, data, b"\n", plain=is_plain(data)), fds)

    def close(self) -> None:
        """Close the descriptors that wait."""
        for client in self._clients.values():
            for request in (*client.unread, *client.queue):
                self._drop(request.fds)
            self._drop(client.arrived)


def _read(frame: Frame) -> Command | Refusal:
    try:
        return read(frame)
    except Refusal as refusal:
        return refusal
