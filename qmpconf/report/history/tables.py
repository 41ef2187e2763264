"""A history as text, as Markdown, and as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qmpconf.report.history.told import (
    Selection,
    changed,
    data_of,
    extent,
    incomplete,
    notes,
    signs,
)
from qmpconf.report.tables import fitted, wrapped
from qmpconf.report.views.markdown import code, prose
from qmpconf.schema.history import Row
from qmpconf.schema.lifetime import MEANINGS
from qmpconf.text import counted, harmless

VERSION = 1

_INDENT = "  "

_HEAD = ("place", "came", "deprecated", "went", "note")


def shown(selection: Selection, *, everything: bool) -> list[Row]:
    """The rows of the tables: those with a history of their own, unless all are asked for."""
    return list(selection.rows if everything else selection.of_their_own())


def text(selection: Selection, width: int, *, everything: bool = False) -> str:
    """For a terminal of that width."""
    rows = shown(selection, everything=everything)
    lines = [f"{selection.title}  ({selection.lead})", ""]
    lines.append(fitted([_cells(selection, row) for row in rows], _HEAD, width))
    lines.append("")
    for one in _closing(selection, rows):
        lines += wrapped(one, width, _INDENT)
    return harmless("\n".join(lines) + "\n")


def markdown(selection: Selection, *, everything: bool = False) -> str:
    """A page with one table."""
    rows = shown(selection, everything=everything)
    lines = [f"# {prose(selection.title)}", "", f"{prose(selection.lead)}.", ""]
    lines += [_line(_HEAD), _line("---" for _ in _HEAD)]
    for row in rows:
        place, *more = _cells(selection, row)
        lines.append(_line([code(place), *map(prose, more)]))
    lines += ["", *(f"- {prose(one)}" for one in _closing(selection, rows))]
    return harmless("\n".join(lines) + "\n")


def data(selection: Selection) -> dict[str, Any]:
    """As JSON values; all rows."""
    history = selection.history
    return {
        "qmpconf-history": VERSION,
        "product": selection.product,
        "signs": {str(state): words for state, words in MEANINGS.items()},
        "releases": [
            {
                "release": group.release.label,
                "catalogs": [
                    {"name": one.name, "kind": one.source.kind, "has": extent(one.source)}
                    for one in group.catalogs
                ],
            }
            for group in history.groups
        ],
        "places": [
            {
                "place": row.place.path,
                "kind": row.place.kind,
                **({"type": row.place.type} if row.place.type else {}),
                **({"again": row.again} if row.again else {}),
                **{one.what: data_of(one) for one in row.place.changes},
                **({"instead": list(row.place.instead)} if row.place.instead else {}),
                **({"condition": row.place.condition} if row.place.condition else {}),
                "states": signs(row.place),
            }
            for row in selection.rows
        ],
    }


def _cells(selection: Selection, row: Row) -> list[str]:
    found = changed(row.place)
    when = [found.get(what, "") for what in ("came", "deprecated", "went")]
    place = selection.relative(row) + (
        f" (if {row.place.condition})" if row.place.condition else ""
    )
    return [place, *when, notes(row.place, selection.history)]


def _closing(selection: Selection, rows: Sequence[Row]) -> Iterable[str]:
    """The releases, what is not shown, and which sources do not have all."""
    groups = selection.history.groups
    yield f"releases: {' '.join(one.release.label for one in groups)}"
    rest = len(selection.rows) - len(rows)
    if rest:
        yield f"{counted(rest, 'place')} below have the history of the place above them (--all shows them)"
    yield from incomplete(selection)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
