"""What two sequences of numbers have in common, in their order: a long sequence, if not always the longest.

Time and memory have bounds, whatever the sequences hold: what both begin and end with and what stands once in
each is found first, and between that a longest common sequence is looked for where that is not too much.  Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain

Pair = tuple[int, int]

#: Beyond this many pairs that are possible (a bit each), the longest common sequence is not looked for.
_MOST = 1 << 28
#: Bits for each command, as a power of two, of the look for what only one has.
_BITS = 6
#: How far it is looked then for where both go on alike, for so many commands.
_FAR, _ALIKE = 64, 8


def common(one: Sequence[int], other: Sequence[int]) -> Iterator[Pair]:
    """The places (from 0) of a long sequence that two have in common."""
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        yield begin, begin
        begin += 1
    end = 0
    shorter = min(len(one), len(other)) - begin
    while end < shorter and one[len(one) - 1 - end] == other[len(other) - 1 - end]:
        end += 1
    mine = _also_in(other, begin, len(other) - end, one, begin, len(one) - end)
    theirs = _also_in(one, begin, len(one) - end, other, begin, len(other) - end)
    shared = array("q", (one[at] for at in mine)), array("q", (other[to] for to in theirs))
    yield from ((mine[at], theirs[to]) for at, to in _in_the_middle(*shared))
    for back in range(end, 0, -1):
        yield len(one) - back, len(other) - back


def _also_in(
    these: Sequence[int], low: int, high: int, those: Sequence[int], begin: int, end: int
) -> Sequence[int]:
    """The places from `begin` to `end` of what is among `these`, too, and of a few that only seem so.

    A bit stands for each of `these`, by its last digits: that takes less room than a set of all.
    """
    mask = (1 << max(3, (high - low).bit_length() + _BITS)) - 1
    marks = bytearray((mask + 1) >> 3)
    for at in range(low, high):
        bit = these[at] & mask
        marks[bit >> 3] |= 1 << (bit & 7)
    places = array("q")
    for at in range(begin, end):
        bit = those[at] & mask
        if marks[bit >> 3] >> (bit & 7) & 1:
            places.append(at)
    return places


def _in_the_middle(one: Sequence[int], other: Sequence[int]) -> Iterator[Pair]:
    """The same of two that neither begin nor end alike."""
    ends = len(one), len(other)
    at, to = 0, 0
    for left, right in chain(_anchors(one, other), (ends,)):
        for low, high in _within(one[at:left], other[to:right]):
            yield at + low, to + high
        if (left, right) != ends:
            yield left, right
        at, to = left + 1, right + 1


def _anchors(one: Sequence[int], other: Sequence[int]) -> Iterator[Pair]:
    """Places of what stands once in each, the most of them that are in one order."""
    mine, theirs = _once(one), _once(other)
    lefts, rights = array("q"), array("q")
    for at, what in enumerate(one):
        if mine[what] == at and (to := theirs.get(what, -1)) >= 0:
            lefts.append(at)
            rights.append(to)
    del mine, theirs
    tails = array("q")  # the longest rising sequence: where one of each length ends
    ways = array("q")
    before = array("q")
    for number, right in enumerate(rights):
        length = bisect_left(tails, right)
        if length == len(tails):
            tails.append(right)
            ways.append(number)
        else:
            tails[length], ways[length] = right, number
        before.append(ways[length - 1] if length else -1)
    chosen = array("q")
    number = ways[-1] if ways else -1
    while number >= 0:
        chosen.append(number)
        number = before[number]
    return ((lefts[number], rights[number]) for number in reversed(chosen))


def _once(several: Sequence[int]) -> dict[int, int]:
    """The places of what stands once, -1 for the rest."""
    found: dict[int, int] = {}
    for at, what in enumerate(several):
        found[what] = -1 if what in found else at
    return found


def _within(one: Sequence[int], other: Sequence[int]) -> Iterator[Pair]:
    """What is in common between two anchors."""
    if len(one) * len(other) <= _MOST:
        yield from _longest(one, other)
        return
    at = to = 0
    while at < len(one) and to < len(other):
        if one[at] == other[to]:
            yield at, to
            more = 1, 1
        else:
            more = _ahead(one, other, at, to)
        at, to = at + more[0], to + more[1]


def _longest(one: Sequence[int], other: Sequence[int]) -> Iterator[Pair]:
    """A longest common sequence.

    The table of its lengths has a row for each of the shorter one and a bit for each of the longer one: 0 where
    a length is reached first.  Sums of whole rows carry a bit to where the next match is (Hyyrö 2004).
    """
    if len(one) > len(other):
        yield from ((at, to) for to, at in _longest(other, one))
        return
    matches = _matches(one, other)
    full = (1 << len(other)) - 1
    size = len(other) // 8 + 1
    row = full
    rows = [row.to_bytes(size, "little")]
    for what in one:
        here = row & matches.get(what, 0)
        row = (row + here | row - here) & full
        rows.append(row.to_bytes(size, "little"))
    found: list[Pair] = []
    at, to = len(one), len(other)
    while at and to:
        place, bit = (to - 1) >> 3, 1 << (to - 1 & 7)
        if rows[at][place] & bit:
            to -= 1
        elif rows[at - 1][place] & bit:
            at, to = at - 1, to - 1
            found.append((at, to))
        else:
            at -= 1
    yield from reversed(found)


def _matches(one: Sequence[int], other: Sequence[int]) -> dict[int, int]:
    """Where in the other one each of one stands, a bit for each place."""
    bits = {what: bytearray(len(other) // 8 + 1) for what in {*one}.intersection(other)}
    for to, what in enumerate(other):
        if what in bits:
            bits[what][to >> 3] |= 1 << (to & 7)
    return {what: int.from_bytes(found, "little") for what, found in bits.items()}


def _ahead(one: Sequence[int], other: Sequence[int], at: int, to: int) -> Pair:
    """How many of each to pass over until both go on alike for a while."""
    for far in range(1, _FAR):
        for left in range(far + 1):
            mine = one[at + left : at + left + _ALIKE]
            if mine and mine == other[to + far - left : to + far - left + _ALIKE]:
                return left, far - left
    return 1, 1
