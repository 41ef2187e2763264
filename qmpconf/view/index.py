"""A row for each message of a trace: what has to be known to draw it without reading from the beginning.

A message is read again from its place in the trace; what its text does not say, which command a
response answers, is kept here.  A row takes 26 bytes, and 4 more where it is not a response.  One thread adds rows, any other may read
those that `count` counts.  Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import get_args

from qmpconf.trace.summary import Summary, What
from qmpconf.view.lanes import Lanes

#: What a row can be of, by its number.
KINDS: tuple[What, ...] = get_args(What)
_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}

#: Beside that number: it is out-of-band.
_OOB = 0x80

#: Stands for no row.
NONE = 0xFFFFFFFF

#: Numbers of sessions and lines that are kept as they are; what is beyond is nonsense.
_MOST_CONN, _MOST_LINE = 1 << 62, NONE - 1


class Index:
    """The rows of one trace, from 0.

    `count` is how many there are, `heads` the rows that are not the response to a row before.
    """

    def __init__(self) -> None:
        self.count = 0
        self.heads = array("I")
        self.lanes = Lanes()
        self._places = array("Q")
        self._conns = array("q")
        self._lines = array("I")
        self._partners = array("I")
        self._kinds = bytearray()
        self._lanes = bytearray()

    def add(self, one: Summary, place: int, answered: int = -1) -> int:
        """Take the next message, which can be read again at `place`; gives its row.

        `answered` is the row of the command that it answers, or -1.
        """
        row = self.count
        self._places.append(place)
        self._conns.append(max(-_MOST_CONN, min(one.conn, _MOST_CONN)))
        self._lines.append(min(one.line, _MOST_LINE))
        self._kinds.append(_NUMBERS[one.kind] | (_OOB if one.oob else 0))
        self._lanes.append(self.lanes.take(one.conn, one.kind))
        asked = answered if 0 <= answered < row else NONE
        self._partners.append(asked)
        if asked == NONE:
            self.heads.append(row)
        elif self._partners[asked] == NONE:
            self._partners[asked] = row
        self.count = row + 1
        return row

    def place(self, row: int) -> int:
        """Where it can be read."""
        return self._places[row]

    def conn(self, row: int) -> int:
        """The number of its session."""
        return self._conns[row]

    def line(self, row: int) -> int:
        """Its line in the trace."""
        return self._lines[row]

    def kind(self, row: int) -> What:
        """What it is."""
        return KINDS[self._kinds[row] & ~_OOB]

    def oob(self, row: int) -> bool:
        """Whether it is out-of-band, which a response itself does not say."""
        return bool(self._kinds[row] & _OOB)

    def lane(self, row: int) -> int:
        """The column of its session, where sessions stand beside each other."""
        return self._lanes[row]

    def partner(self, row: int) -> int | None:
        """The row of the command that it answers, or of the response to it; None: there is none."""
        found = self._partners[row]
        return None if found == NONE else found

    def head(self, row: int) -> int:
        """The row of the command, for a response; else the row itself."""
        return min(row, self._partners[row])

    def at_line(self, line: int) -> int:
        """The first row on `line`, or behind it; the last one where there is none.  There must be rows."""
        return min(bisect_left(self._lines, line, 0, self.count), self.count - 1)
