"""Ids of commands: ours for the server, and each client's own for its client, byte for byte.

Several clients may use one id, any JSON value, or none.  The server sees an id that is ours alone; all
else of a message stays as it was sent.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value, dumps, is_json

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
#: What stands before an id in its object, and behind it, as far as it goes with it.
_BEFORE = re.compile(rb'(,?)[ \t\r\n]*+"id"[ \t\r\n]*+:[ \t\r\n]*+\Z')
_BEHIND = re.compile(rb"[ \t\r\n]*+,[ \t\r\n]*+")
#: Bytes before an id that are looked at: its name, and white space.
_NEAR = 256
#: What is put back as it was sent: ASCII on one line, without escapes.
_AS_SENT = re.compile(rb"[ -\x26\x28-\x5b\x5d-\x7e]++\Z")


class Ids:
    """Ids that begin with `prefix`, which no client uses by chance."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._last = 0
        self._ours = re.compile(rb'"' + re.escape(prefix.encode()) + rb'-([0-9]+)"')
        self._given = re.compile(re.escape(prefix) + "-([0-9]{1,18})", re.ASCII)

    def next(self) -> int:
        """A number that was not used before."""
        self._last += 1
        return self._last

    def text(self, number: int) -> bytes:
        """The id of that number, as JSON."""
        return b'"%b-%d"' % (self._prefix.encode(), number)

    def sent(self, data: bytes, command: Command, number: int) -> bytes:
        """A client's command, with the id of that number in place of its own."""
        members = _raw(data)
        if members is None:  # what QEMU takes, and JSON does not have
            members = {name: dumps(item) for name, item in _object(command).items()}
        rest = [(name, raw) for name, raw in members.items() if name != "id"]
        return _joined([*rest, ("id", self.text(number))])

    def theirs(self, data: bytes, command: Command) -> bytes | None:
        """A client's own id as JSON; None: the command has none."""
        if not command.has_id:
            return None
        raw = (_raw(data) or {}).get("id")
        # As it was sent, where that is how a server may write it.
        return raw if raw is not None and _AS_SENT.match(raw) else dumps(command.id)

    def number_of(self, given: Value) -> int | None:
        """The number in an id that a server gives back; None: it is not one of ours."""
        found = self._given.fullmatch(given) if isinstance(given, str) else None
        return int(found[1]) if found else None

    def given_back(self, data: bytes, theirs: bytes | None) -> bytes:
        """A server's response to one of ours, with the client's id, or none."""
        found = list(self._ours.finditer(data))
        if len(found) != 1:  # it stands elsewhere in the response, too
            members = _raw(data) or {}
            rest = [(name, raw) for name, raw in members.items() if name != "id"]
            return _joined([*rest, *([] if theirs is None else [("id", theirs)])])
        start, end = found[0].span()
        if theirs is not None:
            return data[:start] + theirs + data[end:]
        before = _BEFORE.search(data, max(0, start - _NEAR), start)
        if before is None:
            return data
        behind = None if before[1] else _BEHIND.match(data, end)
        begin = before.start() if before[1] else data.index(b'"', before.start())
        return data[:begin] + data[behind.end() if behind else end :]


def _raw(data: bytes) -> dict[str, bytes] | None:
    """The members of an object with their texts; None for what is not strict JSON."""
    if not is_json(data):
        return None
    return {name: bytes(raw) for name, raw in _members(data).items()}


def _object(command: Command) -> dict[str, Value]:
    return command.value if isinstance(command.value, dict) else {}


def _joined(members: Iterable[tuple[str, bytes]]) -> bytes:
    """An object of these members."""
    return b"{" + b", ".join(dumps(name) + b": " + raw for name, raw in members) + b"}"
