"""Spots: every scalar of a message where it stands, with the path that leads to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.places import pointer, resolve
from qmpconf.protocol.spans import spots, text_of
from qmpconf.protocol.values import loads

NAMES = st.sampled_from(["a", "b", "secret", "é", 'q"', ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def is_secret(name: str) -> bool:
    return name == "secret"


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_every_scalar_is_where_its_path_leads(value: Any, ascii_only: bool, indent: Any) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    found = []
    for spot in spots(data, is_secret):
        here = loads(data[spot.start : spot.end])
        assert not spot.is_name
        assert spot.is_string == isinstance(here, str)
        assert resolve(value, pointer(tuple(spot.path))) == here
        names = [one for one in spot.path if isinstance(one, str)]
        assert spot.name == (names[-1] if names else "")
        assert spot.marked == names.count("secret")
        if spot.path:
            assert data[spot.inside] == ord("[" if isinstance(spot.path[-1], int) else "{")
        else:
            assert spot.inside == -1
        found.append(here)
    assert found == scalars(value)


def scalars(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [one for inner in value.values() for one in scalars(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in scalars(inner)]
    return [value]


@given(VALUES)
def test_names_come_before_their_values(value: Any) -> None:
    data = json.dumps(value).encode()
    seen: list[tuple[Any, ...]] = []
    for spot in spots(data, names=True):
        if spot.is_name:
            assert spot.is_string
            assert text_of(data[spot.start : spot.end]) == spot.name == spot.path[-1]
            seen.append(tuple(spot.path))
        else:
            for length in range(1, len(spot.path) + 1):
                if isinstance(spot.path[length - 1], str):
                    assert tuple(spot.path[:length]) in seen
    assert len(seen) == count_of_members(value)


def count_of_members(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(count_of_members, value.values()))
    return sum(map(count_of_members, value)) if isinstance(value, list) else 0


def test_the_string_before_in_the_same_array() -> None:
    data = b'["a", "b", 1, "c", ["d", {}, "e"], "f", {"g": "h"}, "i"]'
    before = {}
    for spot in spots(data):
        text = data[spot.start : spot.end].decode()
        before[text] = spot.before and data[slice(*spot.before)].decode()
    assert before == {
        '"a"': None,
        '"b"': '"a"',
        "1": '"b"',
        '"c"': None,
        '"d"': None,
        '"e"': None,
        '"f"': None,
        '"h"': None,
        '"i"': None,
    }


def test_a_member_that_stands_twice_gives_two_spots_with_one_path() -> None:
    found = [(list(one.path), one.marked) for one in spots(b"{'secret':1,'secret':2}", is_secret)]
    assert found == [(["secret"], 1), (["secret"], 1)]


def test_the_innermost_object_or_array_is_known() -> None:
    data = b'{"a": [1, {"b": 2}, 3], "c": 4}'
    assert [one.inside for one in spots(data)] == [6, 10, 6, 0]


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (b'"a"', "a"),
        (b"'a'", "a"),
        (b'"\\u00e9\\n"', "é\n"),
        ('"é"'.encode(), "é"),
        (b"'\\''", "'"),
        (b'"\\\\"', "\\"),
    ],
)
def test_the_text_of_a_token(token: bytes, text: str) -> None:
    assert text_of(token) == text
