"""Distributions of times: percentiles within 1 %, intervals that hold what they say."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.trace.spread import Spread, ranks

times = st.lists(st.floats(1e-6, 1e4, allow_nan=False), max_size=60)


def spread(values: list[float]) -> Spread:
    made = Spread()
    for one in values:
        made.add(one)
    return made


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (0, 0.5, (0, 1)),
        (5, 0.5, (0, 6)),  # five say nothing of the middle with 95 %: 2 / 2**5 is more than 5 %
        (6, 0.5, (1, 6)),
        (10, 0.5, (2, 9)),
        (100, 0.5, (40, 61)),  # as in tables of the sign test
        (100, 0.99, (97, 101)),
        (1000, 0.5, (469, 532)),
        (100_000, 0.999, (99_880, 99_920)),
    ],
)
def test_ranks(count: int, share: float, expected: tuple[int, int]) -> None:
    low, high = ranks(count, share)
    assert (low, high) == pytest.approx(expected, abs=1 if count >= 1000 else 0)


def test_the_interval_holds_the_true_percentile_as_often_as_it_says() -> None:
    chance = random.Random(17)
    held = 0
    for _ in range(400):
        low, high = spread([chance.expovariate(1.0) for _ in range(50)]).interval(0.5)
        assert low is not None
        assert high is not None
        held += low * 0.98 <= math.log(2) <= high * 1.02
    assert held >= 380 - 12


@given(times, st.sampled_from([0.5, 0.95, 0.99, 0.999]))
def test_a_percentile_is_within_its_interval(values: list[float], share: float) -> None:
    made = spread(values)
    low, high = made.interval(share)
    if values:
        assert low is None or low <= made.percentile(share) * (1 + 1e-9)
        assert high is None or high >= made.percentile(share) * (1 - 1e-9)


@given(times, times)
def test_two_together_and_figures_and_back(one: list[float], other: list[float]) -> None:
    both, apart = spread([*one, *other]), spread(one)
    apart.merge(spread(other))
    again = Spread.of(both.count, both.total / 1e6, both.min, both.max, both.bounds())
    for made in (apart, again):
        assert (made.count, made.total, made.min, made.max) == (
            both.count,
            both.total,
            both.min,
            both.max,
        )
        assert made.buckets == both.buckets


@given(times, st.floats(1e-5, 1e3))
def test_how_many_took_longer(values: list[float], limit: float) -> None:
    over = spread(values).over(limit)
    assert sum(one > 1.021 * limit for one in values) <= over <= sum(one > limit for one in values)


@given(
    total=st.floats(allow_nan=False),
    buckets=st.lists(st.tuples(st.floats(allow_nan=False), st.integers(0, 9)), max_size=9),
)
def test_figures_out_of_any_file_are_taken(total: float, buckets: list[tuple[float, int]]) -> None:
    """What is out of bounds counts as what is nearest."""
    count = sum(number for _, number in buckets)
    made = Spread.of(count, total, 0.0, 1e9, buckets)
    assert sum(made.buckets.values()) == count
    assert made.total >= 0
    assert all(1e-7 < bound < 2e9 for bound, _ in made.bounds())
