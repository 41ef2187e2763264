"""Whether a document describes only a part of what its server has, by what the document itself says.

``qmp-commands.txt`` lost its commands one by one to the QAPI schema; the last one that was published describes
24, and still calls them all.  What betrays a fragment:

- its own example of ``query-commands`` lists commands that it does not describe;
- it does not describe a command that every QMP server has.

Neither holds for any whole document from 2011 on, of the system emulator or of the storage daemon
(whose manual shares the example with the emulator's, and so is not judged by it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from qmpconf.protocol.dialect import of_product
from qmpconf.schema.documents import tolerant
from qmpconf.schema.documents.examples import command_of
from qmpconf.schema.documents.result import Compilation

#: What every server of QEMU had from its first release with QMP on.
EVERYWHERE = ("qmp_capabilities", "query-commands", "query-version", "quit")

_LIST = "query-commands"


def marked(compilation: Compilation) -> Compilation:
    """The same, with a catalog that says why it is only a part (`Source.partial`), if it is."""
    why = next(_reasons(compilation), "")
    if not why:
        return compilation
    catalog = compilation.catalog
    source = replace(catalog.source, partial=why)
    return replace(compilation, catalog=replace(catalog, source=source))


def _reasons(compilation: Compilation) -> Iterator[str]:
    catalog = compilation.catalog
    if catalog.source.product == "qemu":
        shown = [one for one in _listed(compilation) if one not in catalog.commands]
        if shown:
            yield f"it leaves out {_and(shown)}, which its example of {_LIST} lists"
    greets = of_product(catalog.source.product).greets
    absent = [one for one in EVERYWHERE if greets and one not in catalog.commands]
    if absent:
        yield f"it leaves out {_and(absent)}, which every QMP server has"


def _listed(compilation: Compilation) -> list[str]:
    """The commands that the examples of ``query-commands`` list."""
    found: dict[str, None] = {}
    running = ""
    for example in compilation.examples:
        if example.direction == "->":
            running = command_of(example)
            continue
        node = tolerant.read(example.text).node
        reply = node.get("return") if node and running == _LIST else None
        for item in reply.items if reply else ():
            name = item.get("name")
            if name is not None and isinstance(name.value, str):
                found[name.value] = None
    return list(found)


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
