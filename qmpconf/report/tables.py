"""Tables that fit: where the terminal is narrow, the widest columns give way first, and wrap."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tabulate import tabulate

#: What tabulate puts around a column's head, and between two columns.
PADDING = GAP = 2

#: The narrowest that a column becomes, and the longest part of a word that it is kept wide for.
_LEAST, _LONGEST = 8, 28

_WORD = re.compile(r"\s+|\S+")
_PART = re.compile(r"/?[^\s/]+|/")


def fitted(
    rows: Sequence[Sequence[str]],
    head: Sequence[str],
    width: int,
    align: Sequence[str] | None = None,
    most: Mapping[str, int] | None = None,
) -> str:
    """A table of at most `width` columns, as far as its words allow; all cells are printable.

    `most` limits some columns even where there is room.
    """
    limits = [(most or {}).get(name, width) for name in head]
    wanted = [
        max(len(name) + PADDING, *(min(len(row[place]), limits[place]) for row in rows), 0)
        for place, name in enumerate(head)
    ]
    bare = [
        min(want, max(_LEAST, len(name) + PADDING)) for want, name in zip(wanted, head, strict=True)
    ]
    least = [
        min(
            want,
            max(_LEAST, len(name) + PADDING, min(_LONGEST, _piece(row[place] for row in rows))),
        )
        for place, (want, name) in enumerate(zip(wanted, head, strict=True))
    ]
    # Words stay whole where there is room for that.
    rooms = _rooms(_rooms(wanted, least, width), bare, width)
    cells = [[_wrapped(*pair) for pair in zip(row, rooms, strict=True)] for row in rows]
    return tabulate(cells, head, tablefmt="simple", disable_numparse=True, colalign=align)


def wrapped(text: str, room: int, indent: str = "") -> list[str]:
    """`text` in lines of at most `room` columns, those behind the first one with an `indent`.

    A word that is longer than a line, as places and paths are, is broken before a slash; one part
    of it that is still too long, wherever it must be.  An indent takes half of the room at most.
    """
    room = max(1, room)
    indent = indent[: room // 2]
    lines: list[str] = []
    line, gap = "", ""
    for word in _WORD.findall(text):
        if word.isspace():
            line, gap = (line, word) if line.strip() else (line + word, "")
            continue
        fits = len(word) <= room - len(indent)
        for part in [word] if fits else _PART.findall(word):
            start = line or (indent if lines else "")
            if len(start) + len(gap) + len(part) > room and start.strip():
                lines.append(line)
                start, gap = indent, ""
            line, gap = start + gap + part, ""
            while len(line) > room:
                lines.append(line[:room])
                line = indent + line[room:]
    return [*lines, line] if line.strip() else lines


def _wrapped(cell: str, room: int) -> str:
    return cell if len(cell) <= room else "\n".join(wrapped(cell, room))


def _piece(cells: Iterable[str]) -> int:
    """The longest part of a word that is not broken."""
    return max((len(part) for cell in cells for part in _PART.findall(cell)), default=0)


def _rooms(wanted: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """How wide each column may be, so that all fit."""
    rooms = list(wanted)
    while sum(rooms) + GAP * (len(rooms) - 1) > width:
        spare = [room - floor for room, floor in zip(rooms, least, strict=True)]
        if not any(spare):
            break
        widest = max((room, place) for place, room in enumerate(rooms) if spare[place])[1]
        rooms[widest] -= 1
    return rooms
