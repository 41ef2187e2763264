"""A message's top level: what it is, without taking apart what it holds."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple, Self

import msgspec

from qmpconf.protocol.values import dumps, loads
from qmpconf.trace.records import Side

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MESSAGES: dict[Side, frozenset[str]] = {
    "client": frozenset({"execute", "exec-oob"}),
    "server": frozenset({"QMP", "return", "error", "event"}),
}
_RESPONSES = frozenset({"return", "error"})


class Top(NamedTuple):
    """The names of a message's members (none: it is not an object), its id as text, and its result.

    `identity` is None without an id; `is_text` says whether the result is a string.
    """

    names: AbstractSet[str]
    identity: bytes | None = None
    is_text: bool = False

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The top level of `data`.  Raises `Malformed` if it is not well-formed."""
        try:
            data.decode("utf-8")
            found = _members(data)
        except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
            value = loads(data)
            if not isinstance(value, dict):
                return cls(frozenset())
            identity = dumps(value["id"]) if "id" in value else None
            return cls(value.keys(), identity, isinstance(value.get("return"), str))
        identity = dumps(loads(bytes(found["id"]))) if "id" in found else None
        is_text = bytes(found.get("return", b""))[:1] == b'"'
        return cls(found.keys(), identity, is_text)

    def is_message(self, sender: Side) -> bool:
        """Whether it is one of the messages that `sender` may send."""
        return not _MESSAGES[sender].isdisjoint(self.names)

    @property
    def is_response(self) -> bool:
        """Whether it answers a command."""
        return not _RESPONSES.isdisjoint(self.names)
