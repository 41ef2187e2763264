"""What was not judged is counted, and kept within bounds."""

from qmpconf.check.unjudged import MOST_LACKS, Lacks, Unjudged


def test_equal_ones_are_counted_where_they_show_first() -> None:
    lacks = Lacks()
    lacks.add("property", "properties of 'e1000' are not typed", "fetch them", line=7)
    lacks.add("property", "properties of 'e1000' are not typed", "fetch them", line=9, count=2)
    lacks.add("call", "properties of 'e1000' are not typed")
    assert list(lacks) == [
        Unjudged("property", "properties of 'e1000' are not typed", "fetch them", 7, 3),
        Unjudged("call", "properties of 'e1000' are not typed"),
    ]


def test_there_is_an_end_to_what_is_kept_and_none_to_what_is_counted() -> None:
    lacks = Lacks()
    for number in range(3 * MOST_LACKS):
        lacks.add("call", f"call {number}")
    assert len(lacks) == MOST_LACKS
    assert sum(one.count for one in lacks) == 3 * MOST_LACKS
