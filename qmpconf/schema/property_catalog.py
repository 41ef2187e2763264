"""Property catalogs: which properties the device and object types of one build have.

A schema leaves the arguments of ``device_add`` (and of ``object-add`` before 6.0) open: what they may
be is up to the type that is added.  A server answers that to ``device-list-properties`` and
``qom-list-properties``; a property catalog holds the answers about all types of one build: the names
of types and properties and the names of their types, as introspection has them.  Nothing else: what
such a name means is in `qmpconf.schema.property_rules`.

The format is that of catalogs (`qmpconf.schema.store`), with a version of its own.  Types that have
the same properties share one list::

    {"qmpconf-properties":1,
    "name":"qemu-7.2.22",
    "source":{"kind":"introspection","version":"7.2.22",...},
    "lists":{
    "1":{"addr":"int32","bootindex":"int32",...},
    ...},
    "devices":{"virtio-net-pci":"1",...},
    "objects":{"iothread":"7",...},
    "aliases":{"virtio-net":"virtio-net-pci",...}}

A property catalog of build X stands beside the schema catalog X: in the package under the same name,
and beside a user's ``FILE.json.gz`` as ``FILE.properties.json.gz``.
"""

from __future__ import annotations

import gzip
import importlib.resources
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from qmpconf.errors import InputError
from qmpconf.files import read_bytes
from qmpconf.outputs import write_file
from qmpconf.packed import exists
from qmpconf.schema.model import Source
from qmpconf.schema.store import (
    SUFFIX,
    converted,
    json_text,
    loaded,
    named,
    plain,
    shipped,
)
from qmpconf.text import naturally

FORMAT = "qmpconf-properties"
VERSION = 1

_FOLDER = "properties"

#: The properties of one type: the name of each, and of its type.
Properties = Mapping[str, str]

#: Properties that devices have, and that ``device-list-properties`` leaves out.
UNLISTED = frozenset({"type", "realized", "hotpluggable", "hotplugged", "parent_bus"})


@dataclass(frozen=True)
class PropertyCatalog:
    """The properties of the types of one build.

    `devices` and `objects` (those that ``object-add`` can make) give the properties of each type;
    `aliases` the type behind other names that ``device_add`` takes, which depend on the
    architecture.
    """

    name: str
    source: Source
    devices: Mapping[str, Properties] = field(default_factory=dict)
    objects: Mapping[str, Properties] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def of(self, type_name: str) -> Properties | None:
        """The properties of a device or object type, also by an alias; None if it is not there."""
        found = self.devices.get(self.aliases.get(type_name, type_name))
        return self.objects.get(type_name) if found is None else found

    @cached_property
    def types_by_name(self) -> Mapping[str, frozenset[str]]:
        """For each property's name the types that it has, in whichever device or object."""
        found: dict[str, set[str]] = {}
        lists = {id(one): one for one in (*self.devices.values(), *self.objects.values())}
        for properties in lists.values():
            for name, type_name in properties.items():
                found.setdefault(name, set()).add(type_name)
        return {name: frozenset(types) for name, types in found.items()}


# ── property catalog <-> bytes ───────────────────────────────────────────────────────────────


def encode(catalog: PropertyCatalog) -> bytes:
    """The catalog in the format of this module; equal catalogs give equal bytes."""
    keys: dict[str, str] = {}
    sections = []
    for section in (catalog.devices, catalog.objects):
        shared = {}
        for type_name in sorted(section):
            text = json_text(dict(sorted(section[type_name].items())))
            shared[type_name] = keys.setdefault(text, str(len(keys) + 1))
        sections.append(json_text(shared))
    lists = ",\n".join(f"{json_text(key)}:{text}" for text, key in keys.items())
    aliases = json_text(dict(sorted(catalog.aliases.items())))
    return (
        f'{{"{FORMAT}":{VERSION},\n"name":{json_text(catalog.name)},\n'
        f'"source":{json_text(plain(catalog.source))},\n"lists":{{\n{lists}}},\n'
        f'"devices":{sections[0]},\n"objects":{sections[1]},\n"aliases":{aliases}}}\n'
    ).encode()


def decode(data: bytes, where: str = "property catalog") -> PropertyCatalog:
    """The catalog that `encode` wrote.  Raises InputError, naming `where` and the place in it."""
    value = loaded(data, where)
    if not isinstance(value, Mapping) or FORMAT not in value:
        raise InputError(f"{where}: is not a property catalog (there is no member {FORMAT!r})")
    if value[FORMAT] != VERSION:
        raise InputError(
            f"{where}: is a property catalog of version {value[FORMAT]!r}; this qmpconf reads "
            f"{VERSION}: make it again, or use a newer qmpconf"
        )
    lists = converted(value.get("lists"), dict[str, dict[str, str]], f"{where}: lists")
    return PropertyCatalog(
        name=str(value.get("name", "")),
        source=converted(value.get("source"), Source, f"{where}: source"),
        devices=_section(value, "devices", lists, where),
        objects=_section(value, "objects", lists, where),
        aliases=converted(value.get("aliases", {}), dict[str, str], f"{where}: aliases"),
    )


def _section(
    value: Mapping[str, Any], section: str, lists: Mapping[str, Properties], where: str
) -> dict[str, Properties]:
    keys: dict[str, str] = converted(value.get(section), dict[str, str], f"{where}: {section}")
    for type_name, key in keys.items():
        if key not in lists:
            raise InputError(
                f"{where}: damaged catalog: {section}: {type_name!r} refers to {key!r}, which is not"
            )
    return {type_name: lists[key] for type_name, key in keys.items()}


# ── files ────────────────────────────────────────────────────────────────────────────────────


def beside(catalog: Path) -> Path:
    """Where the property catalog of the schema catalog in a file stands.

    ``mine.json.gz`` has ``mine.properties.json.gz``.
    """
    name, gz = catalog.name, ""
    if name.endswith(".gz"):
        name, gz = name.removesuffix(".gz"), ".gz"
    stem = name.removesuffix(".json")
    return catalog.with_name(f"{stem}.properties.json{gz}")


def read(path: Path) -> PropertyCatalog:
    """The property catalog in a file, compressed or not.  Raises InputError."""
    return decode(read_bytes(path), str(path))


def write(catalog: PropertyCatalog, path: Path) -> None:
    """Write the catalog; compressed when the name ends in ``.gz``.  Raises OutputError."""
    write_file(path, encode(catalog))


def shipped_properties() -> list[str]:
    """Names of the property catalogs in the package, sorted by product and version."""
    folder = importlib.resources.files("qmpconf.schema").joinpath(_FOLDER)
    if not folder.is_dir():
        return []
    files = (one.name for one in folder.iterdir())
    names = (name.removesuffix(SUFFIX) for name in files if name.endswith(SUFFIX))
    return sorted(names, key=naturally)


@cache
def load_shipped_properties(name: str) -> PropertyCatalog:
    """The shipped property catalog `name`, one of `shipped_properties`."""
    folder = importlib.resources.files("qmpconf.schema").joinpath(_FOLDER)
    return decode(gzip.decompress(folder.joinpath(name + SUFFIX).read_bytes()), name)


def properties_with(catalog: str) -> PropertyCatalog | None:
    """The property catalog that goes with a schema catalog, if there is one.

    `catalog` is a name or a file, as for `qmpconf.schema.store.load`.  Raises InputError.
    """
    name = catalog if catalog in shipped() or exists(Path(catalog)) else named(catalog)
    if name in shipped():
        return load_shipped_properties(name) if name in shipped_properties() else None
    path = beside(Path(catalog))
    return read(path) if path.exists() else None


def properties_in(reply: Any) -> Properties | None:
    """The properties in a reply to ``device-list-properties`` and its like; None: it is none.

    Entries that are not of that shape are left out.
    """
    if not isinstance(reply, list):
        return None
    return dict(_entries(reply))


def _entries(reply: Iterable[Any]) -> Iterable[tuple[str, str]]:
    for one in reply:
        if isinstance(one, Mapping):
            name, type_name = one.get("name"), one.get("type")
            if isinstance(name, str) and isinstance(type_name, str):
                yield name, type_name
