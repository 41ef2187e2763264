"""Excerpts: long values are cut where they differ, and both at the same place."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.values import dumps
from qmpconf.replay import excerpt
from qmpconf.replay.compare import NOTHING

WIDTH = 60


def test_short_values_stay_whole() -> None:
    assert excerpt.of_values({"a": 1}, [], WIDTH) == ('{"a": 1}', "[]")
    assert excerpt.of_values("x" * 500, "short", WIDTH)[1] == '"short"'


def test_a_value_alone_is_cut_at_its_end() -> None:
    one, other = excerpt.of_values("x" * 500, NOTHING, WIDTH)
    assert (one[:2], one[-3:], len(one), other) == ('"x', "...", WIDTH, "nothing")


def test_the_place_of_the_difference_shows() -> None:
    one, other = ("/var/lib/" + "deep/" * 100 + name + "/tail" * 100 for name in ("one", "two"))
    texts = excerpt.of_values(one, other, WIDTH)
    assert texts[0].replace("one", "two") == texts[1]
    assert all(text.startswith("...") and text.endswith("...") for text in texts)
    assert "deep/one/tail" in texts[0]


def test_what_only_one_has_at_its_end_shows() -> None:
    texts = excerpt.of_values("x" * 500, "x" * 500 + "END", WIDTH)
    assert texts[1].endswith('xxEND"')
    assert texts[0].endswith('xx"')


def test_a_difference_at_the_beginning() -> None:
    texts = excerpt.of_values("a" + "x" * 500, "b" + "x" * 500, WIDTH)
    assert [text[:3] for text in texts] == ['"ax', '"bx']


@pytest.mark.parametrize("width", range(20, 32))
def test_no_escape_is_cut_in_two(width: int) -> None:
    texts = excerpt.of_values("é" * 100 + "à" * 50, "é" * 100 + "è" * 50, width)
    for text in texts:
        assert re.fullmatch(r"\.\.\.(\\u00[0-9A-F]{2})+\.\.\.", text)
        assert len(text) <= width


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.integers(20, 200))
def test_two_texts_of_any_kind(head: str, one: str, other: str, tail: str, width: int) -> None:
    values = head + one + tail, head + other + tail
    texts = excerpt.of_values(*values, width)
    wholes = [dumps(value).decode() for value in values]
    for text, whole in zip(texts, wholes, strict=True):
        assert len(text) <= width
        inner = text
        if text != whole:
            inner = text.removeprefix("...") if not whole.startswith(text[:3]) else text
            inner = inner.removesuffix("...")
        assert inner in whole
    if values[0] != values[1]:
        assert texts[0] != texts[1]
