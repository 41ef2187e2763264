"""A small SchemaInfo list of the project's own, with every meta-type, and values that fit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qmpconf.protocol.values import Float
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.model import (
    INTEGER_BOUNDS,
    Alternate,
    Array,
    Catalog,
    Enum,
    Object,
)
from qmpconf.schema.walk import shape_of

if TYPE_CHECKING:
    import random


def entries() -> list[dict[str, Any]]:
    """The list, as `query-qmp-schema` would return it.

    ``paint`` takes a union (with a union as one of its variants), ``mix`` an alternate and a
    recursive type; ``device_add`` is one of the commands that are open by rule.
    """
    return [
        {"meta-type": "builtin", "name": "str", "json-type": "string"},
        {"meta-type": "builtin", "name": "int", "json-type": "int"},
        {"meta-type": "builtin", "name": "number", "json-type": "number"},
        {"meta-type": "builtin", "name": "bool", "json-type": "boolean"},
        {"meta-type": "builtin", "name": "null", "json-type": "null"},
        {"meta-type": "builtin", "name": "any", "json-type": "value"},
        {"meta-type": "object", "name": "0", "members": []},
        {
            "meta-type": "enum",
            "name": "1",
            "members": [
                {"name": "plain"},
                {"name": "striped"},
                {"name": "gilded", "features": ["deprecated"]},
                {"name": "bare"},
            ],
            "values": ["plain", "striped", "gilded", "bare"],
        },
        {"meta-type": "enum", "name": "2", "values": ["wide", "narrow"]},
        {
            "meta-type": "object",
            "name": "3",
            "members": [
                {"name": "style", "type": "1"},
                {"name": "node-name", "type": "str", "default": None},
            ],
            "tag": "style",
            "variants": [
                {"case": "plain", "type": "4"},
                {"case": "striped", "type": "5"},
                {"case": "gilded", "type": "0"},
            ],
        },
        {
            "meta-type": "object",
            "name": "4",
            "members": [
                {"name": "colour", "type": "str"},
                {"name": "layers", "type": "int", "default": None},
            ],
        },
        {
            "meta-type": "object",
            "name": "5",
            "members": [{"name": "width", "type": "2"}],
            "tag": "width",
            "variants": [{"case": "wide", "type": "6"}, {"case": "narrow", "type": "0"}],
        },
        {
            "meta-type": "object",
            "name": "6",
            "members": [
                {"name": "ratio", "type": "number"},
                {"name": "x-old", "type": "bool", "default": None, "features": ["unstable"]},
            ],
        },
        {
            "meta-type": "alternate",
            "name": "7",
            "members": [{"type": "str"}, {"type": "8"}, {"type": "null"}],
        },
        {
            "meta-type": "object",
            "name": "8",
            "members": [
                {"name": "parts", "type": "[8]", "default": None},
                {"name": "size", "type": "int", "default": None},
                {"name": "extra", "type": "any", "default": None},
            ],
        },
        {"meta-type": "array", "name": "[8]", "element-type": "8"},
        {"meta-type": "array", "name": "[str]", "element-type": "str"},
        {
            "meta-type": "object",
            "name": "9",
            "members": [{"name": "what", "type": "7"}, {"name": "names", "type": "[str]"}],
        },
        {
            "meta-type": "object",
            "name": "10",
            "members": [
                {"name": "driver", "type": "str"},
                {"name": "bus", "type": "str", "default": None},
                {"name": "id", "type": "str", "default": None},
            ],
        },
        {"meta-type": "command", "name": "paint", "arg-type": "3", "ret-type": "0"},
        {"meta-type": "command", "name": "mix", "arg-type": "9", "ret-type": "8"},
        {
            "meta-type": "command",
            "name": "stir",
            "arg-type": "0",
            "ret-type": "[str]",
            "allow-oob": True,
            "features": ["deprecated"],
        },
        {"meta-type": "command", "name": "device_add", "arg-type": "10", "ret-type": "0"},
        {"meta-type": "event", "name": "DRIED", "arg-type": "4"},
        {"meta-type": "event", "name": "SPILT", "arg-type": "0"},
    ]


def catalog() -> Catalog:
    return compile_introspection(entries(), name="sample", version="7.0.0", package="sample")


# ── values that fit a type ───────────────────────────────────────────────────────────────────

_TEXTS = ["", "a", "running", "é", "\U0001f600", "x" * 40]
_INTEGERS = [0, 1, -1, 7, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1]


def instance(catalog: Catalog, key: str, dice: random.Random, depth: int = 5) -> Any:
    """A value of the type `key`; optional members become rare with depth."""
    found = catalog.types.get(key)
    if found is None:
        return _builtin(key, dice)
    if isinstance(found, Enum):
        return dice.choice([value.name for value in found.values])
    if isinstance(found, Array):
        count = dice.randrange(3) if depth > 0 else 0
        return [instance(catalog, found.element, dice, depth - 1) for _ in range(count)]
    if isinstance(found, Alternate):
        simple = [one for one in found.branches if not isinstance(catalog.types.get(one), Object)]
        branches = simple if depth <= 0 and simple else found.branches
        return instance(catalog, dice.choice(branches), dice, depth - 1)
    value: dict[str, Any] = {}
    _fill(catalog, key, dice, depth, value)
    return value


def _fill(
    catalog: Catalog, key: str, dice: random.Random, depth: int, value: dict[str, Any]
) -> None:
    shape = shape_of(catalog, key)
    for member in shape.members.values():
        wanted = not member.optional or (depth > 0 and dice.random() < 0.3)
        if wanted and member.name not in value:
            value[member.name] = instance(catalog, member.type, dice, depth - 1)
    if shape.tag and value.get(shape.tag) in shape.variants:
        _fill(catalog, shape.variants[value[shape.tag]], dice, depth, value)


def _builtin(key: str, dice: random.Random) -> Any:
    if key in INTEGER_BOUNDS:
        low, high = INTEGER_BOUNDS[key]
        return dice.choice([one for one in _INTEGERS if low <= one <= high])
    return {
        "str": lambda: dice.choice(_TEXTS),
        "bool": lambda: dice.random() < 0.5,
        "number": lambda: dice.choice([0, 3, Float("1.0"), Float("0.25"), Float("1e10")]),
        "null": lambda: None,
        "any": lambda: dice.choice([None, 5, "text", [1, {"a": []}], {"b": Float("1.0")}]),
    }[key]()


_STRANGERS = [None, True, 0, -1, 2**64, -(2**63) - 1, Float("1.0"), Float("1.5"), "", "zzz", [], {}]


def mutate(value: Any, dice: random.Random) -> Any:
    """A copy of `value` that differs in one place."""
    if isinstance(value, dict) and (value or dice.random() < 0.5) and dice.random() < 0.85:
        changed = dict(value)
        kind = dice.randrange(4)
        if kind == 0 or not value:
            changed[dice.choice(["driver", "unheard-of", "id", ""])] = dice.choice(_STRANGERS)
            return changed
        name = dice.choice(sorted(value))
        if kind == 1:
            del changed[name]
        else:
            changed[name] = mutate(value[name], dice)
        return changed
    if isinstance(value, list) and value and dice.random() < 0.85:
        changed_list = list(value)
        at = dice.randrange(len(value))
        changed_list[at] = mutate(value[at], dice)
        return changed_list
    return dice.choice(_STRANGERS)
