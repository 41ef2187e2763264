"""Messages that were judged by a catalog before and found to be right: known again by their bytes.

Clients ask the same things over and over, and servers answer in the same words; what differs is the id, and
when an event happened.  `Seen` keeps the texts without these, each with what the rest of the checker wants of
it.  Only what is surely right is kept as such: a command, success or event without any fault of its own, that
fits the catalog, uses nothing that is deprecated or left open, and has no meaning for the session besides; and
errors of the right shape.

A text stands for all messages that differ in an id of plain characters at their very end, or at an error's beginning,
or in an event's timestamp at its beginning: with another one there, the same text is the same JSON with another value.

It is bounded, and no verdict depends on what is kept.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from qmpconf.check.offers import LISTENED
from qmpconf.check.practice.holders import CHANGES
from qmpconf.check.practice.human import COMMAND as HUMAN
from qmpconf.check.practice.work import Failures
from qmpconf.check.told import TELLING, fact_of
from qmpconf.protocol.messages import Command, Event, Failure, Success, from_client, from_server
from qmpconf.protocol.rates import LIMITED
from qmpconf.protocol.values import dumps, is_json

if TYPE_CHECKING:
    from qmpconf.check.coverage import Uses
    from qmpconf.check.told import Fact
    from qmpconf.schema.features import Features
    from qmpconf.schema.model import Catalog
    from qmpconf.schema.validator import Quick

#: Commands and events that change the session itself.
_OF_SESSION = frozenset({"qmp_capabilities", "query-version", "quit"})
_EVENTS_OF_SESSION = LIMITED.keys() | {"SHUTDOWN"}

#: Commands whose results matter to practice.
_WATCHED = CHANGES | Failures.commands | {HUMAN}

#: How a command begins, and its name.
_NAME = re.compile(rb'\{"execute": ?"([^"\\]{1,200})"')

#: Bytes that commands and events of one catalog may take, and replies as well, by a rough count: of what is kept
#: with each text, how many times as much values take, of a name with a type, and of a pair of numbers.
_ROOM, _EACH, _VALUES, _NAME_SIZE, _NUMBER_SIZE = 2 << 20, 300, 20, 100, 100
#: Longer texts are kept as their digest; longer commands are not kept.
LONG, _LONGEST = 4096, 1 << 16

#: Stands for a text that is not surely right.
_WRONG: Final = False

_T = TypeVar("_T")


class Reply:
    """A success of some command: what it says of properties, and what it is where practice looks at it.

    `uses` are the places of the catalog that it uses, once somebody wanted to know.
    """

    __slots__ = ("fact", "message", "uses")

    def __init__(self, message: Success | None, fact: Fact | None) -> None:
        self.message = message
        self.fact = fact
        self.uses: Uses | None = None


class Sent:
    """A command: the first one with its text, and the successes that were seen for it, by their texts.

    `listened` says that names in its replies are remembered.
    """

    __slots__ = ("command", "listened", "replies")

    def __init__(self, command: Command, replies: dict[bytes, Reply | Literal[False]]) -> None:
        self.command = command
        self.replies = replies
        self.listened = command.name in LISTENED


class Seen:
    """What was seen of one catalog's messages.

    `commands`, `events` and `failures` have, by the text, what was right; False stands for what was not.
    """

    def __init__(
        self, catalog: Catalog, quick: Quick, features: Features, open_ended: frozenset[str]
    ) -> None:
        self._catalog = catalog
        self._quick = quick
        self._features = features
        self._open_ended = open_ended
        self._room = self._room_of_replies = _ROOM
        self.commands: dict[bytes, Sent | Literal[False]] = {}
        self.events: dict[bytes, Event | Literal[False]] = {}
        self.failures: dict[bytes, Failure | Literal[False]] = {}
        self._tables: list[dict[bytes, Reply | Literal[False]]] = []
        self._replies: dict[str, dict[bytes, Reply | Literal[False]]] = {}  # by the command's name

    def command(self, key: bytes, data: bytes, ident: bytes) -> Sent | None:
        """Look at a command for the first time: `key` is its text but for `ident`, which is empty if there is none."""
        name = _NAME.match(data)
        if name is None or len(data) > _LONGEST or not self._is_usual(name[1].decode("latin-1")):
            return None
        message = from_client(data)
        if type(message) is not Command or message.has_id != bool(ident):
            return None
        found: Sent | Literal[False] = _WRONG
        whole = not (message.problems or message.duplicates or message.oob) and _is_strict(data)
        if whole and (not ident or dumps(message.id) == ident) and self._fits(message):
            found = Sent(message, self._table(message.name))
        self._keep(self.commands, key, found, _VALUES * len(data))
        return found or None

    def _table(self, name: str) -> dict[bytes, Reply | Literal[False]]:
        """Where the replies to a command are kept: for some it matters what it asks about."""
        known = self._replies.get(name)
        if known is None:
            known = {}
            self._tables.append(known)
            if name not in LISTENED:
                self._replies[name] = known
        return known

    def _is_usual(self, name: str) -> bool:
        if name not in self._catalog.commands or name in _OF_SESSION or name in self._open_ended:
            return False
        return not self._features.of_command(name)

    def _fits(self, command: Command) -> bool:
        name, known = command.name, self._catalog.commands.get(command.name)
        if known is None or not self._is_usual(name):
            return False
        if not self._quick.arguments(name, command.arguments):
            return False
        return not any(self._features.used(known.arguments, command.arguments))

    def reply(self, sent: Sent, key: bytes, data: bytes, ident: bytes) -> Reply | None:
        """Look at what answers a command, for the first time; the bytes are as in `command`."""
        if not data.startswith(b'{"return"'):
            return None
        message = from_server(data)
        if type(message) is not Success or message.has_id != bool(ident):
            return None
        found: Reply | Literal[False] = _WRONG
        name, more = sent.command.name, 0
        whole = not (message.problems or message.duplicates) and _is_strict(data)
        whole = whole and (not ident or dumps(message.id) == ident)
        if whole and self._quick.returned(name, message.result):
            fact = fact_of(sent.command, message.result) if name in TELLING else None
            found = Reply(message if name in _WATCHED else None, fact)
            more += _VALUES * len(data) if found.message else 0
            more += _NAME_SIZE * len(fact.said or "") if fact else 0
        self._keep_reply(sent, key, found, more)
        return found or None

    def failure(self, key: bytes, data: bytes, ident: bytes) -> Failure | None:
        """Look at an error for the first time; the bytes are as in `command`."""
        message = from_server(data)
        if type(message) is not Failure or message.has_id != bool(ident):
            return None
        right = not (message.problems or message.duplicates) and _is_strict(data)
        found: Failure | Literal[False] = _WRONG
        if right and (not ident or dumps(message.id) == ident):
            found = message
        self._keep(self.failures, key, found, _VALUES * len(data))
        return found or None

    def event(self, key: bytes, data: bytes) -> Event | None:
        """Look at an event for the first time: `key` is its text but for its timestamp, which is right."""
        message = from_server(data)
        found: Event | Literal[False] = _WRONG
        if type(message) is Event and not (message.problems or message.duplicates):
            name = message.name
            known = name in self._catalog.events and name not in _EVENTS_OF_SESSION
            whole = known and not name.startswith("__") and _is_strict(data)
            if whole and self._quick.data(name, message.data or {}):
                found = message
        self._keep(self.events, key, found, _VALUES * len(data))
        return found or None

    def keep_uses(self, reply: Reply, uses: Uses) -> None:
        """Keep with a reply which places it uses."""
        reply.uses = uses
        self._room_of_replies -= len(uses) * _NUMBER_SIZE

    def _keep(self, table: dict[bytes, _T], key: bytes, found: _T, more: int) -> None:
        """Keep what was found, with so many bytes besides its text; where there is no room, forget all else."""
        self._room -= len(key) + _EACH + (more if found else 0)
        if self._room < 0:
            self._room = _ROOM
            for one in (self.commands, self.events, self.failures):
                one.clear()
            self._tables = list(self._replies.values())
        table[key] = found

    def _keep_reply(self, sent: Sent, key: bytes, found: Reply | Literal[False], more: int) -> None:
        """The same with a success: they vary, and the commands need not go with them."""
        self._room_of_replies -= len(key) + _EACH + more
        if self._room_of_replies < 0:
            self._room_of_replies = _ROOM
            for one in self._tables:
                one.clear()
        sent.replies[key] = found


def _is_strict(data: bytes) -> bool:
    """Whether a text that was read well is strict JSON in ASCII, and nothing of QEMU's dialect."""
    return data.isascii() and (not (b"\\" in data or b"'" in data) or is_json(data))


def key_of(text: bytes) -> bytes:
    """What stands for a text in the tables that is longer than `LONG`."""
    return sha256(text).digest()
