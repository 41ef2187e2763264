"""The result of `qmpconf schema diff`: two catalogs are the subject, each change is a finding."""

from __future__ import annotations

from collections.abc import Sequence

from qmpconf.check.baseline import Baseline
from qmpconf.findings import Group
from qmpconf.report.results.common import ended, gone_of, record
from qmpconf.report.results.records import Header, Note, Rule, Subject
from qmpconf.report.results.stream import ResultFile
from qmpconf.schema.changes import PREFIX, RULES, findings
from qmpconf.schema.diff import LEVELS, Change, Level
from qmpconf.schema.model import Catalog


def of_diff(
    header: Header,
    before: Catalog,
    after: Catalog,
    changes: Sequence[Change],
    baseline: Baseline,
    down_to: Level = "compatible",
) -> ResultFile:
    """The result of comparing two catalogs, down to a level: what breaks a client is an error."""
    name = f"{before.name} → {after.name}"
    facts: dict[str, str | int | float | bool] = {"before": before.name, "after": after.name}
    shown = LEVELS[: LEVELS.index(down_to) + 1]
    left = sum(one.level not in shown for one in changes)
    if left:
        facts["left out"] = left
    result = ResultFile(header, [Subject(name=name, kind="catalogs", facts=facts)])
    source = after.source.title or after.source.package or after.name
    found = [record(name, Group.of(one), baseline) for one in findings(changes, source)]
    levels = [level for level in shown if any(one.level == level for one in changes)]
    result.records += [one for one in found if one.rule.removeprefix(PREFIX) in levels]
    result.records += gone_of(baseline, found)
    result.records += [
        Rule(
            id=f"{PREFIX}{level}",
            level=RULES[level].level,
            text=RULES[level].sentence,
            source=source,
        )
        for level in levels
    ]
    result.records += [Note(subject=name, text=text) for text in _drift(before, after)]
    return ended(result)


def _drift(before: Catalog, after: Catalog) -> list[str]:
    """How to read changes between a document and a server, which are not changes in time."""
    kinds = before.source.kind, after.source.kind
    if kinds[0] == kinds[1]:
        return []
    words = {"document": "document", "introspection": "server", "qapi": "source"}
    first, second = words[kinds[0]], words[kinds[1]]
    return [f"drift: what is gone is in the {first} only, what is new is in the {second} only"]
