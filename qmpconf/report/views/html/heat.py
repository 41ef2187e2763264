"""Coverage as a heat map: what of a schema was exercised, over all subjects of a report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from qmpconf.check.universe import KINDS, Kind, kind_of
from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import Coverage
from qmpconf.text import counted

#: Steps of the colour scale above "nothing".
STEPS = 5

#: Places that one tile lists as exercised, and as missing.
MOST_PLACES = 100

_CALLED: Mapping[Kind, str] = {
    "commands": "commands",
    "arguments": "arguments",
    "values": "values of arguments",
    "variants": "variants",
    "returns": "members of results",
    "events": "events",
    "data": "members of events",
}


#: What places share but for their last part, and those parts, each with how often it was exercised.
Together = tuple[str, Sequence[tuple[str, int]]]

#: All of a place but its last member or value; not into the value that chooses a variant.
_SHARED = re.compile(r".*[/=](?![^\[\]]*\])", re.DOTALL)


def together(places: Iterable[tuple[str, int]]) -> list[Together]:
    """Places with how often they were exercised: those with a shared beginning side by side."""
    found: dict[str, list[tuple[str, int]]] = {}
    for place, times in places:
        shared = _SHARED.match(place)
        start = shared.end() if shared else 0
        found.setdefault(place[:start], []).append((place[start:], times))
    return list(found.items())


@dataclass(slots=True)
class Tile:
    """One command or event."""

    kind: str
    name: str
    calls: int = 0
    refused: int = 0
    places: Counter[str] = field(default_factory=Counter)
    missing: set[str] = field(default_factory=set)

    @property
    def used(self) -> int:
        """How many of its places were exercised, itself included."""
        return len(self.places) + bool(self.calls)

    @property
    def all(self) -> int:
        """How many places it has, itself included."""
        return len(self.places) + len(self.missing) + 1

    @property
    def percent(self) -> int:
        """What part of its places was exercised; 100 means all of them."""
        return self.used * 100 // self.all

    @property
    def step(self) -> int:
        """Its place on the colour scale: 0 is nothing, `STEPS` everything."""
        return -(-self.used * STEPS // self.all) if self.used else 0

    @property
    def told(self) -> str:
        """How often it was used."""
        word = "seen" if self.kind == "event" else "answered"
        calls = f"{word} {counted(self.calls, 'time')}" if self.calls else f"never {word}"
        return f"{calls}, refused {counted(self.refused, 'time')}" if self.refused else calls

    @property
    def exercised(self) -> Sequence[Together]:
        """The places that were exercised, with how often."""
        return together(sorted(self.places.items())[:MOST_PLACES])

    @property
    def unused(self) -> Sequence[Together]:
        """The places that were not."""
        return together((place, 0) for place in sorted(self.missing)[:MOST_PLACES])

    @property
    def dropped(self) -> int:
        """Places that are in neither list."""
        return max(0, len(self.places) - MOST_PLACES) + max(0, len(self.missing) - MOST_PLACES)


@dataclass(slots=True)
class Map:
    """The tiles of one schema."""

    schema: str
    commands: list[Tile] = field(default_factory=list)
    events: list[Tile] = field(default_factory=list)

    @property
    def tiles(self) -> list[Tile]:
        """Commands, then events."""
        return [*self.commands, *self.events]

    @property
    def totals(self) -> list[tuple[str, int, int]]:
        """Of each kind of place: its name, how many were exercised, how many there are."""
        used: Counter[Kind] = Counter()
        all_: Counter[Kind] = Counter()
        for tile in self.tiles:
            own: Kind = "events" if tile.kind == "event" else "commands"
            all_[own] += 1
            used[own] += bool(tile.calls)
            for place in tile.places:
                used[kind_of(place)] += 1
                all_[kind_of(place)] += 1
            for place in tile.missing:
                all_[kind_of(place)] += 1
        return [(_CALLED[kind], used[kind], all_[kind]) for kind in KINDS if all_[kind]]


def maps(report: Report) -> list[Map]:
    """One map for each schema; what any subject exercised is exercised."""
    found: dict[str, dict[tuple[str, str], Tile]] = {}
    for one in report.coverage:
        tiles = found.setdefault(one.schema, {})
        _add(tiles.setdefault((one.kind, one.name), Tile(one.kind, one.name)), one)
    return [_map(schema, tiles.values()) for schema, tiles in sorted(found.items())]


def _add(tile: Tile, one: Coverage) -> None:
    tile.calls += one.calls
    tile.refused += one.refused
    tile.places.update(one.places)
    tile.missing.update(one.missing)
    tile.missing.difference_update(tile.places)


def _map(schema: str, tiles: Iterable[Tile]) -> Map:
    result = Map(schema)
    for tile in sorted(tiles, key=lambda one: one.name):
        (result.events if tile.kind == "event" else result.commands).append(tile)
    return result
