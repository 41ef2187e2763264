"""The result of `qmpconf check`: each trace is a subject, with its findings and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from qmpconf.check.baseline import Baseline
from qmpconf.check.collect import Exercised, join
from qmpconf.check.findings import Group
from qmpconf.check.run import Outcome
from qmpconf.errors import InputError
from qmpconf.report.results.common import Around, around, rules, verdicts
from qmpconf.report.results.records import (
    Coverage,
    Finding,
    Gone,
    Header,
    Latency,
    Note,
    Record,
    Subject,
    Unjudged,
    Verdict,
)
from qmpconf.report.results.stream import Result


@dataclass(frozen=True, slots=True)
class Checked:
    """A trace that was checked, with groups of its own; `exercised` where that was gathered."""

    outcome: Outcome
    exercised: Exercised | None = None


def of_check(
    header: Header,
    checked: Sequence[Checked],
    baseline: Baseline,
    unread: Sequence[InputError] = (),
) -> Result:
    """The result of checking some traces; `unread` tells of others that could not be read.

    A trace for which it was gathered what it exercises is told in full: what was kept, what it
    covers, how long its commands took, and what stands around its findings, for which it is read
    once more.
    """
    result = Result(header)
    for one in checked:
        result.records += _trace(one, baseline.reasons)
    result.records += _coverage([one.exercised for one in checked if one.exercised])
    found = [one for one in result.records if isinstance(one, Finding)]
    result.records += rules(
        one.rule for one in result.records if isinstance(one, Finding | Verdict)
    )
    shown = {one.fingerprint for one in found}
    gone = {key: why for key, why in baseline.reasons.items() if key not in shown}
    result.records += [Gone(subject="", fingerprint=key, reason=why) for key, why in gone.items()]
    if unread:
        result.records += [Note(subject="", text=str(error)) for error in unread]
        return result.end(InputError.exit_code, str(unread[0]))
    hollow = bool(checked) and not any(one.outcome.messages for one in checked)
    return result.end(1 if hollow or gone or any(one.counts for one in found) else 0)


def _trace(one: Checked, known: Mapping[str, str]) -> Iterator[Record]:
    outcome, path = one.outcome, one.outcome.path
    facts: dict[str, str | int | float | bool] = {
        "messages": outcome.messages,
        "sessions": outcome.sessions,
        "schema": "; ".join(outcome.schemas) or "none: the wire protocol alone",
        "finished": outcome.finished,
    }
    yield Subject(name=path, kind="trace", facts=facts)
    if outcome.torn:
        text = f"line {outcome.torn}: the last line is torn; the rest was checked"
        yield Note(subject=path, text=text)
    elif not outcome.finished:
        yield Note(subject=path, text="the recording was cut off: no finish line")
    if outcome.groups.dropped:
        text = f"{outcome.groups.dropped:,} findings are not shown, for there are too many kinds"
        yield Note(subject=path, text=text)
    yield from lacks_of(outcome)
    found = [_finding(group, known) for group in outcome.groups]
    yield from found
    yield from verdicts(path, found, one.exercised.requirements if one.exercised else None)
    if one.exercised:
        read = around(path, (finding.line for finding in found))
        yield from read.messages
        yield from _latencies(path, read)


def lacks_of(outcome: Outcome) -> Iterator[Unjudged]:
    """What was not judged of a trace."""
    for one in outcome.unjudged:
        yield Unjudged(
            subject=outcome.path,
            kind=one.kind,
            text=one.text,
            advice=one.advice,
            line=one.line,
            count=one.count,
        )


def _latencies(path: str, read: Around) -> Iterator[Latency]:
    for one in read.figures.latencies:
        yield Latency(
            subject=path,
            name=one.name,
            count=one.count,
            errors=one.errors,
            p50=one.p50,
            p95=one.p95,
            max=one.max,
            total=one.total,
            buckets=tuple(one.buckets),
        )


def _coverage(exercised: Iterable[Exercised]) -> Iterator[Coverage]:
    """What all traces exercise together, of each catalog."""
    for catalog in join(exercised).catalogs:
        for one in catalog.records:
            yield Coverage(
                subject="",
                schema=catalog.catalog,
                kind=one.kind,
                name=one.name,
                calls=one.calls,
                refused=one.refused,
                places=one.places,
                missing=one.missing,
            )


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
        weight=one.weight,
        lines=(one.line,),
        status="new" if reason is None else "known",
        reason=reason or "",
        more={"answered": one.answer, **dict(one.more)} if one.answer else dict(one.more),
    )
