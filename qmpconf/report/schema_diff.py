"""What changes between two catalogs (`qmpconf.schema.diff`), for people and for programs.

`text` is for a terminal, `markdown` for an issue or a release note, `data` is JSON::

    {"qmpconf-diff": 1, "before": "qemu-5.2.0", "after": "qemu-7.2.22",
     "totals": {"breaks": 1, ...}, "changes": [{"level": "breaks", "place": ..., ...}]}
"""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from qmpconf.schema.diff import LEVELS, Change, Level
from qmpconf.text import harmless

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qmpconf.schema.model import Catalog

VERSION = 1

#: What each level means: as a heading, and behind a number.
MEANINGS: Mapping[Level, tuple[str, str]] = {
    "breaks": ("what breaks a client", "break a client"),
    "risk": ("what can surprise a client", "can surprise it"),
    "deprecated": ("what will go away", "announce what will go away"),
    "unknown": ("what only one of the two tells", "only told by one of the two"),
    "compatible": ("what a client need not care about", "harmless"),
}

#: How many of the other commands and events with the same change are named.
_NAMED = 3
_INDENT = "      "


def totals(changes: Sequence[Change]) -> dict[str, int]:
    """How many changes each level has."""
    return {level: sum(one.level == level for one in changes) for level in LEVELS}


def text(
    before: Catalog, after: Catalog, changes: Sequence[Change], width: int = 100, *, down_to: Level
) -> str:
    """For a terminal: the levels down to `down_to`, in lines of about `width` characters."""
    lines = [f"{before.name} → {after.name}: {_counted(changes)}", *_drift(before, after)]
    for level, found in _by_level(changes, down_to):
        lines += ["", f"{MEANINGS[level][0]} ({len(found)}):"]
        for one in found:
            lines.append(f"  {one.place}")
            lines += textwrap.wrap(
                _sentence(one),
                max(width, 40),
                initial_indent=_INDENT,
                subsequent_indent=_INDENT,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return harmless("\n".join(lines) + "\n")


def markdown(before: Catalog, after: Catalog, changes: Sequence[Change], *, down_to: Level) -> str:
    """A page with a table for each level down to `down_to`."""
    parts = [f"# {before.name} → {after.name}", "", _sources(before, after), ""]
    parts += [line for words in _drift(before, after) for line in (words, "")]
    counts = totals(changes)
    parts.append(
        tabulate([[MEANINGS[level][0], counts[level]] for level in LEVELS], ("", ""), "github")
    )
    for level, found in _by_level(changes, down_to):
        rows = [[_cell(f"`{one.place}`"), _cell(_sentence(one))] for one in found]
        table = tabulate(rows, ("place", "change"), tablefmt="github", disable_numparse=True)
        parts += ["", f"## {MEANINGS[level][0].capitalize()}", "", table]
    return harmless("\n".join(parts) + "\n")


def data(before: Catalog, after: Catalog, changes: Sequence[Change]) -> dict[str, Any]:
    """As JSON values; what a change does not tell is left out."""
    return {
        "qmpconf-diff": VERSION,
        "before": before.name,
        "after": after.name,
        "totals": totals(changes),
        "changes": [
            {name: value for name, value in dataclasses.asdict(one).items() if value}
            for one in changes
        ],
    }


def _by_level(changes: Sequence[Change], down_to: Level) -> list[tuple[Level, list[Change]]]:
    shown = LEVELS[: LEVELS.index(down_to) + 1]
    found = [(level, [one for one in changes if one.level == level]) for level in shown]
    return [(level, some) for level, some in found if some]


def _counted(changes: Sequence[Change]) -> str:
    if not changes:
        return "no difference"
    counts = totals(changes)
    return ", ".join(f"{counts[level]} {MEANINGS[level][1]}" for level in LEVELS if counts[level])


def _drift(before: Catalog, after: Catalog) -> list[str]:
    """How to read changes between a document and a server, which are no changes in time."""
    kinds = before.source.kind, after.source.kind
    if kinds[0] == kinds[1]:
        return []
    words = {"document": "document", "introspection": "server"}
    first, second = words[kinds[0]], words[kinds[1]]
    return [f"(drift: what is gone is in the {first} only, what is new is in the {second} only)"]


def _sources(before: Catalog, after: Catalog) -> str:
    words = [
        f"`{one.name}`: {one.source.kind}, {one.source.title or one.source.package or 'no title'}"
        for one in (before, after)
    ]
    return "; ".join(words) + "."


def _sentence(one: Change) -> str:
    """The change in words: what it is, what it depends on, where it is told, who else has it."""
    words = one.message
    if one.condition:
        words += f"; perhaps only not built: it needs {one.condition}"
    lines = [
        f"line {line} {where}"
        for line, where in ((one.line_before, "before"), (one.line_after, "after"))
        if line
    ]
    if lines:
        words += f" [{', '.join(lines)}]"
    if one.also:
        named = ", ".join(one.also[:_NAMED])
        more = len(one.also) - _NAMED
        words += f"; also {named}" + (f" and {more} more" if more > 0 else "")
    return words


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
