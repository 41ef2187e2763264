"""The result of `qmpconf check`: each trace is a subject, with its findings and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from qmpconf.check.baseline import Baseline
from qmpconf.check.findings import Group
from qmpconf.check.run import Outcome
from qmpconf.report.results.common import messages_near, rules, verdicts
from qmpconf.report.results.records import Finding, Gone, Header, Note, Record, Subject, Verdict
from qmpconf.report.results.stream import Result


def of_check(
    header: Header, checked: Sequence[Outcome], baseline: Baseline, *, messages: bool = False
) -> Result:
    """The result of checking some traces, each with groups of its own.

    With `messages`, the traces are read once more for what stands around the findings.
    """
    result = Result(header)
    for one in checked:
        result.records += _trace(one, baseline.reasons, messages=messages)
    found = [one for one in result.records if isinstance(one, Finding)]
    named = [one.rule for one in result.records if isinstance(one, Finding | Verdict)]
    result.records += rules(named)
    shown = {one.fingerprint for one in found}
    gone = {key: why for key, why in baseline.reasons.items() if key not in shown}
    result.records += [Gone(subject="", fingerprint=key, reason=why) for key, why in gone.items()]
    return result.end(1 if gone or any(one.counts for one in found) else 0)


def _trace(one: Outcome, known: Mapping[str, str], *, messages: bool) -> Iterable[Record]:
    facts: dict[str, str | int | float | bool] = {
        "messages": one.messages,
        "sessions": one.sessions,
        "schema": "; ".join(one.schemas) or "none: the wire protocol alone",
        "finished": one.finished,
    }
    yield Subject(name=one.path, kind="trace", facts=facts)
    if one.torn:
        text = f"line {one.torn}: the last line is torn; the rest was checked"
        yield Note(subject=one.path, text=text)
    if one.groups.dropped:
        text = f"{one.groups.dropped:,} findings are not shown, for there are too many kinds"
        yield Note(subject=one.path, text=text)
    found = [_finding(group, known) for group in one.groups]
    yield from found
    yield from verdicts(one.path, found)
    if messages:
        yield from messages_near(one.path, (finding.line for finding in found))


def _finding(group: Group, known: Mapping[str, str]) -> Finding:
    one = group.first
    reason = known.get(group.fingerprint)
    return Finding(
        subject=one.path,
        fingerprint=group.fingerprint,
        rule=one.requirement,
        severity=one.severity,
        blame=one.blame,
        message=one.message,
        path=one.path,
        line=one.line,
        session=one.session,
        pointer=one.pointer,
        about=one.subject,
        expected=one.expected,
        seen=one.seen,
        source=one.source,
        hint=one.hint,
        count=group.count,
        lines=(one.line,),
        status="new" if reason is None else "known",
        reason=reason or "",
    )
