"""Several results as one report, in whatever order they come.

Shards of one suite complete each other, results of several servers stand side by side, and a
stream that is given twice counts once (`qmpconf.report.results.heap`).  What two streams say of one
requirement and subject comes to the one that counts most.  How the parts of it come together is in
`qmpconf.report.results.joining`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from qmpconf.check.collect import Exercised, join
from qmpconf.check.verdict import exit_code, fails
from qmpconf.findings import SEVERITIES, Severity
from qmpconf.report.results import joining
from qmpconf.report.results.heap import Heap, Stream, together
from qmpconf.report.results.records import (
    Case,
    Coverage,
    Exercise,
    FindingRecord,
    Gone,
    Header,
    Latency,
    Message,
    Note,
    Record,
    Rule,
    Subject,
    Table,
    Traffic,
    Unjudged,
    Verdict,
)
from qmpconf.report.results.stream import ResultFile, dumped
from qmpconf.text import naturally
from qmpconf.trace.figures import Figures
from qmpconf.trace.stats import together as added_up

#: Exit codes, from the one that counts most (qmpconf/README.md, Exit codes).
_CODES = (130, 4, 3, 2, 1, 0)

_R = TypeVar("_R", bound=Record)


@dataclass(frozen=True, slots=True)
class Run:
    """One stream: its header, and how it ended.

    `complete` is False for one that was cut off or damaged; then `exit_code` is 3, and `failure`
    says what is wrong.  `origin` is its path.
    """

    header: Header
    complete: bool
    exit_code: int
    failure: str
    origin: str


@dataclass(slots=True)
class Report:
    """What the views show.  Every list is sorted; the same results give the same report.

    `unread` reports each result that could not be read at all; `strict` makes warnings fail,
    whatever the runs said; `interrupted`: somebody ended the reading before its end.
    """

    runs: list[Run] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    rules: dict[str, Rule] = field(default_factory=dict)
    findings: list[FindingRecord] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    messages: dict[str, list[Message]] = field(default_factory=dict)
    latencies: list[Latency] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unjudged: list[Unjudged] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    exercised: Exercised | None = None
    figures: Figures | None = None
    unread: list[str] = field(default_factory=list)
    strict: bool = False
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """Of all runs the one that counts most; 3 when a result was cut off, or not read.

        A code that no verb has comes from a file that somebody else wrote, and counts as 3.
        """
        codes = {run.exit_code if run.exit_code in _CODES else 3 for run in self.runs}
        if self.unread:
            codes.add(3)
        if self.interrupted:
            codes.add(130)
        if self.strict:
            codes.add(exit_code((one.severity for one in self.new), strict=True))
        return next((code for code in _CODES if code in codes), 0)

    def fails(self, severity: Severity) -> bool:
        """Whether a new finding of this severity fails the runs that are shown."""
        return fails(severity, strict=self.strict or any(run.header.strict for run in self.runs))

    @property
    def cut(self) -> list[Run]:
        """The runs that were cut off."""
        return [run for run in self.runs if not run.complete]

    @property
    def new(self) -> list[FindingRecord]:
        """The findings that are not known, the worst first."""
        return [one for one in self.findings if one.status == "new"]

    @property
    def known(self) -> list[FindingRecord]:
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

    def around(self, finding: FindingRecord, before: int = 4, after: int = 3) -> list[Message]:
        """The messages of the finding's session next to its line, in order."""
        every = self.messages.get(finding.path, [])
        if not every or not finding.line:
            return []
        place = bisect_left(every, finding.line, key=lambda one: one.line)
        earlier = _of_session(reversed(every[:place]), finding.session, before)
        return earlier[::-1] + _of_session(every[place:], finding.session, after + 1)


def _of_session(messages: Iterable[Message], session: int, most: int) -> list[Message]:
    """The first `most` messages of one session; 0 stands for all sessions."""
    own = (one for one in messages if not session or one.conn == session)
    return list(islice(own, most))


def merged(
    results: Iterable[ResultFile],
    unread: Iterable[str] = (),
    *,
    strict: bool = False,
    packed: bool = True,
) -> Report:
    """One report of all of them; `unread` are messages about those that could not be read.

    Without `packed`, what is packed is left out: for a view that does not show it.
    """
    heap = together(Heap.of(one, packed=packed) for one in results)
    return report_of(heap, unread, strict=strict)


def report_of(heap: Heap, unread: Iterable[str] = (), *, strict: bool = False) -> Report:
    """The report of all that is in a heap."""
    streams = heap.in_order()
    report = Report(
        subjects=joining.subjects(subject for one in streams for subject in one.subjects),
        unread=sorted(set(unread)),
        strict=strict,
    )
    order = {subject.name: place for place, subject in enumerate(report.subjects)}

    def placed(subject: str) -> tuple[int, str]:
        return (order.get(subject, len(order)), subject)

    rules = {rule.id: rule for one in streams for rule in one.rules}
    report.rules = {name: rules[name] for name in sorted(rules)}
    report.findings = sorted(
        joining.findings(heap.all(FindingRecord)),
        key=lambda f: (
            f.status,
            SEVERITIES.index(f.severity),
            # Of the notes, those about a client are few, those about another server may be many.
            f.severity == "note" and f.blame != "client",
            f.weight > 0,
            -f.weight,
            placed(f.subject),
            f.path,
            f.line,
            f.rule,
            f.about,
            naturally(f.pointer),
            f.fingerprint,
        ),
    )
    report.verdicts = sorted(
        joining.verdicts(heap.all(Verdict)), key=lambda v: (v.rule, placed(v.subject))
    )
    report.cases = sorted(joining.cases(heap.all(Case)), key=lambda c: (placed(c.subject), c.id))
    for message in _unique(heap.all(Message), lambda m: (m.path, m.line, m.conn)):
        report.messages.setdefault(message.path, []).append(message)
    report.latencies = sorted(
        joining.latencies(heap.all(Latency)), key=lambda one: (placed(one.subject), one.name)
    )
    report.coverage = sorted(
        joining.coverage(heap.all(Coverage)),
        key=lambda c: (placed(c.subject), c.schema, c.kind, c.name),
    )
    report.tables = _unique(heap.all(Table), lambda t: (placed(t.subject), t.title))
    report.notes = _unique(heap.all(Note), lambda n: (placed(n.subject), n.text))
    report.unjudged = _unique(
        heap.all(Unjudged), lambda u: (placed(u.subject), u.kind, u.line, u.text)
    )
    if exercises := sorted(heap.all(Exercise), key=dumped):
        report.exercised = join(one.exercised for one in exercises)
    if traffic := sorted(heap.all(Traffic), key=dumped):
        report.figures = added_up([one.figures for one in traffic])
    gone = joining.gone(heap.all(Gone), report.findings)
    report.gone = _unique(gone, lambda g: (placed(g.subject), g.fingerprint))
    report.runs = [_run(one, report) for one in streams]
    return report


def _run(stream: Stream, report: Report) -> Run:
    finish = stream.finish
    if finish is None or stream.damage:
        failure = stream.damage or "the result was cut off"
        return Run(stream.header, False, 3, failure, stream.origin)
    code = finish.exit_code
    if code == 1 and stream.gone and not stream.fails and joining.found(stream.gone, report.gone):
        code = 0
    return Run(stream.header, True, code, finish.failure, stream.origin)


def _unique(records: Iterable[_R], key: Callable[[_R], tuple[object, ...]]) -> list[_R]:
    """Sorted; where `key` is the same for two, by all that they hold."""
    places: dict[tuple[object, ...], list[_R]] = {}
    for record in records:
        places.setdefault(key(record), []).append(record)
    found: list[_R] = []
    for place in sorted(places):
        same = places[place]
        found += sorted(same, key=dumped) if len(same) > 1 else same
    return found
