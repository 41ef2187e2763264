"""Tables that fit: where the terminal is narrow, the widest columns give way first, and wrap."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from tabulate import tabulate

#: What tabulate puts around a column's head, and between two columns.
PADDING = GAP = 2

#: The narrowest that a column becomes.
_LEAST = 8


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
    least = [
        min(want, max(_LEAST, len(name) + PADDING)) for want, name in zip(wanted, head, strict=True)
    ]
    rooms = _rooms(wanted, least, width)
    cells = [[_wrapped(*pair) for pair in zip(row, rooms, strict=True)] for row in rows]
    return tabulate(cells, head, tablefmt="simple", disable_numparse=True, colalign=align)


def _wrapped(cell: str, room: int) -> str:
    return cell if len(cell) <= room else "\n".join(textwrap.wrap(cell, room))


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
