"""What two sequences have in common: a long sequence, in bounded time and memory."""

from __future__ import annotations

import tracemalloc
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.replay import subsequence

numbers = st.lists(st.integers(0, 5), max_size=12)


@given(numbers, numbers)
def test_none_is_longer(one: list[int], other: list[int]) -> None:
    found = list(subsequence._longest(one, other))
    assert all(one[at] == other[to] for at, to in found)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(found))
    lengths = [0] * (len(other) + 1)
    for what in one:
        row = [0]
        for to, each in enumerate(other):
            row.append(lengths[to] + 1 if what == each else max(row[to], lengths[to + 1]))
        lengths = row
    assert len(found) == lengths[-1]


def test_a_long_recording_beside_a_short_one_takes_little_memory() -> None:
    one, other = [-1, -2, -2, -3], [-4, *range(20_000), -2, -2, -5]
    tracemalloc.start()
    for left, right in ((one, other), (other, one)):
        assert len(list(subsequence._longest(left, right))) == 2
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    tracemalloc.stop()


def test_long_recordings_with_nothing_in_common_take_little_memory_and_no_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subsequence, "_MOST", 100)
    looks: list[int] = []
    ahead = subsequence._ahead
    monkeypatch.setattr(subsequence, "_ahead", lambda *where: looks.append(1) or ahead(*where))
    one, other = (array("q", range(start, start + 80_000, 4)) for start in (0, 2))
    one[10_000] = other[5_000]
    tracemalloc.start()
    assert list(subsequence.common(one, other)) == [(10_000, 5_000)]
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert not looks


def test_what_one_alone_has_is_passed_over_where_both_go_on_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subsequence, "_MOST", -1)
    rest = [*range(2, 12)] * 2
    for one, other, pairs in (
        ([1, 9, *rest], [1, *rest], [(0, 0), *((at + 1, at) for at in range(1, 21))]),
        ([1, *rest], [1, 9, 9, *rest], [(0, 0), *((at, at + 2) for at in range(1, 21))]),
        ([1, 8, *rest], [1, 9, *rest], [(0, 0), *((at, at) for at in range(2, 22))]),
        ([1, 8, 8], [9, 9], []),
    ):
        assert list(subsequence._within(one, other)) == pairs
