"""How much a compiled document holds: the figures of the compile report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.model import Catalog, Enum, Facts, Object
from qmpconf.schema.walk import children_of


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures of one compilation.

    `arguments` are the members of all commands' arguments, `returned` those of everything that
    commands return, `data` those of all events' data, each type counted once and nested members
    included; `values` are the values of all enumerations.  `contradicted` are facts that the document
    denies elsewhere, `shown` the members and values that only its examples have, `concluded` the places
    whose type the document does not state, but lets conclude.
    """

    commands: int
    events: int
    types: int
    arguments: int
    returned: int
    data: int
    values: int
    undetermined: int
    findings: int
    headings: int
    examples: int
    contradicted: int
    shown: int
    concluded: int


def counts_of(compilation: Compilation) -> Counts:
    """Count what the document gave."""
    catalog = compilation.catalog
    commands = catalog.commands.values()
    return Counts(
        len(catalog.commands),
        len(catalog.events),
        len(catalog.types),
        members_below(catalog, {one.arguments for one in commands}),
        members_below(catalog, {one.returns for one in commands}),
        members_below(catalog, {one.data for one in catalog.events.values()}),
        sum(len(one.values) for one in catalog.types.values() if isinstance(one, Enum)),
        len(compilation.undetermined),
        len(compilation.findings),
        len(compilation.headings),
        len(compilation.examples),
        sum(facts.strength == "contradicted" for facts in _facts(catalog)),
        sum(len(one.shown) for one in catalog.types.values() if isinstance(one, Object | Enum)),
        sum(len(one.facts.concluded) for one in commands)
        + sum(
            member.facts.strength == "example"
            for one in catalog.types.values()
            if isinstance(one, Object) and one.facts.strength != "example"
            for member in one.members
        ),
    )


def _facts(catalog: Catalog) -> Iterator[Facts]:
    """The facts of everything that can be contradicted."""
    yield from (one.facts for one in catalog.commands.values())
    yield from (one.facts for one in catalog.events.values())
    for found in catalog.types.values():
        yield found.facts
        if isinstance(found, Object):
            yield from (member.facts for member in found.members)


def members_below(catalog: Catalog, roots: set[str]) -> int:
    """How many members the object types have that can be reached from `roots`."""
    waiting, seen = [root for root in roots if root], set[str]()
    total = 0
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        found = catalog.types.get(key)
        if isinstance(found, Object):
            total += len(found.members)
        waiting += children_of(catalog, key)
    return total
