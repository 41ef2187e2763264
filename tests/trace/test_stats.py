"""Figures of traces: exact where that is cheap, within 1 % where it is not."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Iterator

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.trace.figures import Figures, Flow, Lengths
from qmpconf.trace.records import Side
from qmpconf.trace.spread import Spread
from qmpconf.trace.stats import BIGGEST, MOST_NAMES, OTHERS, Stats
from qmpconf.trace.summary import SKIPPED, Summary


def call(
    name: str, t: float, took: float, *, kind: str = "return", size: int = 20, line: int = 2
) -> Iterator[Summary]:
    yield Summary(line, t, 1, "client", "command", name, size=30)
    yield Summary(
        line + 1, t + took, 1, "server", kind, name, latency=took, answers=line, size=size
    )


def event(name: str, t: float) -> Summary:
    return Summary(1, t, 1, "server", "event", name, size=100)


def test_a_trace() -> None:
    stats = Stats.of(
        [
            Summary(2, 1.0, 1, "client", "open"),
            Summary(3, 1.0, 1, "server", "greeting", size=50),
            *call("query-status", 1.0, 0.001, line=4),
            *call("query-status", 2.0, 0.003, line=6, size=400),
            *call("query-status", 3.0, 0.002, line=8, kind="error"),
            Summary(10, 3.5, 1, "client", "command", "quit", size=30),
            event("STOP", 4.1),
            event("STOP", 4.2),
            event("RESUME", 4.3),
            event("STOP", 5.2),
            Summary(15, 6.0, 1, "client", "malformed", outcome="no", size=3),
            Summary(15, 6.0, 1, "client", "malformed", outcome=SKIPPED, size=4),
            Summary(16, 7.0, 1, "server", "close", outcome="server"),
            Summary(17, 8.0, 2, "client", "open"),
            Summary(18, 8.5, 2, "client", "shut"),
        ],
        "a.qmptrace",
    )
    found = stats.figures()
    assert (found.traces, found.messages, found.seconds) == (1, 13, 7.5)
    assert found.kinds == {
        "greeting": 1, "command": 4, "return": 2, "error": 1, "event": 4, "malformed": 1
    }  # fmt: skip
    assert found.flows == {"client": Flow(5, 127), "server": Flow(8, 890)}
    status, rest = found.latencies
    assert (status.name, status.count, status.errors, status.unanswered) == (
        "query-status",
        3,
        1,
        0,
    )
    assert (status.min, status.max, status.total) == (0.001, 0.003, 0.006)
    assert math.isclose(status.p50, 0.002, rel_tol=0.01)
    assert status.p95 == 0.003
    assert sum(count for _, count in status.buckets) == 3
    assert (rest.name, rest.count, rest.unanswered, rest.max) == ("quit", 0, 1, 0.0)
    assert [(one.name, one.count, one.peak) for one in found.events] == [
        ("STOP", 3, 2), ("RESUME", 1, 1)
    ]  # fmt: skip
    assert found.events_peak == 3
    assert found.sessions == Lengths(2, 1, 0.5, 0.5, 6.0, 6.5)
    first = found.sizes[0]
    assert (first.kind, first.name, first.count, first.biggest) == (
        "return",
        "query-status",
        2,
        400,
    )
    assert (first.total, first.trace, first.line) == (420, "a.qmptrace", 7)


def test_nothing() -> None:
    found = Stats().figures()
    assert (found.messages, found.seconds, found.latencies, found.sizes) == (0, 0.0, [], [])
    assert found.sessions == Lengths()


def test_json_and_back() -> None:
    found = Stats.of([*call("a", 1.0, 0.5), event("STOP", 1.0)]).figures()
    text = json.dumps(msgspec.to_builtins(found), allow_nan=False)
    assert msgspec.convert(json.loads(text), Figures) == found


times = st.floats(1e-5, 1e4)
summaries = st.lists(
    st.builds(
        Summary,
        line=st.integers(1, 99),
        t=st.floats(allow_nan=False, allow_infinity=False),
        conn=st.integers(1, 3),
        sender=st.sampled_from(["client", "server"]),
        kind=st.sampled_from(["command", "return", "error", "event", "close", "open", "gap"]),
        name=st.sampled_from(["a", "b c", ""]),
        latency=st.none() | st.floats(allow_nan=False),
        size=st.integers(0, 1 << 40),
    ),
    max_size=20,
)


@given(st.lists(times, min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
def test_percentiles_are_within_one_percent(taken: list[float], share: float) -> None:
    spread = Spread()
    for one in taken:
        spread.add(one)
    exact = sorted(taken)[math.ceil(share * len(taken)) - 1]
    assert math.isclose(spread.percentile(share), exact, rel_tol=0.0101, abs_tol=1e-6)
    bounds = spread.bounds()
    assert bounds == sorted(bounds)
    for bound, _ in bounds:
        below = sum(count for one, count in bounds if one <= bound)
        assert below >= sum(1 for one in taken if one < bound * 0.9999)


@given(summaries, summaries)
def test_merging_is_adding_traces(one: list[Summary], other: list[Summary]) -> None:
    """Whatever the traces hold: nothing raises, all is valid JSON, the order does not matter."""
    both = Stats.of(one, "1")
    both.merge(Stats.of(other, "2"))
    turned = Stats.of(other, "2")
    turned.merge(Stats.of(one, "1"))
    found, same = both.figures(), turned.figures()
    json.dumps(msgspec.to_builtins(found), allow_nan=False)
    assert (found.kinds, found.flows, found.sessions.count) == (
        same.kinds, same.flows, same.sessions.count
    )  # fmt: skip
    assert [
        (x.name, x.count, x.buckets) for x in sorted(found.latencies, key=lambda x: x.name)
    ] == [(x.name, x.count, x.buckets) for x in sorted(same.latencies, key=lambda x: x.name)]
    assert found.messages == sum(x.kind not in {"close", "open", "gap"} for x in one + other)


def test_the_peak_is_that_of_one_trace() -> None:
    def rung(*times: float) -> Stats:
        return Stats.of([event("BELL", t) for t in times])

    for first, second in (((1.0, 1.5, 2.0), (1.1,)), ((1.0,), (1.1, 1.2, 3.0))):
        both = rung(*first)
        both.merge(rung(*second))
        assert [(one.count, one.peak) for one in both.figures().events] == [(4, 2)]
        assert both.figures().events_peak == 2


def test_memory_is_bounded() -> None:
    def many(count: int) -> Iterator[Summary]:
        for number in range(count):
            yield Summary(number, number / 7, number % 5, "client", "command", f"c{number}")
            yield from call("x", number, (number % 1000) / 1e4, line=number)
            yield event(f"E{number}", number)

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            found = Stats.of(many(count)).figures()
            assert len(found.sizes) == BIGGEST
            assert len(found.latencies) == MOST_NAMES + 1
            assert {one.name for one in found.latencies} > {OTHERS}
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(9000) < 1.2 * peak(3000)


def test_sides() -> None:
    sides: set[Side] = {"client", "server"}
    assert Stats().figures().flows.keys() == sides
