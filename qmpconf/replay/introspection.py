"""Two replies to ``query-qmp-schema`` compared by what they mean.

A server numbers its types anew in every build, so one new member can change every line of the
reply.  Where the plain comparison finds more than anyone can read, both replies are compiled, and
the catalogs compared instead (`qmpconf.schema.diff`).  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from qmpconf.errors import InputError
from qmpconf.protocol.values import Value
from qmpconf.replay.difference import Kind
from qmpconf.replay.masks import Mask
from qmpconf.schema.diff import Change, diff
from qmpconf.schema.introspection import compile_introspection

COMMAND = "query-qmp-schema"

#: What covers the numbers, where they are all that differs.
TYPE_NAMES = Mask(
    "type-names", "reply", COMMAND, "/return", "any", "types have no names, only numbers"
)

_KINDS: Mapping[str, Kind] = {"removed": "missing", "added": "extra"}


class Structural(NamedTuple):
    """One change of the schema, in the words of a difference; `place` is its subject."""

    kind: Kind
    place: str
    expected: str
    got: str


def by_structure(expected: Value, got: Value) -> list[Structural] | None:
    """The changes from one reply's ``return`` to the other's; None if one is not a schema."""
    try:
        before, after = (compile_introspection(value["return"]) for value in (expected, got))
    except (InputError, KeyError, TypeError):
        return None
    return [_told(change) for change in diff(before, after)]


def _told(change: Change) -> Structural:
    also = f"; also {', '.join(change.also[:3])}" if change.also else ""
    more = f" and {len(change.also) - 3} more" if len(change.also) > 3 else ""
    message = f"{change.message} ({change.level}){also}{more}"
    return Structural(
        _KINDS.get(change.what, "changed"),
        f"schema: {change.place}",
        change.before or "as recorded",
        f"{change.after}: {message}" if change.after else message,
    )
