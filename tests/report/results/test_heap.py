"""Heaps of records: any split, any order and any repetition give what one reader gives."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from qmpconf.report.results.heap import Heap, together
from qmpconf.report.results.merge import merged, report_of
from qmpconf.report.results.records import Gone, Note, Table
from qmpconf.report.results.stream import ResultFile, parse_result
from tests.report.results.samples import checked, data_of, finding, message, results, warning


@given(st.lists(results(), max_size=5), st.data())
def test_any_split_any_order_and_any_repetition(
    found: list[ResultFile], data: st.DataObject
) -> None:
    """Also of heaps that came from other processes."""
    numbers = [*range(len(found)), *data.draw(st.lists(st.sampled_from(range(len(found) or 1))))]
    numbers = data.draw(st.permutations([one for one in numbers if one < len(found)]))
    groups: list[list[int]] = [[] for _ in range(3)]
    for number in numbers:
        data.draw(st.sampled_from(groups)).append(number)
    heaps = [together(Heap.of(found[number]) for number in group) for group in groups]
    sent = [pickle.loads(pickle.dumps(one)) for one in data.draw(st.permutations(heaps))]
    assert report_of(together(sent)) == merged(found)


def test_what_is_sent_is_what_was_read() -> None:
    odd = Note(subject="s", text="a\ud800b")  # half a surrogate pair has no UTF-8
    gone = Gone(subject="s", fingerprint="1")
    table = Table(subject="s", title="t", head=("a",), rows=(("b",),))
    result = checked(finding(), warning(), message(1), message(2), gone, table)
    heap = Heap.of(result)
    assert pickle.loads(pickle.dumps(heap)) == heap
    (again,) = pickle.loads(pickle.dumps(Heap.of(checked(odd)))).all(Note)
    assert again.text == "a\\ud800b"


def test_of_two_copies_that_of_the_first_path_counts() -> None:
    data = data_of(checked(finding()))
    for paths in (("a", "b"), ("b", "a")):
        heap = together(Heap.of(parse_result(data, path)) for path in paths)
        assert [one.origin for one in heap.in_order()] == ["a"]
