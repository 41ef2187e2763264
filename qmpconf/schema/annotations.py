"""What a catalog knows besides shapes, as the annotations of JSON Schema.

JSON Schema has words for some of it: ``deprecated``, ``default``, ``description``.  The rest stands in
``$comment``, which no validator reads, not even one that refuses keywords it does not know::

    since 2.10; if CONFIG_LINUX; features: deprecated; instead: y; from qapi/char.json:12; value 'x': deprecated

So does how sure a document is: what only its examples have, what it says otherwise elsewhere, and what was
concluded from something else.

This module knows no schema's structure.
"""

from __future__ import annotations

import math
import re
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
    Source,
    Type,
)

#: How documents write booleans that are defaults.
_BOOLEANS = {
    **dict.fromkeys(("true", "on", "yes", "enabled"), True),
    **dict.fromkeys(("false", "off", "no", "disabled"), False),
}
#: Units that leave no doubt about the number, unlike ``M`` or ``ms``.
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_WITH_UNIT = re.compile(rf"(\d{{1,6}}) ?({'|'.join(_UNITS)})")

#: A word that is not a word of English: ``/dev/stderr``, ``qcow2``, ``10.0.2.0/24``.
_VALUE = re.compile(r"[^\s\d/]*[\d/]\S*")

#: What the source does where it contradicts itself.
AGAINST = {"missing": "leaves it out", "type": "shows another type"}
#: What something is concluded from that a document does not state.
CONCLUDED = {
    "example": "an example",
    "spelling": "a name with a slip",
    "rest": "a type that nothing else uses",
    "source": "the QAPI source",
}
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
        for part in one.facts.concluded:
            returned = isinstance(one, Command) and part.key != one.arguments
            what = "what it returns is" if returned else "this is"
            more.append(f"{what} concluded from {CONCLUDED[part.how]}{_in_line(part.line)}")
        return _annotated(one.facts, more)

    def of_type(self, one: Type) -> dict[str, Any]:
        """Those of a type: also of an enumeration's values and a union's branches."""
        more: list[str] = []
        if isinstance(one, Enum):
            more = list(filter(None, map(_of_value, one.values)))
            more += [_only_shown("value", shown) for shown in one.shown]
        elif isinstance(one, Object):
            more = [f"branch {case!r}: if {text}" for case, text in one.variants_if.items()]
            more += [_only_shown("member", shown) for shown in one.shown]
        elif isinstance(one, Alternate):
            more = [f"branch {key!r}: if {text}" for key, text in one.branches_if.items()]
        found = _annotated(one.facts, more)
        if isinstance(one, Enum) and one.open and one.values:
            found["examples"] = [value.name for value in one.values]
        return found

    def of_member(self, one: Member) -> dict[str, Any]:
        """Those of a member."""
        default = self.default(one)
        if default is not _NOTHING:
            return {"default": default, **_annotated(one.facts)}
        return _annotated(one.facts, [f"default: {one.default}"] if one.default else [])

    def default(self, one: Member) -> Any:
        """The default as a value of the member's type; a mark of its own where it is none."""
        return self._value(one.type, one.default) if one.default else _NOTHING

    def _value(self, key: str, written: str) -> Any:
        text = written.strip("'\"")
        found = self._catalog.types.get(key)
        if isinstance(found, Enum):
            return text if text in {value.name for value in found.values} else _NOTHING
        if isinstance(found, Alternate):
            values = (self._value(branch, written) for branch in self._plain(found))
            return next((value for value in values if value is not _NOTHING), _NOTHING)
        if key == "bool":
            return _BOOLEANS.get(text.lower(), _NOTHING)
        if key in INTEGER_BOUNDS or BUILTINS.get(key) == "number":
            return _number(text, whole=key in INTEGER_BOUNDS)
        # A word without quotes may say that there is none, "default: the first"; a path or format does not.
        is_value = text != written or _VALUE.fullmatch(text)
        return text if key == "str" and is_value else _NOTHING

    def _plain(self, found: Alternate) -> list[str]:
        """The branches, without other alternates: one could be inside itself."""
        types = self._catalog.types
        return [key for key in found.branches if not isinstance(types.get(key), Alternate)]


def of_source(source: Source) -> str:
    """What a catalog describes and was made from, in one line."""
    what = " ".join(filter(None, (source.product, source.version)))
    build = f" ({source.package})" if source.package else ""
    form = f", {source.title}" if source.title else ""
    lacks = f"; it is a part only: {source.partial}" if source.partial else ""
    return f"describes {what}{build}; made from {_KINDS[source.kind]}{form}{lacks}"


_KINDS = {
    "introspection": "a server's introspection",
    "qapi": "QAPI source",
    "document": "a document",
}


def _number(text: str, *, whole: bool) -> Any:
    unit = _WITH_UNIT.fullmatch(text)
    if unit and whole:
        return int(unit[1]) * _UNITS[unit[2]]
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
    if facts.instead:
        yield f"instead: {', '.join(facts.instead)}"
    if facts.strength == "example":
        yield "known by example only"
    for one in facts.against:
        yield f"line {one.line} {AGAINST[one.about]}" if one.line else AGAINST[one.about]
    if facts.line:
        yield f"from {facts.file}:{facts.line}" if facts.file else f"from line {facts.line}"


def _in_line(line: int) -> str:
    return f", line {line}" if line else ""


def _only_shown(kind: str, one: Member | EnumValue) -> str:
    return f"{kind} {one.name!r}: only in an example{_in_line(one.facts.line)}"


def _of_value(one: EnumValue) -> str:
    notes = list(_notes(one.facts))
    marks = notes if one.facts.features or one.facts.condition or one.facts.since else []
    return f"value {one.name!r}: {', '.join(marks)}" if marks else ""
