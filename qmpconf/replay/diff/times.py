"""How long the calls of two recordings took, command by command, and whether that differs.

Times are counted in buckets (`qmpconf.trace.stats.Spread`).  The middle time of the calls of one command is
given with an interval in which it lies with 95 % confidence, whatever the distribution (order statistics).  Two
commands differ where the intervals do not meet: a careful test, which needs six calls on each side.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from qmpconf.trace.spread import Spread
from qmpconf.trace.stats import MOST_NAMES, OTHERS

#: What can be said of the second recording's times: ``few`` calls say nothing.
Word = Literal["slower", "faster", "alike", "few"]


@dataclass(frozen=True, slots=True)
class Compared:
    """The calls of one command in both recordings, and what the second one's times are."""

    name: str
    times: tuple[Spread, Spread]
    word: Word


@dataclass(slots=True)
class Times:
    """Collects the times of answered calls, by the recording (0 or 1) and the command."""

    _found: dict[str, tuple[Spread, Spread]] = field(default_factory=dict)

    def add(self, side: int, name: str, seconds: float) -> None:
        """Take one."""
        if name not in self._found and len(self._found) >= MOST_NAMES:
            name = OTHERS
        self._found.setdefault(name, (Spread(), Spread()))[side].add(seconds)

    def compared(self) -> Iterator[Compared]:
        """The commands that both have."""
        return compared(self._found)


def compared(found: Mapping[str, tuple[Spread, Spread]]) -> Iterator[Compared]:
    """The commands that both have, those that took most time together first."""
    both = [(name, one) for name, one in found.items() if one[0].count and one[1].count]
    both.sort(key=lambda each: (-each[1][0].total - each[1][1].total, each[0]))
    for name, times in both:
        yield Compared(name, times, _word(*times))


def _word(one: Spread, other: Spread) -> Word:
    low, high = one.interval(0.5)
    other_low, other_high = other.interval(0.5)
    if low is None or high is None or other_low is None or other_high is None:
        return "few"
    if other_low > high:
        return "slower"
    return "faster" if other_high < low else "alike"
