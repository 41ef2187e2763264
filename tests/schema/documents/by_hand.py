"""Draws entries of a document at random, and prints the document's words beside what was compiled of them.

For people who compare the two, as reports/documents-by-hand.md says::

    python -m tests.schema.documents.by_hand FILE [--seed 15] [--number 40]

Commands, events and types that the document has a heading for are drawn, the same for the same file and seed.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from qmpconf.schema.documents.account import members_below
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.documents.result import Compilation, Heading
from qmpconf.schema.model import Alternate, Array, Catalog, Enum, Object
from qmpconf.schema.sources import compile_file

#: Types inside of types, shown so deep.
_DEEPEST = 4


def drawn(compilation: Compilation, seed: int, number: int) -> list[Heading]:
    """The headings of the entries drawn, in the order of the document."""
    entries = [
        one
        for one in compilation.headings
        if one.became.startswith(("command ", "event ", "type "))
    ]
    chosen = random.Random(seed).sample(entries, min(number, len(entries)))
    return sorted(chosen, key=lambda one: (one.line, one.text))


def words(compilation: Compilation, heading: Heading, rows: Sequence[str]) -> str:
    """The document's words of the entry: its lines, or its part of a document of one line."""
    if len(rows) < len(compilation.headings):
        text = " ".join(rows)
        names = [one.text for one in compilation.headings]
        at = text.find(f" {heading.text} ---")
        ends = [end for name in names if (end := text.find(f" {name} ---", at + 5)) > at]
        return text[at : min(ends, default=len(text))]
    after = min(
        (one.line for one in compilation.headings if one.line > heading.line), default=len(rows) + 1
    )
    return "\n".join(
        " ".join(row.split()) for row in rows[heading.line - 1 : after - 1] if row.strip()
    )


def shape(catalog: Catalog, key: str, depth: int = 0) -> str:
    """What the catalog has of a type, on one line; named types by their names below the first."""
    found = catalog.types.get(key)
    if isinstance(found, Array):
        return f"[{shape(catalog, found.element, depth)}]"
    if found is None or depth > _DEEPEST or (depth and found.name and ":" not in key):
        return key or "nothing"
    if isinstance(found, Enum):
        return "|".join(one.name for one in found.values) + "|..." * found.open
    if isinstance(found, Alternate):
        return " or ".join(shape(catalog, one, depth + 1) for one in found.branches)
    return _object(catalog, found, depth)


def _object(catalog: Catalog, found: Object, depth: int) -> str:
    parts = [
        f"{one.name}{'?' * one.optional}: {shape(catalog, one.type, depth + 1)}"
        + f" (={one.default})" * bool(one.default)
        for one in found.members
    ]
    parts += [f"+{found.base}"] * bool(found.base)
    parts += [f"{value}->{shape(catalog, one, depth + 1)}" for value, one in found.variants.items()]
    return "{" + ", ".join(parts) + ", ..." * found.open + "}"


def compiled(catalog: Catalog, became: str) -> str:
    """What was compiled of an entry."""
    kind, _, name = became.partition(" ")
    if kind == "command":
        one = catalog.commands[name]
        return f"takes {shape(catalog, one.arguments)}; returns {shape(catalog, one.returns)}"
    if kind == "event":
        return f"carries {shape(catalog, catalog.events[name].data)}"
    return shape(catalog, name)


def figures(compilation: Compilation, headings: Sequence[Heading]) -> tuple[int, int]:
    """How many members and values the entries have, and how many of their places are left open."""
    catalog, number, left = compilation.catalog, 0, 0
    for one in headings:
        kind, _, name = one.became.partition(" ")
        if kind == "command":
            command = catalog.commands[name]
            number += members_below(catalog, {command.arguments, command.returns})
        elif kind == "event":
            number += members_below(catalog, {catalog.events[name].data})
        else:
            found = catalog.types[name]
            parts = ("members", "values", "variants", "branches")
            number += sum(len(getattr(found, part, ())) for part in parts)
        left += sum(place.subject == name for place in compilation.undetermined)
    return number, left


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the entries drawn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--number", type=int, default=40)
    options = parser.parse_args(arguments)
    compilation = compile_file(options.file)
    rows = read_document(options.file).split("\n")
    headings = drawn(compilation, options.seed, options.number)
    for number, one in enumerate(headings, 1):
        print(f"== {number} {one.became} (line {one.line})")
        print(words(compilation, one, rows))
        print(f"-> {compiled(compilation.catalog, one.became)}")
    members, left = figures(compilation, headings)
    print(f"{len(headings)} entries, {members} members and values, {left} places left open")


if __name__ == "__main__":
    main()
