"""The way in for files: whatever can be compiled into a catalog, in whatever form it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qmpconf.errors import InputError, UsageError
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.documents.merged import merged
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.qapi.files import compile_qapi_file, is_qapi
from qmpconf.schema.store import shipped, source_of


def compile_file(
    path: Path, *, name: str = "", product: str = "", release: str = ""
) -> Compilation:
    """Compile a document of QEMU, or QAPI source with all that it includes.

    `name` is the catalog's, `product` and `release` what is described ("qemu-ga", "7.2.0"); all have
    defaults.  Without `name`, the catalog of another document never gets the name of one that comes with
    qmpconf.  Raises InputError, which names the file, when it cannot be read or is neither.
    """
    text = read_document(path)
    if is_qapi(path, text):
        return compile_qapi_file(path, release=release, name=name)
    try:
        found = compile_document(text, name, product=product, release=release)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return found if name else own_name(found)


def compile_files(
    paths: Sequence[Path], *, name: str = "", product: str = "", release: str = ""
) -> Compilation:
    """Compile documents of one release into one catalog; the rest is as with `compile_file`."""
    if len(paths) == 1:
        return compile_file(paths[0], name=name, product=product, release=release)
    parts = [(str(one), compile_file(one, product=product, release=release)) for one in paths]
    for file, one in parts:
        if one.catalog.source.kind != "document":
            raise UsageError(
                f"{file} is QAPI source, which is compiled alone: it has commands and events"
            )
    found = merged(parts, name=name, release=release)
    return found if name else own_name(found)


def own_name(found: Compilation) -> Compilation:
    """The same, under a name that no catalog of another source has that comes with qmpconf."""
    catalog = found.catalog
    if catalog.name not in shipped() or source_of(catalog.name).sha256 == catalog.source.sha256:
        return found
    own = f"{catalog.name}-{catalog.source.sha256[:7]}"
    return replace(found, catalog=replace(catalog, name=own))
