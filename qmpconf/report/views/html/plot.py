"""Latencies as a plot: one range a command, from p50 over p95 to the longest, on a log axis.

Places are in per cent of the plot's width, so that it fits any screen and print; the numbers
stand beside it, so that the plot is a table too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import Latency
from qmpconf.text import duration

#: Commands that one plot shows, those that took longest in total.
MOST = 300

#: The shortest time that the axis tells apart, in seconds.
_LEAST = 1e-7

#: The exponent of the longest time on it: eleven days.
_HIGHEST = 6

#: Ticks that fit an axis.
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One command: the places of its figures, in per cent of the axis."""

    one: Latency
    p50: str
    p95: str
    max: str

    @property
    def numbers(self) -> tuple[str, str, str, str]:
        """p50, p95, the longest, and all together."""
        return (
            duration(self.one.p50),
            duration(self.one.p95),
            duration(self.one.max),
            duration(self.one.total),
        )


@dataclass(slots=True)
class Plot:
    """The commands of one subject; `ticks` are places and times, `dropped` is how many are not shown."""

    subject: str
    ticks: Sequence[tuple[str, str]] = ()
    bars: list[Bar] = field(default_factory=list)
    dropped: int = 0


def plots(report: Report) -> list[Plot]:
    """One plot for each subject, all on the same axis."""
    by_subject: dict[str, list[Latency]] = {}
    for one in report.latencies:
        by_subject.setdefault(one.subject, []).append(one)
    low, high = _range(report.latencies)
    result = []
    for subject, found in by_subject.items():
        ordered = sorted(found, key=lambda one: (-one.total, one.name))
        plot = Plot(subject, _ticks(low, high), dropped=max(0, len(ordered) - MOST))
        for one in ordered[:MOST]:
            places = (_place(value, low, high) for value in (one.p50, one.p95, one.max))
            plot.bars.append(Bar(one, *places))
        result.append(plot)
    return result


def _range(latencies: Sequence[Latency]) -> tuple[int, int]:
    """The decades that hold all figures: exponents of ten."""
    figures = [_log(value) for one in latencies for value in (one.p50, one.p95, one.max)]
    low = math.floor(min(figures, default=-3.0))
    high = min(math.ceil(max(figures, default=0.0)), _HIGHEST)
    return min(low, _HIGHEST - 1), max(high, low + 1)


def _log(seconds: float) -> float:
    if not math.isfinite(seconds):
        return 0.0
    return math.log10(max(seconds, _LEAST))


def _place(seconds: float, low: int, high: int) -> str:
    share = (_log(seconds) - low) / (high - low)
    return f"{1 + 98 * min(1.0, max(0.0, share)):.1f}%"


def _ticks(low: int, high: int) -> list[tuple[str, str]]:
    step = -(-(high - low) // _MOST_TICKS)
    return [(_place(10.0**one, low, high), _decade(one)) for one in range(low, high + 1, step)]


def _decade(exponent: int) -> str:
    """``10 ms``."""
    if exponent >= 0:
        return f"{10**exponent:,} s"
    if exponent >= -3:
        return f"{10 ** (exponent + 3)} ms"
    return f"{10 ** (exponent + 6)} µs" if exponent >= -6 else f"{10 ** (exponent + 9)} ns"
