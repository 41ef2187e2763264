"""Text for people: what is untrusted steers nothing, and stays the same string where it is JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.text import (
    apart,
    around,
    counted,
    duration,
    expression,
    harmless,
    naturally,
    printable,
    printable_page,
    shortened,
)

EVERYTHING = st.text(st.characters(exclude_categories=()))


@given(EVERYTHING)
def test_nothing_steers_a_terminal(text: str) -> None:
    assert printable(text).isprintable()
    assert "\n".join(map(printable, text.split("\n"))) == printable_page(text)


@given(EVERYTHING)
def test_a_string_in_json_stays_the_same_string(text: str) -> None:
    assert json.loads(printable(json.dumps(text, ensure_ascii=False))) == text


def test_what_prints_stays() -> None:
    assert printable("déjà vu 日本 🎉") == "déjà vu 日本 🎉"
    assert printable("\x1b[31m\x7f\U000e0001") == "\\u001B[31m\\u007F\\uDB40\\uDC01"


def test_counted() -> None:
    assert counted(1, "reply", "replies") == "1 reply"
    assert counted(2345, "reply", "replies") == "2,345 replies"
    assert counted(0, "message") == "0 messages"


@given(EVERYTHING | st.text("\n :#[vso]x"))
def test_nothing_begins_a_command_of_a_ci_job(text: str) -> None:
    found = harmless(text)
    assert not any(line.lstrip().startswith("::") for line in found.split("\n"))
    assert "##[" not in found
    assert "##vso[" not in found


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0, "0 s"),
        (0.000999999, "1.00 ms"),
        (0.0099999, "10.0 ms"),
        (0.25, "250 ms"),
        (61.25, "61.2 s"),
        (4321.0, "4,320 s"),
        (-0.5, "-500 ms"),
        (2.5e-7, "0.25 µs"),
    ],
)
def test_durations_have_three_digits(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("[a", "is not a regular expression: unterminated character set"),
        ("(" * 5000 + ")" * 5000, "too big"),
        ("(?:a){99999999999}", "too big"),
        (b"(?P<a", "is not a regular expression"),
    ],
)
def test_an_expression_that_is_none_is_refused_in_words(pattern: str | bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        expression(pattern)


def test_an_expression_that_may_mean_something_else_later_is_taken() -> None:
    assert expression("[[a]").fullmatch("[")


@given(EVERYTHING, st.integers(4, 40))
def test_a_text_is_cut_at_its_end_and_says_so(text: str, width: int) -> None:
    short = shortened(text, width)
    assert short == text if len(text) <= width else short == text[: width - 3] + "..."


@given(EVERYTHING, EVERYTHING, EVERYTHING, st.integers(20, 60))
def test_two_texts_stay_apart(head: str, one: str, other: str, width: int) -> None:
    texts = head * 20 + one, head * 20 + other
    short = apart(*texts, width)
    assert max(map(len, short)) <= width
    assert (short[0] == short[1]) == (texts[0] == texts[1])


@given(st.text("abc ", max_size=300), st.text("abc ", max_size=300), st.integers(20, 60))
def test_a_place_is_shown_with_what_stands_around_it(before: str, behind: str, width: int) -> None:
    short = around(f"{before}HERE{behind}", len(before), width)
    assert len(short) <= width
    assert "HERE" in short


def test_names_are_sorted_by_their_numbers_however_long() -> None:
    long = f"qemu-{'9' * 5000}"
    names = ["qemu-x", long, "qemu-10.0", "qemu-05.2", "qemu-5.2", "qemu-3000000000"]
    wanted = ["qemu-05.2", "qemu-5.2", "qemu-10.0", "qemu-3000000000", long, "qemu-x"]
    assert sorted(names, key=naturally) == wanted
