"""What stands at the top: did it conform, what was run, and what was judged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qmpconf.findings import SEVERITIES
from qmpconf.report.results.merge import Report, Run
from qmpconf.report.results.records import Subject, Verdict
from qmpconf.report.views.grouping import verb_of
from qmpconf.report.views.html.words import shares
from qmpconf.report.views.judged import is_hollow, verdict_counts
from qmpconf.text import counted

#: Verb -> what it is called when it passes, and when it does not.
_CALLED: Mapping[str, tuple[str, str]] = {
    "check": ("Conforms", "Does not conform"),
    "conform": ("Conforms", "Does not conform"),
    "replay": ("Answers as recorded", "Answers differ"),
    "trace-diff": ("No differences", "The recordings differ"),
    "audit": ("No new findings", "New findings"),
    "diff": ("Nothing breaks", "Changes that break"),
}

#: Exit code -> what it means (qmpconf/README.md, Exit codes); 0 and 1 are said in the verb's words.
_MEANS = {
    0: "conforms",
    1: "findings or differences",
    2: "wrong usage",
    3: "an input could not be read",
    4: "the target could not be reached, or went away",
    130: "interrupted",
}


#: What every trace's name ends in, which says nothing.
_ENDING = re.compile(r"\.qmptrace(\.gz|\.zst)?$")


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict in words: `style` is ``pass``, ``fail`` or ``cut``; `sign` goes with it."""

    style: str
    sign: str
    words: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A subject; `short` is its name without the folder of all, and its ending."""

    number: int
    subject: Subject
    short: str
    facts: Sequence[tuple[str, str]]
    findings: str
    verdicts: str


def headline(report: Report) -> Headline:
    """The verdict of a whole report."""
    code = report.exit_code
    if report.cut or report.unread or not report.runs:
        return Headline("cut", "!", "Incomplete")
    if code not in (0, 1):
        words = {130: "Interrupted", 4: "The target went away"}.get(code, "Did not finish")
        return Headline("cut", "!", words)
    if is_hollow(report):
        return Headline("cut", "!", "Nothing was judged")
    good, bad = _CALLED.get(verb_of(report), ("Passed", "Failed"))
    if code:
        return Headline("fail", "✗", bad)
    if any(one.kind == "schema" for one in report.unjudged):
        return Headline("cut", "!", "Not judged against a schema")
    if report.unjudged:
        good += ", as far as it was judged"
    if warnings := report.totals()["warning"]:
        good += f", with {counted(warnings, 'warning')}"
    return Headline("pass", "✓", f"{good}, but for what is known" if report.known else good)


def meaning(run: Run) -> str:
    """How a run ended, in words."""
    if not run.complete:
        return "cut off: its last lines are missing"
    told_ = f"exit code {run.exit_code}: {_MEANS.get(run.exit_code, 'unknown')}"
    return f"{told_} ({run.failure})" if run.failure else told_


def judged(report: Report) -> list[Judged]:
    """The subjects with their facts, and what was found of each."""
    findings: dict[str, Counter[str]] = {}
    for one in report.findings:
        name, count = (one.severity, one.count) if one.status == "new" else ("known", 1)
        findings.setdefault(one.subject, Counter())[name] += count
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in report.verdicts:
        verdicts.setdefault(verdict.subject, []).append(verdict)
    lacking = {one.subject for one in report.unjudged}
    folder = shares(subject.name for subject in report.subjects)
    return [
        Judged(
            number,
            subject,
            _ENDING.sub("", subject.name.removeprefix(folder)) or subject.name,
            [(name, _fact(value)) for name, value in subject.facts.items()],
            _told(findings.get(subject.name, Counter()), lacking=subject.name in lacking),
            verdict_counts(verdicts.get(subject.name, ())),
        )
        for number, subject in enumerate(report.subjects, 1)
    ]


def _fact(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:,}"


def _told(counts: Mapping[str, int], *, lacking: bool) -> str:
    parts = [counted(counts[one], one) for one in SEVERITIES if counts.get(one)]
    if counts.get("known"):
        parts.append(f"{counted(counts['known'], 'kind')} known")
    return ", ".join(parts) or ("none in what was judged" if lacking else "none")
