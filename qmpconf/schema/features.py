"""Which deprecated and unstable parts of a catalog a payload uses.

A command, an event, a member and an enumeration value can each be marked.  Most payloads can use
nothing that is marked, and cost one look into a table; the others are walked along the catalog.
A payload that does not fit the catalog is walked as far as it fits.

The feature ``unstable`` is as old as QEMU 6.2; in catalogs that do not have it, the prefix ``x-`` of
a name says the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qmpconf.schema.model import Alternate, Array, Catalog, Enum, Facts, Object
from qmpconf.schema.walk import Shape, is_builtin, reachable, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The features of QAPI that mean something to every user.
MEANINGFUL = ("deprecated", "unstable")

_JSON_KINDS = {"object": dict, "array": list, "enum": str}


@dataclass(frozen=True, slots=True)
class Use:
    """A marked part that is used: where in the payload, what it is, its mark and its facts."""

    path: tuple[str | int, ...]
    what: str
    feature: str
    facts: Facts


class Features:
    """The marked parts of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._marked: dict[str, bool] = {}
        self._shapes: dict[str, Shape] = {}
        self._by_prefix = not any("unstable" in facts.features for facts in _all(catalog))

    def of_command(self, name: str) -> tuple[str, ...]:
        """The marks of the command itself; raises KeyError when there is none of that name."""
        return self._marks(name, self._catalog.commands[name].facts)

    def used(self, key: str, value: Any) -> Iterator[Use]:
        """The marked parts of the type `key` that `value` uses, in the order of the value."""
        if self.can_use(key):
            yield from self._walk(key, value, ())

    def can_use(self, key: str) -> bool:
        """Whether a value of the type `key` can use anything that is marked."""
        if not key:
            return False
        known = self._marked.get(key)
        if known is None:
            known = any(map(self._is_marked, reachable(self._catalog, key)))
            self._marked[key] = known
        return known

    def _shape(self, key: str) -> Shape:
        known = self._shapes.get(key)
        if known is None:
            known = self._shapes[key] = shape_of(self._catalog, key)
        return known

    def _is_marked(self, key: str) -> bool:
        found = self._catalog.types.get(key)
        if isinstance(found, Object):
            return any(self._marks(one.name, one.facts) for one in found.members)
        if isinstance(found, Enum):
            return any(self._marks("", one.facts) for one in found.values)
        return False

    def _marks(self, name: str, facts: Facts) -> tuple[str, ...]:
        if self._by_prefix and name.startswith("x-"):
            return (*(one for one in facts.features if one == "deprecated"), "unstable")
        return tuple(one for one in MEANINGFUL if one in facts.features)

    def _walk(self, key: str, value: Any, path: tuple[str | int, ...]) -> Iterator[Use]:
        found = self._catalog.types.get(key)
        if isinstance(found, Enum) and isinstance(value, str):
            for one in found.values:
                if one.name == value:
                    for mark in self._marks("", one.facts):
                        yield Use(path, f"value {value!r}", mark, one.facts)
        elif isinstance(found, Array) and isinstance(value, list):
            for index, element in enumerate(value):
                yield from self._walk(found.element, element, (*path, index))
        elif isinstance(found, Alternate):
            for branch in found.branches:
                if self._fits(branch, value):
                    yield from self._walk(branch, value, path)
        elif isinstance(found, Object) and isinstance(value, dict):
            yield from self._members(key, value, path)

    def _members(
        self, key: str, value: dict[str, Any], path: tuple[str | int, ...]
    ) -> Iterator[Use]:
        shape = self._shape(key)
        members = shape.members
        while shape.tag:
            variant = shape.variants.get(str(value.get(shape.tag)))
            if variant is None:
                break
            shape = self._shape(variant)
            members = {**shape.members, **members}
        for name, one in value.items():
            member = members.get(name)
            if member is not None:
                where = (*path, name)
                for mark in self._marks(name, member.facts):
                    yield Use(where, f"member {name!r}", mark, member.facts)
                if not is_builtin(member.type) and self.can_use(member.type):
                    yield from self._walk(member.type, one, where)

    def _fits(self, key: str, value: Any) -> bool:
        found = self._catalog.types.get(key)
        return found is not None and isinstance(value, _JSON_KINDS.get(found.kind, ()))


def _all(catalog: Catalog) -> Iterator[Facts]:
    """The facts of everything that can be marked."""
    yield from (command.facts for command in catalog.commands.values())
    yield from (event.facts for event in catalog.events.values())
    for found in catalog.types.values():
        if isinstance(found, Object):
            yield from (member.facts for member in found.members)
        elif isinstance(found, Enum):
            yield from (value.facts for value in found.values)
