"""Several catalogs followed at once, from a command or event down to each member and value.

A place is named as in `qmpconf.schema.diff`: ``/arguments/MEMBER``, ``/return/*/MEMBER=VALUE``, the branch of
a union ``[TAG=VALUE]``, of an alternate ``(str)``.  At each place there is a `Cell` for each catalog: the type
that it has there, or that it has nothing, or that it does not say.  Type names, which introspection masks, play
no part.

A catalog out of introspection, of QAPI source, or of a manual that QEMU makes out of its schema lists all there
is (`Source.lists_all`).  A document that was written by hand leaves things out, a part of a document even more;
and where a type is open or not determined, nobody knows what is below.

Pure: knows no release and no wording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from qmpconf.schema.model import (
    BUILTINS,
    NO_FACTS,
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    Event,
    Facts,
    Object,
)
from qmpconf.schema.walk import is_builtin, shape_of

Kind = Literal["command", "event", "payload", "member", "value", "branch"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One place in one catalog: whether it has it, the type (key) there, and what it knows of it."""

    known: Literal["yes", "no", "unknown"]
    key: str = ""
    facts: Facts = NO_FACTS
    optional: bool = False


NO = Cell("no")
UNKNOWN = Cell("unknown")


class Step(NamedTuple):
    """From a place to one right below it: what is added to the path, and the cell of each catalog."""

    step: str
    kind: Kind
    cells: Sequence[Cell]


#: What catalogs list at one place: (kind, what is added to the path) -> cells, by the catalog's number.
_Listed = dict[tuple[Kind, str], dict[int, Cell]]


class Alongside:
    """The places of several catalogs, the oldest first."""

    def __init__(self, catalogs: Sequence[Catalog]) -> None:
        self.catalogs = catalogs

    def entry(self, kind: Literal["command", "event"], name: str) -> Step:
        """The command or event; its cells have no types."""
        cells = []
        for one in self.catalogs:
            entries = one.commands if kind == "command" else one.events
            found = entries.get(name)
            if found is not None:
                cells.append(Cell("yes", "", found.facts))
            else:  # documents of commands have no events at all
                cells.append(NO if entries and one.source.lists_all else UNKNOWN)
        return Step(f"{kind} {name}", kind, cells)

    def payloads(self, name: str, above: Step) -> Iterator[Step]:
        """Arguments and result of a command, data of an event, where one catalog has any."""
        for part in ("arguments", "return") if above.kind == "command" else ("data",):
            cells = []
            for one, cell in zip(self.catalogs, above.cells, strict=True):
                entries = one.commands if above.kind == "command" else one.events
                cells.append(Cell(cell.known, _payload(entries.get(name), part)))
            if any(cell.key for cell in cells):
                yield Step(f"/{part}", "payload", cells)

    def below(self, cells: Sequence[Cell]) -> Iterator[Step]:
        """The places right below one, those of the newest catalog first."""
        levels, inner = self.elements(cells)
        listed: _Listed = {}
        lacking: dict[int, Cell] = {}
        for number in reversed(range(len(inner))):
            if inner[number].known == "yes":
                what_lacks = self._list(number, inner[number].key, listed)
                if what_lacks is not None:
                    lacking[number] = what_lacks
        for (kind, name), known in listed.items():
            found = [
                known.get(number) or (lacking.get(number, UNKNOWN) if cell.known == "yes" else cell)
                for number, cell in enumerate(cells)
            ]
            yield Step("/*" * levels + name, kind, found)

    def elements(self, cells: Sequence[Cell]) -> tuple[int, list[Cell]]:
        """The same cells with the types inside of arrays, and how deep these stand in the newest."""
        levels, inner = 0, []
        for catalog, cell in zip(self.catalogs, cells, strict=True):
            deep, key, seen = 0, cell.key, set[str]()
            while isinstance(found := catalog.types.get(key), Array) and key not in seen:
                seen.add(key)
                deep, key = deep + 1, found.element
            inner.append(Cell("yes", key) if cell.known == "yes" else cell)
            if cell.known == "yes" and cell.key:
                levels = deep
        return levels, inner

    def kind(self, number: int, key: str) -> str:
        """What kind of type `key` is in the catalog of that number; ``nothing`` for an empty one."""
        if not key:
            return "nothing"
        if is_builtin(key):
            return key if key in BUILTINS else "int"
        return self.catalogs[number].types[key].kind

    def _list(self, number: int, key: str, listed: _Listed) -> Cell | None:
        """Add what one catalog lists below the type `key`; gives what it means that it lacks something."""
        catalog = self.catalogs[number]
        found = catalog.types.get(key)

        def add(kind: Kind, name: str, cell: Cell) -> None:
            listed.setdefault((kind, name), {})[number] = cell

        if isinstance(found, Enum):
            for value in found.values:
                add("value", f"={value.name}", Cell("yes", "", value.facts))
            return self._lacks(catalog, is_open=found.open)
        if isinstance(found, Alternate):
            for branch in found.branches:
                add("branch", f"({self.kind(number, branch)})", Cell("yes", branch))
            return self._lacks(catalog)
        if isinstance(found, Object):
            shape = shape_of(catalog, key)
            for one in shape.members.values():
                add("member", f"/{one.name}", Cell("yes", one.type, one.facts, one.optional))
            facts = self._of_cases(catalog, key)
            for case, inner in shape.variants.items():
                add(
                    "branch", f"[{shape.tag}={case}]", Cell("yes", inner, facts.get(case, NO_FACTS))
                )
            return self._lacks(catalog, is_open=shape.open)
        return None if key else self._lacks(catalog)

    @staticmethod
    def _lacks(catalog: Catalog, *, is_open: bool = False) -> Cell:
        return NO if catalog.source.lists_all and not is_open else UNKNOWN

    @staticmethod
    def _of_cases(catalog: Catalog, key: str) -> dict[str, Facts]:
        """What is known of the branches of a union: what is known of the values of its tag."""
        shape = shape_of(catalog, key)
        tag = shape.members.get(shape.tag)
        values = catalog.types.get(tag.type) if tag else None
        return {one.name: one.facts for one in values.values} if isinstance(values, Enum) else {}


def _payload(found: Command | Event | None, part: str) -> str:
    if isinstance(found, Event):
        return found.data
    if found is None:
        return ""
    return found.arguments if part == "arguments" else found.returns
