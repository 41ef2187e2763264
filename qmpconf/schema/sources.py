"""The way in for files: whatever can be compiled into a catalog, in whatever form it is."""

from __future__ import annotations

from pathlib import Path

from qmpconf.errors import InputError
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.qapi.files import compile_qapi_file, is_qapi


def compile_file(path: Path, *, name: str = "", release: str = "") -> Compilation:
    """Compile a document of QEMU, or QAPI source with all that it includes.

    `name` is the catalog's, `release` the QEMU release that QAPI source belongs to ("7.2.0"); both have
    defaults.  Raises InputError, which names the file, when it cannot be read or is neither.
    """
    text = read_document(path)
    if is_qapi(path, text):
        return compile_qapi_file(path, release=release, name=name)
    try:
        return compile_document(text, name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
