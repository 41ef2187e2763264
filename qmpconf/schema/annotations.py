"""What a catalog knows besides shapes, as the annotations of JSON Schema.

JSON Schema has words for some of it: ``deprecated``, ``default``, ``description``.  The rest stands in
``$comment``, which no validator reads, not even one that refuses keywords it does not know::

    since 2.10; if CONFIG_LINUX; features: deprecated; from qapi/char.json:12; value 'x': deprecated

This module knows no schema's structure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from qmpconf.schema.model import (
    BUILTINS,
    INTEGER_BOUNDS,
    Alternate,
    Catalog,
    Command,
    Enum,
    EnumValue,
    Event,
    Facts,
    Member,
    Object,
    Type,
)

#: How documents write booleans that are defaults.
_BOOLEANS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
_NOTHING = object()


class Annotations:
    """The annotations of one catalog's entries."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def of_entry(self, one: Command | Event) -> dict[str, Any]:
        """Those of a command or an event."""
        more = []
        if isinstance(one, Command):
            flags = {
                "allow-oob": one.allow_oob,
                "allow-preconfig": one.allow_preconfig,
                "coroutine": one.coroutine,
                "no success-response": one.silent,
            }
            more = [name for name, holds in flags.items() if holds]
        return _annotated(one.facts, more)

    def of_type(self, one: Type) -> dict[str, Any]:
        """Those of a type: also of an enumeration's values and a union's branches."""
        more: list[str] = []
        if isinstance(one, Enum):
            more = list(filter(None, map(_of_value, one.values)))
        elif isinstance(one, Object):
            more = [f"branch {case!r}: if {text}" for case, text in one.variants_if.items()]
        elif isinstance(one, Alternate):
            more = [f"branch {key!r}: if {text}" for key, text in one.branches_if.items()]
        return _annotated(one.facts, more)

    def of_member(self, one: Member) -> dict[str, Any]:
        """Those of a member."""
        default = self.default(one)
        if default is not _NOTHING:
            return {"default": default, **_annotated(one.facts)}
        return _annotated(one.facts, [f"default: {one.default}"] if one.default else [])

    def default(self, one: Member) -> Any:
        """The default as a value of the member's type; a mark of its own where it is none."""
        text = one.default.strip("'\"")
        found = self._catalog.types.get(one.type)
        if not one.default:
            return _NOTHING
        if isinstance(found, Enum):
            return text if text in {value.name for value in found.values} else _NOTHING
        if one.type == "bool":
            return _BOOLEANS.get(text.lower(), _NOTHING)
        if one.type in INTEGER_BOUNDS or BUILTINS.get(one.type) == "number":
            return _number(text, whole=one.type in INTEGER_BOUNDS)
        # A word without quotes may say that there is none: "default: the first".
        return text if one.type == "str" and text != one.default else _NOTHING


def _number(text: str, *, whole: bool) -> Any:
    try:
        value: float = int(text, 0) if whole else float(text)
    except ValueError:
        return _NOTHING
    return value if math.isfinite(value) else _NOTHING


def _annotated(facts: Facts, more: Iterable[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if facts.text:
        found["description"] = facts.text
    if "deprecated" in facts.features:
        found["deprecated"] = True
    comment = "; ".join([*_notes(facts), *more])
    if comment:
        found["$comment"] = comment
    return found


def _notes(facts: Facts) -> Iterator[str]:
    if facts.since:
        yield f"since {facts.since}"
    if facts.condition:
        yield f"if {facts.condition}"
    if facts.features:
        conditions = dict(facts.features_if)
        names = (
            f"{one} if {conditions[one]}" if one in conditions else one for one in facts.features
        )
        yield f"features: {', '.join(names)}"
    if facts.line:
        yield f"from {facts.file}:{facts.line}" if facts.file else f"from line {facts.line}"


def _of_value(one: EnumValue) -> str:
    notes = list(_notes(one.facts))
    marks = notes if one.facts.features or one.facts.condition or one.facts.since else []
    return f"value {one.name!r}: {', '.join(marks)}" if marks else ""
