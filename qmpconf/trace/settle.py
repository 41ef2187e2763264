"""A bound on the sessions that are open at once, for whoever keeps something of each.

A trace may open a million sessions and close none.  `Settler` ends the one that was silent for
longest as soon as there are too many, so that its state can go.  If it says something later after
all, a gap of both sides stands before that: what was known of it is lost, and nobody is blamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from qmpconf.trace.records import Close, Gap, Open, Side

#: Sessions that are open at once; a state of a session takes a few KB.
MOST_OPEN = 4096

#: The `error` of a closing that a `Settler` made up.
SETTLED = "settled: too many sessions are open"

_SIDES: tuple[Side, Side] = ("client", "server")


class Settler:
    """Puts closings, and gaps, between the records of a trace; `count` says how many sessions."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most = most
        self._open: dict[int, None] = {}  # the one that was silent for longest first
        #: The session of the latest record.
        self.latest = 0
        self._highest = 0  # of all sessions so far
        self.count = 0

    def of(self, records: Iterable[Any]) -> Iterator[Any]:
        """The same records or items, and the closings and gaps that keep the bound."""
        for record in records:
            conn = getattr(record, "conn", self.latest)  # the footer has none
            if conn != self.latest:
                yield from self._turn(record, conn)
            yield record
            if type(record) is Close:
                self._open.pop(conn, None)
                self.latest = 0

    def goes_on(self, conn: int) -> bool:
        """Take note that session `conn` says something else; false where that changes more than the order."""
        if conn not in self._open:
            return False
        self.latest = conn
        self._open[conn] = self._open.pop(conn)
        return True

    def _turn(self, record: Any, conn: int) -> Iterator[Close | Gap]:
        """Another session than before has something to say."""
        self.latest = conn
        known = conn in self._open
        returns = not known and self.count and conn <= self._highest
        self._highest = max(self._highest, conn)
        self._open.pop(conn, None)
        self._open[conn] = None
        if returns and not isinstance(record, Open | Close):
            for side in _SIDES:
                yield Gap(record.line, record.t, conn, side)
        if len(self._open) > self._most:
            silent = next(iter(self._open))
            del self._open[silent]
            self.count += 1
            yield Close(record.line, record.t, silent, "recorder", SETTLED)
