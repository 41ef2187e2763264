"""What a monitor offers: the part of a catalog that it implements, and its introspection.

`restrict` cuts a catalog down to some commands and events with the types that they need, so that
arguments are checked against what the client can ask for.  `introspect` writes a catalog as the
reply to ``query-qmp-schema`` (qapi/introspect.json): compiling it again gives the same catalog.

Knows catalogs only; no session, no machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from qmpconf.protocol.values import Value
from qmpconf.schema.model import (
    BUILTINS,
    INTEGER_BOUNDS,
    Alternate,
    Array,
    Catalog,
    Enum,
    Facts,
    Type,
)
from qmpconf.schema.walk import reachable, references_of, shape_of

#: Name of the object type without members, for commands without arguments or return value.
_EMPTY = "q_empty"

_Entry = dict[str, Value]


def restrict(catalog: Catalog, commands: Iterable[str], events: Iterable[str]) -> Catalog:
    """The catalog with only those of the `commands` and `events` that it has."""
    part = replace(
        catalog,
        commands={name: catalog.commands[name] for name in commands if name in catalog.commands},
        events={name: catalog.events[name] for name in events if name in catalog.events},
        types={},
    )
    roots = {key for _owner, key in references_of(part)}
    keys = {key for root in roots for key in reachable(catalog, root)}
    return replace(part, types={key: one for key, one in catalog.types.items() if key in keys})


# ── the reply to query-qmp-schema ────────────────────────────────────────────────────────────


def introspect(catalog: Catalog) -> list[_Entry]:
    """The SchemaInfo entries of the catalog: commands, events, types, each sorted by name."""
    entries = [
        {
            "name": name,
            "meta-type": "command",
            "arg-type": command.arguments or _EMPTY,
            "ret-type": command.returns or _EMPTY,
            **({"allow-oob": True} if command.allow_oob else {}),
            **_features(command.facts),
        }
        for name, command in sorted(catalog.commands.items())
    ]
    entries += [
        {
            "name": name,
            "meta-type": "event",
            "arg-type": event.data or _EMPTY,
            **_features(event.facts),
        }
        for name, event in sorted(catalog.events.items())
    ]
    entries += [_described(catalog, key, one) for key, one in sorted(catalog.types.items())]
    if any(_EMPTY in entry.values() for entry in entries):
        entries.append({"name": _EMPTY, "meta-type": "object", "members": []})
    builtins = {key for _owner, key in references_of(catalog)} - catalog.types.keys()
    entries += [_builtin(key) for key in sorted(builtins)]
    return entries


def _features(facts: Facts) -> _Entry:
    return {"features": list(facts.features)} if facts.features else {}


def _builtin(key: str) -> _Entry:
    json_type = "int" if key in INTEGER_BOUNDS else BUILTINS[key]
    return {"name": key, "meta-type": "builtin", "json-type": json_type}


def _described(catalog: Catalog, key: str, found: Type) -> _Entry:
    entry: _Entry = {"name": key, "meta-type": found.kind, **_features(found.facts)}
    if isinstance(found, Enum):
        entry["members"] = [
            {"name": value.name, **_features(value.facts)} for value in found.values
        ]
        entry["values"] = [value.name for value in found.values]
    elif isinstance(found, Array):
        entry["element-type"] = found.element
    elif isinstance(found, Alternate):
        entry["members"] = [{"type": branch} for branch in found.branches]
    else:
        entry.update(_object(catalog, key))
    return entry


def _object(catalog: Catalog, key: str) -> Iterator[tuple[str, Value]]:
    shape = shape_of(catalog, key)
    yield (
        "members",
        [
            {
                "name": member.name,
                "type": member.type,
                **({"default": None} if member.optional else {}),
                **_features(member.facts),
            }
            for member in shape.members.values()
        ],
    )
    if shape.tag:
        yield "tag", shape.tag
        yield "variants", _variants(catalog, shape.members[shape.tag].type, shape.variants)


def _variants(catalog: Catalog, tag_type: str, variants: Mapping[str, str]) -> list[Any]:
    found = catalog.types.get(tag_type)
    cases = [value.name for value in found.values] if isinstance(found, Enum) else list(variants)
    return [{"case": case, "type": variants.get(case, _EMPTY)} for case in cases]
