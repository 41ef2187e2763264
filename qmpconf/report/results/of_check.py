"""The result of `qmpconf check`: each trace is a subject, with its findings and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qmpconf.check.baseline import Baseline
from qmpconf.check.checking import Outcome
from qmpconf.check.collect import Exercised
from qmpconf.report.results.common import (
    Around,
    dropped,
    ended,
    gone_of,
    latencies,
    record,
    rules,
    verdicts,
)
from qmpconf.report.results.of_coverage import coverage
from qmpconf.report.results.records import (
    FindingRecord,
    Header,
    Note,
    Record,
    Subject,
    Unjudged,
    Verdict,
)
from qmpconf.report.results.stream import ResultFile


@dataclass(frozen=True, slots=True)
class Checked:
    """A trace that was checked, with groups of its own.

    Where it is said in full, `exercised` are the requirements that it gave an occasion to judge, and
    `near` is what stands around its findings, and its figures.
    """

    outcome: Outcome
    exercised: tuple[str, ...] | None = None
    near: Around | None = None


def of_check(
    header: Header,
    checked: Sequence[Checked],
    baseline: Baseline,
    exercised: Exercised | None = None,
) -> ResultFile:
    """The result of checking some traces.

    A trace for which it was gathered what it exercises is said in full: what was kept, what it
    covers, how long its commands took, and what stands around its findings.  `exercised` is what all
    of them exercise together.
    """
    result = ResultFile(header)
    for one in checked:
        result.records += _trace(one, baseline)
    result.records += coverage(exercised or Exercised())
    found = [one for one in result.records if isinstance(one, FindingRecord)]
    result.records += rules(
        one.rule for one in result.records if isinstance(one, FindingRecord | Verdict)
    )
    result.records += gone_of(baseline, found)
    hollow = bool(checked) and not any(one.outcome.messages for one in checked)
    return ended(result, judged=not hollow)


def _trace(one: Checked, baseline: Baseline) -> Iterator[Record]:
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
    yield from dropped(path, outcome.groups)
    yield from lacks_of(outcome)
    found = [record(path, group, baseline) for group in outcome.groups]
    yield from found
    yield from verdicts(path, found, one.exercised)
    if one.near:
        yield from one.near.messages
        yield from latencies(path, one.near.figures)


def looked_at(outcome: Outcome) -> Iterator[int]:
    """The lines of a trace around which is shown what stands there."""
    for group in outcome.groups:
        yield group.first.line


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
