"""A catalog as one JSON Schema 2020-12 bundle.

``$defs`` holds ``command.NAME.arguments``, ``command.NAME.return``, ``event.NAME.data`` and the
types: under their own name where the source has one, else as ``type.KEY``.  What refers to a type
does so by ``$ref``, so recursion needs no special case.

How QAPI maps:

- An object is closed: all its members stand in ``properties`` (bases folded in) and
  ``additionalProperties`` is false, unless the catalog says that it is open.
- A union dispatches on its tag: one ``if``/``then`` for each variant, where the ``then`` is the
  whole object with the common members folded in (``type.KEY.is.VARIANT``).  So an error names the
  member that is wrong, and never the union.  A tag value without a variant, and a missing
  optional tag, select the common members alone.  An unknown tag value selects nothing: the tag is
  then the only error.
- An alternate dispatches on the JSON type of the value, in the same way.
- ``int`` has the bounds of what QEMU's parser takes: -2^63 to 2^64-1.

What is `exported` is for people and programs that read the bundle.  It demands only what is sure
(`qmpconf.schema.sure`), and what the catalog knows besides stands there as well: ``deprecated``,
``default`` (as a value of the member's type), ``examples`` (of lists that are not complete),
``description`` (of catalogs that keep texts), and in ``$comment``, which every validator passes over,
since when, under which condition, with which features, what to use instead, where the source says so,
and how sure it is.

JSON Schema calls ``1.0`` an integer and cannot see duplicate members; QMP's answer to these is in
`qmpconf.schema.validator`.  This module knows no message and validates nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from qmpconf.schema.annotations import Annotations, of_source
from qmpconf.schema.model import (
    BUILTINS,
    INTEGER_BOUNDS,
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    Event,
    Member,
    Object,
)
from qmpconf.schema.sure import sure
from qmpconf.schema.walk import Shape, enum_values, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

#: What JavaScript's encodeURI leaves as it is, besides letters and digits.
_IN_FRAGMENTS = ";,/?:@&=+$-_.!~*'()"

_SIMPLE: Mapping[str, Schema] = {
    "str": {"type": "string"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "null": {"type": "null"},
    "any": {},
}

_JSON_TYPES: Mapping[str, tuple[str, ...]] = {
    "string": ("string",),
    "int": ("integer",),
    "number": ("number",),
    "boolean": ("boolean",),
    "null": ("null",),
    "value": ("string", "number", "boolean", "null", "object", "array"),
}

#: Nothing in, nothing out: the object without members.
_NOTHING: Schema = {"type": "object", "additionalProperties": False}


def arguments_of(command: str) -> str:
    """Name in ``$defs`` of a command's arguments."""
    return f"command.{command}.arguments"


def return_of(command: str) -> str:
    """Name in ``$defs`` of what a command returns."""
    return f"command.{command}.return"


def data_of(event: str) -> str:
    """Name in ``$defs`` of an event's data."""
    return f"event.{event}.data"


@lru_cache(1 << 13)
def reference(definition: str) -> str:
    """The ``$ref`` to a name in ``$defs``: a JSON pointer as a URI fragment.

    Nothing is escaped that may stand in a fragment: some validators compare references by their letters.
    """
    escaped = definition.replace("~", "~0").replace("/", "~1")
    return "#/$defs/" + quote(escaped, safe=_IN_FRAGMENTS)


def build(catalog: Catalog, *, exported: bool = False) -> Schema:
    """The bundle.  Raises KeyError when the catalog refers to a type that it does not have."""
    return _Builder(sure(catalog) if exported else catalog, exported=exported).bundle()


class _Builder:
    def __init__(self, catalog: Catalog, *, exported: bool) -> None:
        self._catalog = catalog
        self._definitions: Schema = {}
        self._names = _names(catalog)
        self._notes = Annotations(catalog) if exported else None

    def bundle(self) -> Schema:
        catalog, definitions = self._catalog, self._definitions
        for command in catalog.commands.values():
            definitions[arguments_of(command.name)] = self._entry(command.arguments, command)
            definitions[return_of(command.name)] = self._payload(command.returns)
        for event in catalog.events.values():
            definitions[data_of(event.name)] = self._entry(event.data, event)
        for key, found in catalog.types.items():
            schema = self._type(key)
            definitions[self._names[key]] = schema
            if self._notes:
                schema |= self._notes.of_type(found)
        return {
            "$schema": DIALECT,
            "$id": f"urn:qmpconf:{quote(catalog.name, safe='.-_')}",
            "title": catalog.name,
            **({"$comment": of_source(catalog.source)} if self._notes else {}),
            "$defs": {name: definitions[name] for name in sorted(definitions)},
        }

    def _entry(self, key: str, about: Command | Event) -> Schema:
        """Arguments or data, with what is known about the command or event."""
        return self._payload(key) | (self._notes.of_entry(about) if self._notes else {})

    def _member(self, one: Member) -> Schema:
        return self._use(one.type) | (self._notes.of_member(one) if self._notes else {})

    def _payload(self, key: str) -> Schema:
        return self._use(key) if key else dict(_NOTHING)

    def _use(self, key: str) -> Schema:
        """The schema of a place where a value of type `key` stands."""
        if key in self._catalog.types:
            return {"$ref": reference(self._names[key])}
        if key in INTEGER_BOUNDS:
            low, high = INTEGER_BOUNDS[key]
            return {"type": "integer", "minimum": low, "maximum": high}
        return dict(_SIMPLE[key])

    def _type(self, key: str) -> Schema:
        found = self._catalog.types[key]
        if isinstance(found, Enum):
            values = [value.name for value in found.values]
            return {"type": "string"} if found.open else {"type": "string", "enum": values}
        if isinstance(found, Array):
            return {"type": "array", "items": self._use(found.element)}
        if isinstance(found, Alternate):
            return self._alternate(key)
        return self._object(self._names[key], shape_of(self._catalog, key))

    # ── objects and unions ───────────────────────────────────────────────────────────────────

    def _object(self, name: str, shape: Shape) -> Schema:
        if not shape.tag:
            return self._closed(shape.members.values(), shape.open)
        tag = shape.members.get(shape.tag)
        schema: Schema = {"type": "object"}
        if tag is not None:
            schema["properties"] = {tag.name: self._member(tag)}
            if not tag.optional:
                schema["required"] = [tag.name]
        schema["allOf"] = self._cases(name, shape, tag)
        return schema

    def _cases(self, name: str, shape: Shape, tag: Member | None) -> list[Schema]:
        """One ``if``/``then`` for each variant, and one for the tag values without any."""
        groups: dict[str, list[str]] = {}
        for value, key in shape.variants.items():
            groups.setdefault(key, []).append(value)
        cases = []
        for key, values in groups.items():
            variant = shape_of(self._catalog, key)
            members = dict(shape.members)
            members.update((one, m) for one, m in variant.members.items() if one != shape.tag)
            merged = Shape(members, variant.tag, variant.variants, shape.open or variant.open)
            own = f"{name}.is.{values[0]}"
            self._definitions[own] = self._object(own, merged)
            cases.append(_when(shape.tag, values, {"$ref": reference(own)}))
        known = enum_values(self._catalog, tag.type) if tag is not None else None
        rest = [value for value in known or () if value not in shape.variants]
        common = self._closed(shape.members.values(), shape.open)
        if rest:
            cases.append(_when(shape.tag, rest, common))
        # What a document leaves out only somewhere stands for no branch.
        denied = tag is not None and any(one.about == "missing" for one in tag.facts.against)
        if (tag is None or tag.optional) and not denied:
            cases.append({"if": {"not": {"required": [shape.tag]}}, "then": common})
        return cases

    def _closed(self, members: Iterable[Member], is_open: bool) -> Schema:
        members = list(members)
        schema: Schema = {"type": "object"}
        if members:
            schema["properties"] = {one.name: self._member(one) for one in members}
        # What depends on a setting of the build may not be there, however mandatory it is.
        required = [one.name for one in members if not (one.optional or one.facts.condition)]
        if required:
            schema["required"] = required
        if not is_open:
            schema["additionalProperties"] = False
        return schema

    # ── alternates ───────────────────────────────────────────────────────────────────────────

    def _alternate(self, key: str) -> Schema:
        groups: dict[str, list[str]] = {}
        for branch in self._branches(key, ()):
            for json_type in self._json_types(branch):
                groups.setdefault(json_type, []).append(branch)
        if len(groups.get("integer", ())) and "number" in groups:
            groups.pop("integer")  # every integer is a number
        cases = []
        for json_type, branches in groups.items():
            uses = [self._use(branch) for branch in branches]
            then = uses[0] if len(uses) == 1 else {"anyOf": uses}
            cases.append({"if": {"type": json_type}, "then": then})
        if self._notes:  # strict validators take no list of types
            return {"anyOf": [{"type": one} for one in groups], "allOf": cases}
        return {"type": list(groups), "allOf": cases}

    def _branches(self, key: str, outer: tuple[str, ...]) -> list[str]:
        """Keys of the types that it can be, alternates inside alternates folded in."""
        found = self._catalog.types.get(key)
        if not isinstance(found, Alternate) or key in outer:
            return [key]
        return [one for branch in found.branches for one in self._branches(branch, (*outer, key))]

    def _json_types(self, key: str) -> tuple[str, ...]:
        found = self._catalog.types.get(key)
        if found is None:
            return ("integer",) if key in INTEGER_BOUNDS else _JSON_TYPES[BUILTINS[key]]
        if isinstance(found, Object):
            return ("object",)
        return ("array",) if isinstance(found, Array) else ("string",)


def _when(tag: str, values: list[str], then: Schema) -> Schema:
    test = {"const": values[0]} if len(values) == 1 else {"enum": values}
    return {"if": {"properties": {tag: test}, "required": [tag]}, "then": then}


def _names(catalog: Catalog) -> dict[str, str]:
    """A name in ``$defs`` for each type: its own, if it has one that no other type has."""
    counts: dict[str, int] = {}
    for found in catalog.types.values():
        counts[found.name] = counts.get(found.name, 0) + 1
    names = {}
    for key, found in catalog.types.items():
        plain = found.name and counts[found.name] == 1
        names[key] = found.name if plain else f"type.{_readable(key)}"
    return names


def _readable(key: str) -> str:
    """A masked array's key without brackets: ``[23]`` becomes ``23.list``."""
    return f"{key[1:-1]}.list" if key.startswith("[") and key.endswith("]") else key
