"""The way in: a document's text becomes a `Compilation`."""

from __future__ import annotations

from qmpconf.schema.documents.described import described_as
from qmpconf.schema.documents.detect import form_of
from qmpconf.schema.documents.errata import corrected
from qmpconf.schema.documents.filled import filled
from qmpconf.schema.documents.partial import marked
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.documents.strength import weighed
from qmpconf.schema.documents.understood import checked


def compile_document(
    text: str, name: str = "", *, product: str = "", release: str = ""
) -> Compilation:
    """Compile a document of any known form (qmpconf/README.md, Catalogs).

    `name` is the catalog's name; empty, it is made of the version that the document describes
    (``qemu-1.6.2-doc``).  `product` and `release` stand for what the document says of that itself.  The catalog says which of its facts the document itself contradicts or shows
    in examples alone, and whether the document is only a part.  Raises `InputError` when the text has
    no known form, or when less than half of its headings can be compiled.

    >>> lines = ["stop", "----", "", "Stop the emulator.", "", "Arguments: None.", "", "Example:", ""]
    >>> lines += ['-> { "execute": "stop" }', '<- { "return": {} }', ""]
    >>> list(compile_document(chr(10).join(lines), "mine").catalog.commands)
    ['stop']
    """
    found = checked(form_of(text).compile(text, name), text)
    if product or release:
        found = described_as(found, name=name, product=product, release=release)
    return marked(weighed(corrected(filled(found))))
