"""SchemaInfo to catalog: every meta-type of every release, and what is not a SchemaInfo."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.model import Alternate, Array, Command, Enum, Object
from tests.schema.samples import catalog, entries


def with_entry(which: str, **changes: Any) -> list[dict[str, Any]]:
    """The sample with one entry changed; a member set to None goes away."""
    found = copy.deepcopy(entries())
    entry = next(one for one in found if one["name"] == which)
    for member, value in changes.items():
        if value is None:
            del entry[member.replace("_", "-")]
        else:
            entry[member.replace("_", "-")] = value
    return found


def test_counts_what_was_there() -> None:
    sample = catalog()
    assert sorted(sample.commands) == ["device_add", "mix", "paint", "stir"]
    assert sorted(sample.events) == ["DRIED", "SPILT"]


def test_commands_keep_features_and_out_of_band() -> None:
    stir = catalog().commands["stir"]
    assert stir.allow_oob
    assert stir.facts.features == ("deprecated",)
    assert stir.arguments == ""
    assert not catalog().commands["mix"].allow_oob


def test_nothing_in_and_nothing_out_are_empty() -> None:
    sample = catalog()
    assert sample.commands["paint"].returns == ""
    assert sample.events["SPILT"].data == ""
    assert sample.events["DRIED"].data


def test_masked_type_names_are_no_names() -> None:
    assert {found.name for found in catalog().types.values()} == {""}


def test_unmasked_names_stay() -> None:
    found = [{**one, "arg-type": "Style"} if one["name"] == "DRIED" else one for one in entries()]
    found.append({"meta-type": "object", "name": "Style", "members": []})
    found.append({"meta-type": "object", "name": "q_obj_x-arg", "members": []})
    types = compile_introspection(found).types
    assert types["Style"].name == "Style"
    assert types["q_obj_x-arg"].name == ""


def test_enums_by_members_and_by_values() -> None:
    types = catalog().types
    first, second = types["1"], types["2"]
    assert isinstance(first, Enum)
    assert isinstance(second, Enum)
    assert [value.name for value in first.values] == ["plain", "striped", "gilded", "bare"]
    assert first.values[2].facts.features == ("deprecated",)
    assert [value.name for value in second.values] == ["wide", "narrow"]


def test_members_are_optional_when_they_have_a_default() -> None:
    found = catalog().types["4"]
    assert isinstance(found, Object)
    assert [(one.name, one.type, one.optional) for one in found.members] == [
        ("colour", "str", False),
        ("layers", "int", True),
    ]


def test_unions_alternates_and_arrays() -> None:
    types = catalog().types
    union, alternate, array = types["3"], types["7"], types["[8]"]
    assert isinstance(union, Object)
    assert union.tag == "style"
    assert union.variants == {"plain": "4", "striped": "5", "gilded": "0"}
    assert isinstance(alternate, Alternate)
    assert alternate.branches == ("str", "8", "null")
    assert isinstance(array, Array)
    assert array.element == "8"


def test_open_ended_arguments_by_rule() -> None:
    sample = catalog()
    arguments = sample.types[sample.commands["device_add"].arguments]
    assert isinstance(arguments, Object)
    assert arguments.open
    shared = sample.types["10"]
    assert isinstance(shared, Object)
    assert not shared.open, "the type itself stays closed for whoever else uses it"


def test_a_described_object_add_is_closed() -> None:
    """Since 6.0 `object-add` is a union: the rule does not apply any more."""
    found = [*entries(), {"meta-type": "command", "name": "object-add", "arg-type": "3"}]
    found[-1]["ret-type"] = "0"
    sample = compile_introspection(found)
    arguments = sample.types[sample.commands["object-add"].arguments]
    assert isinstance(arguments, Object)
    assert not arguments.open


def test_builtins_go_by_json_type() -> None:
    found = with_entry("int", name="whole")
    for entry in found:
        for member in entry.get("members", ()):
            if isinstance(member, dict) and member.get("type") == "int":
                member["type"] = "whole"
    layers = compile_introspection(found).types["4"]
    assert isinstance(layers, Object)
    assert layers.members[1].type == "int"


def test_the_product_shows_in_the_commands() -> None:
    assert catalog().source.product == "qemu"
    daemon = compile_introspection(
        [one for one in entries() if one["name"] != "device_add"], version="7.0.0"
    )
    assert daemon.name == "qemu-storage-daemon-7.0.0"


MALFORMED: dict[str, tuple[Any, str]] = {
    "no list": ({"return": []}, "not a list"),
    "text": ("[]", "not a list"),
    "empty": ([], "not a list"),
    "entry is not an object": ([*entries(), 5], "entry 26: is not an object"),
    "no name": ([{"meta-type": "enum"}], "entry 1: `name`"),
    "no meta-type": ([{"name": "7"}], "entry 1 ('7'): `meta-type`"),
    "new meta-type": ([{"name": "7", "meta-type": "tuple"}], "'tuple' is unknown"),
    "new json-type": (with_entry("int", json_type="bignum"), "('int'): json-type 'bignum'"),
    "twice": ([*entries(), entries()[6]], "('0'): stands there twice"),
    "enum of numbers": (with_entry("2", values=[1]), "('2'): has neither"),
    "member without type": (with_entry("4", members=[{"name": "a"}]), "('4'): `type`"),
    "member twice": (
        with_entry("4", members=[{"name": "a", "type": "str"}] * 2),
        "('4'): has two members of one name",
    ),
    "members no list": (with_entry("4", members={}), "('4'): `members`"),
    "tag alone": (with_entry("3", variants=None), "('3'): has one of"),
    "tag unknown": (with_entry("3", tag="shade"), "('3'): its tag 'shade'"),
    "variant no object": (
        with_entry("3", variants=[{"case": "plain", "type": "str"}]),
        "('3'): variant 'plain' is not an object type",
    ),
    "type nowhere": (with_entry("[8]", element_type="99"), "('[8]'): type '99' is nowhere"),
    "arguments no object": (with_entry("mix", arg_type="1"), "('mix'): `arg-type` '1'"),
    "oob no boolean": (with_entry("stir", allow_oob="yes"), "('stir'): `allow-oob`"),
    "features no list": (with_entry("stir", features="deprecated"), "('stir'): `features`"),
    "endless": (
        with_entry("3", variants=[{"case": "plain", "type": "3"}]),
        "'3': is a variant of itself",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_schema_info_names_the_entry(case: str) -> None:
    found, words = MALFORMED[case]
    with pytest.raises(InputError) as error:
        compile_introspection(found)
    assert words in str(error.value)


def nested(levels: int) -> list[dict[str, Any]]:
    """Unions whose two branches are both unions with both of the next two as branches."""
    found: list[dict[str, Any]] = [
        {"name": "0", "meta-type": "object", "members": []},
        {"name": "e", "meta-type": "enum", "values": ["a", "b"]},
        {"name": "go", "meta-type": "command", "arg-type": "u0a", "ret-type": "0"},
    ]
    for level in range(levels):
        for side in "ab":
            variants = [
                {"case": case, "type": f"u{level + 1}{case}" if level + 1 < levels else "0"}
                for case in "ab"
            ]
            tag = f"t{level}"
            found.append(
                {
                    "name": f"u{level}{side}",
                    "meta-type": "object",
                    "members": [{"name": tag, "type": "e"}],
                    "tag": tag,
                    "variants": variants,
                }
            )
    return found


def test_unions_within_unions_have_a_bound() -> None:
    assert len(compile_introspection(nested(8)).types) == 18
    for levels in (20, 2000):
        with pytest.raises(InputError, match="too many branches within each other"):
            compile_introspection(nested(levels))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "meta-type", "members", "type", "tag", "variants", "case"]),
            inner | st.sampled_from(["object", "enum", "command", "0"]),
            max_size=5,
        )
    ),
)


@given(extra=st.lists(_JSON, max_size=3), at=st.integers(0, 24), value=_JSON)
def test_whatever_comes_is_a_catalog_or_an_input_error(
    extra: list[Any], at: int, value: Any
) -> None:
    found = entries()
    member = min(found[at])
    found[at][member] = value
    with suppress(InputError):
        assert compile_introspection(found + extra).commands


def test_commands_that_old_servers_do_not_show() -> None:
    """QEMU 2.5 to 2.7 have `qmp_capabilities` and `device_add`, and their introspection has not."""
    ask = {"meta-type": "command", "name": "query-qmp-schema", "arg-type": "0", "ret-type": "0"}
    status = {"meta-type": "command", "name": "query-status", "arg-type": "0", "ret-type": "0"}
    old = [one for one in entries() if one["name"] != "device_add"]
    found = compile_introspection([*old, ask, status])
    assert found.commands["qmp_capabilities"] == Command("qmp_capabilities")
    arguments = found.types[found.commands["device_add"].arguments]
    assert isinstance(arguments, Object)
    assert arguments.open
    assert [one.name for one in arguments.members if not one.optional] == ["driver"]
    assert "qmp_capabilities" not in compile_introspection(entries()).commands
