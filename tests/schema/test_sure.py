"""What is exported demands nothing that its source does not surely say, and all the rest as before."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from qmpconf.schema.bundle import build, reference
from qmpconf.schema.model import (
    Array,
    Catalog,
    Command,
    Conclusion,
    Contradiction,
    Enum,
    EnumValue,
    Facts,
    Member,
    Object,
    Source,
    Type,
)
from qmpconf.schema.store import load_shipped
from qmpconf.schema.sure import sure

LEFT_OUT = Facts(against=(Contradiction("missing", 3),), strength="contradicted")
OTHERWISE = Facts(against=(Contradiction("type", 4),), strength="contradicted")
EXAMPLE = Facts(strength="example")

TYPES: dict[str, Type] = {
    "A": Object(
        (
            Member("plain", "int"),
            Member("gone", "int", facts=LEFT_OUT),
            Member("other", "int", facts=OTHERWISE),
            Member("inner", "B", facts=EXAMPLE),
            Member("list", "L", facts=EXAMPLE),
            Member("mode", "E"),
        ),
        shown=(Member("extra", "int"),),
    ),
    "B": Object((Member("b", "int"),)),
    "L": Array("B"),
    "E": Enum((EnumValue("on"),), shown=(EnumValue("auto"),)),
    "U": Object((Member("t", "T", facts=LEFT_OUT),), tag="t", variants={"x": "B"}),
    "T": Enum((EnumValue("x"), EnumValue("y"))),
}


def catalog(partial: str = "", kind: str = "document") -> Catalog:
    source = Source(kind, version="1.0", partial=partial)  # type: ignore[arg-type]
    concluded = Facts(concluded=(Conclusion("example", "B"),))
    commands = {
        "a": Command("a", "A", "U"),
        "b": Command("b", "B", "B", facts=concluded),
        "nothing": Command("nothing"),
    }
    return Catalog("x", source, commands, {}, TYPES)


GOOD: dict[str, Any] = {
    "plain": 1,
    "gone": 1,
    "other": 1,
    "inner": {"b": 1},
    "list": [{"b": 1}],
    "mode": "on",
}


def takes(found: Catalog, name: str, value: Any) -> bool:
    bundle = build(found, exported=True)
    return jsonschema.Draft202012Validator({**bundle, "$ref": reference(name)}).is_valid(value)


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({}, True),
        ({"plain": "1"}, False),
        ({"gone": None}, False),
        ({"other": "any"}, True),
        ({"inner": "any"}, True),
        ({"inner": {"b": "1"}}, False),
        ({"inner": [1]}, True),
        ({"list": {"b": 1}}, True),
        ({"list": [1, "x"]}, True),
        ({"list": [{"b": "1"}]}, False),
        ({"mode": "auto"}, True),
        ({"mode": "off"}, False),
        ({"extra": [1]}, True),
        ({"unheard": 1}, False),
    ],
)
def test_only_what_is_sure_is_demanded(change: dict[str, Any], taken: bool) -> None:
    assert takes(catalog(), "command.a.arguments", {**GOOD, **change}) == taken


def test_what_a_document_leaves_out_is_optional_and_a_tag_then_stands_for_no_branch() -> None:
    rest = {name: value for name, value in GOOD.items() if name != "gone"}
    assert takes(catalog(), "command.a.arguments", rest)
    assert not takes(catalog(), "command.a.arguments", {**rest, "plain": None})
    for value, taken in (
        ({"t": "x", "b": 1}, True),
        ({"t": "x"}, False),
        ({"t": "y", "b": 1}, False),
        ({"b": 1}, True),
        ({"t": "z"}, False),
    ):
        assert takes(catalog(), "command.a.return", value) == taken, value


def test_what_was_concluded_demands_nothing_but_an_object_to_send() -> None:
    assert takes(catalog(), "command.b.arguments", {"x": 1})
    assert not takes(catalog(), "command.b.arguments", 5)
    assert takes(catalog(), "command.b.return", 5)
    assert not takes(catalog(), "command.nothing.arguments", {"x": 1})


def test_in_a_part_everything_is_open() -> None:
    part = catalog(partial="torn")
    assert takes(part, "command.nothing.arguments", {"x": 1})
    assert takes(part, "command.nothing.return", {"x": 1})
    assert takes(part, "command.a.arguments", {**GOOD, "unheard": 1, "mode": "off"})
    assert not takes(part, "command.a.arguments", {**GOOD, "plain": "1"})


def test_what_programs_read_is_sure_as_it_is() -> None:
    for kind in ("introspection", "qapi"):
        exact = catalog(kind=kind)
        assert sure(exact) is exact
    shipped = load_shipped("qemu-1.6.2-doc")
    assert sure(shipped) != shipped
    assert sure(shipped).commands.keys() == shipped.commands.keys()


def test_lists_inside_of_themselves_have_an_end() -> None:
    types: dict[str, Type] = {"L": Array("L"), "A": Object((Member("l", "L", facts=EXAMPLE),))}
    found = Catalog("x", Source("document"), {"c": Command("c", "A")}, {}, types)
    assert takes(found, "command.c.arguments", {"l": [[5]]})
