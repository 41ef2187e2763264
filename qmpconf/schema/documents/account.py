"""How much a compiled document holds: the figures of the compile report."""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.model import Catalog, Enum, Object
from qmpconf.schema.walk import children_of


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures of one compilation.

    `arguments` are the members of all commands' arguments, `returned` those of everything that
    commands return, `data` those of all events' data, each type counted once and nested members
    included; `values` are the values of all enumerations.
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


def counts_of(compilation: Compilation) -> Counts:
    """Count what the document gave."""
    catalog = compilation.catalog
    commands = catalog.commands.values()
    return Counts(
        len(catalog.commands),
        len(catalog.events),
        len(catalog.types),
        _members(catalog, {one.arguments for one in commands}),
        _members(catalog, {one.returns for one in commands}),
        _members(catalog, {one.data for one in catalog.events.values()}),
        sum(len(one.values) for one in catalog.types.values() if isinstance(one, Enum)),
        len(compilation.undetermined),
        len(compilation.findings),
        len(compilation.headings),
        len(compilation.examples),
    )


def _members(catalog: Catalog, roots: set[str]) -> int:
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
