"""What compiling QAPI source gave, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tabulate import tabulate

from qmpconf.schema.documents.account import counts_of
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.resolve import Learned, Resolved
from qmpconf.text import counted, printable

#: How many places of a contradictory condition are named.
_SHOWN = 3


def compiled_source(compilation: Compilation, found: Resolved, learned: Learned | None) -> str:
    """The figures, the conditions that are open, and those that a server contradicts."""
    counts, source = counts_of(compilation), compilation.catalog.source
    rows = [
        ("catalog", compilation.catalog.name),
        ("form", source.form),
        ("describes", f"{source.product} {source.version or '(release unknown: see --release)'}"),
        ("commands", str(counts.commands)),
        ("events", str(counts.events)),
        ("types", f"{counts.types}, with {counted(counts.values, 'value')} of enumerations"),
        ("arguments", str(counts.arguments)),
        ("returned", counted(counts.returned, "member")),
        ("event data", counted(counts.data, "member")),
        ("examples", counted(counts.examples, "message")),
        ("conditional", ", ".join(_conditional(found))),
    ]
    parts = [f"{word:<13} {text}" for word, text in rows]
    if found.open:
        listed = [(text, number) for text, number in sorted(found.open.items())]
        parts += ["", "Depends on the build (--config, --introspection):"]
        parts.append(tabulate(listed, ("condition", "places"), tablefmt="plain"))
    if learned is not None and (learned.missing or learned.unknown):
        parts += ["", "The server is of another build:"]
        for names, words in ((learned.missing, "it lacks"), (learned.unknown, "only it has")):
            if names:
                more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
                parts.append(f"{words} {', '.join(names[:_SHOWN])}{more}")
    if learned is not None and learned.contradictory:
        parts += ["", "The server has some of what depends on one condition, and lacks the rest:"]
        seen = [
            (text, ", ".join(there[:_SHOWN]), ", ".join(missing[:_SHOWN]))
            for text, (there, missing) in sorted(learned.contradictory.items())
        ]
        parts.append(tabulate(seen, ("condition", "there", "missing"), tablefmt="plain"))
    return printable_lines(parts)


def printable_lines(parts: list[str]) -> str:
    """The lines, harmless for a terminal."""
    lines = [line for part in parts for line in part.split("\n")]
    return "\n".join(map(printable, lines)) + "\n"


def _conditional(found: Resolved) -> Iterator[str]:
    if not (found.open or found.kept or found.dropped):
        yield "nothing"
    if found.open:
        yield f"{counted(found.open.total(), 'place')} with {counted(len(found.open), 'condition')} left open"
    if found.kept:
        yield f"{found.kept} there in this build"
    if found.dropped:
        yield f"{found.dropped} not there"
