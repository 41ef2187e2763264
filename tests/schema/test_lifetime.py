"""What follows from what is known of each release: intervals, and never more than the releases say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.schema.lifetime import Release, State, changes, settled
from qmpconf.schema.select import Version


def release(name: str) -> Release:
    number = Version.parse(name).release  # type: ignore[union-attr]
    return Release(name, number - 0.5 if name.endswith("-dev") else number)


RELEASES = [release(one) for one in ("1.6", "2.9-dev", "2.9", "5.2", "7.2", "8.0")]
SIGNS = {str(state): state for state in State}


def states(text: str) -> list[State]:
    return settled([SIGNS[sign] for sign in text])


def told(text: str, since: str = "", marking: str = "yyyyyy") -> list[str]:
    marks = [one == "y" for one in marking]
    return [f"{one.what} {one.when}" for one in changes(RELEASES, states(text), since, marks)]


@pytest.mark.parametrize(
    ("text", "since", "found"),
    [
        ("++++++", "", ["came in 1.6 or before"]),
        ("??++++", "", ["came in 2.9 or before"]),
        ("-+++++", "", ["came between 1.6 and 2.9-dev"]),
        ("--++++", "", ["came in 2.9"]),
        ("-----+", "", ["came in 8.0"]),
        ("---+++", "", ["came between 2.9 and 5.2"]),
        ("-?-+++", "4.0", ["came in 4.0"]),
        ("---+++", "4.0.1", ["came in 4.0"]),
        ("---+++", "2.5", ["came between 2.9 and 5.2"]),  # a catalog says otherwise
        ("-+++++", "2.9", ["came in 2.9"]),  # what was to become it has it
        ("---+++", "6.0", ["came between 2.9 and 5.2"]),
        ("---+++", "soon", ["came between 2.9 and 5.2"]),
        ("????++", "4.2", ["came in 4.2"]),
        ("++++--", "", ["came in 1.6 or before", "went between 5.2 and 7.2"]),
        ("++??--", "", ["came in 1.6 or before", "went between 2.9-dev and 7.2"]),
        ("+++++-", "", ["came in 1.6 or before", "went in 8.0"]),
        ("+++???", "", ["came in 1.6 or before"]),
        ("+++DD-", "", ["came in 1.6 or before", "deprecated between 2.9 and 5.2", "went in 8.0"]),
        ("DD++++", "", ["came in 1.6 or before", "deprecated in 1.6 or before"]),
        ("+-+-++", "", ["came in 1.6 or before"]),
        ("---mm-", "", ["came between 2.9 and 5.2", "went in 8.0"]),
        ("------", "1.0", []),
        ("??????", "1.0", []),
    ],
)
def test_what_follows(text: str, since: str, found: list[str]) -> None:
    assert told(text, since) == found


def test_a_release_that_marks_nothing_does_not_say_that_it_was_not_deprecated() -> None:
    assert told("++++DD", marking="nnnyyy")[1] == "deprecated between 5.2 and 7.2"
    assert told("++++DD", marking="nnnnyy")[1] == "deprecated in 7.2 or before"


def test_what_is_missing_in_between_was_left_out() -> None:
    assert "".join(states("-+-?+-")) == "-+n?+-"


@given(st.lists(st.sampled_from(list(State)), min_size=6, max_size=6))
def test_the_order_of_time_is_kept_and_no_release_is_contradicted(found: list[State]) -> None:
    found = settled(found)
    order = [one.label for one in RELEASES]
    happened = changes(RELEASES, found)
    there = [at for at, one in enumerate(found) if one in set("+Dm")]
    assert bool(happened) == bool(there)
    assert [one.what for one in happened] == sorted(
        (one.what for one in happened), key=["came", "deprecated", "went"].index
    )
    for one in happened:
        until = order.index(one.until)
        since = order.index(one.since) if one.since else -1
        assert since < until
        if one.what == "came":
            assert until == there[0]
            assert one.since == "" or found[since] is State.ABSENT
        if one.what == "went":
            assert (since, found[until]) == (there[-1], State.ABSENT)
        if one.what == "deprecated":
            assert found[until] is State.DEPRECATED
