"""Any split, any order and any repetition give what one run gives, byte by byte."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.check.baseline import Baseline
from qmpconf.check.practice import Practice
from qmpconf.corpus.gathered import Gathered, one, together
from qmpconf.corpus.work import CheckTask, CoverageTask, StatsTask
from qmpconf.report.results.of_check import of_check
from qmpconf.report.results.records import Header
from qmpconf.report.results.stream import dumped
from qmpconf.trace import stats
from qmpconf.trace.stats import OTHERS, Stats
from qmpconf.trace.summary import Summary
from tests.usual import examples

#: The last one is not there.
PATHS = [f"traces/{name}.qmptrace.gz" for name in
         ("qemu-7.2.22-shell", "qemu-7.2.22-wrong", "qemu-storage-daemon-7.2.22-storage",
          "qemu-7.2.22-libvirtd", "none")]  # fmt: skip
TASKS = {
    "check": CheckTask("auto", "", Practice(), full=True),
    "coverage": CoverageTask("auto"),
    "stats": StatsTask(""),
}


@cache
def _heaps(name: str) -> list[Gathered[Any]]:
    return [one(TASKS[name], number, path) for number, path in enumerate(PATHS)]


def _bytes(name: str, found: Gathered[Any]) -> bytes:
    """All that a verb makes of it."""
    told = json.dumps([sorted(found.unread.items()), sorted(found.said.items())]).encode()
    part = found.part
    if part is None:
        return told
    if name == "check":
        head = Header(verb="check", by="x", started="x")
        result = of_check(head, part.in_order(), Baseline(), part.exercised)
        return told + b"\n".join(map(dumped, result.every()))
    if name == "coverage":
        return told + msgspec.json.encode([part.exercised, part.lacking()])
    return told + msgspec.json.encode([part.stats.figures(), sorted(part.notes.items())])


@settings(max_examples=examples(80), deadline=None)
@given(st.sampled_from(sorted(TASKS)), st.data())
def test_any_split_any_order_and_any_repetition(name: str, data: st.DataObject) -> None:
    def heaps(numbers: list[int]) -> list[Gathered[Any]]:
        return [copy.deepcopy(_heaps(name)[number]) for number in numbers]

    numbers = data.draw(st.permutations(range(len(PATHS))))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(PATHS) - 1))))
    groups = [numbers[a:b] for a, b in zip([0, *cuts], [*cuts, len(PATHS)], strict=True)]
    groups += data.draw(st.lists(st.sampled_from(groups), max_size=2))
    whole = together(together(heaps(group)) for group in data.draw(st.permutations(groups)))
    assert _bytes(name, whole) == _bytes(name, together(heaps(sorted(numbers))))
    assert whole.unread.keys() == {4}


def test_heaps_that_share_some_files_are_refused() -> None:
    heaps: list[Gathered[Any]] = [Gathered(None, frozenset(one)) for one in ((1, 2), (2, 3))]
    with pytest.raises(ValueError, match="share some"):
        heaps[0].merge(heaps[1])


_SAID = st.builds(
    Summary,
    line=st.integers(2, 9),
    t=st.floats(0, 100),
    conn=st.just(1),
    sender=st.just("server"),
    kind=st.sampled_from(["return", "event"]),
    name=st.sampled_from("abcdef"),
    latency=st.floats(0, 9),
    size=st.integers(1, 3),
)


@settings(max_examples=examples(200))
@given(st.lists(st.lists(_SAID, max_size=8), min_size=1, max_size=4), st.data())
def test_figures_do_not_depend_on_the_order(said: list[list[Summary]], data: st.DataObject) -> None:
    """Also where there are more names than are told apart, sums that round, and equal sizes."""

    def merged(order: list[int]) -> Any:
        parts = [Stats.of(said[number], f"{number}", number) for number in order]
        while len(parts) > 1:
            at = data.draw(st.integers(0, len(parts) - 2))
            parts[at].merge(parts.pop(at + 1))
        return parts[0].figures()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "MOST_NAMES", 3)
        found = merged(list(range(len(said))))
        assert merged(data.draw(st.permutations(range(len(said))))) == found
        assert len({one.name for one in found.events} - {OTHERS}) <= 3
