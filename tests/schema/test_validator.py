"""Payloads against a catalog: what is wrong, at which place, and what was allowed there."""

from __future__ import annotations

from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from qmpconf.protocol.values import Float, loads
from qmpconf.schema.bundle import build, reference
from qmpconf.schema.model import (
    Alternate,
    Catalog,
    Command,
    Enum,
    EnumValue,
    Member,
    Object,
    Source,
)
from qmpconf.schema.problems import MOST_PROBLEMS
from qmpconf.schema.store import load_shipped, shipped
from qmpconf.schema.validator import Validator
from tests.schema.samples import catalog
from tests.usual import share

PAINT = {"style": "plain", "colour": "red"}
MIX = {"what": "a", "names": []}

#: (command, arguments): nothing is wrong with these.
RIGHT = [
    ("paint", PAINT),
    ("paint", {"style": "striped", "width": "wide", "ratio": 1}),
    ("paint", {"style": "striped", "width": "wide", "ratio": Float("1.0"), "x-old": True}),
    ("paint", {"style": "striped", "width": "narrow", "node-name": "n"}),
    ("paint", {"style": "gilded"}),
    ("paint", {"style": "bare"}),
    ("paint", {**PAINT, "layers": 2**64 - 1}),
    ("paint", {**PAINT, "layers": -(2**63)}),
    ("mix", {"what": None, "names": ["x"]}),
    ("mix", {"what": {"parts": [{"parts": [{"size": 2**53 + 1}]}]}, "names": []}),
    ("mix", {"what": {"extra": {"any": [Float("1.0"), None]}}, "names": []}),
    ("stir", {}),
    ("device_add", {"driver": "d", "whatever": [1]}),
    ("device_add", {"driver": "d", "whatever": [loads(b"9" * 5000)]}),
]

#: (command, arguments, [(kind, path, hint)])
WRONG: list[tuple[str, dict[str, Any], list[tuple[str, tuple[str | int, ...], str]]]] = [
    ("paint", {}, [("missing", (), "")]),
    ("paint", {"style": "plian", "colour": 5}, [("value", ("style",), "plain")]),
    ("paint", {"style": 5}, [("type", ("style",), "")]),
    ("paint", {"style": "plain"}, [("missing", (), "")]),
    ("paint", {"style": "plain", "color": "red"}, [("unknown", ("color",), "colour")]),
    ("paint", {**PAINT, "width": "wide"}, [("unknown", ("width",), "")]),
    ("paint", {**PAINT, "layers": Float("1.0")}, [("type", ("layers",), "")]),
    ("paint", {**PAINT, "layers": True}, [("type", ("layers",), "")]),
    ("paint", {**PAINT, "layers": 2**64}, [("range", ("layers",), "")]),
    ("paint", {**PAINT, "layers": -(2**63) - 1}, [("range", ("layers",), "")]),
    ("paint", {**PAINT, "layers": loads(b"9" * 5000)}, [("range", ("layers",), "")]),
    ("paint", {**PAINT, "layers": loads(b"-" + b"9" * 5000)}, [("range", ("layers",), "")]),
    ("paint", {**PAINT, "style": loads(b"9" * 5000)}, [("type", ("style",), "")]),
    ("paint", {**PAINT, "more": loads(b"9" * 5000)}, [("unknown", ("more",), "")]),
    ("paint", {**PAINT, "node_name": "n"}, [("unknown", ("node_name",), "node-name")]),
    ("paint", {"style": "bare", "colour": "red"}, [("unknown", ("colour",), "")]),
    ("paint", {"style": "striped", "width": "wde"}, [("value", ("width",), "wide")]),
    ("paint", {"style": "striped", "width": "narrow", "ratio": 1}, [("unknown", ("ratio",), "")]),
    ("paint", {"style": "striped"}, [("missing", (), "")]),
    ("paint", {"style": "striped", "width": "wide", "ratio": "1"}, [("type", ("ratio",), "")]),
    ("mix", {"what": 5, "names": []}, [("type", ("what",), "")]),
    (
        "mix",
        {"what": {"parts": [{}, {"parts": [{"sise": 1}]}]}, "names": [1, "a", None]},
        [
            ("unknown", ("what", "parts", 1, "parts", 0, "sise"), "size"),
            ("type", ("names", 0), ""),
            ("type", ("names", 2), ""),
        ],
    ),
    ("stir", {"fast": True}, [("unknown", ("fast",), "")]),
    ("device_add", {"id": "x"}, [("missing", (), "")]),
    ("device_add", {"driver": 5, "more": 1}, [("type", ("driver",), "")]),
]


@pytest.fixture(scope="module")
def sample() -> Validator:
    return Validator(catalog())


@pytest.mark.parametrize(("command", "arguments"), RIGHT)
def test_right_arguments(sample: Validator, command: str, arguments: dict[str, Any]) -> None:
    assert not sample.arguments(command, arguments)


@pytest.mark.parametrize(("command", "arguments", "expected"), WRONG)
def test_each_wrong_place_is_named_once(
    sample: Validator, command: str, arguments: dict[str, Any], expected: list[Any]
) -> None:
    found = sample.arguments(command, arguments)
    assert [(one.kind, one.path, one.hint) for one in found] == expected


def test_what_was_allowed_there_is_told(sample: Validator) -> None:
    (unknown,) = sample.arguments("paint", {**PAINT, "shade": 1})
    assert unknown.expected == "one of the members style, node-name, colour, layers"
    assert unknown.seen == "'shade': 1"
    (value,) = sample.arguments("paint", {"style": "dotted"})
    assert value.expected == "one of plain, striped, gilded, bare"
    (kind,) = sample.arguments("mix", {**MIX, "what": True})
    assert kind.expected == "string or object or null"
    assert kind.seen == "boolean true"
    (extra,) = sample.arguments("stir", {"a": 1})
    assert extra.expected == "no members"


def test_returns_and_events(sample: Validator) -> None:
    assert not sample.returned("stir", ["a"])
    assert not sample.returned("paint", {})
    assert [one.kind for one in sample.returned("paint", {"a": 1})] == ["unknown"]
    assert [one.kind for one in sample.returned("stir", {})] == ["type"]
    assert not sample.data("DRIED", {"colour": "red"})
    assert [one.kind for one in sample.data("DRIED", {})] == ["missing"]
    assert [one.kind for one in sample.data("SPILT", {"x": 1})] == ["unknown"]


def test_a_name_that_is_not_there_is_a_key_error(sample: Validator) -> None:
    with pytest.raises(KeyError):
        sample.arguments("nothing", {})
    with pytest.raises(KeyError):
        sample.explain("command.nothing.arguments", {})


def test_values_as_they_come_off_the_wire(sample: Validator) -> None:
    text = b'{"style": "plain", "colour": "a", "layers": 18446744073709551615}'
    assert not sample.arguments("paint", loads(text))
    for number, kind in ((b"18446744073709551616", "range"), (b"1.0", "type"), (b"1e3", "type")):
        found = sample.arguments("paint", loads(text.replace(b"18446744073709551615", number)))
        assert [one.kind for one in found] == [kind]
    twice = loads(b'{"style": "gilded", "style": "bare"}')
    assert not sample.arguments("paint", twice)


def test_deep_values_have_an_answer(sample: Validator) -> None:
    deep: dict[str, Any] = {}
    for _ in range(1000):
        deep = {"parts": [deep]}
    assert not sample.arguments("mix", {"what": deep, "names": []})
    inner = deep
    while inner.get("parts"):
        inner = inner["parts"][0]
    inner["sise"] = 1
    (found,) = sample.arguments("mix", {"what": deep, "names": []})
    assert found.kind in {"unknown", "nesting"}


def test_no_more_problems_are_told_than_help(sample: Validator) -> None:
    for value in ({"names": [1] * 5000}, {f"m{n}": n for n in range(20_000)}):
        found = sample.arguments("mix", {"what": None, "names": [], **value})
        assert len(found) == MOST_PROBLEMS + 1
        assert found[-1].kind == "more"


def test_the_wrong_member_deep_inside_blockdev_add() -> None:
    real = Validator(load_shipped("qemu-7.2.22"))
    arguments = {
        "driver": "qcow2",
        "node-name": "disk",
        "file": {"driver": "file", "filenam": "/x"},
        "backing": {"driver": "raw", "file": {"driver": "nbd", "server": {"type": "unx"}}},
    }
    first, second = real.arguments("blockdev-add", arguments)
    assert (first.kind, first.path, first.hint) == ("unknown", ("file", "filenam"), "filename")
    assert "locking" in first.expected
    assert second.path == ("backing", "file", "server", "type")
    assert second.expected == "one of inet, unix, vsock, fd"


@pytest.mark.parametrize("name", share(shipped(), 5))
def test_bundles_are_json_schema_2020_12(name: str) -> None:
    bundle = build(load_shipped(name))
    jsonschema_rs.meta.validate(bundle)
    jsonschema.Draft202012Validator.check_schema(bundle)
    assert bundle["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_bundle_has_a_place_for_every_payload() -> None:
    definitions = build(catalog())["$defs"]
    for command in catalog().commands:
        assert f"command.{command}.arguments" in definitions
        assert f"command.{command}.return" in definitions
    for event in catalog().events:
        assert f"event.{event}.data" in definitions


def test_any_json_schema_tool_can_use_it() -> None:
    whole = {**build(catalog()), "$ref": reference("command.paint.arguments")}
    plain = jsonschema.Draft202012Validator(whole)
    assert plain.is_valid(PAINT)
    (error,) = plain.iter_errors({**PAINT, "shade": 1})
    assert "shade" in error.message


def document(*types: Object | Alternate | Enum) -> Catalog:
    """A catalog as a document compiler makes one: named types, the first for `go`'s arguments."""
    return Catalog(
        "doc",
        Source("document"),
        {"go": Command("go", types[0].name)},
        {},
        {one.name: one for one in types},
    )


def test_bases_are_folded_in() -> None:
    derived = Object((Member("own", "int8"),), "Base", name="Derived")
    base = Object((Member("common", "str"),), name="Base")
    one = Validator(document(derived, base))
    assert not one.arguments("go", {"own": 127, "common": ""})
    assert [p.kind for p in one.arguments("go", {"own": 128, "common": ""})] == ["range"]
    assert [p.message for p in one.arguments("go", {"own": 1})] == ["member 'common' is missing"]
    assert "Derived" in one.bundle["$defs"]


def test_an_optional_tag_and_an_open_enum() -> None:
    kind = Enum((EnumValue("a"),), "Kind", open=True)
    variant = Object((Member("x", "int"),), name="A")
    union = Object((Member("kind", "Kind", True),), tag="kind", variants={"a": "A"}, name="U")
    one = Validator(document(union, kind, variant))
    assert not one.arguments("go", {})
    assert not one.arguments("go", {"kind": "a", "x": 1})
    assert not one.arguments("go", {"kind": "other", "new": 1})
    assert [p.kind for p in one.arguments("go", {"x": 1})] == ["unknown"]


def test_an_alternate_that_json_types_do_not_tell_apart() -> None:
    number = Alternate(("number", "int", "str"), "Number")
    shapes = [Object((Member(name, "str"),), name=name.upper()) for name in ("a", "b")]
    either = Alternate(("A", "B"), "Either")
    holder = Object((Member("n", "Number", True), Member("e", "Either", True)), name="Holder")
    one = Validator(document(holder, number, either, *shapes))
    for right in ({"n": 1}, {"n": Float("1.5")}, {"n": ""}, {"e": {"a": ""}}, {"e": {"b": ""}}):
        assert not one.arguments("go", right)
    for wrong in ({"n": None}, {"e": {"c": ""}}, {"e": 5}):
        assert [p.kind for p in one.arguments("go", wrong)] == ["type"]


@pytest.mark.parametrize("name", ["a/b", "a~b", "a b%41", "[x]", "é", "a#b"])
def test_names_that_a_reference_must_escape(name: str) -> None:
    inner = Object((Member("m", "str"),), name=name)
    outer = Object((Member("inner", name),), name="Outer")
    one = Validator(document(outer, inner))
    assert not one.arguments("go", {"inner": {"m": ""}})
    assert [p.path for p in one.arguments("go", {"inner": {"m": 1}})] == [("inner", "m")]
