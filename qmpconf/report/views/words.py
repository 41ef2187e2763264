"""What every view says in the same words: kinds of findings, counts, alarms, the closing sentence.

Nothing here is escaped: each view does that for its own format.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from qmpconf.check.baseline import UNEXPLAINED
from qmpconf.check.findings import SEVERITIES
from qmpconf.report.results.merge import Report, Run
from qmpconf.report.results.records import (
    WORST_FIRST,
    Case,
    Finding,
    Unjudged,
    Verdict,
    VerdictWord,
)
from qmpconf.text import counted

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

#: What findings are called where one verb alone wrote the results: singular, plural, by severity.
_NAMES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "replay": {"error": ("difference", "differences")},
    "diff": {
        "error": ("breaks a client", "break a client"),
        "warning": ("can surprise it", "can surprise it"),
        "note": ("is harmless", "are harmless"),
    },
}

#: A path that is one of a trace.
_TRACE = re.compile(r"\.qmptrace(\.gz)?$")

#: Characters of a command that is told as what to do next.
_LONGEST_STEP = 120

_NONE = {"replay": "no differences", "diff": "no changes"}


@dataclass(slots=True)
class Kind:
    """Findings with one fingerprint, of whichever subjects: the first, and how many there are."""

    first: Finding
    count: int = 0
    subjects: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Card:
    """The report card: the verdicts of each subject by requirement, and what any of them breaks."""

    subjects: Mapping[str, Mapping[str, Verdict]]
    broken: tuple[str, ...]


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


def kinds(findings: Iterable[Finding]) -> list[Kind]:
    """The same finding of several subjects is one kind; in the order of `findings`."""
    found: dict[tuple[str, str], Kind] = {}
    for one in findings:
        kind = found.setdefault((one.rule, one.fingerprint), Kind(one))
        kind.count += one.count
        kind.subjects.append(one.subject)
        kind.paths.append(one.path)
    return list(found.values())


def reason(one: Finding) -> str:
    """Why a finding is known; one that was never explained says just that."""
    return UNEXPLAINED if one.reason.startswith(f"{UNEXPLAINED}: ") else one.reason


def verb_of(report: Report) -> str:
    """The verb that wrote all the results, or empty where there were several."""
    verbs = {run.header.verb for run in report.runs}
    return str(verbs.pop()) if len(verbs) == 1 else ""


def sentence(one: Finding) -> str:
    """What is wrong, and where in which message."""
    place = " ".join(filter(None, (one.about, one.pointer)))
    hint = f"; did you mean {one.hint!r}?" if one.hint else ""
    return f"{place}: {one.message}{hint}" if place else f"{one.message}{hint}"


def told(kind: Kind, report: Report) -> Iterator[tuple[str, str]]:
    """Everything else about a kind of finding: names and words, in the order of a reader."""
    first = kind.first
    yield "expected", first.expected
    yield "seen", first.seen
    yield from sorted(first.more.items())
    yield "source", first.source
    if len(report.subjects) > 1 and first.subject != first.path:
        yield "with", several(kind.subjects)
    yield "case", first.case
    yield "again", first.repeat
    yield "fingerprint", first.fingerprint


def place(kind: Kind) -> str:
    """File and line of the first one, and in how many other files there are more."""
    first = kind.first
    at = f"{first.path}:{first.line}" if first.line and first.path else first.path
    others = len(set(kind.paths)) - 1
    return at + (f" and {counted(others, 'more file')}" if others > 0 else "")


def several(names: Iterable[str], most: int = 4) -> str:
    """Some names, and how many more there are."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


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
    return f"qmpconf {run.header.verb}{label}"


def gone(report: Report) -> list[str]:
    """A sentence for each known finding that was not found any more."""
    found = []
    for one in report.gone:
        where = f"{one.subject}: {one.fingerprint}: known" if one.subject else one.fingerprint
        listed = "" if one.subject else "in the baseline, "
        found.append(f"{where}: {listed}but not found" + (f" ({one.reason})" if one.reason else ""))
    return found


def verdict_counts(found: Iterable[Verdict | Case]) -> str:
    """``70 pass, 2 fail (1 of them known)``; empty without any."""
    verdicts = list(found)
    by_word = Counter(one.verdict for one in verdicts)
    known = sum(1 for one in verdicts if one.known and one.verdict in ("fail", "warn"))
    parts = [f"{by_word[word]:,} {word}" for word in _IN_ORDER if by_word[word]]
    return ", ".join(parts) + (f" ({known:,} of them known)" if known else "")


_IN_ORDER: tuple[VerdictWord, ...] = ("pass", *(w for w in WORST_FIRST if w != "pass"))


def found(report: Report) -> str:
    """How many findings of each severity there are that are not known."""
    verb = verb_of(report)
    totals = report.totals()
    names = {one: (one, one + "s") for one in SEVERITIES} | dict(_NAMES.get(verb, {}))
    parts = [counted(totals[one], *names[one]) for one in SEVERITIES if totals[one]]
    if parts or not (report.unjudged or is_hollow(report)):
        return ", ".join(parts) or _NONE.get(verb, "no findings")
    return "nothing was judged" if is_hollow(report) else "nothing found in what was judged"


#: What was not judged, by kind: singular, plural, and against what.
_UNJUDGED: Mapping[str, tuple[str, str, str]] = {
    "trace": ("trace", "traces", ""),
    "schema": ("session", "sessions", " against a schema"),
    "call": ("call", "calls", " against the schema"),
    "event": ("event", "events", " against the schema"),
    "property": ("property", "properties", ""),
    "line": ("line", "lines", ""),
    "session": ("session", "sessions", " to the end"),
    "response": ("response", "responses", ""),
    "time": ("trace", "traces", " against a limit of time"),
}


#: Facts of a subject that count its messages.
_HELD = ("messages", "sent")


def unjudged(report: Report) -> list[str]:
    """A line for each kind of what was not judged: how much, why first, and what to do."""
    found: dict[str, list[Unjudged]] = {}
    for one in report.unjudged:
        found.setdefault(one.kind, []).append(one)
    known = [kind for kind in _UNJUDGED if kind in found]
    others = [kind for kind in found if kind not in _UNJUDGED]
    return [_not_judged(found[kind], report) for kind in (*known, *others)]


def _not_judged(same: Sequence[Unjudged], report: Report) -> str:
    first = same[0]
    one, many, against = _UNJUDGED.get(first.kind, (first.kind, f"{first.kind}s", ""))
    texts = list(dict.fromkeys(lack.text for lack in same))
    line = f"line {first.line}" if first.line else ""
    where = first.subject if len(report.subjects) > 1 else ""
    at = f" ({': '.join(filter(None, (where, line)))})" if where or line else ""
    more = f", and {counted(len(texts) - 1, 'more reason')}" if len(texts) > 1 else ""
    advice = f"; {first.advice}" if first.advice else ""
    count = counted(sum(lack.count for lack in same), one, many)
    return f"NOT JUDGED: {count}{against}: {first.text}{at}{more}{advice}"


def is_hollow(report: Report) -> bool:
    """Whether traces were checked or replayed, and not one message was there to be judged."""
    counts = [one.facts[n] for one in report.subjects for n in _HELD if n in one.facts]
    return bool(counts) and not any(counts)


def closings(report: Report) -> list[str]:
    """The lines that end every view: the closing sentence, and what was not judged."""
    return [closing(report), *unjudged(report)]


def closing(report: Report) -> str:
    """One sentence: how much was judged, how many findings there are, and what is missing."""
    text = ": ".join(filter(None, ("; ".join(_judged(report)), found(report))))
    if report.known:
        text += f"; {counted(len(kinds(report.known)), 'kind')} known"
        text += " from the baseline" if verb_of(report) == "check" else ""
    if report.gone:
        text += f"; {counted(len(report.gone), 'known one')} gone"
    missing = len(report.cut) + len(report.unread)
    if missing:
        results = counted(len(report.runs) + len(report.unread), "result")
        text += f"; NOT WHOLE: {missing} of {results}"
    return text


def _judged(report: Report) -> Iterator[str]:
    """How much of each sort was judged."""
    facts = [one.facts for one in report.subjects]
    checked = [one for one in facts if "messages" in one]
    played = [one for one in facts if "sent" in one]
    if checked:
        text = f"{_sum(checked, 'messages', 'message')} in {_sum(checked, 'sessions', 'session')}"
        text += f" of {counted(len(checked), 'trace')}" if len(checked) > 1 else ""
        yield f"{text} checked{_against(report, checked)}"
    if played:
        sums = (("sent", "message"), ("replies", "reply"), ("events", "event"))
        sent, replies, events = (_sum(played, *one) for one in sums)
        yield f"{sent} sent, {replies} and {events} matched"
    if report.cases:
        cases = counted(len(report.cases), "case")
        servers = len({one.subject for one in report.cases})
        where = f" on {servers} servers" if servers > 1 else ""
        yield f"{cases}{where}, {verdict_counts(report.cases)}"
    kinds_of = Counter(one.kind for one in report.subjects)
    if kinds_of["document"]:
        yield f"{counted(kinds_of['document'], 'document')} audited"
    for one in report.subjects:
        if one.kind == "catalogs" and kinds_of["catalogs"] == 1:
            yield one.name


def _against(report: Report, checked: Sequence[Mapping[str, object]]) -> str:
    """What was left out for all sessions; empty where some were held against a schema."""
    without = sum(one.count for one in report.unjudged if one.kind == "schema")
    sessions = [facts.get("sessions") for facts in checked]
    bare = without and without >= sum(one for one in sessions if isinstance(one, int))
    return " against the protocol alone, without a schema" if bare else ""


def _sum(facts: Iterable[Mapping[str, str | int | float | bool]], name: str, word: str) -> str:
    values = (one.get(name, 0) for one in facts)
    plural = "replies" if word == "reply" else ""
    return counted(sum(int(v) for v in values if isinstance(v, int | float)), word, plural)


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
            steps.append("--baseline FILE --update-baseline takes out what is gone")
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
