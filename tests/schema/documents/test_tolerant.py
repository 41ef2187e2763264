"""Broken JSON is read as it was meant, and each flaw has its place."""

from __future__ import annotations

import pytest

from qmpconf.schema.documents.tolerant import MOST_FLAWS, MOST_NESTING, read


@pytest.mark.parametrize(
    ("text", "value", "at", "words"),
    [
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}, 7, "comma is missing"),
        ('{"a": 1\n "b": 2}', {"a": 1, "b": 2}, 7, "comma is missing"),
        ('{"a": 1,}', {"a": 1}, 7, "nothing behind"),
        ("[1, 2,]", [1, 2], 5, "nothing behind"),
        ('{"a:"x"}', {"a": "x"}, 1, "closing quote of the name 'a'"),
        ('{"a" 1}', {"a": 1}, 5, "colon"),
        ("{a: 1}", {"a": 1}, 1, "no quotes"),
        ('{"a": yes}', {"a": "yes"}, 6, "not a JSON value"),
        ('{"a": 1', {"a": 1}, 0, "not closed"),
        ("[1, [2", [1, [2]], 4, "not closed"),
        ('{"a": 1}\'', {"a": 1}, 8, "follows the end"),
        ('{"a": 1, "a": 2}', {"a": 2}, 9, "twice"),
        (r'"\?"', r"\?", 1, "not a JSON escape"),
        (r'"a\ud800"', r"a\ud800", 0, "no partner"),
        ('{"a": "x\n}', {"a": "x"}, 6, "not closed"),
    ],
)
def test_a_flaw_has_its_place_and_the_value_is_read(
    text: str, value: object, at: int, words: str
) -> None:
    reading = read(text)
    assert reading.node is not None
    assert reading.node.plain() == value
    first = reading.flaws[0]
    assert words in first.message
    assert first.at == at


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('[{"a": 1}, {...more...}, ]', [{"a": 1}]),
        ('[{"a": 1}, [ ... and so on ... ]]', [{"a": 1}]),
        ("[1, ...]", [1]),
        ('{"a": 1, ...}', {"a": 1}),
        ('{ "a": 1 ... }', {"a": 1}),
    ],
)
def test_what_is_only_shortened_is_no_flaw(text: str, value: object) -> None:
    reading = read(text)
    assert reading.flaws == []
    assert reading.node is not None
    assert reading.node.elided
    assert reading.node.plain() == value


def test_single_quotes_are_read_and_remembered() -> None:
    reading = read("{'a': 'it\\'s \"so\"'}")
    assert reading.node is not None
    assert reading.node.plain() == {"a": 'it\'s "so"'}
    assert reading.single_quotes == [1, 6]


def test_numbers_keep_their_kind() -> None:
    node = read("[18446744073709551616, 1.0, -3, 1e3]").node
    assert node is not None
    assert [repr(one) for one in node.plain()] == ["18446744073709551616", "1.0", "-3", "1e3"]


def test_depth_has_an_end() -> None:
    reading = read("[" * (MOST_NESTING + 5))
    assert any("too deeply" in one.message for one in reading.flaws)


def test_the_list_of_flaws_has_an_end() -> None:
    reading = read("[" + "1 " * 2 * MOST_FLAWS + "]")
    assert len(reading.flaws) == MOST_FLAWS + 1
    assert "more is wrong" in reading.flaws[-1].message


def test_objects_and_the_names_that_lead_to_them() -> None:
    node = read('{"a": [{"b": {}}]}').node
    assert node is not None
    assert [path for path, _ in node.walk()] == [(), ("a",), ("a", "b")]


@pytest.mark.parametrize("text", ["", " ", "]", ","])
def test_no_value_at_all(text: str) -> None:
    reading = read(text)
    assert reading.node is None
    assert reading.flaws


def test_the_first_of_two_members_is_the_one_that_is_got() -> None:
    reading = read('{"a": 1, "b": 2, "a": 3}')
    assert reading.node is not None
    [first, missing] = [reading.node.get(name) for name in "ac"]
    assert missing is None
    assert first is not None
    assert first.value == 1
