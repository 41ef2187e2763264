"""What documents get wrong where nothing in them shows it: corrected by the source that they describe.

A document that contradicts itself is heard twice (`qmpconf.schema.documents.strength`).  What is wrong in it
alone would blame a server that is right.  So each case that was found by comparing documents with QAPI source stands
here, with the releases whose source was read.  What is corrected is a `Conclusion`, and no
statement of the document: a server that does otherwise gets a note, no error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from qmpconf.schema.documents.result import Compilation, defect
from qmpconf.schema.model import Array, Command, Conclusion


@dataclass(frozen=True, slots=True)
class ListWanted:
    """A text that names one `element` where `command` of `product` returns a list of these; `source` says so."""

    product: str
    command: str
    element: str
    source: str


ERRATA = (
    ListWanted(
        "qemu-ga",
        "guest-get-devices",
        "GuestDeviceInfo",
        "qga/qapi-schema.json of QEMU 5.2, 7.2 and 10.0",
    ),
)


def corrected(compilation: Compilation) -> Compilation:
    """The same, with what is known to be wrong corrected, and a finding for each case."""
    catalog = compilation.catalog
    for one in ERRATA:
        command = catalog.commands.get(one.command)
        if catalog.source.product == one.product and command and command.returns == one.element:
            compilation = _listed(compilation, one, command)
    return compilation


def _listed(compilation: Compilation, one: ListWanted, command: Command) -> Compilation:
    catalog, facts = compilation.catalog, command.facts
    key = f"[{one.element}]"
    conclusion = Conclusion("source", key, facts.line)
    facts = replace(facts, concluded=(*facts.concluded, conclusion))
    catalog = replace(
        catalog,
        types={**catalog.types, key: catalog.types.get(key, Array(one.element))},
        commands={**catalog.commands, one.command: replace(command, returns=key, facts=facts)},
    )
    finding = defect(
        "document.returns.wrong",
        facts.line,
        one.command,
        f"the text names one {one.element}, but the command returns a list of them",
        pointer="return",
        expected=f"a list, as in {one.source}",
        seen=one.element,
    )
    return replace(compilation, catalog=catalog, findings=(*compilation.findings, finding))
