"""Conditions resolved: what a build has of a catalog that says on which settings things depend.

Which settings a build has is given by its user, or concluded from what its server says about itself
(`learned`).  What does not follow from either stays conditional: it is in the catalog, and its
facts say on what it depends.

Pure: knows no file, and no wording of a report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from qmpconf.schema.conditions import Settings
from qmpconf.schema.model import (
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    EnumValue,
    Event,
    Facts,
    Member,
    Object,
    Type,
)
from qmpconf.schema.walk import children_of, reachable, references_of, shape_of

_Entry = TypeVar("_Entry", Command, Event, Member, EnumValue)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A catalog in which the conditions are resolved that the settings decide.

    `kept` counts the things that a true condition left in, `dropped` those that a false one took out,
    `open` the conditions that are not decided, each with the number of things that depend on it.
    """

    catalog: Catalog
    kept: int
    dropped: int
    open: Counter[str]


def resolved(catalog: Catalog, settings: Settings) -> Resolved:
    """The catalog as the settings have it."""
    return _Resolver(catalog, settings).run()


class _Resolver:
    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self._catalog = catalog
        self._settings = settings
        self._kept = 0
        self._dropped = 0
        self._open: Counter[str] = Counter()

    def run(self) -> Resolved:
        before = self._catalog
        commands = {one.name: one for one in self._those(before.commands.values())}
        events = {one.name: one for one in self._those(before.events.values())}
        types = {}
        for key, found in before.types.items():
            if self._holds(found.facts.condition) is not False:
                types[key] = self._type(found)
        after = replace(before, commands=commands, events=events, types=types)
        # A type that is not there for a condition can only be used by what is not there for the same.
        lost = {key for _, key in references_of(after) if key in before.types} - types.keys()
        for key in lost:
            types |= {
                one: before.types[one] for one in reachable(before, key) if one in before.types
            }
        needed = _used(after)
        gone = {key for key in types if key not in needed and key in _used(before)}
        types = {key: found for key, found in types.items() if key not in gone}
        final = replace(after, types=types)
        return Resolved(final, self._kept, self._dropped, self._open)

    def _holds(self, condition: str) -> bool | None:
        """Whether a condition holds; nothing is one that does."""
        if not condition:
            return True
        held = self._settings.holds(condition)
        if held is None:
            self._open[condition] += 1
        elif held:
            self._kept += 1
        else:
            self._dropped += 1
        return held

    def _those(self, entries: Iterable[_Entry]) -> Iterator[_Entry]:
        """The entries whose condition is not false."""
        for one in entries:
            held = self._holds(one.facts.condition)
            if held is not False:
                yield replace(one, facts=self._facts(one.facts, held=held))

    def _facts(self, facts: Facts, *, held: bool | None) -> Facts:
        condition = facts.condition if held is None else ""
        conditions = {name: (text, self._holds(text)) for name, text in facts.features_if}
        gone = {name for name, (_, there) in conditions.items() if there is False}
        left = {name: text for name, (text, there) in conditions.items() if there is None}
        return replace(
            facts,
            condition=condition,
            features=tuple(name for name in facts.features if name not in gone),
            features_if=tuple(left.items()),
        )

    def _type(self, found: Type) -> Type:
        condition = found.facts.condition
        held = self._settings.holds(condition) if condition else True
        facts = self._facts(found.facts, held=held)
        if isinstance(found, Enum):
            return replace(found, facts=facts, values=tuple(self._those(found.values)))
        if isinstance(found, Object):
            cases = {one: self._holds(text) for one, text in found.variants_if.items()}
            values = self._values(found)
            variants = {
                case: key
                for case, key in found.variants.items()
                if cases.get(case) is not False and case not in values
            }
            return replace(
                found,
                facts=facts,
                members=tuple(self._those(found.members)),
                variants=variants,
                variants_if=_still(found.variants_if, cases),
            )
        if isinstance(found, Alternate):
            branches = {one: self._holds(text) for one, text in found.branches_if.items()}
            return replace(
                found,
                facts=facts,
                branches=tuple(one for one in found.branches if branches.get(one) is not False),
                branches_if=_still(found.branches_if, branches),
            )
        return found

    def _values(self, found: Object) -> set[str]:
        """Values of a union's tag that are not there."""
        tag = found.tag
        member = next((one for one in _members(self._catalog, found) if one.name == tag), None)
        enum = self._catalog.types.get(member.type) if member else None
        if not isinstance(enum, Enum):
            return set()
        return {
            one.name
            for one in enum.values
            if one.facts.condition and self._settings.holds(one.facts.condition) is False
        }


def _members(catalog: Catalog, found: Object) -> Iterator[Member]:
    yield from found.members
    if found.base:
        yield from catalog.object_members(found.base)


def _still(conditions: Mapping[str, str], held: Mapping[str, bool | None]) -> dict[str, str]:
    """The conditions that are open."""
    return {one: text for one, text in conditions.items() if held[one] is None}


def _used(catalog: Catalog) -> set[str]:
    """Keys of the types that a command or an event uses."""
    entries = [key for one in catalog.commands.values() for key in (one.arguments, one.returns)]
    entries += [one.data for one in catalog.events.values()]
    waiting, seen = [key for key in entries if key], set[str]()
    while waiting:
        key = waiting.pop()
        if key not in seen:
            seen.add(key)
            waiting += children_of(catalog, key)
    return seen


# ── what a server's own schema shows ─────────────────────────────────────────────────────────


@dataclass(slots=True)
class Learned:
    """What a server's schema shows of its settings.

    `settings` are what follows; `places` says for each condition where it was seen to hold, and where
    not: one that has both is contradictory, and decides nothing.  `missing` are commands and events that
    the server lacks without a condition, `unknown` those that only the server has: it is of another build
    then.
    """

    settings: Settings = field(default_factory=Settings)
    places: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def contradictory(self) -> dict[str, tuple[list[str], list[str]]]:
        """Conditions that hold in one place and not in another, or against what others show."""
        against = self.settings.contradictory
        return {text: seen for text, seen in self.places.items() if all(seen) or text in against}


def learned(catalog: Catalog, server: Catalog, known: Settings | None = None) -> Learned:
    """What the catalog of a server, introspected, shows of the settings that it was built with.

    Everything with a condition is looked for in the server's catalog: it is there, or it is not.  What
    follows is added to what is `known` already.
    """
    found = _Learner(catalog, server, Settings() if known is None else known).result
    for _ in range(2):  # the second time with what the others have shown
        for text, (there, missing) in found.places.items():
            if not (there and missing):
                found.settings.learn(text, held=bool(there))
    return found


class _Learner:
    def __init__(self, catalog: Catalog, server: Catalog, known: Settings) -> None:
        self._here = catalog
        self._there = server
        self._seen: set[tuple[str, str]] = set()
        self.result = Learned(known)
        self._unlike("command", catalog.commands, server.commands)
        self._unlike("event", catalog.events, server.events)
        for name, one in catalog.commands.items():
            twin = server.commands.get(name)
            place = f"command {name}"
            self._saw(one.facts.condition, place, there=twin is not None)
            if twin:
                self._features(one.facts, twin.facts, place)
                self._types(one.arguments, twin.arguments, f"{place}/arguments")
                self._types(one.returns, twin.returns, f"{place}/return")
        for name, event in catalog.events.items():
            other = server.events.get(name)
            place = f"event {name}"
            self._saw(event.facts.condition, place, there=other is not None)
            if other:
                self._features(event.facts, other.facts, place)
                self._types(event.data, other.data, f"{place}/data")

    def _unlike(
        self, kind: str, ours: Mapping[str, Command | Event], theirs: Mapping[str, Command | Event]
    ) -> None:
        """Commands or events of which only one of the two says anything."""
        lacking = sorted(ours.keys() - theirs.keys())
        self.result.missing += [
            f"{kind} {name}" for name in lacking if not ours[name].facts.condition
        ]
        self.result.unknown += [f"{kind} {name}" for name in sorted(theirs.keys() - ours.keys())]

    def _saw(self, condition: str, place: str, *, there: bool) -> None:
        if condition:
            self.result.places.setdefault(condition, ([], []))[0 if there else 1].append(place)

    def _features(self, here: Facts, there: Facts, place: str) -> None:
        for name, condition in here.features_if:
            self._saw(condition, f"{place}, feature {name}", there=name in there.features)

    def _types(self, here: str, there: str, place: str) -> None:
        if (here, there) in self._seen:
            return
        self._seen.add((here, there))
        one, other = self._here.types.get(here), self._there.types.get(there)
        if isinstance(one, Array) and isinstance(other, Array):
            self._types(one.element, other.element, f"{place}/*")
        elif isinstance(one, Enum) and isinstance(other, Enum):
            names = {value.name: value for value in other.values}
            for value in one.values:
                at = f"{place}={value.name}"
                self._saw(value.facts.condition, at, there=value.name in names)
                if value.name in names:
                    self._features(value.facts, names[value.name].facts, at)
        elif isinstance(one, Alternate) and isinstance(other, Alternate):
            kinds = {self._kind(self._there, key): key for key in other.branches}
            for key in one.branches:
                kind = self._kind(self._here, key)
                self._saw(one.branches_if.get(key, ""), f"{place}({kind})", there=kind in kinds)
                self._types(key, kinds.get(kind, ""), f"{place}({kind})")
        elif isinstance(one, Object) and isinstance(other, Object):
            self._objects(here, there, place)

    def _objects(self, here: str, there: str, place: str) -> None:
        ours, theirs = shape_of(self._here, here), shape_of(self._there, there)
        self._features(self._here.types[here].facts, self._there.types[there].facts, place)
        for name, member in ours.members.items():
            twin, at = theirs.members.get(name), f"{place}/{name}"
            self._saw(member.facts.condition, at, there=twin is not None)
            if twin:
                self._features(member.facts, twin.facts, at)
                self._types(member.type, twin.type, at)
        for case, key in ours.variants.items():
            if case in theirs.variants:
                self._types(key, theirs.variants[case], f"{place}[{ours.tag}={case}]")

    @staticmethod
    def _kind(catalog: Catalog, key: str) -> str:
        found = catalog.types.get(key)
        return found.kind if found else key
