"""Which commands stand for each other: those in common, in their order."""

from __future__ import annotations

import tracemalloc
from array import array
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.framing import Framer
from qmpconf.protocol.messages import from_client
from qmpconf.replay.diff import aligning
from qmpconf.replay.diff.aligning import Commands, align
from qmpconf.replay.plan import Send


def commands(names: Sequence[str]) -> Commands:
    """Of words ``name`` or ``name:argument``."""
    found = Commands()
    for number, word in enumerate(names, 1):
        name, _, argument = word.partition(":")
        more = f',"arguments":{{"node":"{argument}"}}' if argument else ""
        (frame,) = Framer().feed(f'{{"execute":"{name}"{more},"id":{number}}}\n'.encode())
        message = from_client(frame.data)
        found.add(Send(1, 0.0, 1, frame, number, message, name, (), ()))
    return found


def paired(one: str, other: str) -> list[tuple[str, str]]:
    left, right = one.split(), other.split()
    return [(left[a], right[b]) for a, b in align(commands(left), commands(right))]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b c", "a b c", "a=a b=b c=c"),
        ("a b c", "a c", "a=a c=c"),
        ("a c", "a b c", "a=a c=c"),
        ("a b:1 c", "a b:2 c", "a=a b:1=b:2 c=c"),
        # The same command goes before one of its name alone.
        ("q:1 q:2 q:3", "q:2 q:3 q:4", "q:2=q:2 q:3=q:3"),
        ("a x y b", "a y x b", "a=a x=x b=b"),
        # Most of them, not the longest run of them.
        ("b a a a c b a", "a b", "a=a b=b"),
        ("a b", "c d", ""),
        ("", "a", ""),
        # Ids do not count, nor what a server makes up.
        ("a:#block123 b", "a:#block999 b", "a:#block123=a:#block999 b=b"),
    ],
)
def test_pairs(one: str, other: str, expected: str) -> None:
    found = paired(one, other)
    wanted = [tuple(pair.split("=")) for pair in expected.split()]
    assert len(found) == len(wanted)
    if "x y" not in one:
        assert found == wanted


words = st.lists(st.sampled_from(["a", "b", "c", "q:1", "q:2", "q:3"]), max_size=12)


@given(words, words)
def test_they_are_in_order_and_of_one_name(one: list[str], other: list[str]) -> None:
    pairs = list(align(commands(one), commands(other)))
    for (a, b), (c, d) in pairwise(pairs):
        assert a < c
        assert b < d
    assert all(one[a].split(":")[0] == other[b].split(":")[0] for a, b in pairs)


@given(words, st.sets(st.integers(0, 11)))
def test_what_only_one_left_out_costs_no_other(one: list[str], gone: set[int]) -> None:
    rest = [word for at, word in enumerate(one) if at not in gone]
    pairs = list(align(commands(one), commands(rest)))
    assert [b for _, b in pairs] == list(range(len(rest)))


@given(words, words)
def test_none_is_longer(one: list[str], other: list[str]) -> None:
    found = list(aligning._longest(list(map(hash, one)), list(map(hash, other))))
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
        assert len(list(aligning._longest(left, right))) == 2
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    tracemalloc.stop()


def test_long_recordings_with_nothing_in_common_take_little_memory_and_no_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aligning, "_MOST", 100)
    looks: list[int] = []
    ahead = aligning._ahead
    monkeypatch.setattr(aligning, "_ahead", lambda *where: looks.append(1) or ahead(*where))
    one, other = (array("q", range(start, start + 80_000, 4)) for start in (0, 2))
    one[10_000] = other[5_000]
    tracemalloc.start()
    assert list(aligning._common(one, other)) == [(10_000, 5_000)]
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert not looks


def test_long_recordings_take_no_long_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aligning, "_MOST", 100)
    polled = ["query-block"] * 3000
    pairs = list(align(commands(["a", *polled, "b"]), commands(["x", *polled[:2000], "y", "b"])))
    assert len(pairs) == 2001


def test_what_one_alone_has_is_passed_over_where_both_go_on_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aligning, "_MOST", -1)
    rest = [*range(2, 12)] * 2
    for one, other, pairs in (
        ([1, 9, *rest], [1, *rest], [(0, 0), *((at + 1, at) for at in range(1, 21))]),
        ([1, *rest], [1, 9, 9, *rest], [(0, 0), *((at, at + 2) for at in range(1, 21))]),
        ([1, 8, *rest], [1, 9, *rest], [(0, 0), *((at, at) for at in range(2, 22))]),
        ([1, 8, 8], [9, 9], []),
    ):
        assert list(aligning._within(one, other)) == pairs
