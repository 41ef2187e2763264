"""A row of the list, in as many columns as there are.  Pure.

The columns are those of ``qmpconf show``; a narrow terminal leaves out those that say least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from qmpconf.findings import Severity
from qmpconf.report import show
from qmpconf.report.terminal import columns, cut
from qmpconf.text import printable
from qmpconf.trace.summary import Summary
from qmpconf.trace.wording import BAD, STYLES, arrow
from qmpconf.view.lanes import Column
from qmpconf.view.line_findings import MARKS
from qmpconf.view.line_findings import STYLES as OF_SEVERITY
from qmpconf.view.styled import Line

#: Columns of a terminal from which on a row has a time and a size, and those from which on how long it took.
_WIDE, _MIDDLE = 72, 50

#: Columns of the time before the lanes.
TIME = 12


class Room(NamedTuple):
    """How many columns the number of a line takes, and a time."""

    line: int = 6
    time: int = 10

    @classmethod
    def of(cls, last: Summary) -> Room:
        """Enough for the last message of a recording, and so for all of them."""
        return cls(max(6, len(str(last.line))), max(10, len(show.clock(last.t))))


def head(width: int, room: Room) -> str:
    """What the columns are."""
    if width >= _WIDE:
        return f" {'line':>{room.line}} {'time':>{room.time}}  n        took   size  message"
    if width >= _MIDDLE:
        return f" {'line':>{room.line}}  n        took  message"
    return f" {'line':>{room.line - 1}}    message"


def row(
    one: Summary, width: int, room: Room, *, worst: Severity | None, answer: Summary | None = None
) -> Line:
    """A row, with a mark for the `worst` finding about it; with the response to it, where they are joined."""
    text, style = _told(one, answer)
    took, size = one.latency, one.size
    if answer is not None:
        took, size = answer.latency, one.size + answer.size
    mark = (MARKS[worst], OF_SEVERITY[worst]) if worst else (" ", "")
    line, way = f"{one.line:>{room.line}}", _way(one, answer)
    slow = "yellow" if took is not None and took >= show.SLOW else ""
    lasted = ("" if took is None else show.seconds(took), slow)
    if width >= _WIDE:
        sized = show.size_of(size) if size else ""
        before = [
            (f"{line} {show.clock(one.t):>{room.time}} ", "dim"),
            (f"{one.conn:>2} {way} ", ""),
            (f"{lasted[0]:>8} ", lasted[1]),
            (f"{sized:>6}  ", ""),
        ]
    elif width >= _MIDDLE:
        before = [(line, "dim"), (f" {one.conn:>2} {way} ", ""), (f"{lasted[0]:>8}  ", lasted[1])]
    else:
        before = [(f"{one.line:>{room.line - 1}}", "dim"), (f" {way} ", "")]
    taken = 1 + sum(columns(piece) for piece, _ in before)
    return (mark, *before, (cut(text, max(8, width - taken)), style))


def lane_row(
    one: Summary,
    lane: int,
    laid: Sequence[Column],
    *,
    worst: Severity | None,
    answer: Summary | None = None,
) -> Line:
    """A row in which each session has a lane: the message in its own, the others go on."""
    mark = (MARKS[worst], OF_SEVERITY[worst]) if worst else (" ", "")
    pieces = [mark, (f"{show.clock(one.t):>{TIME - 2}} ", "dim")]
    shown = False
    for column in laid:
        gap = " " * (column.start - (laid[0].start if column is laid[0] else _end(laid, column)))
        if column.lane == lane:
            text, style = _told(one, answer)
            text = cut(f"{_way(one, answer)} {text}", column.width)
            pieces.append((gap + text + " " * (column.width - columns(text)), style))
            shown = True
        else:
            pieces.append((gap + "|" + " " * (column.width - 1), "dim"))
    if not shown:
        side = "<" if laid and lane < laid[0].lane else ">"
        pieces.append((side, "dim"))
    return tuple(pieces)


def lane_head(laid: Sequence[Column], sessions: Mapping[int, int]) -> str:
    """Which session each lane has at the moment, by the lane."""
    text = " " * TIME
    for column in laid:
        number = sessions.get(column.lane)
        name = cut("" if number is None else f"session {number}", column.width)
        text += " " * (column.start + TIME - len(text)) + name
    return text


def _told(one: Summary, answer: Summary | None) -> tuple[str, str]:
    """What is said of a message, or of a command and its response, and the style of that."""
    text, style = show.told(one)
    if answer is None:
        return text, STYLES[style]
    said, how = show.told(answer)
    joined = f"{text}  => {said.removeprefix(printable(one.name)).strip()}"
    return joined, STYLES[BAD if how == BAD else style]


def _way(one: Summary, answer: Summary | None) -> str:
    return arrow(one) if answer is None else "<>"


def _end(laid: Sequence[Column], column: Column) -> int:
    before = laid[[one.lane for one in laid].index(column.lane) - 1]
    return before.start + before.width
