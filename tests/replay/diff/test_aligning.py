"""Which commands stand for each other: those in common, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.framing import Framer
from qmpconf.protocol.messages import from_client
from qmpconf.replay import subsequence
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


def test_long_recordings_take_no_long_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subsequence, "_MOST", 100)
    polled = ["query-block"] * 3000
    pairs = list(align(commands(["a", *polled, "b"]), commands(["x", *polled[:2000], "y", "b"])))
    assert len(pairs) == 2001
