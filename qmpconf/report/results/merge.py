"""Several results as one report, in whatever order they come.

Shards of one suite complete each other, results of several servers stand side by side, and a
stream that is given twice counts once.  What two streams say of one requirement and subject comes
to the one that counts most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from qmpconf.check.findings import SEVERITIES
from qmpconf.report.results.records import (
    WORST_FIRST,
    Case,
    Coverage,
    Finding,
    Gone,
    Header,
    Latency,
    Message,
    Note,
    Record,
    Rule,
    Subject,
    Table,
    Verdict,
)
from qmpconf.report.results.stream import Result, dumped

#: Exit codes, from the one that counts most (DESIGN.md section 6); others come behind these.
_CODES = (130, 4, 3, 2, 1, 0)

_R = TypeVar("_R", bound=Record)


@dataclass(frozen=True, slots=True)
class Run:
    """One stream: its header, and how it ended.

    `complete` is False for one that was cut off; then `exit_code` is 3.
    """

    header: Header
    complete: bool
    exit_code: int
    failure: str
    origin: str


@dataclass(slots=True)
class Report:
    """What the views show.  Every list is sorted; the same results give the same report."""

    runs: list[Run] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    rules: dict[str, Rule] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    messages: dict[str, list[Message]] = field(default_factory=dict)
    latencies: list[Latency] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """Of all runs the one that counts most; 3 when one of them was cut off."""
        codes = {run.exit_code for run in self.runs}
        return next((code for code in _CODES if code in codes), max(codes, default=0))

    @property
    def cut(self) -> list[Run]:
        """The runs that were cut off."""
        return [run for run in self.runs if not run.complete]

    @property
    def new(self) -> list[Finding]:
        """The findings that are not known, the worst first."""
        return [one for one in self.findings if one.status == "new"]

    @property
    def known(self) -> list[Finding]:
        """The findings that are known."""
        return [one for one in self.findings if one.status == "known"]

    def totals(self) -> Mapping[str, int]:
        """How many findings of each severity there are that are not known."""
        found: Counter[str] = Counter()
        for one in self.new:
            found[one.severity] += one.count
        return {severity: found[severity] for severity in SEVERITIES}

    def verdict_of(self, rule: str, subject: str) -> Verdict | None:
        """What the requirement came to with the subject."""
        return next((v for v in self.verdicts if v.rule == rule and v.subject == subject), None)

    def around(self, finding: Finding, before: int = 4, after: int = 3) -> list[Message]:
        """The messages of the finding's session next to its line, in order."""
        session = [
            one
            for one in self.messages.get(finding.path, ())
            if one.conn == finding.session or not finding.session
        ]
        place = next((i for i, one in enumerate(session) if one.line >= finding.line), len(session))
        return session[max(0, place - before) : place + after + 1]


def merged(results: Iterable[Result]) -> Report:
    """One report of all of them."""
    unique = {_identity(one): one for one in results}
    ordered = [unique[key] for key in sorted(unique)]
    report = Report(runs=[_run(one) for one in ordered])
    records = [record for one in ordered for record in one.records]
    report.subjects = _subjects(_of(records, Subject))
    order = {subject.name: place for place, subject in enumerate(report.subjects)}

    def placed(subject: str) -> tuple[int, str]:
        return (order.get(subject, len(order)), subject)

    report.rules = {rule.id: rule for rule in sorted(_of(records, Rule), key=lambda r: r.id)}
    report.findings = sorted(
        _findings(_of(records, Finding)),
        key=lambda f: (
            f.status,
            SEVERITIES.index(f.severity),
            placed(f.subject),
            f.path,
            f.line,
            f.fingerprint,
        ),
    )
    report.verdicts = sorted(
        _verdicts(_of(records, Verdict)), key=lambda v: (v.rule, placed(v.subject))
    )
    report.cases = sorted(_cases(_of(records, Case)), key=lambda c: (placed(c.subject), c.id))
    for message in sorted(set(_of(records, Message)), key=_message_place):
        report.messages.setdefault(message.path, []).append(message)
    report.latencies = sorted(
        _of(records, Latency), key=lambda one: (placed(one.subject), one.name)
    )
    report.coverage = sorted(
        _of(records, Coverage), key=lambda c: (placed(c.subject), c.schema, c.kind, c.name)
    )
    report.tables = _unique(_of(records, Table), lambda t: (placed(t.subject), t.title, t.rows))
    report.notes = _unique(_of(records, Note), lambda n: (placed(n.subject), n.text))
    report.gone = _unique(_of(records, Gone), lambda g: (placed(g.subject), g.fingerprint))
    return report


def _identity(result: Result) -> bytes:
    """Sorts streams, and is the same for two copies of one."""
    head = result.header
    lines = [f"{head.verb} {head.label} {head.started}".encode(), dumped(head)]
    lines += [dumped(record) for record in result.records]
    lines.append(dumped(result.finish) if result.finish else b"")
    return b"\n".join(lines)


def _run(result: Result) -> Run:
    finish = result.finish
    if finish is None:
        return Run(result.header, False, 3, "the result was cut off", result.origin)
    return Run(result.header, True, finish.exit_code, finish.failure, result.origin)


def _of(records: Sequence[Record], kind: type[_R]) -> list[_R]:
    return [record for record in records if isinstance(record, kind)]


def _unique(records: list[_R], key: Callable[[_R], object]) -> list[_R]:
    found = {dumped(record): record for record in records}
    return sorted(found.values(), key=key)  # type: ignore[arg-type]


def _subjects(subjects: Iterable[Subject]) -> list[Subject]:
    """One for each name; numbers that shards tell of the same subject add up."""
    found: dict[str, Subject] = {}
    for one in subjects:
        before = found.get(one.name)
        found[one.name] = one if before is None else _joined(before, one)
    return sorted(found.values(), key=lambda subject: (subject.kind, subject.name))


def _joined(first: Subject, second: Subject) -> Subject:
    facts = dict(first.facts)
    for name, value in second.facts.items():
        before = facts.get(name)
        numbers = isinstance(before, int | float) and isinstance(value, int | float)
        if numbers and not isinstance(value, bool):
            facts[name] = round(before + value, 6)  # type: ignore[operator,arg-type]
        else:
            facts[name] = value
    return msgspec.structs.replace(first, facts=facts)


def _findings(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Equal ones of one subject together; one that is new anywhere is new."""
    found: dict[tuple[str, str, str], list[Finding]] = {}
    for one in findings:
        found.setdefault((one.subject, one.rule, one.fingerprint), []).append(one)
    for same in found.values():
        distinct = {(one.path, one.line, one.count, one.case): one for one in same}
        ordered = sorted(
            distinct.values(), key=lambda f: (f.status != "new", f.path, f.line, f.case)
        )
        count = sum(one.count for one in ordered)
        lines = tuple(sorted({line for one in ordered for line in one.lines}))
        yield msgspec.structs.replace(ordered[0], count=count, lines=lines)


def _verdicts(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    found: dict[tuple[str, str], Verdict] = {}
    for one in verdicts:
        key = (one.rule, one.subject)
        found[key] = min(found.get(key, one), one, key=_badness)
    yield from found.values()


def _badness(verdict: Verdict) -> tuple[int, bool, str]:
    return (WORST_FIRST.index(verdict.verdict), bool(verdict.known), verdict.reason)


def _cases(cases: Iterable[Case]) -> Iterator[Case]:
    found: dict[tuple[str, str], Case] = {}
    for one in cases:
        key = (one.subject, one.id)
        before = found.get(key, one)
        found[key] = min(before, one, key=lambda c: (WORST_FIRST.index(c.verdict), dumped(c)))
    yield from found.values()


def _message_place(message: Message) -> tuple[str, int, int, str]:
    return (message.path, message.line, message.conn, message.kind)
