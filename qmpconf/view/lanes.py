"""Sessions beside each other: which column each has, and where the columns stand.  Pure."""

from __future__ import annotations

import heapq
from typing import NamedTuple

#: Lanes that there are at most; the last one is shared by all sessions beyond.
MOST = 255

#: The narrowest lane in which something can be read, in columns; and what stands between two.
_LEAST, _GAP = 24, 1


class Lanes:
    """Gives a lane to each session that is open: the first that is free.  `used` is how many were needed."""

    def __init__(self) -> None:
        self.used = 0
        self._of: dict[int, int] = {}
        self._free: list[int] = []

    def take(self, conn: int, kind: str) -> int:
        """The lane of a message of session `conn`; ``close`` gives it free for another one."""
        lane = self._of.get(conn)
        if lane is None:
            lane = self._of[conn] = heapq.heappop(self._free) if self._free else len(self._of)
            self.used = max(self.used, min(lane + 1, MOST))
        if kind == "close":
            del self._of[conn]
            heapq.heappush(self._free, lane)
        return min(lane, MOST - 1)


class Column(NamedTuple):
    """Where a lane stands: its first column and how many it has."""

    lane: int
    start: int
    width: int


def columns(used: int, first: int, width: int) -> list[Column]:
    """The lanes from `first` on that fit into `width` columns, of `used` ones; at least one."""
    fitting = max(1, min(used, (width + _GAP) // (_LEAST + _GAP)))
    first = max(0, min(first, used - fitting))
    each = (width - _GAP * (fitting - 1)) // fitting
    return [Column(first + at, at * (each + _GAP), each) for at in range(fitting)]
