"""Tables in the width that there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmpconf.report.tables import fitted, wrapped

ROWS = [["query-named-block-nodes", "1", "what a server does with it"], ["stop", "12", ""]]
HEAD = ["command", "calls", "words"]


def test_what_has_room_stays() -> None:
    assert fitted(ROWS, HEAD, 80, ["left", "right", "left"]).splitlines() == [
        "command                    calls  words",
        "-----------------------  -------  --------------------------",
        "query-named-block-nodes        1  what a server does with it",
        "stop                          12",
    ]


def test_the_widest_give_way_first() -> None:
    for width in range(40, 70):
        lines = fitted(ROWS, HEAD, width).splitlines()
        assert max(map(len, lines)) <= width
        joined = " ".join(" ".join(lines).split())
        assert "12" in joined
        assert "calls" in joined


def test_a_column_that_is_limited_wraps_where_there_is_room() -> None:
    assert max(map(len, fitted(ROWS, HEAD, 100, most={"words": 10}).splitlines())) < 50


def test_what_cannot_fit_is_shown_all_the_same() -> None:
    page = fitted(ROWS, HEAD, 10)
    assert "12" in page
    assert page.splitlines()[0].split() == HEAD


def test_no_rows() -> None:
    assert fitted([], HEAD, 80).split()[:3] == HEAD


@given(st.text("ab /", max_size=40), st.integers(0, 12), st.integers(0, 14))
def test_lines_end_and_fit_however_little_room_there_is(text: str, room: int, indent: int) -> None:
    lines = wrapped(text, room, " " * indent)
    assert all(len(line) <= max(1, room) for line in lines if line.strip())
    assert "".join("".join(lines).split()) == "".join(text.split())
