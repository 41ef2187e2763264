"""When each command, event, member and value came, was deprecated and went, through all catalogs of a product.

Catalogs are grouped by the release that they describe.  Of one release, what a server says of itself counts
before what documents say of it: what only its manual has was not built.  What each catalog says of a place is
found in `qmpconf.schema.alongside`, what follows from it in `qmpconf.schema.lifetime`.

Pure: knows no file, and no wording of a report.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from qmpconf.schema.alongside import Alongside, Cell, Kind, Step
from qmpconf.schema.lifetime import Change, Release, State, changes, settled
from qmpconf.schema.model import Alternate, Catalog, Enum, Object
from qmpconf.schema.select import Version

#: More than any micro version: what comes before a release sorts before it.
_EARLY = 10_000

Entries = Literal["command", "event"]


@dataclass(frozen=True, slots=True)
class Place:
    """One place in all catalogs: `step` is what it adds to the `path` of the place above it.

    `states` has one state for each release; `changes` what happened, the oldest first; `type` what the newest
    catalog with it has there, in words; `since` what a source states, as it is written; `instead` what a
    source says to use in place of it, `condition` on what it depends.
    """

    path: str
    step: str
    kind: Kind
    states: tuple[State, ...]
    changes: tuple[Change, ...]
    type: str
    optional: bool
    since: str
    instead: tuple[str, ...]
    condition: str
    cells: Sequence[Cell]

    def differs(self, above: Place) -> bool:
        """Whether its history is not that of the place above it: it came later, went before, is deprecated."""
        return any(
            here is not there
            and here is not State.UNKNOWN
            and (here, there) != (State.PRESENT, State.DEPRECATED)
            for here, there in zip(self.states, above.states, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A place in a tree: how deep it stands, and the number of the row above it (-1: none).

    `again` is the place where the same types stand already, whose members are not repeated here.
    """

    place: Place
    depth: int
    above: int
    again: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The catalogs of one release, documents and QAPI source before servers."""

    release: Release
    catalogs: tuple[Catalog, ...]


class History:
    """All catalogs of one product, and the places in them."""

    def __init__(self, catalogs: Sequence[Catalog]) -> None:
        self.groups = grouped(catalogs)
        self.releases = [one.release for one in self.groups]
        every = [one for group in self.groups for one in group.catalogs]
        self._along = Alongside(every)
        self._asked = [_is_server(one) for one in every]
        self._marked = [_marked(one) for one in every]
        ends = [0, *itertools.accumulate(len(one.catalogs) for one in self.groups)]
        self._spans = [range(*pair) for pair in itertools.pairwise(ends)]

    @cached_property
    def names(self) -> dict[Entries, list[str]]:
        """Names of all commands and events that there ever were."""
        every = self._along.catalogs
        return {
            "command": sorted({name for one in every for name in one.commands}),
            "event": sorted({name for one in every for name in one.events}),
        }

    def entry(self, kind: Entries, name: str) -> Place:
        """The command or event; raises KeyError where no catalog has it."""
        if name not in self.names[kind]:
            raise KeyError(name)
        return self._place("", self._along.entry(kind, name))

    def below(self, place: Place) -> Iterator[Place]:
        """The places right below one, those of the newest catalog first."""
        if place.kind in {"command", "event"}:
            name = place.path.partition(" ")[2]
            steps = self._along.payloads(name, Step(place.step, place.kind, place.cells))
        else:
            steps = self._along.below(place.cells)
        return (self._place(place.path, one) for one in steps)

    def rows(self, place: Place) -> Iterator[Row]:
        """The place and all below it, as a tree in the order of a page."""
        seen: dict[tuple[int, str], list[tuple[dict[int, str], str]]] = {}
        waiting = [(place, 0, -1)]
        for number in itertools.count():
            if not waiting:
                return
            current, depth, above = waiting.pop()
            again = self._again(current, seen)
            yield Row(current, depth, above, again)
            below = [] if again else list(self.below(current))
            waiting += [(one, depth + 1, number) for one in reversed(below)]

    def follow(self, place: Place, rest: str) -> tuple[Place, str]:
        """The place at `rest` below one, and what of it leads nowhere (empty where all was found).

        The ``/*`` of arrays may be left out.
        """
        while rest:
            fitting = [
                (step, one)
                for one in self.below(place)
                for step in {one.step, one.step.replace("/*", "")}
                if rest == step or (rest.startswith(step) and rest[len(step)] in "/=[(")
            ]
            if not fitting:
                return place, rest
            step, place = max(fitting, key=lambda found: len(found[0]))
            rest = rest[len(step) :]
        return place, ""

    def types(self, place: Place) -> set[str]:
        """Names of the types of a place, also inside of arrays; introspection gives none."""
        cells = enumerate(self._along.elements(place.cells)[1])
        found = (self._along.catalogs[number].types.get(cell.key) for number, cell in cells)
        return {one.name for one in found if one is not None and one.name}

    def _again(
        self, place: Place, seen: dict[tuple[int, str], list[tuple[dict[int, str], str]]]
    ) -> str:
        """Where all types of the place stand together already; else nothing, and they are noted."""
        catalogs = self._along.catalogs
        keys = {
            number: cell.key
            for number, cell in enumerate(self._along.elements(place.cells)[1])
            if isinstance(catalogs[number].types.get(cell.key), Object | Alternate)
        }
        if not keys:
            return ""
        for known, path in seen.get(next(iter(keys.items())), ()):
            if keys.items() <= known.items():
                return path
        for pair in keys.items():
            seen.setdefault(pair, []).append((keys, place.path))
        return ""

    def _place(self, above: str, step: Step) -> Place:
        cells = step.cells
        states = [self._state(span, cells) for span in self._spans]
        if State.DOCUMENTED in states:
            # Not all builds have it: that others lack it as well says nothing about the protocol.
            servers = [all(self._asked[number] for number in span) for span in self._spans]
            states = [
                State.UNKNOWN if state is State.ABSENT and alone else state
                for state, alone in zip(states, servers, strict=True)
            ]
        states = settled(states)
        there = [number for number, cell in enumerate(cells) if cell.known == "yes"]
        # The newest one that knows more than that it is there: of one release, what is exact.
        newest = next((one for one in reversed(there) if cells[one].key), there[-1])
        facts = [cells[number].facts for number in reversed(there)]
        since = next((one.since for one in facts if one.since), "")
        marking = [any(step.kind in self._marked[one] for one in span) for span in self._spans]
        return Place(
            above + step.step,
            step.step,
            step.kind,
            tuple(states),
            tuple(changes(self.releases, states, since, marking)),
            self._word(newest, cells[newest]),
            cells[newest].optional,
            since,
            next((one.instead for one in facts if one.instead), ()),
            next((one.condition for one in facts if one.condition), ""),
            cells,
        )

    def _word(self, number: int, cell: Cell) -> str:
        """The type of a place, without its name."""
        if not cell.key:
            return ""
        alone = Alongside([self._along.catalogs[number]])
        levels, inner = alone.elements([cell])
        return "array of " * levels + alone.kind(0, inner[0].key)

    def _state(self, span: range, cells: Sequence[Cell]) -> State:
        """What the catalogs of one release say together."""
        known = {cells[number].known for number in span}
        if "yes" not in known:
            return State.ABSENT if "no" in known else State.UNKNOWN
        asked = {cells[number].known for number in span if self._asked[number]}
        if "no" in asked and "yes" not in asked:
            return State.DOCUMENTED
        marked = any("deprecated" in cells[number].facts.features for number in span)
        return State.DEPRECATED if marked else State.PRESENT


def _is_server(catalog: Catalog) -> bool:
    """Whether it is what a server says of itself: what it lacks was not there in that build."""
    return catalog.source.kind == "introspection"


def _marked(catalog: Catalog) -> frozenset[Kind]:
    """What a catalog marks as deprecated at all: older ones have no marks for members, or for values."""
    found: set[Kind] = set()
    if any("deprecated" in one.facts.features for one in catalog.commands.values()):
        found |= {"command", "event"}
    for one in catalog.types.values():
        if isinstance(one, Object) and any("deprecated" in m.facts.features for m in one.members):
            found.add("member")
        if isinstance(one, Enum) and any("deprecated" in v.facts.features for v in one.values):
            found |= {"value", "branch"}
    return frozenset(found)


def grouped(catalogs: Sequence[Catalog]) -> list[Group]:
    """The catalogs by their release, the oldest first; what was to become a release stands before it."""
    found: dict[tuple[tuple[int, int], int, str], list[Catalog]] = {}
    for one in catalogs:
        version = Version.parse(one.source.version) or Version(0, 0)
        is_early = one.source.version.endswith("-dev") or version.line != (
            version.major,
            version.minor,
        )
        name = one.source.version if one.source.version.endswith("-dev") else version.name
        micro = version.micro - _EARLY if is_early else version.micro
        found.setdefault((version.line, micro, name if is_early else ""), []).append(one)
    lines = [line for line, _, early in found if not early]
    groups = []
    for (line, micro, early), several in sorted(found.items()):
        number = Version(*line).release - (0.5 if early else 0)
        label = early or ".".join(map(str, line if lines.count(line) == 1 else (*line, micro)))
        ordered = sorted(several, key=lambda one: (_is_server(one), one.name))
        groups.append(Group(Release(label, number), tuple(ordered)))
    return groups
