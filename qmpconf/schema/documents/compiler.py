"""The way in: a document's text becomes a `Compilation`."""

from __future__ import annotations

from qmpconf.schema.documents.detect import form_of
from qmpconf.schema.documents.result import Compilation


def compile_document(text: str, name: str = "") -> Compilation:
    """Compile a document of any known form (DESIGN.md section 5).

    `name` is the catalog's name; empty, it is made of the version that the document describes
    (``qemu-1.6.2-doc``).  Raises InputError when the text is in no known form, or when nothing
    of it can be compiled.
    """
    return form_of(text).compile(text, name)
