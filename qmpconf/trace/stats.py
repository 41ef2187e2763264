"""Summaries to figures: how many, how long, how big.

`Stats` takes the summaries of one trace; those of several traces merge.  `Stats.figures` gives
plain data (`qmpconf.trace.figures`).  Pure.

Memory is bounded, whatever the trace holds: times are counted in buckets (`qmpconf.trace.spread`), and beyond
`MOST_NAMES` names the rest share one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol, Self, TypeVar

import msgspec

from qmpconf.trace.figures import EventRate, Figures, Flow, Latency, Lengths, Size
from qmpconf.trace.records import Side
from qmpconf.trace.spread import DIGITS, MOST, TICKS, Spread
from qmpconf.trace.summary import PASSED_OVER, Summary

#: Distinct names of commands, and of events, that are told apart.
MOST_NAMES = 2000
#: The name of the rest.
OTHERS = "(others)"
#: How many sizes `Figures` has: those of the biggest messages.
BIGGEST = 10


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

    def latency(self, name: str, version: str = "") -> Latency:
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
            times.total / TICKS,
            times.bounds(),
            version,
            times.percentile(0.99),
            times.percentile(0.999),
        )


class Rate:
    """How often something happens."""

    __slots__ = ("count", "in_second", "peak", "second")

    def __init__(self) -> None:
        self.count = 0
        self.peak = 0
        self.second = -1
        self.in_second = 0

    def add(self, t: float) -> None:
        """Once more, at that time in seconds."""
        second = int(min(max(t, 0.0), MOST))
        if second != self.second:
            self.second, self.in_second = second, 0
        self.count += 1
        self.in_second += 1
        self.peak = max(self.peak, self.in_second)

    def merge(self, other: Rate) -> None:
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
        self._by_version: dict[str, _Calls] = {}  # by version and name
        self._versions: dict[int, str] = {}  # of the servers of the sessions that are open
        self._events: dict[str, Rate] = {}
        self._all_events = Rate()
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
            self._versions.pop(one.conn, None)
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
            for calls in self._call(one):
                calls.asked += 1
        elif kind == "greeting":
            self.greeted(one)
        elif kind == "event":
            self._event(one)
        elif one.latency is not None:
            for calls in self._call(one):
                calls.times.add(one.latency)
                calls.errors += kind != "return"
        named(self._sizes, f"{kind} {one.name}", _Sizes).add(
            one.size, one.line, self._trace, self._order
        )

    def _event(self, one: Summary) -> None:
        self._all_events.add(one.t)
        named(self._events, one.name, Rate).add(one.t)

    def greeted(self, one: Summary) -> None:
        """Take note of a greeting, also of one that does not count: of which version the server is."""
        self._versions[one.conn] = one.outcome

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
        merge_named(self._calls, other._calls)
        merge_named(self._by_version, other._by_version)
        merge_named(self._events, other._events)
        self._all_events.merge(other._all_events)
        self._lengths.merge(other._lengths)
        self._unclosed += other._unclosed
        self._ticks += other._ticks
        merge_named(self._sizes, other._sizes)

    def figures(self) -> Figures:
        """What was collected: commands by the time that they took in total, events by number."""
        self.settle()
        latencies = [calls.latency(name) for name, calls in self._calls.items()]
        latencies.sort(key=lambda one: (-one.total, one.name))
        apart = [
            calls.latency(*reversed(name.split(" ", 1))) for name, calls in self._by_version.items()
        ]
        apart.sort(key=lambda one: (-one.total, one.name, one.version))
        events = [EventRate(name, one.count, one.peak) for name, one in self._events.items()]
        events.sort(key=lambda one: (-one.count, one.name))
        lengths = self._lengths
        sizes = [one.size(*name.split(" ", 1)) for name, one in self._sizes.items()]
        sizes.sort(key=lambda one: (-one.biggest, one.kind, one.name))
        return Figures(
            self._traces,
            sum(self._messages.values()),
            self._ticks / TICKS,
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
                lengths.total / TICKS,
            ),
            sizes[:BIGGEST],
            apart,
        )

    def settle(self) -> None:
        """The trace has ended: count the sessions that did not close, and how long it took."""
        for begun, last in self._open.values():
            self._lengths.add(last - begun)
            self._unclosed += 1
        self._open.clear()
        self._versions.clear()
        if self._last > self._first:
            self._ticks += round(min(self._last - self._first, MOST) * TICKS)
        self._first, self._last = math.inf, -math.inf

    def _call(self, one: Summary) -> tuple[_Calls, _Calls]:
        """What is kept of a command, of all servers and of those of one version."""
        version = self._versions.get(one.conn, "")
        return (
            named(self._calls, one.name, _Calls),
            named(self._by_version, f"{version} {one.name}", _Calls),
        )


_Kept = TypeVar("_Kept")


class _Adds(Protocol):
    def merge(self, other: Self) -> None: ...


_Mergeable = TypeVar("_Mergeable", bound=_Adds)
_SIDES: tuple[Side, Side] = ("client", "server")
_NO_MESSAGE = frozenset({"open", "shut", "close", "gap"})
_ORDER = ("greeting", "command", "return", "error", "event", "other", "reset", "malformed", "gap")


def named(known: dict[str, _Kept], name: str, make: type[_Kept]) -> _Kept:
    """What is kept for `name`, made where there is room for one more."""
    found = known.get(name)
    if found is None:
        name = name if len(known) < MOST_NAMES else OTHERS
        found = known.setdefault(name, make())
    return found


def merge_named(known: dict[str, _Mergeable], more: dict[str, _Mergeable]) -> None:
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
        seconds=round(sum(part.seconds for part in parts), DIGITS),
        kinds={kind: kinds[kind] for part in parts for kind in part.kinds},
        flows=flows,
        latencies=_latencies([one for part in parts for one in part.latencies]),
        events=_rates([one for part in parts for one in part.events]),
        events_peak=max(part.events_peak for part in parts),
        sessions=_lengths(sessions),
        sizes=_biggest([one for part in parts for one in part.sizes]),
        by_version=_latencies([one for part in parts for one in part.by_version]),
    )


def _latencies(found: Sequence[Latency]) -> list[Latency]:
    named: dict[tuple[str, str], list[Latency]] = {}
    for one in found:
        named.setdefault((one.name, one.version), []).append(one)
    joined = []
    for name, same in named.items():
        spread = Spread()
        for one in same:
            spread.merge(spread_of(one))
        calls = _Calls()
        calls.times, calls.errors = spread, sum(one.errors for one in same)
        calls.asked = spread.count + sum(one.unanswered for one in same)
        joined.append(calls.latency(*name))
    return sorted(joined, key=lambda one: (-one.total, one.name, one.version))


def spread_of(one: Latency) -> Spread:
    """The distribution of the times of a command's calls."""
    return Spread.of(one.count, one.total, one.min, one.max, one.buckets)


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
        total=round(sum(one.total for one in found), DIGITS),
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
