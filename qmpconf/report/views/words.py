"""What every view says in the same words: a finding and its details, alarms, what is gone, titles, what to do next.

Nothing here is escaped: each view does that for its own format.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qmpconf.check.baseline import UNEXPLAINED
from qmpconf.report.results.merge import Report, Run
from qmpconf.report.results.records import Case, FindingRecord, Verdict, VerdictWord
from qmpconf.report.views.grouping import EFFECT, Kind, several, verb_of
from qmpconf.report.views.judged import found, verdict_counts
from qmpconf.text import apart, around, counted, shortened

#: What stands in a cell of the report card.
MARKS: Mapping[VerdictWord, str] = {
    "pass": "pass",
    "fail": "FAIL",
    "warn": "warn",
    "not-applicable": "n/a",
    "inconclusive": "?",
    "not-exercised": "-",
}

#: What a report card's reader must know.
KEY = (
    "pass: every case passed. FAIL: a MUST is broken; warn: a SHOULD is; with a dagger (†) it is "
    "known. n/a: not offered there. ?: could not be found out. -: no occasion to judge it."
)

#: Columns of a report card in which each target stands alone, at most.
MOST_COLUMNS = 24
#: A path that is one of a trace.
_TRACE = re.compile(r"\.qmptrace(\.gz|\.zst)?$")
#: Characters of what was expected, or seen, that a text shows; JSON has all.
MOST_SIDE = 600
#: Characters of a command that is said as what to do next.
_LONGEST_STEP = 120


@dataclass(frozen=True, slots=True)
class Card:
    """The report card: the verdicts of each subject by requirement, and what any of them breaks."""

    subjects: Mapping[str, Mapping[str, Verdict]]
    broken: tuple[str, ...]

    def columns(self) -> list[tuple[str, Mapping[str, Verdict]]]:
        """Who stands in each column, and the verdicts there.

        Each subject has one of its own; of more than `MOST_COLUMNS`, those with the same marks and counts share one.
        """
        if len(self.subjects) <= MOST_COLUMNS:
            return list(self.subjects.items())
        same: dict[tuple[str, ...], list[str]] = {}
        for name, verdicts in self.subjects.items():
            marks = (mark(verdicts.get(rule)) for rule in self.broken)
            same.setdefault((verdict_counts(verdicts.values()), *marks), []).append(name)
        return [
            (f"{counted(len(names), 'target')}: {several(names)}", self.subjects[names[0]])
            if len(names) > 1
            else (names[0], self.subjects[names[0]])
            for names in same.values()
        ]


def card(report: Report) -> Card | None:
    """None where there are no two servers or replays to stand beside each other."""
    found: dict[str, dict[str, Verdict]] = {}
    for one in report.verdicts:
        found.setdefault(one.subject, {})[one.rule] = one
    subjects = {
        one.name: found[one.name]
        for one in report.subjects
        if one.name in found and (one.kind != "trace" or "sent" in one.facts)
    }
    if len(subjects) < 2:
        return None
    broken = {
        one.rule: None
        for one in report.verdicts
        if one.verdict in ("fail", "warn") and one.subject in subjects
    }
    return Card(subjects, tuple(broken))


def mark(verdict: Verdict | None) -> str:
    """What stands in a cell of the card."""
    if verdict is None:
        return MARKS["not-exercised"]
    return MARKS[verdict.verdict] + (" †" if verdict.known else "")


def reason(one: FindingRecord) -> str:
    """Why a finding is known; one that was never explained says just that."""
    return UNEXPLAINED if one.reason.startswith(f"{UNEXPLAINED}: ") else one.reason


def sentence(one: FindingRecord) -> str:
    """What is wrong, and where in which message."""
    place = " ".join(filter(None, (one.about, one.pointer)))
    hint = f"; did you mean {one.hint!r}?" if one.hint else ""
    return f"{place}: {one.message}{hint}" if place else f"{one.message}{hint}"


def told(kind: Kind, report: Report) -> Iterator[tuple[str, str]]:
    """Everything else about a kind of finding: names and words, in the order of a reader."""
    first = kind.first
    yield from zip(("expected", "seen"), sides(first), strict=True)
    yield from ((name, text) for name, text in sorted(first.more.items()) if name != EFFECT)
    yield "source", first.source
    if len(report.subjects) > 1 and first.subject != first.path:
        yield "with", several(kind.subjects)
    title = title_of(first, report)
    yield "case", f"{first.case}: {title}" if title not in ("", first.message) else first.case
    yield "again", first.repeat
    yield "fingerprint", first.fingerprint


def title_of(one: FindingRecord, report: Report) -> str:
    """What the case that shows a finding is called; empty where it has none."""
    return next((case.title for case in report.cases if one.case and case.id == one.case), "")


def case_line(one: Case) -> str:
    """A case in one line: its verdict, and why."""
    why = one.known or one.reason
    return f"{one.verdict:<15}{one.id}{' (known)' if one.known else ''}{f': {why}' if why else ''}"


def sides(one: FindingRecord, most: int = MOST_SIDE) -> tuple[str, str]:
    """What was expected and what was seen, each of at most `most` characters: where they differ.

    A long list of what may stand there is shown around the name that was probably meant.
    """
    if len(one.expected) > most and one.hint and one.hint in one.expected:
        at = one.expected.index(one.hint)
        return around(one.expected, at, most), shortened(one.seen, most)
    return apart(one.expected, one.seen, most)


def place(kind: Kind) -> str:
    """File and line of the first one, and in how many other files there are more."""
    first = kind.first
    at = f"{first.path}:{first.line}" if first.line and first.path else first.path
    others = len(set(kind.paths)) - 1
    return at + (f" and {counted(others, 'more file')}" if others > 0 else "")


def alarms(report: Report) -> list[str]:
    """What a reader must know first: results that are not whole, runs that did not end."""
    found = [f"NOT READ: {one}" for one in report.unread]
    for run in report.runs:
        name = run.origin or run_name(run)
        if not run.complete:
            found.append(f"NOT WHOLE: {name}: {run.failure}; only what it holds is shown")
        elif run.failure and not any(run.failure in note.text for note in report.notes):
            found.append(f"NOT TO ITS END: {run_name(run)}: {run.failure}")
    return found


def run_name(run: Run) -> str:
    """The verb, and what its user calls the run."""
    label = f" ({run.header.label})" if run.header.label else ""
    return f"qmpconf {_CALLED.get(run.header.verb, run.header.verb)}{label}"


#: How verbs are called whose results have another name.
_CALLED = {"diff": "schema diff", "audit": "schema audit", "trace-diff": "diff"}


def gone(report: Report) -> list[str]:
    """A sentence for each known finding that was not found any more."""
    suites = {one.name for one in report.subjects if one.kind in ("server", "client")}
    found = []
    for one in report.gone:
        if one.subject in suites and one.reason:
            with_ = f" ({one.subject})" if len(suites) > 1 else ""
            found.append(f"HEALED {one.reason}{with_}")
            continue
        where = f"{one.subject}: {one.fingerprint}: known" if one.subject else one.fingerprint
        listed = "" if one.subject else "in the baseline, "
        text = f"{where}: {listed}but not found" + (f" ({one.reason})" if one.reason else "")
        found.append(f"{one.place}: {text}" if one.place else text)
    return found


def has_findings(report: Report) -> bool:
    """Whether there is anything to say of findings: figures alone have none."""
    figures = {run.header.verb for run in report.runs} <= {"coverage", "stats"}
    return not (report.runs and figures) or bool(report.findings or alarms(report))


def headline(report: Report) -> str:
    """A few words for a title: what is wrong with the results, what was found, what is gone."""
    parts = []
    if report.cut or report.unread:
        parts.append("NOT WHOLE")
    elif alarms(report):
        parts.append("NOT TO ITS END")
    parts.append(found(report))
    if report.gone:
        parts.append(f"{counted(len(report.gone), 'known one')} gone")
    if report.unjudged:
        parts.append("NOT ALL JUDGED")
    return "; ".join(parts)


def next_steps(report: Report) -> list[str]:
    """What to do about the findings, in a few lines; none where there is nothing to do."""
    new = [one for one in report.new if one.counts]
    steps = []
    at = next((one for one in new if one.line and _TRACE.search(one.path)), None)
    again = next((one.repeat for one in new if 0 < len(one.repeat) <= _LONGEST_STEP), "")
    if again:
        steps.append(again)
    elif at is not None:
        lines = f"{max(1, at.line - 3)}-{at.line + 3}"
        steps.append(f"qmpconf show {shlex.quote(at.path)} --line {lines}")
    origins = sorted(run.origin for run in report.runs if run.origin)
    if not origins and verb_of(report) == "check":
        if report.gone:
            steps.append("--baseline FILE --update takes out what is gone")
        elif new and not report.known:
            steps.append("--baseline FILE for what is known")
    if new:
        steps.append(_page_step(origins))
    return [f"{'      ' if number else 'next: '}{step}" for number, step in enumerate(steps)]


def _page_step(origins: list[str]) -> str:
    """How to get a page of what is shown: made from files by ``qmpconf report``, or by a verb."""
    if not origins:
        return "--result FILE and 'qmpconf report FILE --format html' for a page"
    command = f"qmpconf report {shlex.join(origins)} --format html -o DIR"
    short = "stdin" not in origins and len(command) <= _LONGEST_STEP
    return command if short else "--format html -o DIR for a page"
