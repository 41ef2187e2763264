"""The compiler for the reference manuals: ``qemu-qmp-ref(7)`` and its kin.

The storage daemon has ``qemu-storage-daemon-qmp-ref(7)``, the guest agent ``qemu-ga-ref(7)``.

Forms (roff source, rendered text, Texinfo's text and Info) and layouts (2.9 to 5.1 out of Texinfo, to
9.x, 10 and later)::

    roff      ┐              ┌ manual_texi ─ manual_sections ┐
    rendered  ┼ blocks, Page ┼ manual_sections               ┼ entries ─ manual_types ─ Compilation
    makeinfo  ┘              └ manual_definitions            ┘

`is_roff` and its like recognise the forms, `compile_roff` and its like compile
them.  Nothing here opens a file.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter

from qmpconf.errors import InputError
from qmpconf.schema.documents.described import manual_of, newest_of, product_of, version_in
from qmpconf.schema.documents.html_page import read_html
from qmpconf.schema.documents.makeinfo import read_makeinfo
from qmpconf.schema.documents.manual_blocks import Page
from qmpconf.schema.documents.manual_definitions import is_definitions, read_definitions
from qmpconf.schema.documents.manual_entries import KINDS
from qmpconf.schema.documents.manual_sections import is_sections, read_sections
from qmpconf.schema.documents.manual_texi import as_sections, is_texi
from qmpconf.schema.documents.manual_types import Builder
from qmpconf.schema.documents.rendered import read_rendered
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.documents.roff import read_roff
from qmpconf.schema.model import Catalog, Source
from qmpconf.text import counted

_ROFF = re.compile(r"^\.(?:TH|SH|SS)[ \t]", re.MULTILINE)
_RENDERED = re.compile(
    rf"^\d*[ ]{{3,7}}(?:\S+ \((?:{KINDS})\)|(?:{KINDS}) \S+(?: \(Since: [\d.]+\))?)\s*$",
    re.MULTILINE,
)
_MARKED = re.compile(r".\x08|\x1b\[[0-9;]*[A-Za-z]")
#: How many headings a rendered page must have, to be taken for one.
_ENOUGH = 3


def is_roff(text: str) -> bool:
    """Whether `text` is a manual page in roff source that describes commands, events or types."""
    return len(_ROFF.findall(text)) >= _ENOUGH and bool(re.search(rf"\b(?:{KINDS})\b", text))


def is_rendered(text: str) -> bool:
    """Whether `text` is a rendered manual page that describes commands, events or types."""
    return len(_RENDERED.findall(_MARKED.sub("", text))) >= _ENOUGH


def compile_roff(text: str, *, name: str = "", sha256: str = "") -> Compilation:
    """Compile a manual page in roff source.  Raises InputError when it describes nothing."""
    return _compile(read_roff(text), "man-roff", text, name, sha256)


def compile_rendered(text: str, *, name: str = "", sha256: str = "") -> Compilation:
    """Compile a rendered manual page.  Raises InputError when it describes nothing."""
    return _compile(read_rendered(text), "man-rendered", text, name, sha256)


def compile_makeinfo(text: str, *, name: str = "", sha256: str = "") -> Compilation:
    """Compile makeinfo's text or Info file.  Raises InputError when it describes nothing."""
    return _compile(read_makeinfo(text), "makeinfo", text, name, sha256)


def compile_html(text: str, *, name: str = "", sha256: str = "") -> Compilation:
    """Compile a manual as HTML.  Raises InputError when it describes nothing."""
    return _compile(read_html(text), "html", text, name, sha256)


def _compile(page: Page, form: str, text: str, name: str, sha256: str) -> Compilation:
    if is_texi(page.blocks):
        found = read_sections(as_sections(page.blocks))
    elif is_sections(page.blocks):
        found = read_sections(page.blocks)
    elif is_definitions(page.blocks):
        found = read_definitions(page.blocks)
    else:
        kinds = Counter(block.kind for block in page.blocks)
        raise InputError(
            f"a manual page ({counted(kinds['chapter'], 'chapter')}, {counted(kinds['section'], 'section')}), but none "
            "of its headings is a command's, an event's or a type's: is it qemu-qmp-ref(7)?"
        )
    built = Builder(found)
    headed = itertools.dropwhile(lambda block: block.text != "NAME", page.blocks)
    summary = next((block.text for block in headed if block.kind == "text"), "")
    product = product_of(f"{page.name} {summary}")
    title = manual_of(page.name, product)
    version = version_in(page.version)
    cited = f"{title}(7) {version}".strip()
    if not version:
        version = newest_of(found.entries)
        cited = f"{cited}, newest 'since' {version}" if version else cited
    source = Source(
        "document",
        product=product,
        version=version,
        form=form,
        title=cited,
        sha256=sha256 or hashlib.sha256(text.encode()).hexdigest(),
    )
    catalog = Catalog(
        name or "-".join(filter(None, [product, version, "doc"])),
        source,
        built.commands,
        built.events,
        built.types,
    )
    return Compilation(
        catalog,
        tuple(sorted(built.findings, key=lambda finding: finding.line)),
        tuple(built.undetermined),
        tuple(found.headings),
        tuple(built.examples),
    )
