"""What response times say about time-outs, other recordings, and how sure that is."""

from __future__ import annotations

from qmpconf.report.results.of_latency import against, by_version, timed_out
from qmpconf.report.results.records import Note, Record, Table
from qmpconf.trace.figures import Figures
from qmpconf.trace.stats import Stats
from qmpconf.trace.summary import Summary


def figures(calls: list[tuple[str, float | None]], version: str = "7.2.22") -> Figures:
    """Of calls that took so long, or were never answered."""
    stats = Stats("t")
    stats.add(Summary(1, 0.0, 1, "server", "greeting", outcome=version))
    for line, (name, took) in enumerate(calls, 2):
        stats.add(Summary(line, 1.0, 1, "client", "command", name))
        if took is not None:
            stats.add(Summary(line, 1.0 + took, 1, "server", "return", name, latency=took))
    return stats.figures()


def notes(found: list[Record]) -> list[str]:
    return [one.text for one in found if isinstance(one, Note)]


def rows(found: list[Record]) -> list[tuple[str, ...]]:
    return [row for one in found if isinstance(one, Table) for row in one.rows]


def test_a_time_out() -> None:
    calls: list[tuple[str, float | None]] = [("fast", 0.01)] * 95
    found = list(timed_out(figures([*calls, *[("slow", 9.0)] * 4, ("lost", None)]), 5.0))
    assert notes(found) == [
        (
            "with these recordings a time-out of 5 s would have failed 1 in 25 calls (4 of 99; "
            "95 % sure: 1 in 10 to 1 in 63); 1 more call never had a response while it was recorded"
        )
    ]
    assert [row[:4] for row in rows(found)] == [("slow", "7.2.22", "4", "4")]
    assert notes(list(timed_out(figures(calls), 0.5))) == [
        (
            "with these recordings a time-out of 500 ms would have failed none of 95 calls (95 % sure: "
            "fewer than 1 in 26)"
        )
    ]
    assert "no answered calls" in notes(list(timed_out(figures([]), 5.0)))[0]


def test_commands_by_version() -> None:
    calls = [("a", 0.01 * (1 + number / 100)) for number in range(100)]
    ((name, server, count, p50, p95, p99, p999),) = rows(list(by_version(figures(calls))))
    assert (name, server, count) == ("a", "7.2.22", "100")
    assert p50.startswith("14.")
    assert " to " in p50
    assert " to " in p95
    assert p99.startswith("over ")  # a hundred say little about one in a hundred
    assert p999.startswith("over ")


def test_beside_other_recordings() -> None:
    def some(factor: float, *more: tuple[str, float]) -> Figures:
        return figures([("a", 0.01 * factor + number / 1e5) for number in range(40)] + list(more))

    found = list(against(some(3, ("new", 1.0)), some(1, ("old", 1.0)), "x/"))
    ((name, calls, _, _, times, word),) = rows(found)
    assert (name, calls, word) == ("a", "40 and 40", "slower")
    assert 2.5 < float(times) < 3
    assert notes(found) == ["1 command only in x/: old", "1 command only here: new"]
    same = list(against(some(1), some(1), "x/"))
    assert [row[-1] for row in rows(same)] == ["no difference seen"]
