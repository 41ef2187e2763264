"""Summaries to figures: how many, how long, how big.

`Stats` takes the summaries of one trace; those of several traces merge.  `Stats.figures` gives
plain data (`qmpconf.trace.figures`).  Pure.

Memory is bounded, whatever the trace holds.  Times are counted in buckets, each 2 % wider than the
one before, so a percentile is within 1 % of the exact one; counts, sums, the least and the most
are exact.  Beyond `MOST_NAMES` names the rest share one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Self, TypeVar

import msgspec

from qmpconf.trace.figures import EventRate, Figures, Flow, Latency, Lengths, Size
from qmpconf.trace.records import Side
from qmpconf.trace.summary import PASSED_OVER, Summary

#: Distinct names of commands, and of events, that are told apart.
MOST_NAMES = 2000
#: The name of the rest.
OTHERS = "(others)"
#: How many sizes `Figures` has: those of the biggest messages.
BIGGEST = 10

#: Each bucket's upper bound by that of the one before it.
_GROWTH = 1.02
_LOG = math.log(_GROWTH)
#: Decimals of a time in a trace, and how many of its last digit make a second.  Times are added up as
#: whole numbers of these: the sum of numbers with a fraction depends on their order.
_DIGITS, _TICKS = 6, 10**6
#: What is shorter or longer than this, in seconds, goes into the first or last bucket.
_LEAST, _MOST = 1e-6, 1e9


class Spread:
    """A distribution of times in buckets; `total` is in microseconds, the rest in seconds."""

    __slots__ = ("buckets", "count", "max", "min", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.min = math.inf
        self.max = 0.0
        self.buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count one; less than nothing, as clocks that are set back give, is nothing."""
        seconds = min(max(seconds, 0.0), _MOST)
        self.count += 1
        self.total += round(seconds * _TICKS)
        self.min = min(self.min, seconds)
        self.max = max(self.max, seconds)
        self.buckets[math.ceil(math.log(max(seconds, _LEAST)) / _LOG)] += 1

    def merge(self, other: Spread) -> None:
        """Count what `other` has counted."""
        self.count += other.count
        self.total += other.total
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)
        self.buckets.update(other.buckets)

    def percentile(self, share: float) -> float:
        """The time that `share` of all (0 to 1) do not exceed; 0 where there are none."""
        wanted = max(1, math.ceil(share * self.count))
        if wanted >= self.count:
            return self.max
        for index, count in sorted(self.buckets.items()):
            wanted -= count
            if wanted <= 0:
                middle: float = _GROWTH**index * 2 / (1 + _GROWTH)
                return round(min(max(middle, self.min), self.max), _DIGITS)
        return 0.0

    def bounds(self) -> list[tuple[float, int]]:
        """(upper bound, count) of each bucket that is not empty."""
        return [
            (float(f"{_GROWTH**index:.6g}"), count) for index, count in sorted(self.buckets.items())
        ]


class _Calls:
    """One command's."""

    __slots__ = ("asked", "errors", "times")

    def __init__(self) -> None:
        self.asked = 0
        self.errors = 0
        self.times = Spread()

    def merge(self, other: _Calls) -> None:
        self.asked += other.asked
        self.errors += other.errors
        self.times.merge(other.times)

    def latency(self, name: str) -> Latency:
        times = self.times
        return Latency(
            name,
            times.count,
            self.errors,
            max(0, self.asked - times.count),
            times.percentile(0.5),
            times.percentile(0.95),
            times.min if times.count else 0.0,
            times.max,
            times.total / _TICKS,
            times.bounds(),
        )


class _Rate:
    """How often something happens."""

    __slots__ = ("count", "in_second", "peak", "second")

    def __init__(self) -> None:
        self.count = 0
        self.peak = 0
        self.second = -1
        self.in_second = 0

    def add(self, t: float) -> None:
        second = int(min(max(t, 0.0), _MOST))
        if second != self.second:
            self.second, self.in_second = second, 0
        self.count += 1
        self.in_second += 1
        self.peak = max(self.peak, self.in_second)

    def merge(self, other: _Rate) -> None:
        """Another trace has another clock: what happened in one second of it stays apart."""
        self.count += other.count
        self.peak = max(self.peak, other.peak)


class _Sizes:
    """Those of the messages of one kind and name."""

    __slots__ = ("biggest", "count", "line", "order", "total", "trace")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.biggest = -1
        self.trace = ""
        self.order = 0
        self.line = 0

    def add(self, size: int, line: int, trace: str, order: int) -> None:
        self.count += 1
        self.total += size
        if size > self.biggest:
            self.biggest, self.line, self.trace, self.order = size, line, trace, order

    def merge(self, other: _Sizes) -> None:
        self.count += other.count
        self.total += other.total
        if other._rank() > self._rank():
            self.biggest, self.line = other.biggest, other.line
            self.trace, self.order = other.trace, other.order

    def _rank(self) -> tuple[int, int, int, str]:
        """Of those that are equally big, the first one in the first trace counts."""
        return self.biggest, -self.order, -self.line, self.trace

    def size(self, kind: str, name: str = "") -> Size:
        return Size(kind, name, self.count, self.total, self.biggest, self.trace, self.line)


class Stats:
    """Collects; `trace` names the trace in the list of the biggest messages.

    `order` is its place among those that are merged with it, which counts where messages are equally big.
    """

    def __init__(self, trace: str = "", order: int = 0) -> None:
        self._trace = trace
        self._order = order
        self._traces = 1
        self._kinds: Counter[str] = Counter()
        self._messages: Counter[Side] = Counter()
        self._bytes: Counter[Side] = Counter()
        self._calls: dict[str, _Calls] = {}
        self._events: dict[str, _Rate] = {}
        self._all_events = _Rate()
        self._open: dict[int, tuple[float, float]] = {}  # when each session began, was seen last
        self._lengths = Spread()
        self._unclosed = 0
        self._first = math.inf
        self._last = -math.inf
        self._ticks = 0  # how long the traces took together, in microseconds
        self._sizes: dict[str, _Sizes] = {}  # by kind and name

    @classmethod
    def of(cls, summaries: Iterable[Summary], trace: str = "", order: int = 0) -> Self:
        """Those of one trace."""
        stats = cls(trace, order)
        for one in summaries:
            stats.add(one)
        return stats

    def add(self, one: Summary) -> None:
        """Take the next summary of the trace."""
        t = one.t
        self._first = min(self._first, t)
        self._last = max(self._last, t)
        kind = one.kind
        if kind == "close":
            begun, _ = self._open.pop(one.conn, (t, t))
            self._lengths.add(t - begun)
        else:
            known = self._open.get(one.conn)
            self._open[one.conn] = (t if known is None else known[0], t)
        if kind in _NO_MESSAGE:
            self._kinds[kind] += kind == "gap"
            return
        self._bytes[one.sender] += one.size
        if kind == "malformed" and one.outcome in PASSED_OVER:
            return
        self._kinds[kind] += 1
        self._messages[one.sender] += 1
        if kind == "command":
            self._call(one.name).asked += 1
        elif kind == "event":
            self._all_events.add(t)
            _named(self._events, one.name, _Rate).add(t)
        elif one.latency is not None:
            calls = self._call(one.name)
            calls.times.add(one.latency)
            calls.errors += kind != "return"
        _named(self._sizes, f"{kind} {one.name}", _Sizes).add(
            one.size, one.line, self._trace, self._order
        )

    def merge(self, other: Stats) -> None:
        """Take what `other` has collected of another trace; it is of no use afterwards.

        Any order of merging gives the same figures.
        """
        self.settle()
        other.settle()
        self._traces += other._traces
        self._kinds.update(other._kinds)
        self._messages.update(other._messages)
        self._bytes.update(other._bytes)
        _merge(self._calls, other._calls)
        _merge(self._events, other._events)
        self._all_events.merge(other._all_events)
        self._lengths.merge(other._lengths)
        self._unclosed += other._unclosed
        self._ticks += other._ticks
        _merge(self._sizes, other._sizes)

    def figures(self) -> Figures:
        """What was collected: commands by the time that they took in total, events by number."""
        self.settle()
        latencies = [calls.latency(name) for name, calls in self._calls.items()]
        latencies.sort(key=lambda one: (-one.total, one.name))
        events = [EventRate(name, one.count, one.peak) for name, one in self._events.items()]
        events.sort(key=lambda one: (-one.count, one.name))
        lengths = self._lengths
        sizes = [one.size(*name.split(" ", 1)) for name, one in self._sizes.items()]
        sizes.sort(key=lambda one: (-one.biggest, one.kind, one.name))
        return Figures(
            self._traces,
            sum(self._messages.values()),
            self._ticks / _TICKS,
            {kind: count for kind in _ORDER if (count := self._kinds[kind])},
            {side: Flow(self._messages[side], self._bytes[side]) for side in _SIDES},
            latencies,
            events,
            self._all_events.peak,
            Lengths(
                lengths.count,
                self._unclosed,
                lengths.min if lengths.count else 0.0,
                lengths.percentile(0.5),
                lengths.max,
                lengths.total / _TICKS,
            ),
            sizes[:BIGGEST],
        )

    def settle(self) -> None:
        """The trace has ended: count the sessions that did not close, and how long it took."""
        for begun, last in self._open.values():
            self._lengths.add(last - begun)
            self._unclosed += 1
        self._open.clear()
        if self._last > self._first:
            self._ticks += round(min(self._last - self._first, _MOST) * _TICKS)
        self._first, self._last = math.inf, -math.inf

    def _call(self, name: str) -> _Calls:
        return _named(self._calls, name, _Calls)


_Kept = TypeVar("_Kept")
_Mergeable = TypeVar("_Mergeable", _Calls, _Rate, _Sizes)
_SIDES: tuple[Side, Side] = ("client", "server")
_NO_MESSAGE = frozenset({"open", "shut", "close", "gap"})
_ORDER = ("greeting", "command", "return", "error", "event", "other", "reset", "malformed", "gap")


def _named(known: dict[str, _Kept], name: str, make: type[_Kept]) -> _Kept:
    """What is kept for `name`, made where there is room for one more."""
    found = known.get(name)
    if found is None:
        name = name if len(known) < MOST_NAMES else OTHERS
        found = known.setdefault(name, make())
    return found


def _merge(known: dict[str, _Mergeable], more: dict[str, _Mergeable]) -> None:
    """Take what is kept for other names, or for the same ones.

    Where there is no room for all, the names that sort first are kept, and the rest share one.  (Those
    that came first would depend on the order.)
    """
    for name, one in more.items():
        if name in known:
            known[name].merge(one)
        else:
            known[name] = one
    for name in sorted(known.keys() - {OTHERS})[MOST_NAMES:]:
        one = known.pop(name)
        if OTHERS in known:
            known[OTHERS].merge(one)
        else:
            known[OTHERS] = one


def together(parts: Sequence[Figures]) -> Figures:
    """The figures of several runs as one; percentiles are those of their buckets."""
    if len(parts) == 1:
        return parts[0]
    kinds: Counter[str] = Counter()
    flows: dict[Side, Flow] = {}
    for part in parts:
        kinds.update(part.kinds)
        for side, flow in part.flows.items():
            before = flows.get(side, Flow())
            flows[side] = Flow(before.messages + flow.messages, before.bytes + flow.bytes)
    sessions = [part.sessions for part in parts if part.sessions.count]
    return Figures(
        traces=sum(part.traces for part in parts),
        messages=sum(part.messages for part in parts),
        seconds=round(sum(part.seconds for part in parts), _DIGITS),
        kinds={kind: kinds[kind] for part in parts for kind in part.kinds},
        flows=flows,
        latencies=_latencies([one for part in parts for one in part.latencies]),
        events=_rates([one for part in parts for one in part.events]),
        events_peak=max(part.events_peak for part in parts),
        sessions=_lengths(sessions),
        sizes=_biggest([one for part in parts for one in part.sizes]),
    )


def _latencies(found: Sequence[Latency]) -> list[Latency]:
    named: dict[str, list[Latency]] = {}
    for one in found:
        named.setdefault(one.name, []).append(one)
    joined = []
    for name, same in named.items():
        spread = Spread()
        for one in same:
            spread.count += one.count
            spread.total += round(one.total * _TICKS)
            spread.max = max(spread.max, one.max)
            spread.min = min(spread.min, one.min) if one.count else spread.min
            for bound, count in one.buckets:
                spread.buckets[round(math.log(bound) / _LOG)] += count
        calls = _Calls()
        calls.times, calls.errors = spread, sum(one.errors for one in same)
        calls.asked = spread.count + sum(one.unanswered for one in same)
        joined.append(calls.latency(name))
    return sorted(joined, key=lambda one: (-one.total, one.name))


def _rates(found: Sequence[EventRate]) -> list[EventRate]:
    counts: Counter[str] = Counter()
    peaks: dict[str, int] = {}
    for one in found:
        counts[one.name] += one.count
        peaks[one.name] = max(one.peak, peaks.get(one.name, 0))
    rates = [EventRate(name, count, peaks[name]) for name, count in counts.items()]
    return sorted(rates, key=lambda one: (-one.count, one.name))


def _lengths(found: Sequence[Lengths]) -> Lengths:
    if not found:
        return Lengths()
    middle = sorted(one.p50 for one in found)[len(found) // 2]
    return Lengths(
        count=sum(one.count for one in found),
        unclosed=sum(one.unclosed for one in found),
        min=min(one.min for one in found),
        p50=middle,
        max=max(one.max for one in found),
        total=round(sum(one.total for one in found), _DIGITS),
    )


def _biggest(found: Sequence[Size]) -> list[Size]:
    named: dict[tuple[str, str], list[Size]] = {}
    for one in found:
        named.setdefault((one.kind, one.name), []).append(one)
    joined = []
    for same in named.values():
        top = max(same, key=lambda one: one.biggest)
        count, total = sum(one.count for one in same), sum(one.total for one in same)
        joined.append(msgspec.structs.replace(top, count=count, total=total))
    return sorted(joined, key=lambda one: (-one.biggest, one.kind, one.name))[:BIGGEST]
