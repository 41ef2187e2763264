"""Distributions of times, in bounded memory: percentiles, and how sure they are.

Times are counted in buckets, each 2 % wider than the one before, so a percentile is within 1 % of the exact
one; counts, sums, the least and the most are exact.  Two distributions merge into that of all.  Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Self

#: Each bucket's upper bound by that of the one before it.
_GROWTH = 1.02
_LOG = math.log(_GROWTH)
#: Decimals of a time in a trace, and how many of its last digit make a second.  Times are added up as
#: whole numbers of these: the sum of numbers with a fraction depends on their order.
DIGITS, TICKS = 6, 10**6
#: What is shorter or longer than this, in seconds, goes into the first or last bucket.
_LEAST, MOST = 1e-6, 1e9
#: What all times together cannot exceed, in seconds.
_MOST_TOTAL = 1e18

#: Of 100, how many intervals hold what they say; the normal distribution's share of that, and from which
#: variance on it stands for the binomial one.
_CONFIDENCE, _NORMAL, _MANY = 0.95, 1.96, 100.0


def ranks(count: int, share: float) -> tuple[int, int]:
    """The ranks, from 1, between which the quantile `share` of a distribution lies with 95 % confidence.

    Of `count` samples; a rank of 0 or `count` + 1 says that there are too few.  How many samples are below
    the quantile is distributed binomially, and each side may be missed by 2.5 %.
    """
    mean, variance = count * share, count * share * (1 - share)
    if variance > _MANY:
        off = _NORMAL * math.sqrt(variance)
        return max(0, math.floor(mean - off)), min(count + 1, math.ceil(mean + off) + 1)
    missed = (1 - _CONFIDENCE) / 2
    low, high, below = 0, count + 1, 0.0
    for number in range(count + 1):
        logarithm = (
            math.lgamma(count + 1) - math.lgamma(number + 1) - math.lgamma(count - number + 1)
        )
        logarithm += number * math.log(share) + (count - number) * math.log(1 - share)
        below += math.exp(logarithm)
        if below <= missed:
            low = number + 1
        if below >= 1 - missed:
            high = number + 1
            break
    return low, high


class Spread:
    """A distribution of times in buckets; `total` is in microseconds, the rest in seconds."""

    __slots__ = ("buckets", "count", "max", "min", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.min = math.inf
        self.max = 0.0
        self.buckets: Counter[int] = Counter()

    @classmethod
    def of(
        cls,
        count: int,
        total: float,
        least: float,
        most: float,
        buckets: Iterable[tuple[float, int]],
    ) -> Self:
        """The one whose figures these are; times in seconds, `buckets` as `bounds` gives them.

        They may come out of anybody's file: what is out of all bounds is taken for the nearest that is not.
        """
        made = cls()
        made.count, made.total = count, round(min(max(total, 0.0), _MOST_TOTAL) * TICKS)
        made.min, made.max = (least, most) if count else (math.inf, 0.0)
        for bound, number in buckets:
            made.buckets[round(math.log(min(max(bound, _LEAST), MOST)) / _LOG)] += number
        return made

    def over(self, seconds: float) -> int:
        """How many took longer, within 2 % of that time."""
        limit = math.ceil(math.log(max(seconds, _LEAST)) / _LOG)
        return sum(count for index, count in self.buckets.items() if index > limit)

    def add(self, seconds: float) -> None:
        """Count one; less than nothing, as clocks that are set back give, is nothing."""
        seconds = min(max(seconds, 0.0), MOST)
        self.count += 1
        self.total += round(seconds * TICKS)
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
        return self._ranked(max(1, math.ceil(share * self.count)))

    def interval(self, share: float) -> tuple[float | None, float | None]:
        """In which times `percentile` of all calls, seen or not, lies with 95 % confidence.

        Whatever the distribution is (order statistics); None where there are too few for a bound.
        """
        low, high = ranks(self.count, share)
        return (
            self._ranked(low) if low >= 1 else None,
            self._ranked(high) if high <= self.count else None,
        )

    def _ranked(self, wanted: int) -> float:
        """The time of that rank, from 1."""
        if wanted >= self.count:
            return self.max
        for index, count in sorted(self.buckets.items()):
            wanted -= count
            if wanted <= 0:
                middle: float = _GROWTH**index * 2 / (1 + _GROWTH)
                return round(min(max(middle, self.min), self.max), DIGITS)
        return 0.0

    def bounds(self) -> list[tuple[float, int]]:
        """(upper bound, count) of each bucket that is not empty."""
        return [
            (float(f"{_GROWTH**index:.6g}"), count) for index, count in sorted(self.buckets.items())
        ]
