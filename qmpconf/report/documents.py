"""Reports on documents: what compiling one gave, and the audit's table for an editor.

Text for terminals, Markdown for the published reports, JSON for programs.  What a document says is
shown with everything escaped that does not print.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from qmpconf.report.tables import fitted
from qmpconf.schema.documents.account import counts_of
from qmpconf.schema.documents.audit import Group, grouped, place_of
from qmpconf.schema.documents.result import Compilation, DocumentFinding
from qmpconf.schema.documents.rules import RULES
from qmpconf.text import printable

#: More places of one finding than this are counted, not listed.
MOST_PLACES = 16

#: The form of a table on a Markdown page.
_PAGE = "page"


@dataclass(frozen=True, slots=True)
class Audited:
    """A document, under the name of its file, with what the audit found."""

    name: str
    compilation: Compilation
    findings: Sequence[DocumentFinding]


# ── compile report ───────────────────────────────────────────────────────────────────────────


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
        f"types         {counts.types}, with {counts.values} values of enumerations",
        f"arguments     {counts.arguments}",
        f"returned      {counts.returned} members",
        f"event data    {counts.data} members",
        f"examples      {counts.examples} messages",
        f"headings      {counts.headings}: "
        + ", ".join(f"{number} {name}" for name, number in became.most_common()),
        f"undetermined  {counts.undetermined}",
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
        parts += ["", "Document findings:", _table(grouped(compilation.findings), "plain")]
    return "\n".join(parts) + "\n"


def _plain(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    shown = [[printable(cell) for cell in row] for row in rows]
    return tabulate(shown, head, tablefmt="plain", disable_numparse=True)


# ── the audit ────────────────────────────────────────────────────────────────────────────────


def audit_text(documents: Sequence[Audited], width: int = 120) -> str:
    """The audit of each document as a table for terminals of `width` columns."""
    parts = []
    for one in documents:
        groups = grouped(one.findings)
        head = f"{one.name}: {_summary(one, groups)}"
        parts.append(f"{head}\n{_table(groups, 'simple', width)}\n" if groups else f"{head}\n")
    return "\n".join(parts)


def audit_markdown(documents: Sequence[Audited]) -> str:
    """The audit as a Markdown page, one table for each document."""
    parts = [
        "# Document audit",
        "",
        "What is wrong in each document, by the document itself: its examples against its own",
        "descriptions, and for `.hx` its table against its prose.  Lines count from 1 in the file",
        "as given; a document of one line has `line:column`.  Equal findings share a row.  Made by",
        "`qmpconf schema audit FILE... --format markdown -o reports/document-audit.md`.",
        "",
    ]
    rows = [_figures(one) for one in documents]
    head = (
        "document",
        "form",
        "catalog",
        "commands",
        "events",
        "arguments",
        "returned members",
        "event members",
        "enum values",
        "undetermined",
        "example messages",
        "findings",
        "different",
    )
    parts += [_page(rows, head), ""]
    met = {finding.rule.removeprefix("document.") for one in documents for finding in one.findings}
    parts += ["What the rules say:", ""]
    parts += [f"- `{rule}`: {text}" for rule, text in RULES.items() if rule in met]
    parts.append("")
    for one in documents:
        groups = grouped(one.findings)
        parts += [f"## {one.name}", "", f"{_summary(one, groups)}.", ""]
        partial = one.compilation.catalog.source.partial
        parts += [f"The document is a fragment: {_escaped(partial)}.", ""] if partial else []
        if groups:
            parts += [_table(groups, _PAGE), ""]
    return "\n".join(parts)


def _figures(one: Audited) -> tuple[str, ...]:
    counts, source = counts_of(one.compilation), one.compilation.catalog.source
    numbers = (
        counts.commands,
        counts.events,
        counts.arguments,
        counts.returned,
        counts.data,
        counts.values,
        counts.undetermined,
        counts.examples,
        len(one.findings),
        len(grouped(one.findings)),
    )
    return (one.name, source.form, one.compilation.catalog.name, *map(str, numbers))


def audit_json(documents: Sequence[Audited]) -> str:
    """The audit as JSON: every finding on its own."""
    found = [
        {
            "document": one.name,
            "catalog": one.compilation.catalog.name,
            "findings": [_plain_finding(finding) for finding in one.findings],
        }
        for one in documents
    ]
    return json.dumps(found, indent=1) + "\n"


def _plain_finding(one: DocumentFinding) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(one).items() if value}


def _summary(one: Audited, groups: Sequence[Group]) -> str:
    findings = f"{len(one.findings)} finding{'s' if len(one.findings) != 1 else ''}"
    if not one.findings:
        return f"no findings ({len(one.compilation.examples)} example messages)"
    kinds = Counter(group.first.rule.split(".")[1] for group in groups)
    words = ", ".join(f"{name} {number}" for name, number in sorted(kinds.items()))
    return f"{findings}, {len(groups)} different ({words})"


def _table(groups: Sequence[Group], form: str, width: int = 120) -> str:
    rows = [
        (
            _places(group, form),
            group.first.subject or "-",
            group.first.rule.removeprefix("document."),
            _what(group.first),
        )
        for group in groups
    ]
    head = ("line", "in", "rule", "what")
    if form == _PAGE:
        return _page(rows, head)
    if form == "plain":
        return _plain(rows, head)
    return fitted([[printable(cell) for cell in row] for row in rows], head, width)


def _page(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """A Markdown table without padding, so that one changed row is one changed line."""
    lines = [head, ["---"] * len(head), *([_escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _places(group: Group, form: str) -> str:
    """The lines of equal findings: all of them on a page, few on a terminal."""
    if form == _PAGE or len(group.places) <= 2:
        return ", ".join(group.places[:MOST_PLACES]) + (
            f" and {len(group.places) - MOST_PLACES} more"
            if len(group.places) > MOST_PLACES
            else ""
        )
    return f"{place_of(group.first)} +{len(group.places) - 1}"


def _what(one: DocumentFinding) -> str:
    words = f"{one.pointer}: {one.message}" if one.pointer else one.message
    named = one.seen and " " not in one.seen and one.seen not in words
    return f"{words} ({one.seen})" if named else words
