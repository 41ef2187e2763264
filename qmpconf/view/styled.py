"""Lines of styled text: what a sheet consists of, whoever draws it.  Pure."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from qmpconf.report.tables import wrapped
from qmpconf.report.terminal import Terminal, columns
from qmpconf.text import printable

#: Printable text and its style, as `qmpconf.report.terminal` names it.
Piece = tuple[str, str]
Line = tuple[Piece, ...]

_PAINTED = re.compile("\0([^\1]*)\1([^\2]*)\2")


class Marking(Terminal):
    """Stands for a terminal where what is painted is taken apart again, by `line`."""

    def __init__(self) -> None:
        super().__init__(io.StringIO(), {})

    def paint(self, text: str, style: str) -> str:
        """`text`, which must be printable, between marks."""
        return f"\0{style}\1{text}\2" if style else text

    @staticmethod
    def line(painted: str) -> Line:
        """The pieces of what was painted."""
        found: list[Piece] = []
        at = 0
        for one in _PAINTED.finditer(painted):
            if one.start() > at:
                found.append((painted[at : one.start()], ""))
            found.append((one[2], one[1]))
            at = one.end()
        if at < len(painted):
            found.append((painted[at:], ""))
        return tuple(found)


def plain(text: str, style: str = "") -> Line:
    """A line of one piece."""
    return ((text, style),)


def width_of(line: Line) -> int:
    """How many columns it takes."""
    return sum(columns(text) for text, _ in line)


def folded(line: Line, width: int) -> Iterator[Line]:
    """`line` in lines of at most `width` columns (at least 8); those behind the first one are indented."""
    if width_of(line) <= width:
        yield line
        return
    first = line[0][0] if line else ""
    indent = min(len(first) - len(first.lstrip()) + 2, width // 2)
    done: list[Piece] = []
    room = width
    for text, style in line:
        rest = text
        while rest:
            part = _fitting(rest, room)
            if not part:
                yield tuple(done)
                done, room = [(" " * indent, "")], width - indent
                continue
            done.append((part, style))
            room -= columns(part)
            rest = rest[len(part) :]
    yield tuple(done)


def told(text: str, width: int, style: str = "", indent: str = "") -> list[Line]:
    """Words in lines of at most `width` columns (at least 8), wherever they come from."""
    return [plain(one, style) for one in wrapped(printable(text), width, indent[: width // 2])]


def all_folded(lines: Iterable[Line], width: int) -> list[Line]:
    """Every line, folded."""
    return [one for line in lines for one in folded(line, width)]


def _fitting(text: str, room: int) -> str:
    """As much of the beginning as fits into `room` columns."""
    if text.isascii():
        return text[: max(0, room)]
    kept = 0
    for char in text:
        room -= columns(char)
        if room < 0:
            break
        kept += 1
    return text[:kept]
