"""Catalogs written as QAPI source, and compiled: the same catalogs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.schema.conditions import Condition, parsed
from qmpconf.schema.model import (
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    EnumValue,
    Event,
    Facts,
    Member,
    Object,
    Source,
    Type,
)
from tests.schema.qapi.sources import compiled
from tests.usual import examples

NAMES = ("a", "b-c", "d2", "x-e")
CONDITIONS = st.sampled_from(
    ["", "", "", "A", "not A", "A and B_C", "A or not (B_C and D)", "not (A or D)"]
)
FEATURES = st.lists(st.sampled_from(["deprecated", "unstable", "fast"]), unique=True, max_size=2)
BUILTINS = ("str", "int", "uint8", "size", "number", "bool", "null", "any")


@st.composite
def facts(draw: st.DrawFn, *, special: bool = True) -> Facts:
    names = [one for one in draw(FEATURES) if special or one == "fast"]
    conditions = tuple((one, "not A") for one in names if draw(st.booleans()))
    return Facts(features=tuple(names), condition=draw(CONDITIONS), features_if=conditions)


@st.composite
def members(draw: st.DrawFn, owner: str, types: list[str]) -> tuple[Member, ...]:
    """Members whose names no other type's members have; all types come from `types`."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    return tuple(
        Member(
            f"{owner.lower()}-{name}",
            draw(st.sampled_from(types)),
            draw(st.booleans()),
            facts=draw(facts()),
        )
        for name in names
    )


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Every meta-type, with what each may have."""
    types: dict[str, Type] = {}
    values = draw(st.lists(st.sampled_from([*NAMES, "2d"]), unique=True, min_size=1, max_size=4))
    types["Ea"] = Enum(
        tuple(EnumValue(one, draw(facts())) for one in values),
        "Ea",
        facts=draw(facts(special=False)),
    )
    known = [*BUILTINS, "Ea", "[Ea]", "[str]", "Sa", "[Sa]", "Ua", "Aa"]
    types["[Ea]"], types["[str]"], types["[Sa]"] = Array("Ea"), Array("str"), Array("Sa")
    for name, base in (("Sa", ""), ("Sb", "Sa"), ("Sc", "Sb"), ("Sd", "")):
        kept = draw(members(name, known))
        types[name] = Object(kept, base, name=name, facts=draw(facts(special=False)))
    types["Ua.base"] = Object((Member("tag", "Ea"), *draw(members("Ua", known))))
    cases = draw(st.lists(st.sampled_from(values), unique=True))
    branches = {one: draw(st.sampled_from(["Sa", "Sc", "Sd"])) for one in cases}
    conditions = {one: draw(CONDITIONS) for one in branches}
    types["Ua"] = Object(
        (),
        "Ua.base",
        "tag",
        branches,
        name="Ua",
        facts=draw(facts(special=False)),
        variants_if={one: text for one, text in conditions.items() if text},
    )
    kinds = ["Ua", "[str]", *draw(st.sampled_from([["str"], ["bool", "int"]])), "null"]
    condition = draw(CONDITIONS)
    types["Aa"] = Alternate(
        tuple(kinds), "Aa", draw(facts(special=False)), {"null": condition} if condition else {}
    )
    plain = tuple(
        replace(one, facts=Facts(features=("fast",))) for one in draw(members("Ca", known))
    )
    if plain:
        types["do-it.arguments"] = Object(plain)
    flags = [draw(st.booleans()) for _ in range(3)]
    do_it = Command(
        "do-it",
        "do-it.arguments" if plain else "",
        draw(st.sampled_from(["", "Ua", "[Sa]"])),
        flags[0],
        draw(facts()),
        allow_preconfig=flags[1],
        coroutine=flags[2] and not flags[0],
        silent=draw(st.booleans()),
    )
    boxed = Command("boxed", "Ua", "", facts=draw(facts()))
    event = Event("DONE_IT", "Ua", draw(facts()))
    source = Source("qapi")
    return Catalog("", source, {"do-it": do_it, "boxed": boxed}, {"DONE_IT": event}, types)


# ── writing ──────────────────────────────────────────────────────────────────────────────────


def condition_of(one: Condition) -> Any:
    if one.kind == "name":
        return one.name
    if one.kind == "not":
        return {"not": condition_of(one.parts[0])}
    return {"all" if one.kind == "and" else "any": [condition_of(part) for part in one.parts]}


def more(about: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    condition = parsed(about.condition)
    if condition is not None:
        found["if"] = condition_of(condition)
    conditions = dict(about.features_if)
    if about.features:
        found["features"] = [
            {"name": one, "if": {"not": "A"}} if one in conditions else one
            for one in about.features
        ]
    return found


def type_of(key: str) -> Any:
    return [key[1:-1]] if key.startswith("[") else key


def data_of(found: Iterable[Member]) -> dict[str, Any]:
    return {
        ("*" if one.optional else "") + one.name: {"type": type_of(one.type), **more(one.facts)}
        for one in found
    }


def branch_of(key: str, condition: str) -> Any:
    return {"type": type_of(key), **more(Facts(condition=condition))}


def expressions(catalog: Catalog) -> Iterable[dict[str, Any]]:
    for key, one in catalog.types.items():
        if isinstance(one, Enum):
            yield {
                "enum": key,
                "data": [{"name": value.name, **more(value.facts)} for value in one.values],
                **more(one.facts),
            }
        elif isinstance(one, Alternate):
            data = {
                f"n{at}": branch_of(b, one.branches_if.get(b, ""))
                for at, b in enumerate(one.branches)
            }
            yield {"alternate": key, "data": data, **more(one.facts)}
        elif isinstance(one, Object) and one.tag:
            base = catalog.types[one.base]
            assert isinstance(base, Object)
            data = {b: branch_of(k, one.variants_if.get(b, "")) for b, k in one.variants.items()}
            head = {"union": key, "base": data_of(base.members), "discriminator": one.tag}
            yield {**head, "data": data, **more(one.facts)}
        elif isinstance(one, Object) and one.name:
            base_of = {"base": one.base} if one.base else {}
            yield {"struct": key, "data": data_of(one.members), **base_of, **more(one.facts)}
    for command in catalog.commands.values():
        yield {"command": command.name, **payload(catalog, command.arguments), **returned(command)}
    for event in catalog.events.values():
        yield {"event": event.name, **payload(catalog, event.data), **more(event.facts)}


def payload(catalog: Catalog, key: str) -> dict[str, Any]:
    found = catalog.types.get(key)
    if isinstance(found, Object) and not found.name:
        return {"data": data_of(found.members)}
    return {"data": key, "boxed": True} if key else {}


def returned(one: Command) -> dict[str, Any]:
    flags = {
        "allow-oob": one.allow_oob,
        "allow-preconfig": one.allow_preconfig,
        "coroutine": one.coroutine,
    }
    found: dict[str, Any] = {name: True for name, holds in flags.items() if holds}
    if one.silent:
        found["success-response"] = False
    if one.returns:
        found["returns"] = type_of(one.returns)
    return found | more(one.facts)


def without_places(value: Any) -> Any:
    """The value without lines and files."""
    if isinstance(value, Facts):
        return replace(value, line=0, file="")
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value,
            **{
                one.name: without_places(getattr(value, one.name))
                for one in fields(value)
                if one.init and one.name != "kind"
            },
        )
    if isinstance(value, tuple):
        return tuple(map(without_places, value))
    return (
        {key: without_places(one) for key, one in value.items()}
        if isinstance(value, dict)
        else value
    )


@settings(max_examples=examples(150))
@given(catalogs())
def test_what_is_written_is_compiled(catalog: Catalog) -> None:
    text = "\n".join(json.dumps(one).replace('"', "'") for one in expressions(catalog))
    found = compiled(text)
    assert without_places(found.commands) == catalog.commands
    assert without_places(found.events) == catalog.events
    for key, one in without_places(found.types).items():
        assert one == catalog.types[key], key
    used = {key for key in catalog.types if not key.startswith("[")}
    assert used <= found.types.keys()
