"""The figures of some sessions of a trace, which add up with those of the others (`qmpconf.trace.stats`).

What happens in one second is counted by the second, for it may be in other sessions; that holds for a
trace in which time does not go back.
"""

from __future__ import annotations

from collections import Counter

from qmpconf.trace.spread import MOST
from qmpconf.trace.stats import MOST_NAMES, Rate, Stats, merge_named, named
from qmpconf.trace.summary import Summary

#: Seconds with an event that are told apart, by the event's name.
MOST_SECONDS = 200_000


class _Seconds:
    """How often something happens in each second."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds: Counter[int] = Counter()

    def add(self, t: float) -> None:
        self.seconds[int(min(max(t, 0.0), MOST))] += 1

    def merge(self, other: _Seconds) -> None:
        self.seconds.update(other.seconds)

    def rate(self) -> Rate:
        rate = Rate()
        rate.count = self.seconds.total()
        rate.peak = max(self.seconds.values(), default=0)
        return rate


class StatsShare(Stats):
    """Collects those of some sessions."""

    def __init__(self, trace: str = "", order: int = 0) -> None:
        super().__init__(trace, order)
        self._seconds: dict[str, _Seconds] = {}
        self._all_seconds = _Seconds()

    def _event(self, one: Summary) -> None:
        self._all_seconds.add(one.t)
        named(self._seconds, one.name, _Seconds).add(one.t)

    @property
    def bound(self) -> str:
        """Which bound was reached, beyond which shares do not add up; empty for none."""
        kept = (self._calls, self._by_version, self._seconds, self._sizes)
        if any(len(one) >= MOST_NAMES for one in kept):
            return "there are too many names"
        seconds = sum(len(one.seconds) for one in self._seconds.values())
        return "events are in too many seconds" if seconds > MOST_SECONDS else ""

    def join(self, other: StatsShare) -> None:
        """Take those of other sessions of the trace; `other` is of no use afterwards."""
        self._kinds.update(other._kinds)
        self._messages.update(other._messages)
        self._bytes.update(other._bytes)
        merge_named(self._calls, other._calls)
        merge_named(self._by_version, other._by_version)
        merge_named(self._seconds, other._seconds)
        self._all_seconds.merge(other._all_seconds)
        self._open |= other._open
        self._lengths.merge(other._lengths)
        self._first = min(self._first, other._first)
        self._last = max(self._last, other._last)
        merge_named(self._sizes, other._sizes)

    def whole(self) -> Stats:
        """Those of the trace, where these are all of its sessions; this is of no use afterwards."""
        self._events = {name: one.rate() for name, one in self._seconds.items()}
        self._all_events = self._all_seconds.rate()
        self._seconds, self._all_seconds = {}, _Seconds()
        self.settle()
        return self
