"""The result of `qmpconf schema diff`: two catalogs are the subject, each change is a finding."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from qmpconf.check.findings import Severity
from qmpconf.report.results.records import Finding, Header, Rule, Subject
from qmpconf.report.results.stream import Result
from qmpconf.schema.diff import Change, Level
from qmpconf.schema.model import Catalog

#: How much a change weighs, and the rule that stands for its level.
_LEVELS: Mapping[Level, tuple[Severity, str, str]] = {
    "breaks": ("error", "MUST", "What a client relies on stays as it was."),
    "risk": ("warning", "SHOULD", "A client meets nothing that it does not know."),
    "deprecated": ("warning", "SHOULD", "A client uses nothing that will go away."),
    "unknown": ("note", "MAY", "Both sides tell the same."),
    "compatible": ("note", "MAY", "What is new need not concern a client."),
}


def of_diff(
    header: Header, before: Catalog, after: Catalog, changes: Sequence[Change], exit_code: int
) -> Result:
    """The result of comparing two catalogs; `exit_code` is the verb's, by the level it shows."""
    name = f"{before.name} → {after.name}"
    facts: dict[str, str | int | float | bool] = {"before": before.name, "after": after.name}
    result = Result(header, [Subject(name=name, kind="catalogs", facts=facts)])
    source = after.source.title or after.source.package or after.name
    result.records += [_finding(name, one, source) for one in changes]
    levels = dict.fromkeys(one.level for one in changes)
    result.records += [
        Rule(id=f"diff.{level}", level=_LEVELS[level][1], text=_LEVELS[level][2], source=source)
        for level in levels
    ]
    return result.end(exit_code)


def _finding(subject: str, one: Change, source: str) -> Finding:
    more = {"also": ", ".join(one.also), "condition": one.condition}
    kind, _, rest = one.place.partition(" ")
    about, slash, pointer = rest.partition("/")
    parts = (one.level, one.what, one.place, one.message)
    return Finding(
        subject=subject,
        fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16],
        rule=f"diff.{one.level}",
        severity=_LEVELS[one.level][0],
        blame="document",
        message=one.message,
        line=one.line_after or one.line_before,
        about=f"{kind} {about}",
        pointer=slash + pointer,
        expected=one.before,
        seen=one.after,
        source=source,
        more={key: words for key, words in more.items() if words},
    )
