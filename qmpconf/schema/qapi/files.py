"""QAPI source on the disk: which file is one, where its release is written, and what it includes.

The only module of this compiler that touches a file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from qmpconf.errors import InputError
from qmpconf.packed import STDIN
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.qapi.compiler import compile_qapi
from qmpconf.schema.qapi.examples import examples_of

#: QEMU's sources have their version in this file, in the folder above those of the schemas.
_VERSION_FILE = "VERSION"
_VERSION = re.compile(r"(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)\s*")
#: How many folders above the schema's own it is looked for.
_ABOVE = 2

#: What QAPI source begins with, behind comments: an object whose first name is in single quotes.
_BEGINS = re.compile(r"(?:\s|#[^\n]*(?:\n|$))*\{(?:\s|#[^\n]*\n)*'")
#: What JSON begins with: a catalog, a reply, a JSON Schema.
_JSON = re.compile(r'\s*(?:\{\s*["}]|\[\s*[\]\[{"])')


def is_qapi(path: Path, text: str) -> bool:
    """Whether a file is QAPI source, by what it begins with; else by its name, if it is not JSON."""
    if _BEGINS.match(text):
        return True
    return path.suffix == ".json" and not _JSON.match(text)


def compile_qapi_file(path: Path, *, release: str = "", name: str = "") -> Compilation:
    """Compile the schema whose main file is `path`, with all that it includes.

    The release that it belongs to is the one given, else that of the file ``VERSION`` above it.  Raises
    `SourceError` for what is wrong in it, InputError when a file cannot be read or there is nothing in
    it.
    """
    folder, known = _tree(path)
    base = folder or os.path.join(os.path.dirname(path), os.pardir)

    def named(file: str) -> str:
        inside = os.path.relpath(file, base)
        return file if inside.startswith(os.pardir) else Path(inside).as_posix()

    def read(file: str) -> str:
        return read_document(Path(file))

    found = compile_qapi(str(path), read, release=release or known, name=name, named=named)
    if not found.meaning.named:
        raise InputError(
            f"{path}: defines nothing; the main file of a schema is qapi-schema.json, as a rule"
        )
    return Compilation(
        found.catalog, (), (), (), examples_of(found.schema, named), tuple(found.schema.texts)
    )


def _tree(path: Path) -> tuple[str, str]:
    """The folder of QEMU's sources that a schema is in, and their version; empty where none is known."""
    if str(path) == STDIN:
        return "", ""
    folder = os.path.dirname(path) or os.curdir
    for _ in range(_ABOVE + 1):
        try:
            text = Path(folder, _VERSION_FILE).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = ""
        found = _VERSION.fullmatch(text)
        if found:
            return folder, found[1]
        folder = os.path.join(folder, os.pardir)
    return "", ""
