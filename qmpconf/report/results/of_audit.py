"""The result of `qmpconf schema audit`: each document is a subject, with its findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qmpconf.check.baseline import Baseline
from qmpconf.findings import Finding, Groups
from qmpconf.report.results.common import dropped, ended, gone_of, record
from qmpconf.report.results.records import FindingRecord, Header, Rule, Subject
from qmpconf.report.results.stream import ResultFile
from qmpconf.schema.documents.account import counts_of
from qmpconf.schema.documents.audit import place_of
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.documents.rules import RULES

_PREFIX = "document."


@dataclass(frozen=True, slots=True)
class Audited:
    """A document, under the name of its file, with what the audit found."""

    name: str
    compilation: Compilation
    findings: Sequence[Finding]


def of_audit(header: Header, documents: Sequence[Audited], baseline: Baseline) -> ResultFile:
    """The result of auditing some documents."""
    result = ResultFile(header)
    named: dict[str, None] = {}
    found: list[FindingRecord] = []
    for one in documents:
        facts = _facts(one.compilation)
        result.records.append(Subject(name=one.name, kind="document", facts=facts))
        groups = Groups(_placed(one.name, each) for each in one.findings)
        named |= dict.fromkeys(group.first.requirement for group in groups)
        found += [record(one.name, group, baseline) for group in groups]
        result.records += dropped(one.name, groups)
    result.records += [*found, *gone_of(baseline, found)]
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
    return ended(result)


def _facts(compilation: Compilation) -> dict[str, str | int | float | bool]:
    counts, source = counts_of(compilation), compilation.catalog.source
    return {
        "form": source.form,
        "catalog": compilation.catalog.name,
        **({"a fragment": source.partial} if source.partial else {}),
        "commands": counts.commands,
        "events": counts.events,
        "types": counts.types,
        "arguments": counts.arguments,
        "returned members": counts.returned,
        "event members": counts.data,
        "enumeration values": counts.values,
        "examples": counts.examples,
        "undetermined": counts.undetermined,
    }


def _placed(document: str, one: Finding) -> Finding:
    """The finding in its file."""
    path = one.path or document
    return replace(one, path=path, source=f"{path}, line {place_of(one)}")
