"""Places in values, there and back, and when two values are the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.places import pointer, pointer_parts, replaced, resolve, same
from qmpconf.protocol.values import loads


@given(st.lists(st.text(max_size=4), max_size=4))
def test_pointers_there_and_back(parts: list[str]) -> None:
    assert pointer_parts(pointer(parts)) == parts
    value: Any = "here"
    for part in reversed(parts):
        value = {part: value, part + "x": 0}
    assert resolve(value, pointer(parts)) == "here"


def test_resolve() -> None:
    value = {"a": [{"b/c": 1, "~": 2}], "0": 3}
    assert resolve(value, "") is value
    assert resolve(value, "/a/0/b~1c") == 1
    assert resolve(value, "/a/0/~0") == 2
    assert resolve(value, "/0") == 3
    for absent in ("/b", "/a/1", "/a/-1", "/a/²", "/a/0/b~1c/d", "/a/-", "/a/" + "9" * 5000):
        with pytest.raises(KeyError):
            resolve(value, absent)
        with pytest.raises(KeyError):
            replaced(value, absent, 1)
    with pytest.raises(ValueError, match="not a JSON pointer"):
        resolve(value, "a")


def test_replaced_is_a_copy() -> None:
    value = {"a": [{"b/c": 1, "~": [2]}], "0": 3}
    before = repr(value)
    assert replaced(value, "/a/0/b~1c", None) == {"a": [{"b/c": None, "~": [2]}], "0": 3}
    assert replaced(value, "", None) is None
    assert repr(value) == before


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (b"1", b"1.0", True),
        (b"0.1", b"0.10000000000000001", True),
        (b"18446744073709551616", b"1.8446744073709552e+19", True),
        (b"18446744073709551617", b"1.8446744073709552e+19", True),
        (b"9007199254740993", b"9007199254740992", False),
        (b"1e400", b"1e500", True),
        (b"true", b"1", False),
        (b"false", b"0", False),
        (b"null", b"null", True),
        (b"null", b"false", False),
        (b'"1"', b"1", False),
        (b'{"a":1,"b":[2]}', b'{"b":[2.0],"a":1}', True),
        (b'{"a":1}', b'{"a":1,"b":2}', False),
        (b"[1,2]", b"[2,1]", False),
        (b"[]", b"{}", False),
    ],
)
def test_same_after_a_server_normalised_it(one: bytes, other: bytes, equal: bool) -> None:
    assert same(loads(one), loads(other)) is equal
    assert same(loads(other), loads(one)) is equal
