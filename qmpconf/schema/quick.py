"""The same bundle, rewritten for a quick yes or no.

A bundle of `qmpconf.schema.bundle` is written to be read, and to explain: each variant of a union
has an ``if`` of its own, and all are asked.  For the hot path it is enough to find the one that
applies, so the variants become a tree of ``if``/``then``/``else`` that halves them at each step, and
what is known by then (that the tag has that value, that a string out of a list is a string) is not
asked again.  Both accept the same values; `tests/schema/test_differential.py` holds them together.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from qmpconf.schema.bundle import reference

Schema = dict[str, Any]

#: References whose names are remembered.
_KNOWN = 1 << 13

#: Values of a tag, and what holds for them.
_Case = tuple[list[str], Schema]


def quickened(bundle: Schema) -> Schema:
    """The bundle, rewritten; the original stays as it is."""
    definitions: Schema = bundle["$defs"]
    found: Schema = {}
    for name, schema in definitions.items():
        if "enum" in schema:
            found[name] = {"enum": schema["enum"]}
        elif _is_union(schema):
            found[name] = _union(schema, definitions, found)
        else:
            found.setdefault(name, schema)
    return {**bundle, "$defs": found}


class Parts:
    """Of a bundle, what one of its definitions needs: most need few of the others."""

    def __init__(self, bundle: Schema) -> None:
        self._bundle = bundle
        self._direct: dict[str, frozenset[str]] = {}

    def of(self, name: str) -> Schema:
        """A bundle that is the definition `name`, with what it refers to, directly or not.

        Raises KeyError when there is no such definition.
        """
        definitions: Schema = self._bundle["$defs"]
        needed, waiting = {name: definitions[name]}, [name]
        while waiting:
            for one in self._refers_to(waiting.pop()):
                if one not in needed:
                    needed[one] = definitions[one]
                    waiting.append(one)
        return {"$schema": self._bundle["$schema"], "$ref": reference(name), "$defs": needed}

    def _refers_to(self, name: str) -> frozenset[str]:
        if name not in self._direct:
            found: set[str] = set()
            waiting = [self._bundle["$defs"][name]]
            while waiting:
                one = waiting.pop()
                if isinstance(one, dict):
                    if isinstance(one.get("$ref"), str):
                        found.add(_definition(one["$ref"]))
                    waiting += one.values()
                elif isinstance(one, list):
                    waiting += one
            self._direct[name] = frozenset(found)
        return self._direct[name]


def _is_union(schema: Schema) -> bool:
    """Whether the schema is nothing but a dispatch on a tag that must be there."""
    cases = schema.get("allOf", ())
    return bool(cases) and "required" in schema and all("required" in one["if"] for one in cases)


def _union(schema: Schema, definitions: Schema, found: Schema) -> Schema:
    (tag,) = schema["required"]
    cases: list[_Case] = []
    for case in schema["allOf"]:
        test = case["if"]["properties"][tag]
        values = test.get("enum") or [test["const"]]
        cases.append((values, _known(case["then"], tag, definitions, found)))
    # A value of no case: what the schema says about the tag decides.
    rest = {"properties": schema["properties"]}
    return {"type": "object", "required": [tag], **_tree(tag, cases, rest)}


def _known(then: Schema, tag: str, definitions: Schema, found: Schema) -> Schema:
    """What holds for a variant, without the question that its tag has answered already."""
    name = then.get("$ref", "")
    if not name:
        return {**then, "properties": {**then["properties"], tag: True}}
    key = _definition(name)
    variant = definitions[key]
    if tag in variant.get("properties", ()) and "allOf" not in variant:
        found[key] = {**variant, "properties": {**variant["properties"], tag: True}}
    return then


@lru_cache(_KNOWN)
def _definition(reference: str) -> str:
    return unquote(reference.removeprefix("#/$defs/")).replace("~1", "/").replace("~0", "~")


def _tree(tag: str, cases: list[_Case], rest: Schema | None) -> Schema:
    """``if``/``then``/``else`` that finds the case of a tag's value in few steps.

    `rest` holds for a value of no case; None where it is known that there is a case.
    """
    if len(cases) == 1:
        values, then = cases[0]
        return then if rest is None else {"if": _has(tag, values), "then": then, "else": rest}
    half = len(cases) // 2
    values = [value for some, _ in cases[:half] for value in some]
    return {
        "if": _has(tag, values),
        "then": _tree(tag, cases[:half], None),
        "else": _tree(tag, cases[half:], rest),
    }


def _has(tag: str, values: list[str]) -> Schema:
    test = {"const": values[0]} if len(values) == 1 else {"enum": values}
    return {"properties": {tag: test}}
