"""Places of messages in a catalog: which types a JSON pointer can lead to.

A mask that names a place which no server has would never be used, and nobody would know; a value
that stands at a place of another type is another thing.  Both are asked here.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from qmpconf.schema.model import Alternate, Array, Catalog, Object
from qmpconf.schema.walk import enum_values, is_builtin, shape_of

#: What stands at the top of each kind of message; the first one is described by a catalog.
ROOTS: Mapping[str, tuple[str, ...]] = {
    "reply": ("return", "error", "id"),
    "event": ("data", "timestamp", "event"),
    "greeting": ("QMP",),
    "command": ("arguments", "id", "execute", "exec-oob", "control"),
}

WILD = frozenset({"*", "**"})


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a catalog says about a place.

    `kinds` are the kinds of the types that can stand there (``str``, ``int``, ``enum``, ...); None
    where the catalog does not determine them.  `values` are those of the enumerations among them.
    `wrong` is the part that leads nowhere, and `known` the names that would have led on.
    """

    kinds: frozenset[str] | None
    wrong: str = ""
    known: tuple[str, ...] = ()
    values: frozenset[str] = frozenset()


UNDETERMINED = Lookup(None)


def look_up(
    catalog: Catalog,
    message: Literal["reply", "event", "command"],
    of: str,
    parts: Sequence[str | int],
) -> Lookup | None:
    """Follow `parts` through the message about `of`; None if the catalog does not know that."""
    keys = _start(catalog, message, of)
    if keys is None:
        return None
    if not parts or parts[0] != ROOTS[message][0]:
        return UNDETERMINED
    for part in parts[1:]:
        if part == "**" or any(_is_open(catalog, key) for key in keys):
            return UNDETERMINED
        following = [key for one in keys for key in _follow(catalog, one, str(part))]
        if not following:
            known = sorted({name for key in keys for name in _names(catalog, key)})
            return Lookup(frozenset(), str(part), tuple(known))
        keys = list(dict.fromkeys(following))
    kinds = frozenset(kind for key in keys for kind in _kinds(catalog, key))
    values = frozenset(
        value for key in keys for one in _parts_of(catalog, key) for value in _values(catalog, one)
    )
    return UNDETERMINED if "any" in kinds else Lookup(kinds, values=values)


def _values(catalog: Catalog, key: str) -> Iterable[str]:
    return enum_values(catalog, key) or ()


def _start(catalog: Catalog, message: str, of: str) -> list[str] | None:
    if message == "event":
        event = catalog.events.get(of)
        return None if event is None else [event.data]
    command = catalog.commands.get(of)
    if command is None:
        return None
    return [command.returns if message == "reply" else command.arguments]


def _parts_of(catalog: Catalog, key: str) -> Iterator[str]:
    """The type, or the branches of an alternate."""
    found = catalog.types.get(key)
    if isinstance(found, Alternate):
        yield from found.branches
    else:
        yield key


def _is_open(catalog: Catalog, key: str) -> bool:
    for one in _parts_of(catalog, key):
        found = catalog.types.get(one)
        if one == "any" or (isinstance(found, Object) and shape_of(catalog, one).open):
            return True
    return False


def _follow(catalog: Catalog, key: str, part: str) -> Iterator[str]:
    """The types behind `part`: an index or ``*`` of an array, a member of an object."""
    for one in _parts_of(catalog, key):
        found = catalog.types.get(one)
        if isinstance(found, Array) and (part == "*" or part.isdigit()):
            yield found.element
        elif isinstance(found, Object):
            yield from (kind for name, kind in _members(catalog, one) if part in ("*", name))


def _members(catalog: Catalog, key: str) -> Iterator[tuple[str, str]]:
    """Every member that an object of this type may have, whatever its tag says."""
    shape = shape_of(catalog, key)
    for name, member in shape.members.items():
        yield name, member.type
    for variant in shape.variants.values():
        yield from _members(catalog, variant)


def _names(catalog: Catalog, key: str) -> Iterable[str]:
    for one in _parts_of(catalog, key):
        found = catalog.types.get(one)
        if isinstance(found, Array):
            yield "*"
        elif isinstance(found, Object):
            yield from (name for name, _ in _members(catalog, one))


def _kinds(catalog: Catalog, key: str) -> Iterator[str]:
    for one in _parts_of(catalog, key):
        if not one:
            yield "nothing"
        elif is_builtin(one):
            yield one if one in ("str", "number", "bool", "null", "any") else "int"
        else:
            yield catalog.types[one].kind
