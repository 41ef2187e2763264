"""Which deprecated, unstable and conditional parts of a catalog a payload uses.

A command, an event, a member and an enumeration value can each be marked.  Most payloads can use
nothing that is marked, and cost one look into a table; the others are walked along the catalog.
A payload that does not fit the catalog is walked as far as it fits.

The feature ``unstable`` is as old as QEMU 6.2; in catalogs that do not have it, the prefix ``x-`` of
a name says the same.  What depends on a setting of the build (`Facts.condition`) is conditional in
catalogs made from QAPI source; a manual's ``If:`` is left to its reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qmpconf.schema.model import NO_FACTS, Alternate, Array, Catalog, Enum, Facts, Object
from qmpconf.schema.walk import reachable, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    #: What is used, and iterators of what is used inside.
    _Uses = Iterator["Use | Iterator[Any]"]

#: The features of QAPI that mean something to every user.
MEANINGFUL = ("deprecated", "unstable")
#: The mark of what is there only where it was built in.
CONDITIONAL = "conditional"

_JSON_KINDS = {"object": dict, "array": list, "enum": str}


@dataclass(frozen=True, slots=True)
class Use:
    """A marked part that is used: where in the payload, what it is, its mark and its facts."""

    path: tuple[str | int, ...]
    what: str
    feature: str
    facts: Facts

    @property
    def sentence(self) -> str:
        """What is said about it."""
        return said(self.what, self.feature, self.facts)


def said(what: str, mark: str, facts: Facts) -> str:
    """What a mark says about `what`, which has the facts."""
    if mark == CONDITIONAL:
        return f"{what} is there only in builds with {facts.condition}"
    return f"{what} is {mark}"


@dataclass(frozen=True, slots=True)
class _Part:
    """A member or value that matters: its own marks, and the type below it that can have some."""

    marks: tuple[str, ...]
    facts: Facts
    below: str = ""


_NOTHING = _Part((), NO_FACTS)


@dataclass(frozen=True, slots=True)
class _Outline:
    """What matters of an object type or enumeration: its marked parts, and where unions go."""

    parts: Mapping[str, _Part]
    tag: str = ""
    variants: Mapping[str, str] = field(default_factory=dict)


class Features:
    """The marked parts of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._marked: dict[str, bool] = {}
        self._outlines: dict[str, _Outline] = {}
        self._conditions = catalog.source.kind == "qapi"
        self._by_prefix = not any("unstable" in facts.features for facts in _all(catalog))

    def of_command(self, name: str) -> tuple[str, ...]:
        """The marks of the command itself; raises KeyError when there is none of that name."""
        return self._of(name, self._catalog.commands[name].facts)

    def can_use(self, key: str) -> bool:
        """Whether a value of the type `key` can use anything that is marked."""
        if not key:
            return False
        known = self._marked.get(key)
        if known is None:
            known = any(map(self._is_marked, reachable(self._catalog, key)))
            self._marked[key] = known
        return known

    def used(self, key: str, value: Any) -> Iterator[Use]:
        """The marked parts of the type `key` that `value` uses, in the order of the value."""
        # One for each level, of which there may be more than Python may recurse.
        waiting = [self._walk(key, value, ())] if self.can_use(key) else []
        while waiting:
            for found in waiting[-1]:
                if isinstance(found, Use):
                    yield found
                else:
                    waiting.append(found)
                    break
            else:
                waiting.pop()

    # ── the catalog, once ────────────────────────────────────────────────────────────────────

    def _is_marked(self, key: str) -> bool:
        found = self._catalog.types.get(key)
        if isinstance(found, Object):
            return any(self._of(one.name, one.facts) for one in found.members)
        if isinstance(found, Enum):
            return any(self._of("", one.facts) for one in found.values)
        return False

    def marks(self, name: str, facts: Facts) -> tuple[str, ...]:
        """The marks of one entry: its own features, and what its name says."""
        if self._by_prefix and name.startswith("x-"):
            return (*(one for one in facts.features if one == "deprecated"), "unstable")
        return tuple(one for one in MEANINGFUL if one in facts.features)

    def _of(self, name: str, facts: Facts) -> tuple[str, ...]:
        """The marks of one entry, and whether it is conditional."""
        marks = self.marks(name, facts)
        return (*marks, CONDITIONAL) if self._conditions and facts.condition else marks

    def _outline(self, key: str) -> _Outline:
        known = self._outlines.get(key)
        if known is None:
            known = self._outlines[key] = self._make_outline(key)
        return known

    def _make_outline(self, key: str) -> _Outline:
        found = self._catalog.types[key]
        if isinstance(found, Enum):
            values = {one.name: _Part(self._of("", one.facts), one.facts) for one in found.values}
            return _Outline({name: part for name, part in values.items() if part.marks})
        shape = shape_of(self._catalog, key)
        parts = {}
        for member in shape.members.values():
            below = member.type if self.can_use(member.type) else ""
            marks = self._of(member.name, member.facts)
            if marks or below:
                parts[member.name] = _Part(marks, member.facts, below)
        return _Outline(parts, shape.tag, shape.variants)

    # ── a value ──────────────────────────────────────────────────────────────────────────────

    def _walk(self, key: str, value: Any, path: tuple[str | int, ...]) -> _Uses:
        """What `value` uses itself; for what is inside of it, that part's own iterator."""
        found = self._catalog.types.get(key)
        if isinstance(found, Enum) and isinstance(value, str):
            part = self._outline(key).parts.get(value, _NOTHING)
            for mark in part.marks:
                yield Use(path, f"value {value!r}", mark, part.facts)
        elif isinstance(found, Array) and isinstance(value, list):
            for index, element in enumerate(value):
                yield self._walk(found.element, element, (*path, index))
        elif isinstance(found, Alternate):
            for branch in found.branches:
                if self._fits(branch, value):
                    yield self._walk(branch, value, path)
        elif isinstance(found, Object) and isinstance(value, dict):
            yield from self._members(key, value, path)

    def _members(self, key: str, value: dict[str, Any], path: tuple[str | int, ...]) -> _Uses:
        outline = self._outline(key)
        parts = outline.parts
        while outline.tag:
            variant = outline.variants.get(str(value.get(outline.tag)))
            if variant is None:
                break
            outline = self._outline(variant)
            if outline.parts:
                parts = {**outline.parts, **parts}
        if parts.keys().isdisjoint(value):
            return
        for name, one in value.items():
            part = parts.get(name)
            if part is not None:
                where = (*path, name)
                for mark in part.marks:
                    yield Use(where, f"member {name!r}", mark, part.facts)
                if part.below:
                    yield self._walk(part.below, one, where)

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
