"""White space put in and taken out leaves the value, and every token, as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.values import Malformed, loads
from qmpconf.trace.convert.jsontext import compact, members, names, pretty, tokens

#: QMP takes no non-characters, which are among those that are not assigned.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cn")))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1, 4]))
def test_the_value_stays(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    assert json.loads(compact(text)) == value
    assert json.loads(pretty(text)) == value
    assert compact(pretty(text)) == compact(text)
    if isinstance(value, str) or not any(one in text for one in (b"[", b"{")):
        return
    assert b"\n" not in compact(text)


@given(VALUES)
def test_pretty_is_what_everybody_calls_pretty(value: object) -> None:
    text = json.dumps(value).encode()
    assert pretty(text, 2).decode() == json.dumps(value, indent=2)
    assert compact(json.dumps(value, indent=3).encode()) == text


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_members(value: dict[str, object]) -> None:
    text = json.dumps(value, indent=2).encode()
    found = members(text)
    assert found is not None
    assert {name: json.loads(data) for name, data in found} == value
    assert names(text) == set(value)


@pytest.mark.parametrize("text", [b"", b"[1]", b"1", b'"{}"', b"{", b"{]", b'{"a":1,}'])
def test_what_is_no_object_has_no_members(text: bytes) -> None:
    assert members(text) is None
    assert names(text) == frozenset()


def test_members_that_stand_twice_and_numbers_stay() -> None:
    text = b'{"a":1.50, "a":18446744073709551616,\t"b":{ }}'
    assert compact(text) == b'{"a": 1.50, "a": 18446744073709551616, "b": {}}'
    assert members(text) == [("a", b"1.50"), ("a", b"18446744073709551616"), ("b", b"{ }")]
    assert pretty(text) == b'{\n  "a": 1.50,\n  "a": 18446744073709551616,\n  "b": {}\n}'


def test_the_dialect_becomes_json() -> None:
    assert pretty(b"{'a':'it\\'s'}") == b'{\n  "a": "it\'s"\n}'
    assert members(b"{'a':[1]}") == [("a", b"[1]")]


def test_depth_costs_no_stack_and_little_room() -> None:
    deep = b"[" * 20_000 + b"]" * 20_000
    assert compact(deep) == deep
    assert len(pretty(deep)) < 200 * len(deep)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    assert compact(data, b",", b":") == b"".join(tokens(data))
    try:
        pretty(data)
    except Malformed:
        assert b"'" in data
    if members(data) is not None:
        loads(data)
