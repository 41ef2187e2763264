"""Two messages compared: each change is found at its place, masks excuse what they say."""

from __future__ import annotations

import copy
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.places import pointer, resolve
from qmpconf.protocol.values import loads
from qmpconf.replay.compare import (
    NOTHING,
    Comparison,
    Level,
    compare,
    excuse_counted,
    excuse_redacted,
)
from qmpconf.replay.masks import BUILT_IN, Mask, Masks, Message, own_address
from qmpconf.replay.masks import Kind as MaskKind
from qmpconf.trace.redaction import REPLACEMENT

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


@pytest.mark.parametrize("period", [1, 2, 1000])
def test_long_lists_that_repeat_take_no_long_time(period: int) -> None:
    one = [at % period for at in range(100_000)]
    found = places(look([*one, -1, *one], [-2, *one[1:], *one]))
    assert 0 < len(found) <= 3 * period


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


@pytest.mark.parametrize(
    ("recorded", "got", "found"),
    [
        ({"rd_bytes": 512}, {"rd_bytes": 0}, []),
        ({"rd_bytes": 512}, {"rd_bytes": 17}, []),
        ({"rd_bytes": 512}, {}, []),
        ({}, {"rd_bytes": 3}, []),
        ({"rd_bytes": 512}, {"rd_bytes": 513}, [("changed", "/return/0/stats/rd_bytes")]),
        ({"rd_bytes": 512}, {"rd_bytes": -1}, [("changed", "/return/0/stats/rd_bytes")]),
        ({"rd_bytes": 512}, {"rd_bytes": True}, [("changed", "/return/0/stats/rd_bytes")]),
        ({"rd_bytes": 512}, {"rd_bytes": "0"}, [("changed", "/return/0/stats/rd_bytes")]),
        ({"account": "x"}, {}, [("missing", "/return/0/stats/account")]),
    ],
)
def test_a_guest_that_has_not_come_as_far_differs_in_nothing(
    recorded: Any, got: Any, found: list[tuple[str, str]]
) -> None:
    both = [{"return": [{"stats": one}]} for one in (recorded, got)]
    assert places(look(*both, masks=Masks(BUILT_IN), of="query-blockstats")) == found


def test_a_migration_that_has_not_counted_yet_differs_in_nothing() -> None:
    recorded = {"return": {"status": "active", "ram": {"total": 9, "mbps": 0.5}}}
    got = {"return": {"status": "active"}}
    assert places(look(recorded, got, masks=Masks(BUILT_IN), of="query-migrate")) == []
    other = {"return": {"status": "failed"}}
    found = places(look(recorded, other, masks=Masks(BUILT_IN), of="query-migrate"))
    assert found == [("changed", "/return/status")]


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
        assert mask.kind in get_args(MaskKind)
        assert mask.message in ("", *get_args(Message))


def test_a_mask_that_was_used_is_said_with_its_place() -> None:
    found = look([{"n": 1}, {"n": 2}], [{"n": 2}, {"n": 1}], masks=masked("", "set", key="n"))
    assert not found.mismatches
    assert [(one.mask.kind, one.path) for one in found.masked] == [("set", ())]


def test_what_may_linger_may_be_missing_or_extra_and_nothing_else_may() -> None:
    masks = Masks(BUILT_IN)
    migration, chardev = {"type": "migration"}, {"type": "chardev", "id": "c"}
    for one, other in (([migration, chardev], [chardev]), ([chardev], [chardev, migration])):
        found = look({"return": one}, {"return": other}, masks=masks, of="query-yank")
        assert not found.mismatches
        assert [entry.mask.name for entry in found.masked] == ["lingering"]
    found = look({"return": [migration]}, {"return": [chardev]}, masks=masks, of="query-yank")
    assert found.mismatches
    found = look({"return": [chardev]}, {"return": []}, masks=masks, of="query-yank")
    assert places(found) == [("missing", "/return/0")]


def test_the_monitors_own_address_may_differ() -> None:
    (mask,) = own_address("unix:/run/vm.sock", "tcp:127.0.0.1:4444")
    assert mask.reason
    assert mask.allows("unix:/run/vm.sock,server=on", "unix:127.0.0.1:4444,server=on")
    assert not mask.allows("unix:/run/vm.sock,server=on", "unix:127.0.0.1:4444")
    assert not mask.allows("unix:/run/vm.sock", "unix:/run/other.sock")


@pytest.mark.parametrize(
    ("one", "other"),
    [("", "unix:/run/vm.sock"), ("unix:a", "unix:/run/vm.sock"), ("fd:12345", "tcp:localhost:1")],
)
def test_an_address_that_says_nothing_hides_nothing(one: str, other: str) -> None:
    assert own_address(one, other) == ()
    assert own_address(other, one) == ()


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        (REPLACEMENT, "anything", True),
        (REPLACEMENT, 5, True),
        ("anything", REPLACEMENT, True),
        (f"a={REPLACEMENT}", "a=secret", True),
        (f"a={REPLACEMENT}", "a=", True),
        (f"a={REPLACEMENT}", "b=secret", False),
        (f"{REPLACEMENT}=b", "secret=b", True),
        (f"{REPLACEMENT}=b", "secret=c", False),
        (f"a={REPLACEMENT},b={REPLACEMENT};", "a=1,b=2;", True),
        (f"a={REPLACEMENT},b={REPLACEMENT};", "a=1;", False),
        (f"a={REPLACEMENT},b={REPLACEMENT},c", "a=1,b=2,c", True),
        # what stands before the placeholder is not what stands behind it
        (f"ab{REPLACEMENT}bc", "abc", False),
        (f"a{REPLACEMENT}a", "a", False),
        (f"x{REPLACEMENT}-{REPLACEMENT}-y", "x-y", False),
        ("a", "b", False),
        (f"a={REPLACEMENT}", 5, False),
    ],
)
def test_only_a_secret_is_excused_where_one_was_taken_out(
    expected: Any, got: Any, same: bool
) -> None:
    for one, other in ((expected, got), (got, expected)):
        found = look({"x": one, "y": 1}, {"x": other, "y": 1})
        excuse_redacted(found, ("/x",))
        assert (not found.mismatches) == same
        assert [entry.path for entry in found.masked] == ([("x",)] if same else [])


def test_nothing_is_excused_at_another_place_or_where_a_value_is_missing() -> None:
    found = look({"x": REPLACEMENT, "y": 1, "z": 2}, {"x": "s", "y": 2})
    excuse_redacted(found, ("/y", "/z"))
    assert places(found) == [("changed", "/x"), ("changed", "/y"), ("missing", "/z")]


def test_of_a_message_that_is_a_secret_altogether_every_value_is_excused() -> None:
    found = look({"x": 1, "y": [1]}, {"x": 2, "y": [2], "z": 3})
    excuse_redacted(found, ("",))
    assert places(found) == [("extra", "/z")]


@pytest.mark.parametrize(
    ("command", "count", "excused"),
    [
        ("guest-file-write", 6, True),
        ("guest-file-read", 6, True),
        ("guest-file-write", 3, False),
        ("guest-exec", 6, False),
    ],
)
def test_the_count_of_a_placeholder_in_a_guest_file_is_excused(
    command: str, count: int, excused: bool
) -> None:
    found = look({"return": {"count": 5, "eof": False}}, {"return": {"count": count, "eof": False}})
    excuse_counted(found, command)
    assert places(found) == ([] if excused else [("changed", "/return/count")])
    assert len(found.masked) == excused


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
