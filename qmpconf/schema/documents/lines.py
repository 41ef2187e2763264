"""The lines of a document, with the damage of the viewer that they were copied from undone.

A web viewer shows a file in a table.  Copied as text, its columns stay behind: bars around each
line, or bars on lines of their own with the dates (and the pop-up texts) of a blame column between
them.  Here each viewer's leftovers are taken away, and every line that remains knows where it
stood in the text as given.

Knows nothing of what the lines say, apart from a few marks of the documents that say which of a
viewer's columns holds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the document.

    `number` is its 1-based line in the text as given, `column` the 1-based column there at which
    `text` begins.  `text` has no trailing white space; its indentation is what the form kept.
    """

    number: int
    text: str
    column: int = 1

    @property
    def indent(self) -> int:
        """How far the line is indented, in characters."""
        return len(self.text) - len(self.text.lstrip())

    @property
    def words(self) -> str:
        """The line without its indentation."""
        return self.text.strip()

    @property
    def blank(self) -> bool:
        """Whether the line says nothing."""
        return not self.text.strip()


@dataclass(frozen=True, slots=True)
class View:
    """The lines behind a viewer: its name (empty: none), and whether it kept the indentation."""

    viewer: str
    lines: tuple[Line, ...]
    indented: bool


#: A row of a table whose cells are closed by bars: the bar, one space, the line, the bar.
_ROW = re.compile(r"^\|(?: (?P<text>.*?))?[ \t]*\|$")

#: Lines that only the document's own column can hold.
_LANDMARK = re.compile(r"^(?:[SE]QMP|\.name\s*=.*|(?:->|<-)\s*[{\[].*|-{4,}|={4,})$")

#: A table cannot have more columns than this.
_MOST_COLUMNS = 12


def view(text: str) -> View:
    """The document's lines, whichever viewer it was copied from."""
    rows = text.split("\n")
    for name, recognise, undo, indented in _VIEWERS:
        if recognise(rows):
            return View(name, tuple(undo(rows)), indented)
    return View("", tuple(Line(number, row.rstrip()) for number, row in _numbered(rows)), True)


def _numbered(rows: Sequence[str]) -> enumerate[str]:
    return enumerate(rows, 1)


def _share(rows: Sequence[str], fits: Callable[[str], bool]) -> float:
    """Which part of the non-empty rows fits."""
    full = [row for row in rows if row.strip()]
    return sum(map(fits, full)) / len(full) if full else 0.0


# ── bars around each line ────────────────────────────────────────────────────────────────────


def _is_barred(rows: Sequence[str]) -> bool:
    return _share(rows, lambda row: bool(_ROW.match(row.strip()))) > 0.9


def _undo_bars(rows: Sequence[str]) -> list[Line]:
    lines = []
    for number, row in _numbered(rows):
        found = _ROW.match(row.strip())
        text = (found["text"] or "") if found else row
        lines.append(Line(number, text.rstrip(), row.find(text) + 1 if text else 1))
    return lines


# ── bars on lines of their own ───────────────────────────────────────────────────────────────


def _is_bar(row: str) -> bool:
    return row.strip() == "|"


def _is_blamed(rows: Sequence[str]) -> bool:
    return _share(rows, _is_bar) > 0.4 and _columns(rows) is not None


def _columns(rows: Sequence[str]) -> tuple[int, int] | None:
    """How many bars a row of the viewer's table has, and after how many of them the line stands.

    Every landmark must stand in the same column; of the widths for which that holds, the widest
    is the row (all its divisors hold as well).
    """
    bars, places = 0, []
    for row in rows:
        if _is_bar(row):
            bars += 1
        elif _LANDMARK.match(row.strip()):
            places.append(bars)
    for width in range(_MOST_COLUMNS, 1, -1):
        columns = {place % width for place in places}
        if len(columns) == 1 and len(set(places)) > 1:
            return width, columns.pop()
    return None


def _undo_blame(rows: Sequence[str]) -> list[Line]:
    width, column = _columns(rows) or (1, 0)
    lines: list[Line] = []
    bars, filled = 0, True
    for number, row in _numbered(rows):
        if _is_bar(row):
            if bars % width == column and not filled:
                lines.append(Line(number, ""))
            bars += 1
            filled = False
        elif bars % width == column and row.strip():
            lines.append(Line(number, row.rstrip(), len(row) - len(row.lstrip()) + 1))
            filled = True
    return lines


#: name: is it this viewer's text?, undo it, does it keep indentation?
_VIEWERS: tuple[
    tuple[str, Callable[[Sequence[str]], bool], Callable[[Sequence[str]], list[Line]], bool], ...
] = (
    ("bars", _is_barred, _undo_bars, False),
    ("blame", _is_blamed, _undo_blame, False),
)
