"""What is drawn, as lines: whatever a message holds, and in however few columns."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.check.basis import Basis, NoSchema
from qmpconf.findings import Finding
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.report import catalog
from qmpconf.report.terminal import columns as columns_of
from qmpconf.schema.store import load_shipped
from qmpconf.text import printable
from qmpconf.trace.items import Item
from qmpconf.trace.summary import Summary
from qmpconf.view import sheets, wording
from qmpconf.view.help import lines as keys
from qmpconf.view.lanes import Lanes, columns
from qmpconf.view.line_findings import MOST, LineFindings
from qmpconf.view.messages import Message
from qmpconf.view.styled import Marking, folded, plain, width_of
from tests.usual import examples
from tests.view.samples import sample
from tests.view.test_index import read


def text_of(lines: list[tuple[tuple[str, str], ...]]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


@settings(max_examples=examples(300), deadline=None)
@given(st.text(max_size=80).map(printable), st.integers(8, 60))
def test_a_folded_line_is_the_same_text_and_fits(text: str, width: int) -> None:
    whole = tuple((one, "") for one in text.partition("a") if one)
    lines = list(folded(whole, width))
    assert all(width_of(line) <= width for line in lines)
    indent = len(text_of(lines[1:2])[0]) - len(text_of(lines[1:2])[0].lstrip()) if lines[1:] else 0
    shown = text_of(lines)
    joined = shown[0] + "".join(line[min(indent, 2 * width) :] for line in shown[1:])
    assert joined.replace(" ", "") == text.replace(" ", "")


def test_what_is_painted_is_taken_apart_again() -> None:
    marking = Marking()
    painted = f"a {marking.paint('b', 'bold')}{marking.paint('c', '')} d"
    assert Marking.line(painted) == (("a ", ""), ("b", "bold"), ("c d", ""))


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=200), st.integers(8, 100))
def test_any_bytes_make_a_sheet_that_steers_nothing(data: bytes, width: int) -> None:
    item = Item(7, 1.0, 1, "client", Frame(Kind.VALUE, data, b"", False))
    one = Message(Summary(7, 1.0, 1, "client", "other", outcome="x", size=len(data)), item)
    for lines in (
        sheets.message("a.qmptrace", one, [], one, width),
        sheets.comparison("a.qmptrace", one, one, width),
    ):
        for line in lines:
            assert width_of(line) <= width
            assert all(text.isprintable() for text, _ in line)


def test_a_long_message_is_not_laid_out(tmp_path: Path) -> None:
    data = b'{"return": "' + b"x" * (2 << 20) + b'"}'
    item = Item(7, 1.0, 1, "server", Frame(Kind.VALUE, data, b"", True))
    one = Message(Summary(7, 1.0, 1, "server", "return", size=len(data)), item)
    assert "2,097,166 bytes in all: qmpconf show a --line 7 --pretty" in "".join(
        text_of(sheets.message("a", one, [], None, 80))
    )


def test_what_was_redacted_stays_so_and_is_said() -> None:
    data = b'{"execute": "set_password", "arguments": {"password": "REDACTED"}}'
    item = Item(
        7, 1.0, 1, "client", Frame(Kind.VALUE, data, b"", True), (), ("/arguments/password",)
    )
    one = Message(Summary(7, 1.0, 1, "client", "command", name="set_password"), item)
    text = text_of(sheets.message("a", one, [], None, 80))
    assert "redacted: /arguments/password" in text
    assert '    "password": "REDACTED"' in text


def test_a_schema_says_what_schema_show_says() -> None:
    shipped = load_shipped("qemu-7.2.22")
    lines = text_of(sheets.schema(Basis(shipped), "block_resize", "command", 100))
    assert "\n".join(lines[1:]) + "\n" == catalog.entry(shipped, "block_resize", 100)
    assert text_of(sheets.schema(Basis(shipped), "nope", "event", 60))[1] == (
        "qemu-7.2.22 has no event nope"
    )
    none = sheets.schema(NoSchema("no schema was asked for", "name one"), "stop", "command", 60)
    assert text_of(none) == ["no schema was asked for. name one"]
    assert "Only commands" in text_of(sheets.schema(None, "", "", 60))[0]


def test_two_messages_differ_in_places(tmp_path: Path) -> None:
    with read(sample(tmp_path)) as document:
        lines = text_of(sheets.comparison("a", document.messages[10], document.messages[12], 80))
        assert lines[2:5] == ["3 places differ:", "  /return/status", '    - "running"']
        assert lines.count("- " + '    "status": "running",') == 1
        same = sheets.comparison("a", document.messages[8], document.messages[8], 80)
        assert "The same value." in text_of(same)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
@pytest.mark.every_case
def test_a_row_fits(width: int, tmp_path: Path) -> None:
    with read(sample(tmp_path)) as document:
        laid = columns(2, 0, width - wording.TIME - 2)
        for row in range(document.index.count):
            one = document.messages[row].summary
            for line in (
                wording.row(one, width, wording.Room(), worst="error"),
                wording.row(one, width, wording.Room(), worst=None, answer=one),
            ):
                assert width_of(line) <= max(width, 24)
            if width >= 40:
                lane = document.index.lane(row)
                assert width_of(wording.lane_row(one, lane, laid, worst=None)) <= width
    assert all(columns_of(text) <= width for text in text_of(keys(width)))


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=60))
def test_no_two_open_sessions_share_a_lane(said: list[tuple[int, bool]]) -> None:
    lanes, there = Lanes(), dict[int, int]()
    for conn, ends in said:
        lane = lanes.take(conn, "close" if ends else "event")
        assert there.setdefault(conn, lane) == lane, "a session stays in its lane"
        assert len(set(there.values())) == len(there)
        if ends:
            del there[conn]
    assert lanes.used <= 6


@given(st.integers(1, 300), st.integers(0, 300), st.integers(1, 300))
def test_lanes_stand_beside_each_other(used: int, first: int, width: int) -> None:
    laid = columns(used, first, width)
    assert 1 <= len(laid) <= used
    assert laid[0].start == 0
    assert laid[-1].start + laid[-1].width <= max(width, 1)
    assert laid[-1].lane < used
    for before, after in pairwise(laid):
        assert after.start == before.start + before.width + 1
        assert after.lane == before.lane + 1


def test_findings_beyond_a_bound_are_counted() -> None:
    found = LineFindings()
    for number in range(MOST + 5):
        found.add(Finding("a.b", "MUST", "error", "client", line=number % 7 + 1))
    assert str(found) == f"{MOST + 5:,} errors (5 not shown)"
    assert found.next(3, 1) == 4
    assert found.next(1, -1) is None
    assert plain("x") == (("x", ""),)
