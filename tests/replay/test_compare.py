"""Two messages compared: each change is found at its place, masks excuse what they say."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.values import loads, pointer, resolve
from qmpconf.replay.compare import NOTHING, Comparison, Level, compare
from qmpconf.replay.masks import BUILT_IN, Mask, Masks

NO_MASKS = Masks(())


def look(
    expected: Any, got: Any, level: Level = Level.VALUE, masks: Masks = NO_MASKS, of: str = "x"
) -> Comparison:
    return compare(expected, got, level=level, masks=masks, message="reply", of=of)


def places(found: Comparison) -> list[tuple[str, str]]:
    return [(one.kind, pointer(one.path)) for one in found.mismatches]


@pytest.mark.parametrize(
    ("expected", "got", "found"),
    [
        ("1", "1.0", []),
        ("18446744073709551616", "1.8446744073709552e+19", []),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', []),
        ("1", "2", [("changed", "")]),
        ("1", "true", [("changed", "")]),
        ("0", "false", [("changed", "")]),
        ('"1"', "1", [("changed", "")]),
        ("null", "{}", [("changed", "")]),
        ("[]", "{}", [("changed", "")]),
        ('{"a": {"b": [1, 2]}}', '{"a": {"b": [1, 3]}}', [("changed", "/a/b/1")]),
        ('{"a": 1}', "{}", [("missing", "/a")]),
        ("{}", '{"a/b": 1}', [("extra", "/a~1b")]),
        ("[1, 2, 3]", "[1, 3]", [("missing", "/1")]),
        ("[1, 3]", "[1, 2, 3]", [("extra", "/1")]),
        ("[1, 2, 3]", "[4, 3]", [("changed", "/0"), ("missing", "/1")]),
        ("[[1], 2]", "[[1, 5], 2]", [("extra", "/0/1")]),
    ],
)
def test_each_place_that_differs_is_found_once(
    expected: str, got: str, found: list[tuple[str, str]]
) -> None:
    assert places(look(loads(expected.encode()), loads(got.encode()))) == found


def test_shape_wants_the_same_members_of_the_same_types() -> None:
    expected = {"a": 1, "b": [{"c": "x"}], "d": None}
    assert places(look(expected, {"a": 2, "b": [{"c": "y"}] * 3, "d": None}, Level.SHAPE)) == []
    assert places(look(expected, {"a": 2, "b": [], "d": None}, Level.SHAPE)) == []
    changed = {"a": "2", "b": [{"c": "y"}, {"c": 1}], "e": None}
    assert places(look(expected, changed, Level.SHAPE)) == [
        ("changed", "/a"),
        ("changed", "/b/1/c"),
        ("missing", "/d"),
        ("extra", "/e"),
    ]


@pytest.mark.parametrize(
    ("expected", "got", "kind"),
    [
        ({"return": 1}, {"return": 2}, None),
        ({"return": 1}, {"error": {"class": "GenericError", "desc": ""}}, "extra"),
        ({"error": {"class": "A", "desc": "x"}}, {"error": {"class": "A", "desc": "y"}}, None),
        ({"error": {"class": "A"}}, {"error": {"class": "B"}}, "changed"),
        ({"error": {"class": "A"}}, {"return": {}}, "missing"),
    ],
)
def test_outcome_wants_the_same_kind_of_answer(expected: Any, got: Any, kind: str | None) -> None:
    assert [one.kind for one in look(expected, got, Level.OUTCOME).mismatches] == [kind] * bool(
        kind
    )


def test_depth_is_no_limit() -> None:
    deep = loads(b'{"a":' * 5000 + b"1" + b"}" * 5000)
    other = loads(b'{"a":' * 5000 + b"2" + b"}" * 5000)
    assert places(look(deep, deep)) == []
    assert places(look(deep, other)) == [("changed", "/a" * 5000)]


# --- masks ----------------------------------------------------------------------------------------


def masked(place: str, kind: Any, **more: Any) -> Masks:
    return Masks([Mask("m", "reply", "x", place, kind, "a test", **more)])


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("/a/0/b", "/a/0/b"),
        ("/a/*/b", "/a/0/b"),
        ("/**/b", "/a/0/b"),
        ("/**", "/a/0/b"),
        ("/a/**/b", "/a/0/b"),
        ("/a/**/0/b", "/a/0/b"),
    ],
)
def test_a_mask_covers_its_places(place: str, path: str) -> None:
    expected, got = {"a": [{"b": 1, "c": 1}]}, {"a": [{"b": 2, "c": 1}]}
    found = look(expected, got, masks=masked(place, "integer"))
    assert found.mismatches == []
    assert [pointer(one.path) for one in found.masked] == [path]


@pytest.mark.parametrize("place", ["/a", "/a/*", "/*/b", "/b", "/a/0/b/c", "/a/1/b", ""])
def test_a_mask_covers_no_other_place(place: str) -> None:
    expected, got = {"a": [{"b": 1}]}, {"a": [{"b": 2}]}
    assert places(look(expected, got, masks=masked(place, "any"))) == [("changed", "/a/0/b")]


@pytest.mark.parametrize(
    ("kind", "expected", "got", "excused"),
    [
        ("integer", 1, 2, True),
        ("integer", 1, "2", False),
        ("integer", 1, 2.5, False),
        ("number", 1, 2.5, True),
        ("string", "a", "b", True),
        ("string", "a", None, False),
        ("any", "a", None, True),
        ("text", "node #block12", "node #block345", True),
        ("text", "node #block12", "mode #block345", False),
        ("text", "node #block12", 5, False),
    ],
)
def test_a_masked_place_is_still_compared(
    kind: str, expected: Any, got: Any, excused: bool
) -> None:
    found = look({"a": expected}, {"a": got}, masks=masked("/a", kind, pattern=r"#block\d+"))
    assert bool(found.masked) is excused
    assert bool(found.mismatches) is not excused


def test_a_mask_excuses_no_member_that_is_missing() -> None:
    assert places(look({"a": 1}, {}, masks=masked("/a", "any"))) == [("missing", "/a")]


def test_masks_do_not_apply_to_exact_and_shape() -> None:
    expected, got = {"a": 1}, {"a": "2"}
    for level in (Level.EXACT, Level.SHAPE):
        assert places(look(expected, got, level, masked("/a", "any"))) == [("changed", "/a")]


def test_a_set_is_compared_by_its_key() -> None:
    masks = masked("/return", "set", key="name")
    expected = {"return": [{"name": "a", "v": 1}, {"name": "b", "v": 2}]}
    assert places(look(expected, expected, masks=masks)) == []
    swapped = {"return": expected["return"][::-1]}
    found = look(expected, swapped, masks=masks)
    assert (places(found), len(found.masked)) == ([], 1)
    other = {"return": [{"name": "c"}, {"name": "b", "v": 3}]}
    assert places(look(expected, other, masks=masks)) == [
        ("missing", "/return/0"),
        ("changed", "/return/1/v"),
        ("extra", "/return/2"),
    ]


def test_every_built_in_mask_has_a_place_and_a_reason() -> None:
    for mask in BUILT_IN:
        assert mask.place.startswith("/")
        assert mask.reason
        assert mask.name
        assert bool(mask.pattern) == (mask.kind in ("text", "optional"))


# --- properties -----------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc/", max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_is_the_same_as_itself(value: Any) -> None:
    for level in Level:
        assert look(value, copy.deepcopy(value), level).mismatches == []


@given(VALUES, VALUES)
def test_values_without_a_mismatch_are_equal_and_mismatches_are_true(one: Any, other: Any) -> None:
    found = look(one, other)
    assert bool(found.mismatches) == (repr(one) != repr(other) and not _same(one, other))
    for mismatch in found.mismatches:
        if mismatch.expected is not NOTHING:
            assert resolve(one, pointer(mismatch.path)) == mismatch.expected


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)
