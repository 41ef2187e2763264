"""The report as JUnit XML, as Jenkins, GitLab and others read it.

A suite is a subject, a test case one requirement and that subject: a failure with its findings and
the messages around them, or skipped with the reason where the requirement was not judged, or where
its failure is known.  Subjects without verdicts have a case for each rule that was broken, and one
that passes where none was.  Results that are not whole, and known findings that are gone, are
failures of a suite of their own, in which what was not judged is skipped.

Only what the schema of Jenkins' plugin knows is used: a requirement's level and source stand in
the suite's properties.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from xml.sax.saxutils import escape, quoteattr

from qmpconf.findings import Severity
from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import (
    Case,
    FindingRecord,
    Message,
    Subject,
    Unjudged,
    Verdict,
)
from qmpconf.report.views import grouping, judged, words
from qmpconf.report.views.grouping import Kind
from qmpconf.text import counted, harmless
from qmpconf.trace.around import ODD
from qmpconf.trace.wording import line

#: Findings of one test case that are said in full.
_MOST = 20

_Said = TypeVar("_Said", FindingRecord, Verdict, Case, Unjudged)

_BROKEN = ("fail", "warn")


@dataclass(frozen=True, slots=True)
class Test:
    """One test case; `outcome` is ``failure``, ``skipped`` or empty for one that passes."""

    suite: str
    name: str
    outcome: str = ""
    type: str = ""
    message: str = ""
    text: str = ""
    out: str = ""
    seconds: float = 0.0


def page(report: Report) -> str:
    """The whole report."""
    started = min((run.header.started for run in report.runs), default="")
    closing = "; ".join(judged.closings(report))
    of = _Own(report)
    suites = [
        (one.name, _properties(one, of, report, closing), _tests(one, of, report))
        for one in report.subjects
    ]
    own = list(_own(report))
    if own or not suites:
        suites.append(("qmpconf", [], own))
    lines = [_suite(name, told, tests, started, report) for name, told, tests in suites]
    every = [test for _, _, tests in suites for test in tests]
    head = _attributes(
        name="qmpconf",
        tests=len(every),
        failures=sum(test.outcome == "failure" for test in every),
        errors=0,
        time=_seconds(sum(test.seconds for test in every)),
    )
    body = "".join(lines)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{head}>\n{body}</testsuites>\n'


class _Own:
    """What is said of each subject, by its name: looked up, for there may be very many."""

    def __init__(self, report: Report) -> None:
        self.findings = _by_subject(report.findings)
        self.verdicts = _by_subject(report.verdicts)
        self.cases = _by_subject(report.cases)
        self.unjudged = _by_subject(report.unjudged)


def _by_subject(found: Iterable[_Said]) -> dict[str, list[_Said]]:
    own: dict[str, list[_Said]] = {}
    for one in found:
        own.setdefault(one.subject, []).append(one)
    return own


def _tests(subject: Subject, of: _Own, report: Report) -> list[Test]:
    findings = of.findings.get(subject.name, [])
    verdicts = {one.rule: one for one in of.verdicts.get(subject.name, [])}
    seconds = _times(of.cases.get(subject.name, []))
    by_rule: dict[str, list[FindingRecord]] = {rule: [] for rule in verdicts}
    for one in findings:
        by_rule.setdefault(one.rule, []).append(one)
    tests = [
        _test(subject.name, rule, verdicts.get(rule), found, report, seconds.get(rule, 0.0))
        for rule, found in sorted(by_rule.items())
    ]
    if tests or report.cut:
        return tests
    lack = next(iter(of.unjudged.get(subject.name, [])), None)
    if lack is None:
        return [Test(subject.name, "nothing found")]
    return [Test(subject.name, "nothing found in what was judged", out=lack.text)]


def _times(cases: Iterable[Case]) -> dict[str, float]:
    """Seconds by requirement; a case that proves several of them counts for its first one."""
    seconds: dict[str, float] = {}
    for case in cases:
        if case.rules:
            seconds[case.rules[0]] = seconds.get(case.rules[0], 0.0) + case.seconds
    return seconds


def _test(
    subject: str,
    rule: str,
    verdict: Verdict | None,
    found: list[FindingRecord],
    report: Report,
    seconds: float,
) -> Test:
    new = [one for one in found if one.counts]
    known = [one for one in found if one.status == "known"]
    about = report.rules.get(rule)
    law = f"{rule} ({about.level}): {about.text} [{about.source}]" if about else rule
    text = "\n\n".join([law, *_told(new or known or found, report)])
    if new or (verdict and verdict.verdict in _BROKEN and not verdict.known):
        reason = words.sentence(new[0]) if new else verdict.reason if verdict else ""
        severe = any(one.severity == "error" for one in new) or (not new and _is(verdict, "fail"))
        kind: Severity = "error" if severe else "warning"
        outcome = "failure" if report.fails(kind) else "skipped"
        out = "\n".join(_around(new, report))
        return Test(subject, rule, outcome, kind, reason or rule, text, out, seconds)
    if known or (verdict and verdict.known):
        why = f"known: {verdict.known if verdict and verdict.known else known[0].reason}"
        return Test(subject, rule, "skipped", "known", why, out=text, seconds=seconds)
    if verdict and verdict.verdict != "pass":
        why = ": ".join(filter(None, (verdict.verdict, verdict.reason)))
        return Test(subject, rule, "skipped", verdict.verdict, why, seconds=seconds)
    return Test(subject, rule, out=text if found else "", seconds=seconds)


def _is(verdict: Verdict | None, word: str) -> bool:
    return verdict is not None and verdict.verdict == word


def _own(report: Report) -> Iterator[Test]:
    """What is wrong with the results, known findings that are gone, and what was not judged."""
    for number, alarm in enumerate(words.alarms(report), 1):
        yield Test("qmpconf", f"result {number}", "failure", "not-whole", alarm, alarm)
    for number, sentence in enumerate(words.gone(report), 1):
        yield Test("qmpconf", f"gone {number}", "failure", "gone", sentence, sentence)
    for number, sentence in enumerate(judged.unjudged(report), 1):
        yield Test("qmpconf", f"not judged {number}", "skipped", "not-judged", sentence)
    if judged.is_hollow(report):
        text = judged.closing(report)
        yield Test("qmpconf", "nothing to judge", "failure", "nothing-judged", text, text)


def _told(findings: Iterable[FindingRecord], report: Report) -> Iterator[str]:
    found = grouping.kinds(findings)
    for kind in found[:_MOST]:
        times = f" ({counted(kind.count, 'time')})" if kind.count > 1 else ""
        lines = [f"{words.place(kind)}: {words.sentence(kind.first)}{times}".removeprefix(": ")]
        lines += [f"  {name:<12} {text}" for name, text in words.told(kind, report) if text]
        yield "\n".join(lines)
    if len(found) > _MOST:
        yield f"... and {counted(len(found) - _MOST, 'more kind')}"


def _around(findings: Iterable[FindingRecord], report: Report) -> Iterator[str]:
    """The messages around the first few findings."""
    for kind in grouping.kinds(findings)[:_MOST]:
        yield f"around {words.place(kind)}:"
        messages = report.around(kind.first)
        yield from (_message(one, kind) for one in messages)
        if not messages:
            yield from (f"  {line}" for line in kind.first.around)


def _message(one: Message, kind: Kind) -> str:
    here = one.line == kind.first.line
    return f"{'>' if here else ' '} {line(one, one.body if here or one.kind in ODD else '')}"


def _properties(subject: Subject, of: _Own, report: Report, closing: str) -> list[tuple[str, str]]:
    told = [("kind", str(subject.kind)), ("report", closing)]
    told += [(name, _fact(value)) for name, value in sorted(subject.facts.items())]
    named = {one.rule for one in of.verdicts.get(subject.name, [])}
    named |= {one.rule for one in of.findings.get(subject.name, [])}
    for rule in sorted(named & report.rules.keys()):
        about = report.rules[rule]
        told.append((f"{rule}.level", about.level))
        told.append((f"{rule}.source", about.source))
    return told


def _fact(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _suite(
    name: str, told: list[tuple[str, str]], tests: list[Test], started: str, report: Report
) -> str:
    stamp = started.removesuffix("Z")
    head = _attributes(
        name=name,
        tests=len(tests),
        failures=sum(test.outcome == "failure" for test in tests),
        errors=0,
        skipped=sum(test.outcome == "skipped" for test in tests),
        time=_seconds(sum(test.seconds for test in tests)),
        **({"timestamp": stamp} if stamp else {}),
    )
    lines = [f"<testsuite{head}>"]
    if told:
        lines.append("<properties>")
        lines += [f"<property{_attributes(name=key, value=value)}/>" for key, value in told]
        lines.append("</properties>")
    lines += map(_case, tests)
    notes = [one.text for one in report.notes if one.subject in (name, "")]
    if notes:
        lines.append(_element("system-out", "\n".join(notes)))
    return "\n".join([*lines, "</testsuite>", ""])


def _case(test: Test) -> str:
    head = _attributes(classname=test.suite, name=test.name, time=_seconds(test.seconds))
    inner = ""
    if test.outcome:
        inner += _element(test.outcome, test.text, type=test.type, message=test.message)
    if test.out:
        inner += _element("system-out", test.out)
    return f"<testcase{head}>{inner}</testcase>" if inner else f"<testcase{head}/>"


def _seconds(value: float) -> str:
    """With at most three decimals, as the schema wants it."""
    return f"{min(max(value, 0.0), 1e9):.3f}"


def _element(tag: str, text: str, **attributes: str) -> str:
    return f"<{tag}{_attributes(**attributes)}>{escape(_valid(text))}</{tag}>"


def _attributes(**attributes: str | int) -> str:
    return "".join(
        f" {name}={quoteattr(_valid(str(value)), {chr(10): '&#10;'})}"
        for name, value in attributes.items()
    )


def _valid(text: str) -> str:
    """`text` without what XML cannot hold, or does not print; it stays readable as an escape."""
    return harmless(text)
