"""What other sessions of a trace say that counts for this one, where sessions are checked apart.

What one version of a server has offered counts for all sessions of the trace with that version, from
there on (`qmpconf.check.offers`).  Who checks some of the sessions only has to know what the others say,
and where.  So the trace is read once before: `Hearing` takes its messages as they stand in their lines, and
notes each greeting, and each reply that counts with the command that it most likely answers: the one with
its id, or the first one without.  That is quick, and nearly always right.  `OffersApart` takes what was
noted of other sessions at its line, and holds what was noted of its own against what is really so there
(`as_noted`): where a server answered astray, the sessions cannot be checked apart.

Pure: sees lines, and no file.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Any

import msgspec

from qmpconf.check.offers import LISTENED, SCHEMA, Offered, Offers
from qmpconf.check.told import TELLING, Fact, fact_of
from qmpconf.protocol.messages import Command, Greeting, from_server
from qmpconf.protocol.values import Malformed, dumps, loads
from qmpconf.trace.order import END

#: Bytes of different replies that are noted, and commands that wait in one session, at most.
MOST_BYTES, _MOST_WAITING = 32 << 20, 1000

_NOTHING = msgspec.Raw(b"")


class _Asked(msgspec.Struct):
    execute: str = ""
    out_of_band: str = msgspec.field(name="exec-oob", default="")
    arguments: msgspec.Raw = _NOTHING
    id: msgspec.Raw = _NOTHING


class _Said(msgspec.Struct):
    result: msgspec.Raw = msgspec.field(name="return", default=_NOTHING)
    error: msgspec.Raw = _NOTHING
    id: msgspec.Raw = _NOTHING
    greeting: msgspec.Raw = msgspec.field(name="QMP", default=_NOTHING)


class _ClientLine(msgspec.Struct):
    msg: _Asked


class _ServerLine(msgspec.Struct):
    msg: _Said


class _Message(msgspec.Struct):
    msg: msgspec.Raw


_client_line = msgspec.json.Decoder(_ClientLine).decode
_server_line = msgspec.json.Decoder(_ServerLine).decode
_message = msgspec.json.Decoder(_Message).decode
#: What a decoder raises for another shape.
_OTHER = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
#: Bytes of a line in which the name of a greeting stands.
_HEAD = 200

#: The servers of which an event is, by version and package; empty before any greeting.
Version = tuple[object, ...]


class Event(msgspec.Struct, frozen=True, array_like=True):
    """A greeting (`sent` is 0), or a reply to the command in line `sent`, in session `conn`.

    `of` says of which servers it is, and `content` is the number of the greeting, or of the reply, among the
    different ones.
    """

    line: int
    conn: int
    sent: int
    of: Version
    content: int


class Reply(msgspec.Struct, dict=True):
    """A reply that counts: to which command, with which arguments; as it stands in its line."""

    name: str
    arguments: bytes
    result: bytes

    @cached_property
    def asked(self) -> Any:
        """The arguments."""
        return loads(self.arguments) if self.arguments else {}

    @cached_property
    def value(self) -> Any:
        """The result."""
        return loads(self.result)

    @cached_property
    def fact(self) -> Fact:
        """What it says of properties."""
        return fact_of(
            Command(None, (), False, self.name, self.asked, False, None, False), self.value
        )


class Heard(msgspec.Struct):
    """What a trace's sessions said that counts for others, in the order of its lines."""

    events: list[Event] = []
    greetings: list[Greeting] = []
    replies: list[Reply] = []


class Hearing:
    """Notes what counts, line by line; `found` is what was noted, and `full` says that it is too much."""

    def __init__(self) -> None:
        self.found = Heard()
        self.full = False
        self._latest: Version = ()
        self._of: dict[int, Version] = {}  # by the session
        # By the session: id, line, name and arguments of what waits and may matter.
        self._waiting: dict[int, list[tuple[bytes, int, str, bytes]]] = {}
        self._greetings: dict[tuple[object, ...], int] = {}
        self._replies: dict[tuple[str, bytes, bytes], int] = {}
        self._bytes = 0

    def seen(self, conn: int) -> None:
        """A session says something, or is opened."""
        if conn not in self._of:
            self._of[conn] = self._latest

    def over(self, conn: int) -> None:
        """A session begins anew, or has ended."""
        self._of.pop(conn, None)
        self._waiting.pop(conn, None)

    def client(self, conn: int, number: int, line: bytes) -> None:
        """A message of a client, in its line of the trace."""
        try:
            asked = _client_line(line).msg
        except _OTHER:
            asked = _Asked()  # it waits for a response, too
        name, identity = asked.execute or asked.out_of_band, bytes(asked.id)
        if identity and name not in LISTENED:
            return
        waiting = self._waiting.setdefault(conn, [])
        waiting.append(
            (identity, number, name, bytes(asked.arguments) if name in LISTENED else b"")
        )
        if len(waiting) > _MOST_WAITING:
            del waiting[0]

    def server(self, conn: int, number: int, line: bytes) -> None:
        """A message of a server, in its line of the trace."""
        waiting = self._waiting.get(conn)
        if not waiting and b'"QMP"' not in line[:_HEAD]:
            return
        try:
            said = _server_line(line).msg
        except _OTHER:
            return
        if said.greeting:
            self._greeted(conn, number, line)
        elif waiting and (said.result or said.error):
            identity = bytes(said.id)
            at = next((at for at, one in enumerate(waiting) if one[0] == identity), -1)
            if at >= 0:
                _, sent, name, arguments = waiting.pop(at)
                if said.result and name in LISTENED:
                    try:
                        content = self._content(name, arguments, bytes(said.result))
                    except Malformed:
                        return
                    self._note(Event(number, conn, sent, self._of.get(conn, ()), content))

    def _greeted(self, conn: int, number: int, line: bytes) -> None:
        greeting = from_server(bytes(_message(line).msg))
        if not isinstance(greeting, Greeting):
            return
        self._latest = self._of[conn] = greeting.version, greeting.package
        key = (*self._latest, greeting.capabilities)
        known = self._greetings.setdefault(key, len(self._greetings))
        if known == len(self.found.greetings):
            self.found.greetings.append(msgspec.structs.replace(greeting, value=None, problems=()))
        self._note(Event(number, conn, 0, self._latest, known))

    def _content(self, name: str, arguments: bytes, result: bytes) -> int:
        key = name, arguments, result
        known = self._replies.get(key)
        if known is None:
            if name == SCHEMA:
                result = _commands_in(result)
            known = self._replies[key] = len(self._replies)
            self._bytes += len(arguments) + len(key[2])
            self.found.replies.append(Reply(name, arguments, result))
        return known

    def _note(self, event: Event) -> None:
        self.found.events.append(event)
        self.full = self._bytes > MOST_BYTES


def _commands_in(result: bytes) -> bytes:
    """Of a whole schema, what counts."""
    entries = loads(result)
    found = [
        {"name": one.get("name"), "meta-type": "command"}
        for one in (entries if isinstance(entries, list) else ())
        if isinstance(one, dict) and one.get("meta-type") == "command"
    ]
    return dumps(found)


class OffersApart(Offers):
    """What servers have offered, for who sees the sessions `own` only; `heard` was noted of all of them."""

    def __init__(self, found: Heard, own: AbstractSet[int]) -> None:
        super().__init__()
        self._found = found
        self._others = [one for one in found.events if one.conn not in own]
        self._next = 0
        self._noted = [(one.line, one.sent, one.of) for one in found.events if one.conn in own]
        self._own: list[tuple[int, int, Version]] = []
        self._done: set[tuple[int, int]] = (
            set()
        )  # replies that were noted, by the servers' identity
        self._nobody = self.latest

    @property
    def as_noted(self) -> bool:
        """Whether in these sessions all was as it was noted before."""
        return self._own == self._noted

    def reach(self, line: int) -> int:
        """Take what others said before a line; in which line they say more."""
        others = self._others
        while self._next < len(others) and others[self._next].line < line:
            self._take(others[self._next])
            self._next += 1
        return others[self._next].line if self._next < len(others) else END

    def _take(self, event: Event) -> None:
        if not event.sent:
            super().greeted(self._found.greetings[event.content], event.line)
            return
        offered = self._of.get(event.of, self._nobody)
        reply = self._found.replies[event.content]
        if reply.name in TELLING:
            offered.told.keep(reply.fact, event.line)
        key = id(offered), event.content
        if key not in self._done:
            self._done.add(key)
            offered.lists(reply.name, reply.asked, reply.value, event.line, len(reply.result))

    def greeted(self, greeting: Greeting, line: int) -> Offered:
        """One of its own sessions is greeted."""
        self._own.append((line, 0, (greeting.version, greeting.package)))
        return super().greeted(greeting, line)

    def counts(self, offered: Offered, sent: int, line: int) -> None:
        """A reply in one of its own sessions."""
        self._own.append((line, sent, offered.of))
