"""The result of `qmpconf schema audit`: each document is a subject, with its findings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from qmpconf.report.documents import Audited
from qmpconf.report.results.records import Finding, Header, Rule, Subject
from qmpconf.report.results.stream import Result
from qmpconf.schema.documents.account import counts_of
from qmpconf.schema.documents.audit import Group, grouped
from qmpconf.schema.documents.rules import RULES

_PREFIX = "document."


def of_audit(header: Header, documents: Sequence[Audited]) -> Result:
    """The result of auditing some documents; any finding fails it."""
    result = Result(header)
    named: dict[str, None] = {}
    for one in documents:
        counts, source = counts_of(one.compilation), one.compilation.catalog.source
        facts: dict[str, str | int | float | bool] = {
            "catalog": one.compilation.catalog.name,
            "form": source.form,
            "commands": counts.commands,
            "events": counts.events,
            "types": counts.types,
            "examples": counts.examples,
        }
        result.records.append(Subject(name=one.name, kind="document", facts=facts))
        groups = grouped(one.findings)
        named |= dict.fromkeys(group.first.rule for group in groups)
        result.records += [_finding(one.name, group) for group in groups]
    result.records += [
        Rule(
            id=rule,
            level="MUST",
            party="document",
            text=RULES.get(rule.removeprefix(_PREFIX), ""),
            source="the document itself",
        )
        for rule in sorted(named)
    ]
    return result.end(1 if named else 0)


def _finding(document: str, group: Group) -> Finding:
    one = group.first
    parts = (one.rule, one.subject, one.pointer, one.message)
    lines = [place.partition(":")[0] for place in group.places]
    return Finding(
        subject=document,
        fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16],
        rule=one.rule,
        severity="error",
        blame="document",
        message=one.message,
        path=document,
        line=one.line,
        pointer=one.pointer,
        about=one.subject,
        expected=one.expected,
        seen=one.seen,
        source=f"{document}, line {group.places[0]}",
        count=len(group.places),
        lines=tuple(sorted({int(line) for line in lines})),
    )
