"""Catalogs as bytes and as files: the catalog format, users' files, the shipped catalogs.

The format is JSON, versioned by its first member, sorted and with one entry on a line, so that
equal catalogs are equal bytes and a change shows in a diff::

    {"qmpconf-catalog":1,
    "name":"qemu-7.2.22",
    "source":{"kind":"introspection","product":"qemu",...},
    "commands":{
    "quit":{"name":"quit"},
    ...},
    "events":{...},
    "types":{
    "23":{"kind":"object","members":[{"name":"stats","type":"24"},...]},
    ...}}

Members that have their default value are left out.  A reader ignores members that it does not
know; what changes the meaning of old ones gets a new version number.

Knows no compiler of documents, no message and no socket.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import gzip
import hashlib
import importlib.resources
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from qmpconf.errors import InputError, UsageError
from qmpconf.files import read_bytes
from qmpconf.outputs import write_file
from qmpconf.packed import exists
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.model import (
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    Event,
    Object,
    Source,
    Type,
)
from qmpconf.schema.names import Name, of_release
from qmpconf.schema.overlay import OVERLAY, SECTIONS, aligned, applied, difference
from qmpconf.schema.overlay import VERSION as OVERLAY_VERSION
from qmpconf.schema.walk import cycle, is_boundless, is_known, references_of
from qmpconf.text import naturally, printable

FORMAT = "qmpconf-catalog"
VERSION = 1

_KINDS: Mapping[str, type[Type]] = {
    "enum": Enum,
    "array": Array,
    "object": Object,
    "alternate": Alternate,
}
#: How the file of a shipped catalog ends, behind its name.
SUFFIX = ".json.gz"

#: What QAPI source begins with: single quotes, where JSON has double ones, perhaps behind comments.
_QAPI = re.compile(rb"(?:\s|#[^\n]*\n)*\{(?:\s|#[^\n]*\n)*'")

#: Lines of a catalog that hold its format, name and source.
_HEAD_LINES = 3


# ── catalog <-> bytes ────────────────────────────────────────────────────────────────────────


def encode(catalog: Catalog) -> bytes:
    """The catalog in the format of this module; equal catalogs give equal bytes."""
    head = {FORMAT: VERSION, "name": catalog.name, "source": plain(catalog.source)}
    return _lines(head, {name: getattr(catalog, name) for name in SECTIONS})


def encode_overlay(catalog: Catalog, base: Catalog) -> bytes:
    """What the catalog has other than `base`, in the format of `qmpconf.schema.overlay`."""
    catalog = aligned(catalog, base)
    head = {
        OVERLAY: OVERLAY_VERSION,
        "name": catalog.name,
        "source": plain(catalog.source),
        "base": base.name,
    }
    return _lines(head, difference(json.loads(encode(catalog)), json.loads(encode(base))))


def _lines(head: Mapping[str, Any], sections: Mapping[str, Mapping[str, Any]]) -> bytes:
    """JSON with one entry of each section on a line, sorted."""
    parts = [",\n".join(f"{json_text(name)}:{json_text(one)}" for name, one in head.items())]
    for section, entries in sections.items():
        lines = [f"{json_text(key)}:{json_text(plain(entries[key]))}" for key in sorted(entries)]
        parts.append(f'"{section}":{{\n' + ",\n".join(lines) + "}")
    return ("{" + ",\n".join(parts) + "}\n").encode()


def decode(data: bytes, where: str = "catalog") -> Catalog:
    """The catalog that `encode` wrote.  Raises InputError, naming `where` and the place in it."""
    return _from_json(loaded(data, where), where)


def json_text(value: Any) -> str:
    """JSON without white space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def plain(value: Any) -> Any:
    """Dataclasses as plain values, without members that have their default."""
    if dataclasses.is_dataclass(value):
        found = {"kind": value.kind} if hasattr(value, "kind") else {}
        for field in dataclasses.fields(value):
            one = getattr(value, field.name)
            required = (
                field.default is dataclasses.MISSING
                and field.default_factory is dataclasses.MISSING
            )
            if field.name == "kind" or one == field.default or not (one or required):
                continue
            found[field.name] = plain(one)
        return found
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value


def loaded(data: bytes, where: str) -> Any:
    """The JSON value in `data`.  Raises InputError, naming `where`."""
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text)
        if "\\ud" in text.lower():  # half a surrogate pair could not be written again
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise InputError(f"{where}: is not JSON: nested too deeply") from None
    except UnicodeEncodeError:
        raise InputError(f"{where}: is not JSON: it holds half a surrogate pair") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: is not JSON: {error}") from None
    except ValueError:  # Python's limit for integers
        raise InputError(f"{where}: is not JSON: a number is too long") from None
    return value


def _from_json(value: Any, where: str) -> Catalog:
    if isinstance(value, Mapping) and OVERLAY in value:
        raise InputError(
            f"{where}: is an overlay, which only names what differs from another catalog; "
            "'qmpconf schema list' has its name"
        )
    if not isinstance(value, Mapping) or FORMAT not in value:
        raise InputError(f"{where}: is not a catalog (there is no member {FORMAT!r})")
    if value[FORMAT] != VERSION:
        raise InputError(
            f"{where}: is a catalog of version {value[FORMAT]!r}; this qmpconf reads {VERSION}: "
            "make it again, or use a newer qmpconf"
        )
    for member, kind in (("source", dict), ("commands", dict), ("events", dict), ("types", dict)):
        if not isinstance(value.get(member), kind):
            raise InputError(f"{where}: damaged catalog: `{member}` is missing or no object")
    catalog = Catalog(
        name=str(value.get("name", "")),
        source=converted(value["source"], Source, f"{where}: source"),
        commands=_section(value, "commands", Command, where),
        events=_section(value, "events", Event, where),
        types={
            key: _convert_type(one, f"{where}: types: {key!r}")
            for key, one in value["types"].items()
        },
    )
    _check_references(catalog, where)
    return catalog


def _section(value: Any, section: str, kind: type[Any], where: str) -> dict[str, Any]:
    found = {
        key: converted(one, kind, f"{where}: {section}: {key!r}")
        for key, one in value[section].items()
    }
    for key, one in found.items():
        if one.name != key:
            raise InputError(
                f"{where}: {section}: {key!r}: damaged catalog: its name is {one.name!r}"
            )
    return found


def _convert_type(value: Any, where: str) -> Type:
    kind = value.get("kind") if isinstance(value, Mapping) else None
    shape = _KINDS.get(str(kind))
    if shape is None:
        raise InputError(f"{where}: damaged catalog: unknown kind {kind!r}")
    found: Type = converted(value, shape, where)
    return found


def converted(value: Any, kind: type[Any], where: str) -> Any:
    """A plain value as a `kind`.  Raises InputError, naming `where`, when it is of another shape."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: damaged catalog: {error}") from None


def _check_references(catalog: Catalog, where: str) -> None:
    """Raise InputError when a key leads nowhere: everything else relies on that."""
    for owner, key in references_of(catalog):
        if not is_known(catalog, key):
            raise InputError(f"{where}: damaged catalog: {owner} refers to {key!r}, which is not")
    for owner, found in catalog.types.items():
        parts = {found.base, *found.variants.values()} - {""} if isinstance(found, Object) else ()
        for key in parts:
            if not isinstance(catalog.types.get(key), Object):
                raise InputError(
                    f"{where}: damaged catalog: type {owner!r} is made of {key!r}, which is not an object"
                )
    if endless := cycle(catalog):
        raise InputError(f"{where}: damaged catalog: type {endless!r} is a variant of itself")
    if is_boundless(catalog):
        raise InputError(
            f"{where}: damaged catalog: its unions have too many branches within each other"
        )


# ── files ────────────────────────────────────────────────────────────────────────────────────


def read(path: Path) -> Catalog:
    """The catalog in a user's file: one of `encode`, or a raw reply to ``query-qmp-schema``.

    Takes ``.gz`` as well.  Raises InputError when the file cannot be read, or is neither.
    """
    data = read_bytes(path)
    if not data:
        raise InputError(f"{path}: is empty; expected a catalog")
    if _QAPI.match(data):
        raise InputError(f"{path}: is QAPI source; make a catalog of it: 'qmpconf schema compile'")
    value = loaded(data, str(path))
    name = printable(path.name.removesuffix(".gz").removesuffix(".json"))
    if isinstance(value, Mapping) and isinstance(value.get("return"), list):
        return from_reply(value["return"], name=name, where=str(path))
    if isinstance(value, list):
        return from_reply(value, name=name, where=str(path))
    if isinstance(value, Mapping) and "qmptrace" in value:
        raise InputError(f"{path}: is a trace; see 'qmpconf schema fetch --trace'")
    if isinstance(value, Mapping) and "$schema" in value:
        raise InputError(f"{path}: is a JSON Schema; qmpconf reads catalogs ('schema fetch')")
    return _from_json(value, str(path))


def from_reply(
    entries: Any, *, name: str = "", version: str = "", package: str = "", where: str = "reply"
) -> Catalog:
    """Compile the list that ``query-qmp-schema`` returned; InputError names `where`."""
    try:
        digest = hashlib.sha256(json_text(entries).encode()).hexdigest()
    except (ValueError, RecursionError):
        raise InputError(
            f"{where}: is not a schema: it holds a number or a nesting without end"
        ) from None
    try:
        return compile_introspection(
            entries, name=name, version=version, package=package, sha256=digest
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def write(catalog: Catalog, path: Path) -> None:
    """Write the catalog; compressed when the name ends in ``.gz``.  Raises OutputError."""
    write_file(path, encode(catalog))


# ── shipped catalogs ─────────────────────────────────────────────────────────────────────────


def shipped() -> list[str]:
    """Names of the catalogs in the package, sorted by product and version."""
    return list(_listed())


@functools.cache
def _listed() -> Sequence[str]:
    folder = importlib.resources.files("qmpconf.schema").joinpath("catalogs")
    if not folder.is_dir():
        return []
    files = (one.name for one in folder.iterdir())
    names = (name.removesuffix(SUFFIX) for name in files if name.endswith(SUFFIX))
    return sorted(names, key=naturally)


def load_shipped(name: str) -> Catalog:
    """The shipped catalog `name`.  Raises UsageError when there is none."""
    if name not in shipped():
        raise UsageError(f"there is no catalog {name!r}; {_meant(name)}")
    return _from_json(_shipped_value(name), name)


def counts_of(name: str) -> tuple[int, int, int]:
    """How many commands, events and types the shipped catalog `name` has."""
    value = _shipped_value(name)
    commands, events, types = (len(value[section]) for section in SECTIONS)
    return commands, events, types


def commands_of(name: str) -> frozenset[str]:
    """The names of the commands that the shipped catalog `name` has."""
    return frozenset(_shipped_value(name)["commands"])


def _shipped_value(name: str) -> Any:
    """A shipped catalog as decoded JSON, that of an overlay made whole."""
    folder = importlib.resources.files("qmpconf.schema").joinpath("catalogs")
    value = loaded(gzip.decompress(folder.joinpath(name + SUFFIX).read_bytes()), name)
    return applied(value, _shipped_value(value["base"]), name) if OVERLAY in value else value


@functools.cache
def source_of(name: str) -> Source:
    """Where the shipped catalog `name` comes from, at the cost of its first lines."""
    folder = importlib.resources.files("qmpconf.schema").joinpath("catalogs")
    with (
        folder.joinpath(name + SUFFIX).open("rb") as packed,
        gzip.GzipFile(fileobj=packed) as file,
    ):
        head = b"".join(file.readline() for _ in range(_HEAD_LINES)).rstrip(b",\n") + b"}"
    found: Source = converted(loaded(head, name)["source"], Source, f"{name}: source")
    return found


def named(name: str) -> str:
    """The shipped catalog that has this name, or stands for the release that it names; else empty.

    >>> named("qemu-7.2")
    'qemu-7.2.22'
    """
    names = shipped()
    return name if name in names else of_release(name, names)


def load(name_or_file: str) -> Catalog:
    """The shipped catalog of that name, else the catalog in that file (qmpconf/README.md, Catalogs).

    The name of a release ("qemu-7.2") is that of its newest catalog.  Raises `UsageError` when it is
    neither, `InputError` when the file is not a catalog.

    >>> from qmpconf import load_catalog
    >>> catalog = load_catalog("qemu-7.2.22")
    >>> sorted(catalog.commands)[:2]
    ['add-fd', 'add_client']
    """
    if name_or_file in shipped():
        return load_shipped(name_or_file)
    path = Path(name_or_file)
    if exists(path) or "/" in name_or_file or name_or_file.endswith((".json", ".gz")):
        return read(path)
    if name := named(name_or_file):
        return load_shipped(name)
    raise UsageError(
        f"{name_or_file!r} is neither a shipped catalog nor a file; {_meant(name_or_file)}"
    )


def _meant(name: str) -> str:
    """The shipped catalogs whose names are near, the nearest first, or all products."""
    names = shipped()
    near = difflib.get_close_matches(name, names, 3)
    asked = Name.of(name) or Name.of(f"{name}.0")
    if asked:
        kind = asked.product, asked.architecture
        of_it = {one: found for one in names if (found := Name.of(one))}
        same = [one for one, found in of_it.items() if (found.product, found.architecture) == kind]
        near = sorted(same, key=lambda one: abs(_number(of_it[one]) - _number(asked)))[:3] or near
    if near:
        return f"did you mean {', '.join(near)}? 'qmpconf schema list' lists all"
    return "'qmpconf schema list' lists all"


def _number(name: Name) -> float:
    """A number that grows with the version; minor versions never reached 20."""
    major, minor = name.release
    return major + minor / 20
