"""Walking a catalog: which types it refers to, and what an object looks like when flattened.

Helpers over `qmpconf.schema.model` for everyone who reads catalogs.  They hold no state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qmpconf.schema.model import (
    BUILTINS,
    INTEGER_BOUNDS,
    Alternate,
    Array,
    Catalog,
    Enum,
    Member,
    Object,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


#: Objects that the unions of a catalog may come to; those of QEMU come to 250.
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Shape:
    """An object type with its bases folded in.

    `members` by name, bases first; `tag` with `variants` (tag value -> type key) of the type
    itself or of its nearest base that has them; `open` when it or a base is open.
    """

    members: Mapping[str, Member]
    tag: str
    variants: Mapping[str, str]
    open: bool


def is_builtin(key: str) -> bool:
    """Whether `key` is a builtin type (an integer type that documents name included)."""
    return key in BUILTINS or key in INTEGER_BOUNDS


def is_known(catalog: Catalog, key: str) -> bool:
    """Whether `key` names a type."""
    return key in catalog.types or is_builtin(key)


def references_of(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Every reference to a type in the catalog: (who refers, key)."""
    for command in catalog.commands.values():
        yield from ((f"command {command.name}", key) for key in (command.arguments,) if key)
        yield from ((f"command {command.name}", key) for key in (command.returns,) if key)
    for event in catalog.events.values():
        yield from ((f"event {event.name}", key) for key in (event.data,) if key)
    for owner in catalog.types:
        yield from ((f"type {owner!r}", key) for key in children_of(catalog, owner))


def children_of(catalog: Catalog, key: str) -> Iterator[str]:
    """Keys of the types that the type `key` refers to directly; none for a builtin."""
    found = catalog.types.get(key)
    if isinstance(found, Array):
        yield found.element
    elif isinstance(found, Alternate):
        yield from found.branches
    elif isinstance(found, Object):
        yield from (member.type for member in found.members)
        yield from ((found.base,) if found.base else ())
        yield from found.variants.values()


def reachable(catalog: Catalog, key: str) -> Iterator[str]:
    """`key` and the keys of every type that a value of it can hold, each once."""
    waiting, seen = [key], {key}
    while waiting:
        current = waiting.pop()
        yield current
        for child in children_of(catalog, current):
            if child not in seen:
                seen.add(child)
                waiting.append(child)


def cycle(catalog: Catalog) -> str:
    """Key of an object type that is its own base or variant, perhaps over others; else nothing.

    Such a type has no end.  No schema compiler of QAPI lets one pass, but a file may hold one.
    """
    return _in_order(catalog)[1]


def is_boundless(catalog: Catalog) -> bool:
    """Whether its unions, with each branch written out, come to more objects than anybody can use.

    A few unions within each other's branches come to millions.  The catalog has no `cycle`.
    """
    total = 0
    found: dict[str, int] = {}
    for key in _in_order(catalog)[0]:
        branches = set(shape_of(catalog, key).variants.values())
        found[key] = sum(1 + found.get(one, 0) for one in branches)
        total += found[key]
        if total > _MOST:
            return True
    return False


def _in_order(catalog: Catalog) -> tuple[list[str], str]:
    """The object types, each behind its base and its variants; and one that is behind itself, if any."""
    order: list[str] = []
    begun: set[str] = set()
    done: set[str] = set()
    for start in catalog.types:
        waiting = [(start, False)]
        while waiting:
            key, has_all = waiting.pop()
            found = catalog.types.get(key)
            if has_all:
                done.add(key)
                order.append(key)
            elif key in done or not isinstance(found, Object):
                continue
            elif key in begun:
                return order, key
            else:
                begun.add(key)
                waiting.append((key, True))
                parts = {*found.variants.values(), found.base} - {""}
                waiting += [(part, False) for part in sorted(parts)]
    return order, ""


def shape_of(catalog: Catalog, key: str) -> Shape:
    """The object type `key` with its bases folded in.

    Raises KeyError when `key` is not a type of the catalog, TypeError when it is not an object type.
    """
    chain: list[Object] = []
    names: set[str] = set()
    while key and key not in names:
        names.add(key)
        found = catalog.types[key]
        if not isinstance(found, Object):
            raise TypeError(f"{key} is not an object type")
        chain.append(found)
        key = found.base
    members = {member.name: member for one in reversed(chain) for member in one.members}
    tagged = next((one for one in chain if one.tag), Object())
    return Shape(members, tagged.tag, tagged.variants, any(one.open for one in chain))


def enum_values(catalog: Catalog, key: str) -> tuple[str, ...] | None:
    """Values of the enumeration `key`; None when it is none."""
    found = catalog.types.get(key)
    return tuple(value.name for value in found.values) if isinstance(found, Enum) else None
