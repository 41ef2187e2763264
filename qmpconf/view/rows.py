"""Which rows are listed, and in which order: always that of the trace.  Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort

from qmpconf.view.index import Index


class Rows:
    """All rows of an index as it grows; with `joined`, a command and its response are one row."""

    def __init__(self, index: Index, *, joined: bool = False) -> None:
        self._index = index
        self.joined = joined

    @property
    def seen(self) -> int:
        """How many rows of the index were looked at: of these it is known whether they are listed."""
        return self._index.count

    def __len__(self) -> int:
        return len(self._index.heads) if self.joined else self._index.count

    def __getitem__(self, place: int) -> int:
        """The row at a place of the list."""
        return self._index.heads[place] if self.joined else place

    def place_of(self, row: int) -> int:
        """The place of a row, of the nearest one behind it, or of the last one; there must be one."""
        if self.joined:
            row = self._index.head(row)
            return min(bisect_left(self._index.heads, row), len(self) - 1)
        return min(row, len(self) - 1)


class Chosen(Rows):
    """Those that were added: what a filter lets pass.

    With `joined`, a command and its response are there if one of both is.
    """

    def __init__(self, index: Index, *, joined: bool = False) -> None:
        super().__init__(index, joined=joined)
        self._rows = array("I")
        self._seen = 0

    @property
    def seen(self) -> int:
        """As above."""
        return self._seen

    def look_at(self, row: int, *, passes: bool) -> None:
        """It is known of a row, and of those before it, whether they are listed."""
        self._seen = max(self._seen, row + 1)
        if passes:
            self.add(row)

    def add(self, row: int) -> None:
        """Take a row that is not there; rows may come in any order."""
        if self.joined:
            row = self._index.head(row)
        rows = self._rows
        if not rows or row > rows[-1]:
            rows.append(row)
        else:
            at = bisect_left(rows, row)
            if rows[at] != row:
                insort(rows, row)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> int:
        return self._rows[place]

    def place_of(self, row: int) -> int:
        """As above; there must be one."""
        if self.joined:
            row = self._index.head(row)
        return min(bisect_left(self._rows, row), len(self._rows) - 1)
