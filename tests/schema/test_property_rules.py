"""What properties take, as JSON and as text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.protocol.values import Float, Long
from qmpconf.schema.property_catalog import load_shipped_properties, shipped_properties
from qmpconf.schema.property_rules import (
    as_text,
    looks_typed,
    misfit,
    shape_of,
    text_misfit,
    way_of,
)
from qmpconf.schema.select import Version

#: Property, its type, values that fit, values that do not.
TYPED = [
    ("on", "bool", [True, False], ["on", "true", 1, 0, None, [], {}]),
    ("n", "uint8", [0, 255], [256, -1, "5", Float("5.0"), True, None]),
    ("n", "int32", [-(2**31), 2**31 - 1], [2**31, "1", Float("1e2")]),
    ("n", "uint64", [0, -1, 2**64 - 1], [2**64, "0x10", Long("9" * 5000)]),
    ("n", "size", [1024, -1], ["1M", "1024"]),
    ("s", "str", ["", "5", "on"], [5, True, None, ["a"]]),
    ("s", "string", ["x"], [5]),
    ("o", "OnOffAuto", ["on", "off", "auto"], [True, "yes", "On", 1]),
    ("e", "BlockdevOnError", ["report", "whatever"], [3]),
    ("l", "link<iothread>", ["thread0", ""], [1, {"id": "thread0"}]),
    ("addr", "int32", ["0x5", "05.0", 5, -1], [256, True, None, []]),
    ("addr", "str", ["5", 255], [Float("5.0"), {}]),
    ("q", "IOThreadVirtQueueMappingList", [[{"iothread": "t0"}], []], ["t0", {}]),
    ("a", "SocketAddress", [{"type": "unix"}], ["unix:x", []]),
]


@pytest.mark.parametrize(("name", "type_name", "right", "wrong"), TYPED)
def test_typed(name: str, type_name: str, right: list[object], wrong: list[object]) -> None:
    shape = shape_of(name, type_name)
    assert shape is not None
    assert [value for value in right if misfit(shape, value)] == []
    assert [value for value in wrong if not misfit(shape, value)] == []


#: The same, as text.
TEXT = [
    (
        "on",
        "bool",
        [True, False, "on", "off", "yes", "no", "true", "false"],
        ["1", 1, 0, "", "auto"],
    ),
    (
        "n",
        "uint8",
        [5, "5", " 5", "0x10", "010", Float("5.0"), 255],
        ["300", 300, -1, "1k", "", True],
    ),
    ("n", "int32", [-1, "-1", "+1"], ["on", "1.5", Float("1.5"), "5 ", 2**31]),
    (
        "n",
        "size",
        ["1M", "1.5G", 5, "512", "5.0", ".5k", "0x10", " 5"],
        ["on", "", True, "1.5", -1, "5 ", "0-3"],
    ),
    ("n", "int", ["128k", 5], ["on", ""]),
    ("s", "str", [5, True, "x", Float("1.5")], []),
    ("o", "OnOffAuto", [True, False, "auto"], [1, "yes"]),
]


@pytest.mark.parametrize(("name", "type_name", "right", "wrong"), TEXT)
def test_as_text(name: str, type_name: str, right: list[object], wrong: list[object]) -> None:
    shape = shape_of(name, type_name)
    assert shape is not None

    def fits(value: object) -> bool:
        text = as_text(value)
        return text is None or not text_misfit(shape, type_name, text)

    assert [value for value in right if not fits(value)] == []
    assert [value for value in wrong if fits(value)] == []


@pytest.mark.parametrize("value", [None, [], ["a"], {}, {"a": 1}])
def test_as_text_some_values_are_ignored(value: object) -> None:
    assert as_text(value) is None


@settings(deadline=None)
@given(st.integers(-(2**63), 2**64 - 1))
def test_an_integer_that_fits_fits_as_text_too(number: int) -> None:
    for type_name in ("uint8", "int16", "int32", "uint32", "int64"):
        shape = shape_of("n", type_name)
        assert shape is not None
        if misfit(shape, number) is None:
            assert text_misfit(shape, type_name, str(as_text(number))) == ""


@pytest.mark.parametrize("type_name", ["GuestPanicInformation", "child<irq>", "StrOrNull", ""])
def test_names_of_types_that_are_not_known_are_not_judged(type_name: str) -> None:
    assert shape_of("n", type_name) is None


#: Most of these are results that nobody can set.
UNKNOWN = {
    "GuestPanicInformation",
    "QAuthZListRule",
    "StrOrNull",
    "X86CPUFeatureWordInfo",
    "busnr",
    "guest statistics",
    "int32_t",
    "strList",
    "struct tm",
    "uint4",
}


@pytest.mark.parametrize("name", shipped_properties())
def test_nearly_all_properties_of_real_builds_have_a_known_type(name: str) -> None:
    catalog = load_shipped_properties(name)
    named = {
        (one, type_name)
        for one, types in catalog.types_by_name.items()
        for type_name in types
        if not type_name.startswith("child<")
    }
    unknown = {type_name for one, type_name in named if shape_of(one, type_name) is None}
    assert unknown <= UNKNOWN


def test_the_way_of_each_release() -> None:
    ways = {text: way_of("device_add", Version.parse(text))[0] for text in
            ("1.0", "5.2.0", "6.1.0", "6.2.0", "7.2.22", "9.1.2", "9.2.0", "10.0.13", "11.1.3")}  # fmt: skip
    assert ways == {
        **dict.fromkeys(("1.0", "5.2.0", "6.1.0"), "text"),
        **dict.fromkeys(("6.2.0", "7.2.22", "9.1.2"), "deprecated"),
        **dict.fromkeys(("9.2.0", "10.0.13", "11.1.3"), "typed"),
    }
    assert way_of("device_add", None)[0] == "unknown"
    assert way_of("qom-set", None)[0] == way_of("object-add", Version(5, 2))[0] == "typed"


@pytest.mark.parametrize(
    ("value", "form"),
    [("5", "integer"), ("on", "boolean"), ("true", "boolean"), ("0x5", None), ("", None), (5, None),
     ("nic0", None), ("٣", None)],
)  # fmt: skip
def test_strings_that_look_like_something_else(value: object, form: str | None) -> None:
    assert looks_typed(value) == form
