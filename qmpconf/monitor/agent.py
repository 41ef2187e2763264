"""The embedded guest agent, sans IO: bytes of clients in, actions out, as `qmpconf.monitor.core` has it.

It speaks the dialect of its catalog's product (`qmpconf.protocol.dialect`): it does not greet, takes
a 0xFF as a reset (and, as qemu-ga 7.2, answers it with an error), marks the response to
guest-sync-delimited, says nothing where a command shuts down or suspends, and refuses most commands
while it is frozen.  What it does is in `qmpconf.monitor.guest`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qmpconf.monitor.core import Action, Close, Discard, Quit, Send
from qmpconf.monitor.guest import COMMANDS, Guest
from qmpconf.monitor.refusal import NOT_FOUND, Refusal
from qmpconf.monitor.requests import check_arguments, check_shape, normal, read
from qmpconf.protocol.dialect import SENTINEL, of_product
from qmpconf.protocol.framing import CLIENT_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value, dumps
from qmpconf.schema.model import Catalog
from qmpconf.schema.validator import Validator

#: The catalog that an agent serves where none is named.
DEFAULT_SCHEMA = "qemu-ga-7.2.22-doc"


class GuestAgent:
    """One guest agent, with the commands of `catalog`; `clock` gives microseconds since 1970.

    Clients come one after the other (`qmpconf.monitor.server` sees to it); the guest, its files and
    its freeze are there for all of them.
    """

    def __init__(self, catalog: Catalog, clock: Callable[[], int], name: str = "") -> None:
        self._dialect = of_product(catalog.source.product)
        self._validator = Validator(catalog)
        self._framers: dict[int, Framer] = {}
        self._opened = 0
        self.guest = Guest(catalog, clock, name or "guest", self._dialect.silent)

    def open(self) -> tuple[int, list[Action]]:
        """Take a new client, and say nothing."""
        self._opened += 1
        self._framers[self._opened] = Framer(CLIENT_LIMITS)
        return self._opened, []

    def receive(self, number: int, data: bytes, descriptors: Sequence[int] = ()) -> list[Action]:
        """Take what a client sent, in any pieces; descriptors are of no use."""
        actions: list[Action] = [Discard(tuple(descriptors))] if descriptors else []
        framer = self._framers.get(number)
        for frame in framer.feed(data) if framer is not None else ():
            if frame.kind in (Kind.VALUE, Kind.MALFORMED, Kind.LONG) and not self.guest.ended:
                said = self._answer(frame)
                if said:
                    actions.append(Send(number, said))
        if self.guest.ended:
            actions.append(Quit())
        return actions

    def end(self, number: int) -> list[Action]:
        """Take the end of what a client sends: everything is answered by then."""
        return [Close(number)] if self._framers.pop(number, None) is not None else []

    def lost(self, number: int) -> list[Action]:
        """Take note that a client has gone."""
        self._framers.pop(number, None)
        return []

    def close(self) -> list[Action]:
        """Take note that the server ends."""
        self._framers.clear()
        return []

    def is_stalled(self, _number: int) -> bool:
        """Whether a session takes nothing more for now: never, each command is answered at once."""
        return False

    def wait(self) -> float | None:
        """Seconds until there is something to do: there never is."""
        return None

    def work(self) -> list[Action]:
        """Do some of it."""
        return []

    def _answer(self, frame: Frame) -> bytes:
        """The response to a frame, with all that stands around it; empty where there is none."""
        tag: dict[str, Value] = {}
        begin = b""
        try:
            command = read(frame)
            if command.has_id:
                tag["id"] = normal(command.id)
            check_shape(command, oob=False)
            result = self._execute(command)
            if command.name in self.guest.silent:
                return b""
            if command.name in self._dialect.delimited:
                begin = SENTINEL
            response: dict[str, Value] = {"return": result, **tag}
        except Refusal as refusal:
            error = {"class": refusal.error_class, "desc": refusal.description}
            response = {**tag, "error": error}
        return begin + dumps(response) + self._dialect.end

    def _execute(self, command: Command) -> Value:
        """Carry a command out.  Raises Refusal."""
        name = command.name
        if name not in self.guest.catalog.commands:
            raise Refusal(f"there is no command {name!r}", NOT_FOUND)
        if self.guest.frozen and name not in self._dialect.while_frozen:
            raise Refusal(f"{name} is disabled: the agent is frozen", NOT_FOUND)
        if name not in COMMANDS:
            raise Refusal(f"{name} is disabled: the embedded agent does not have it", NOT_FOUND)
        check_arguments(command, self._validator)
        return COMMANDS[name](self.guest, command.arguments)
