"""What a document describes: product and version, by what it says itself or by whoever gave it.

A manual has its product in its title, and its version in the footer, the ``.TH`` line or the page's title.  The
layout of Texinfo has no version: there it is the newest release that an entry is said to be since, and the
title for citations says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from qmpconf.schema.documents.manual_entries import ManualEntry
from qmpconf.schema.documents.result import Compilation

#: Product -> what its manual is called, and what a title of it has.
MANUALS = {
    "qemu-storage-daemon": ("qemu-storage-daemon-qmp-ref", r"qemu-storage-daemon|storage daemon"),
    "qemu-ga": ("qemu-ga-ref", r"qemu-ga\b|guest agent"),
    "qemu": ("qemu-qmp-ref", r""),
}
_VERSION = re.compile(r"\d+\.\d+\S*")


def product_of(title: str) -> str:
    """The product that a manual of this title describes."""
    return next(
        product for product, (_, words) in MANUALS.items() if re.search(words, title, re.IGNORECASE)
    )


def manual_of(name: str, product: str) -> str:
    """The manual's own name, for citations: the page's, if it is one of QEMU's."""
    return name if re.fullmatch(r"[\w-]+-ref", name) else MANUALS[product][0]


def version_in(text: str) -> str:
    """The version in the place that a form has for it; empty when there is none."""
    return text.strip() if _VERSION.match(text.strip()) else ""


def newest_of(entries: Iterable[ManualEntry]) -> str:
    """The newest release that an entry is since ("4.2"); empty when none says."""
    found = {entry.since for entry in entries if entry.since}
    numbers = {tuple(map(int, one.split("."))) for one in found if re.fullmatch(r"[\d.]+", one)}
    return ".".join(map(str, max(numbers)[:2])) if numbers else ""


def described_as(
    compilation: Compilation, *, name: str = "", product: str = "", release: str = ""
) -> Compilation:
    """The same, of the product and release that were given; the name follows, unless it is given."""
    catalog = compilation.catalog
    source = replace(
        catalog.source,
        product=product or catalog.source.product,
        version=release or catalog.source.version,
    )
    if release:
        source = replace(source, title=f"{source.title.partition(' ')[0].rstrip(',')} {release}")
    own = "-".join(filter(None, [source.product, source.version, "doc"]))
    return replace(compilation, catalog=replace(catalog, name=name or own, source=source))
