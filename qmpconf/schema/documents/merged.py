"""Documents of one release put together: what its commands are, and what its events are.

Up to 2.8, QEMU had a document for each.  What both describe is the first one's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from qmpconf.errors import InputError
from qmpconf.findings import Finding
from qmpconf.schema.documents.partial import marked
from qmpconf.schema.documents.result import Compilation, defect
from qmpconf.schema.model import Catalog, Command, Event, Type


def merged(
    parts: Sequence[tuple[str, Compilation]], *, name: str = "", release: str = ""
) -> Compilation:
    """One compilation of several, each with the name of its file.

    `name` is the catalog's; empty, it is made of what is described, as with one document.  `release` stands
    for what the documents say.  Raises InputError when they describe different products or releases.
    """
    if len(parts) == 1:
        return parts[0][1]
    product = _same("product", {file: one.catalog.source.product for file, one in parts})
    version = release or _same("release", {file: one.catalog.source.version for file, one in parts})
    commands: dict[str, Command] = {}
    events: dict[str, Event] = {}
    types: dict[str, Type] = {}
    findings: list[Finding] = []
    for file, one in parts:
        known: dict[str, Command | Event] = {**commands, **events}
        more: dict[str, Command | Event] = {**one.catalog.commands, **one.catalog.events}
        findings += [replace(found, path=found.path or file) for found in one.findings]
        for twice in sorted(known.keys() & more.keys()):
            message = "another of the documents describes it as well; this one is left out"
            found = defect("document.entry.twice", more[twice].facts.line, twice, message)
            findings.append(replace(found, path=file))
        commands = {**one.catalog.commands, **commands}
        events = {**one.catalog.events, **events}
        types = {**one.catalog.types, **types}
    sources = [one.catalog.source for _, one in parts]
    source = replace(
        sources[0],
        product=product,
        version=version,
        title=" and ".join(one.title for one in sources),
        sha256=hashlib.sha256("".join(one.sha256 for one in sources).encode()).hexdigest(),
        partial="",
    )
    named = name or "-".join(filter(None, [product, version, "doc"]))
    catalog = Catalog(named, source, commands, events, types)
    return marked(
        Compilation(
            catalog,
            tuple(findings),
            tuple(found for _, one in parts for found in one.undetermined),
            tuple(found for _, one in parts for found in one.headings),
            tuple(
                replace(found, file=found.file or file)
                for file, one in parts
                for found in one.examples
            ),
        )
    )


def _same(what: str, told: Mapping[str, str]) -> str:
    """What all documents say that say it.  Raises InputError when they differ."""
    known = {said: file for file, said in told.items() if said}
    if len(known) > 1:
        shown = ", ".join(f"{file} {said}" for said, file in known.items())
        raise InputError(
            f"the documents are not of one {what} ({shown}); --{what} says which, if they belong together"
        )
    return next(iter(known), "")
