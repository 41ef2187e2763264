"""Marks: who speaks, by default, and as a text uses them."""

from __future__ import annotations

import pytest

from qmpconf.trace.convert.marks import Marks


@pytest.mark.parametrize(
    ("before", "side"),
    [
        *(("-> ", "client"), ("> <- ", "server"), ("12:00:01 --> ", "client"), ("→ ", "client")),
        *(
            ("C: ", "client"),
            ("> S: ", "server"),
            ("DEBUG send: ", "client"),
            ("[recv] ", "server"),
        ),
        *(("QMP> ", "client"), ("QMP< ", "server"), ("Received: `", "server"), ("> ", None)),
        *((">>> ", None), ("<<< ", None)),
    ],
)
def test_who_speaks_by_default(before: str, side: str | None) -> None:
    mark = Marks().before(before.encode())
    assert mark is not None
    assert mark.side == side


@pytest.mark.parametrize("before", ["", "foo ", "- ", "* ", "$ echo '", "a <-> "])
def test_no_mark(before: str) -> None:
    assert Marks().before(before.encode()) is None


ASKED, ANSWERED = b' {"execute": "stop"}\n', b' {"return": {}}\n'


def test_an_angle_bracket_is_an_arrow_beside_its_mirror_image() -> None:
    marks = Marks.of(b">>>" + ASKED + b"<<<" + ANSWERED)
    assert (marks.side(b">>>"), marks.side(b"<<<")) == ("client", "server")
    assert Marks.of(b"> >>>" + ASKED + b"> <<<" + ANSWERED).side(b">>>") == "client"
    assert Marks.of(b">>>" + ASKED + b">>>" + ANSWERED).side(b">>>") is None  # a quote


def test_arrows_can_be_meant_the_other_way() -> None:
    marks = Marks.of(b"<-" + ASKED + b"->" + ANSWERED)
    assert (marks.side(b"->"), marks.side(b"<-")) == ("server", "client")


def test_a_line_that_begins_with_a_mark() -> None:
    marks = Marks.of(b"> ->" + ASKED)
    mark = marks.begins(b"> -> a\n")
    assert mark is not None
    assert (mark.text, mark.side, mark.used) == (b"->", "client", True)
