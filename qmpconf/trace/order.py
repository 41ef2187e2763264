"""Where in a trace something shows, so that what was found in its sessions apart comes in one order.

The sessions of one trace may be looked at by several processes.  Each notes with what it finds the
*place* at which it shows: the line that is read by then, behind the last one the session that is ended
there, and a count.  Sorted by their places, all findings stand in the order of one process.
"""

from __future__ import annotations

from qmpconf.findings import Place

#: The line behind the last one of any trace.
END = 1 << 62


class Where:
    """The place that has been reached: `line` is read, or at the `END` the session that began in line `ending` ends."""

    __slots__ = ("_count", "ending", "line")

    def __init__(self) -> None:
        self.line = 0
        self.ending = 0
        self._count = 0

    def next(self) -> Place:
        """The next place here; no two are equal."""
        self._count += 1
        return self.line, self.ending, self._count


class Noted(dict[str, Place]):
    """Texts in the order in which they were noted first, each with the place of that."""

    def __init__(self, where: Where | None = None) -> None:
        super().__init__()
        self._where = where or Where()

    def note(self, text: str) -> None:
        """Note a text, unless it was noted before."""
        if text not in self:
            self[text] = self._where.next()


def earliest(one: dict[str, Place], other: dict[str, Place]) -> dict[str, Place]:
    """Both, each text where it was noted first."""
    both = dict(one)
    for text, place in other.items():
        both[text] = min(place, both.get(text, place))
    return dict(sorted(both.items(), key=lambda pair: pair[1]))
