"""The compiler for introspection: a reply to ``query-qmp-schema`` becomes a `Catalog`.

Input is the list of SchemaInfo objects (qapi/introspect.json) as decoded JSON.  Every meta-type
of every release is understood: enumerations by ``members`` (since 6.2) or by ``values``, unions
whose variants are unions (since 8.1), features, ``allow-oob``.  What a later release may add to an
entry is ignored; an entry that breaks these shapes is an `InputError` that names it.

A server masks its type names: they are numbers that change from build to build.  They stay as
keys, which are only addresses, and never become names.

This module knows no file, no socket and no JSON Schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qmpconf.errors import InputError
from qmpconf.schema.model import (
    BUILTINS,
    NO_FACTS,
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
from qmpconf.schema.walk import cycle, is_boundless

#: Commands whose arguments are open-ended, although introspection shows a closed object: name,
#: the members that introspection shows then, and why more are taken.  QAPI marks such a command
#: ``gen: false``, which introspection does not tell; later releases describe it in full (as a
#: union, with a tag), and then the rule does not apply.
OPEN_ARGUMENTS: Mapping[str, tuple[frozenset[str], str]] = {
    "device_add": (
        frozenset({"driver", "bus", "id"}),
        "takes the properties of the device that `driver` names",
    ),
    "netdev_add": (
        frozenset({"type", "id"}),
        "before 5.0: takes the options of the backend that `type` names",
    ),
    "object-add": (
        frozenset({"qom-type", "id", "props"}),
        "before 6.0: takes the properties of the object that `qom-type` names",
    ),
}

#: Commands that QEMU 2.5 to 2.7 have and do not show, with the members of their arguments: QAPI did not
#: know them yet.  The first is in every schema since then.
UNSHOWN: Mapping[str, tuple[Member, ...]] = {
    "qmp_capabilities": (),
    "device_add": (
        Member("driver", "str"),
        Member("bus", "str", optional=True),
        Member("id", "str", optional=True),
    ),
}

#: Commands that each system emulator has, whatever it was built with (the third one from 2.12 on); qemu-storage-daemon
#: has none of them.
SYSTEM_COMMANDS = frozenset(
    {
        *(
            "query-status",
            "system_reset",
            "query-cpus-fast",
            "device_add",
            "device_del",
            "stop",
            "cont",
        ),
        *(
            "system_powerdown",
            "human-monitor-command",
            "query-machines",
            "query-name",
            "query-migrate",
        ),
    }
)

#: SchemaInfo's ``json-type`` -> key of the builtin type.
_BUILTIN_KEYS = {json_type: key for key, json_type in BUILTINS.items()}

_Entry = Mapping[str, Any]


class _EntryError(Exception):
    """One SchemaInfo entry is malformed; the message says how."""


def compile_introspection(
    entries: Any, *, name: str = "", version: str = "", package: str = "", sha256: str = ""
) -> Catalog:
    """Compile the list that ``query-qmp-schema`` returns.

    `version` and `package` come from the greeting (or ``query-version``), `sha256` is that of the
    compact reply; `name` defaults to the product and the version.  Raises InputError for whatever
    is no such list, naming the entry.
    """
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise InputError(
            "the schema is not a list of SchemaInfo entries; "
            "expected what `query-qmp-schema` returns"
        )
    types: dict[str, Type] = {}
    commands: dict[str, Command] = {}
    events: dict[str, Event] = {}
    aliases: dict[str, str] = {}
    for number, entry in enumerate(entries, 1):
        try:
            _take(entry, types, commands, events, aliases)
        except _EntryError as problem:
            raise InputError(f"{_place(number, entry)}: {problem}") from None
    resolver = _Resolver(types, aliases)
    for number, entry in enumerate(entries, 1):
        try:
            resolver.check(entry)
        except _EntryError as problem:
            raise InputError(f"{_place(number, entry)}: {problem}") from None
    types = {key: _rename(one, resolver.key) for key, one in types.items()}
    for event in events.values():
        events[event.name] = replace(event, data=_payload(types, resolver.key(event.data)))
    for command in commands.values():
        arguments = _payload(types, resolver.key(command.arguments))
        commands[command.name] = replace(
            command,
            arguments=_open_if_known(types, command.name, arguments),
            returns=_payload(types, resolver.key(command.returns)),
        )
    if "query-qmp-schema" in commands and "qmp_capabilities" not in commands:
        _show(types, commands)
    product = "qemu" if SYSTEM_COMMANDS & commands.keys() else "qemu-storage-daemon"
    source = Source("introspection", product, version, package, "query-qmp-schema", "", sha256)
    catalog = Catalog(name or f"{product}-{version or 'unknown'}", source, commands, events, types)
    if endless := cycle(catalog):
        raise InputError(f"SchemaInfo entry {endless!r}: is a variant of itself")
    if is_boundless(catalog):
        raise InputError("the unions of the schema have too many branches within each other")
    return catalog


def _place(number: int, entry: Any) -> str:
    known = isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
    return f"SchemaInfo entry {number}" + (f" ({entry['name']!r})" if known else "")


# ── one entry ────────────────────────────────────────────────────────────────────────────────


def _take(
    entry: Any,
    types: dict[str, Type],
    commands: dict[str, Command],
    events: dict[str, Event],
    aliases: dict[str, str],
) -> None:
    """Put one entry where it belongs; its references are still the server's."""
    if not isinstance(entry, Mapping):
        raise _EntryError("is not an object")
    name, meta = _text(entry, "name"), _text(entry, "meta-type")
    if meta == "command":
        _unique(name, commands)
        oob = entry.get("allow-oob", False)
        if not isinstance(oob, bool):
            raise _EntryError("`allow-oob` is not a boolean")
        arguments, returns = _text(entry, "arg-type"), _text(entry, "ret-type")
        commands[name] = Command(name, arguments, returns, oob, _facts(entry))
    elif meta == "event":
        _unique(name, events)
        events[name] = Event(name, _text(entry, "arg-type"), _facts(entry))
    else:
        _unique(name, types, aliases)
        if meta == "builtin":
            _builtin(name, _text(entry, "json-type"), types, aliases)
        elif meta in _SHAPES:
            types[name] = _SHAPES[meta](entry)
        else:
            raise _EntryError(f"meta-type {meta!r} is unknown")


def _builtin(name: str, json_type: str, types: dict[str, Type], aliases: dict[str, str]) -> None:
    if json_type in _BUILTIN_KEYS:
        aliases[name] = _BUILTIN_KEYS[json_type]
    elif json_type == "object":
        types[name] = Object(open=True)
    elif json_type == "array":
        types[name] = Array("any")
    else:
        raise _EntryError(f"json-type {json_type!r} is unknown")


def _enum(entry: _Entry) -> Enum:
    if "members" in entry:
        values = tuple(
            EnumValue(_text(one, "name"), _facts(one)) for one in _objects(entry, "members")
        )
    else:
        plain = entry.get("values")
        if not isinstance(plain, list) or not all(isinstance(one, str) for one in plain):
            raise _EntryError("has neither `members` nor `values`, a list of strings")
        values = tuple(EnumValue(one) for one in plain)
    return Enum(values, _name(entry), facts=_facts(entry))


def _array(entry: _Entry) -> Array:
    return Array(_text(entry, "element-type"), _name(entry), _facts(entry))


def _object(entry: _Entry) -> Object:
    members = tuple(
        Member(_text(one, "name"), _text(one, "type"), "default" in one, facts=_facts(one))
        for one in _objects(entry, "members")
    )
    names = [one.name for one in members]
    if len(set(names)) != len(names):
        raise _EntryError("has two members of one name")
    if ("tag" in entry) != ("variants" in entry):
        raise _EntryError("has one of `tag` and `variants` without the other")
    tag, variants = "", {}
    if "tag" in entry:
        tag = _text(entry, "tag")
        if tag not in names:
            raise _EntryError(f"its tag {tag!r} is none of its members")
        variants = {_text(one, "case"): _text(one, "type") for one in _objects(entry, "variants")}
    return Object(members, "", tag, variants, name=_name(entry), facts=_facts(entry))


def _alternate(entry: _Entry) -> Alternate:
    branches = tuple(_text(one, "type") for one in _objects(entry, "members"))
    if not branches:
        raise _EntryError("is an alternate without members")
    return Alternate(branches, _name(entry), _facts(entry))


_SHAPES: Mapping[str, Callable[[_Entry], Type]] = {
    "enum": _enum,
    "array": _array,
    "object": _object,
    "alternate": _alternate,
}


def _name(entry: _Entry) -> str:
    """The type's name where the server gives one: masked and implied names are none."""
    name = str(entry["name"])
    _, _, own = name.rpartition(":")  # an overlay puts its architecture before it
    return "" if own.isdigit() or own.startswith(("[", "q_obj_", "q_empty")) else name


def _facts(entry: _Entry) -> Facts:
    features = entry.get("features")
    if features is None:
        return NO_FACTS
    if not isinstance(features, list) or not all(isinstance(one, str) for one in features):
        raise _EntryError("`features` is not a list of strings")
    return Facts(features=tuple(features)) if features else NO_FACTS


def _text(entry: _Entry, member: str) -> str:
    value = entry.get(member)
    if not isinstance(value, str) or not value:
        raise _EntryError(f"`{member}` is missing or no string")
    return value


def _objects(entry: _Entry, member: str) -> list[_Entry]:
    value = entry.get(member)
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise _EntryError(f"`{member}` is missing or no list of objects")
    return value


def _unique(name: str, *taken: Mapping[str, Any]) -> None:
    if any(name in one for one in taken):
        raise _EntryError("stands there twice")


# ── references ───────────────────────────────────────────────────────────────────────────────


class _Resolver:
    """Turns the server's type references into the catalog's keys, and checks them."""

    def __init__(self, types: Mapping[str, Type], aliases: Mapping[str, str]) -> None:
        self._types = types
        self._aliases = aliases

    def key(self, reference: str) -> str:
        return self._aliases.get(reference, reference)

    def check(self, entry: _Entry) -> None:
        """Raise _EntryError when the entry refers to a type that is not there, or does not fit."""
        meta = entry["meta-type"]
        references: list[str] = []
        if meta in {"command", "event"}:
            references = [entry["arg-type"]]
            if not isinstance(self._types.get(entry["arg-type"]), Object):
                raise _EntryError(f"`arg-type` {entry['arg-type']!r} is not an object type")
            references += [entry["ret-type"]] if meta == "command" else []
        elif meta == "array":
            references = [entry["element-type"]]
        elif meta in {"object", "alternate"}:
            references = [one["type"] for one in entry["members"]]
            for variant in entry.get("variants", ()):
                if not isinstance(self._types.get(variant["type"]), Object):
                    raise _EntryError(f"variant {variant['case']!r} is not an object type")
        for reference in references:
            if reference not in self._types and reference not in self._aliases:
                raise _EntryError(f"type {reference!r} is nowhere defined")


def _rename(one: Type, key: Callable[[str], str]) -> Type:
    if isinstance(one, Array):
        return replace(one, element=key(one.element))
    if isinstance(one, Alternate):
        return replace(one, branches=tuple(map(key, one.branches)))
    if isinstance(one, Object):
        members = tuple(replace(member, type=key(member.type)) for member in one.members)
        return replace(one, members=members)
    return one


def _payload(types: Mapping[str, Type], key: str) -> str:
    """The key itself, or nothing for the object without members: no arguments, no data."""
    found = types.get(key)
    empty = isinstance(found, Object) and not (found.members or found.variants or found.open)
    return "" if empty else key


def _show(types: dict[str, Type], commands: dict[str, Command]) -> None:
    """Put the commands of `UNSHOWN` where they are missing."""
    for name, members in UNSHOWN.items():
        if name not in commands:
            key = f"{name}.arguments" if members else ""
            if key:
                types[key] = Object(members, open=name in OPEN_ARGUMENTS)
            commands[name] = Command(name, key)


def _open_if_known(types: dict[str, Type], command: str, key: str) -> str:
    """Key of the command's arguments, opened where `OPEN_ARGUMENTS` says so."""
    shown, _reason = OPEN_ARGUMENTS.get(command, (frozenset(), ""))
    found = types.get(key, Object())
    if not shown or not isinstance(found, Object) or found.tag:
        return key
    if not {member.name for member in found.members} <= shown:
        return key
    own = f"{command}.arguments"
    types[own] = replace(found, open=True)
    return own
