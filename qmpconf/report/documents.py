"""What compiling a document gave, as text.

What a document says is shown with everything escaped that does not print.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tabulate import tabulate

from qmpconf.findings import Finding
from qmpconf.schema.documents.account import counts_of
from qmpconf.schema.documents.audit import Group, grouped, place_of
from qmpconf.schema.documents.result import Compilation
from qmpconf.text import counted, printable


def compiled(compilation: Compilation) -> str:
    """What compiling a document gave, as text."""
    counts, source = counts_of(compilation), compilation.catalog.source
    became = Counter(heading.became.partition(" ")[0] for heading in compilation.headings)
    parts = [
        f"catalog       {compilation.catalog.name}",
        f"form          {source.form}",
        f"describes     {source.product} {source.version or '(version unknown)'}",
        f"commands      {counts.commands}",
        f"events        {counts.events}",
        f"types         {counts.types}, with {counted(counts.values, 'value')} of enumerations",
        f"arguments     {counts.arguments}",
        f"returned      {counted(counts.returned, 'member')}",
        f"event data    {counted(counts.data, 'member')}",
        f"examples      {counted(counts.examples, 'message')}",
        f"headings      {counts.headings}: "
        + ", ".join(f"{number} {name}" for name, number in became.most_common()),
        f"undetermined  {counts.undetermined}",
        f"concluded     {counts.concluded} from examples, names with a slip, what is left, or QAPI source",
        f"doubtful      {counts.contradicted} contradicted, {counts.shown} only in examples",
        f"findings      {counts.findings}",
    ]
    if source.partial:
        parts.insert(3, f"fragment      {printable(source.partial)}")
    if compilation.undetermined:
        rows = [
            (
                str(one.line),
                f"{one.subject}: {one.pointer}" if one.pointer else one.subject,
                one.reason,
            )
            for one in compilation.undetermined
        ]
        parts += ["", "Left undetermined:", _plain(rows, ("line", "place", "why"))]
    if compilation.findings:
        parts += ["", "Document findings:", _table(grouped(compilation.findings))]
    return "\n".join(parts) + "\n"


def _plain(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    shown = [[printable(cell) for cell in row] for row in rows]
    return tabulate(shown, head, tablefmt="plain", disable_numparse=True)


def _table(groups: Sequence[Group]) -> str:
    rows = [
        (
            _places(group),
            group.first.subject or "-",
            group.first.requirement.removeprefix("document."),
            _what(group.first),
        )
        for group in groups
    ]
    return _plain(rows, ("line", "in", "rule", "what"))


def _places(group: Group) -> str:
    """The lines of equal findings: a few."""
    if len(group.places) <= 2:
        return ", ".join(group.places)
    return f"{place_of(group.first)} +{len(group.places) - 1}"


def _what(one: Finding) -> str:
    words = f"{one.pointer}: {one.message}" if one.pointer else one.message
    named = one.seen and " " not in one.seen and one.seen not in words
    return f"{words} ({one.seen})" if named else words
