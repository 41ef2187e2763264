"""The way in: the files of a QAPI schema become a catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from posixpath import basename, normpath

from qmpconf.schema.introspection import SYSTEM_COMMANDS
from qmpconf.schema.model import Catalog, Source
from qmpconf.schema.qapi.build import Build
from qmpconf.schema.qapi.definitions import Definition, definitions
from qmpconf.schema.qapi.dialect import DIALECTS, Dialect, dialect_of
from qmpconf.schema.qapi.meaning import Meaning, checked
from qmpconf.schema.qapi.places import Place, SourceError
from qmpconf.schema.qapi.source import Read, Schema, read_schema

#: How the name of a catalog ends that is made from source, unless its user names it.
SUFFIX = "qapi"
_AGENT = "guest-"
_TOO_DEEP = "files that include each other, or types that build on each other, go too deep"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A catalog made from QAPI source, and the source as it was understood."""

    catalog: Catalog
    schema: Schema
    meaning: Meaning


def compile_qapi(
    file: str,
    read: Read,
    *,
    release: str = "",
    name: str = "",
    named: Callable[[str], str] = str,
) -> Compiled:
    """Compile the schema whose main file is `file`; `read` gives the text of it and of what it includes.

    It is held to the rules of the QEMU `release` that it belongs to ("7.2.0").  Without one, it need only
    be right by the rules of some release: the error is that of the rules by which most of it is right.
    `name` is the catalog's; by default it is made of the product and the release
    (``qemu-7.2.0-qapi``).  `named` gives the name that a file has in the places of the catalog.

    Raises `SourceError` for what is wrong in the source, InputError when the main file cannot be read.
    """
    schema, meaning = _understood(normpath(file), read, release)
    try:
        build = Build(meaning, named)
    except RecursionError:
        raise SourceError(Place(file, 1), _TOO_DEEP) from None
    digest = hashlib.sha256()
    for each in sorted(schema.texts):
        digest.update(schema.texts[each].encode())
    product = _product(build)
    source = Source(
        "qapi",
        product,
        release,
        form="QAPI schema",
        title=f"{basename(file)} {release}".strip(),
        sha256=digest.hexdigest(),
    )
    full = name or "-".join(filter(None, [product, release, SUFFIX]))
    catalog = Catalog(full, source, build.commands, build.events, build.types)
    return Compiled(catalog, schema, meaning)


def _product(build: Build) -> str:
    if any(one.startswith(_AGENT) for one in build.commands):
        return "qemu-ga"
    return "qemu" if SYSTEM_COMMANDS & build.commands.keys() else "qemu-storage-daemon"


def _understood(file: str, read: Read, release: str) -> tuple[Schema, Meaning]:
    errors: list[SourceError] = []
    for dialect in [dialect_of(release)] if release else DIALECTS:
        try:
            return _by(dialect, file, read)
        except SourceError as error:
            errors.append(error.with_traceback(None))  # its frames hold the whole schema
    raise max(errors, key=lambda error: error.progress)


def _by(dialect: Dialect, file: str, read: Read) -> tuple[Schema, Meaning]:
    """The schema by the rules of one dialect; an error says how far that went."""
    steps, understood, found = 0, 0, list[Definition]()
    try:
        schema = read_schema(file, read, dialect)
        steps += 1
        for one in definitions(schema, dialect):
            found.append(one)
            understood += not one.inside
        steps += 1
        return schema, checked(schema, found, dialect)
    except SourceError as error:
        error.progress = steps, understood
        raise
    except RecursionError:
        raise SourceError(Place(file, 1), _TOO_DEEP) from None
