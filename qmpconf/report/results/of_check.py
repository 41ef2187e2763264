"""The result of `qmpconf check`: each trace is a subject, with its findings and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qmpconf.check.baseline import Baseline
from qmpconf.check.checking import Outcome
from qmpconf.check.collect import Exercised
from qmpconf.report.results.common import (
    Around,
    around,
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
from qmpconf.report.results.stream import Packed, ResultFile


@dataclass(frozen=True, slots=True)
class Checked:
    """A trace that was checked, with groups of its own.

    Where it is said in full, `exercised` are the requirements that it gave an occasion to judge, and
    `near` is what stands around its findings, and its latencies.
    """

    outcome: Outcome
    exercised: tuple[str, ...] | None = None
    near: Packed | None = None


def of_check(
    header: Header,
    checked: Sequence[Checked],
    baseline: Baseline,
    exercised: Exercised | None = None,
    *,
    partial: bool = False,
) -> ResultFile:
    """The result of checking some traces.

    A trace for which it was gathered what it exercises is said in full: what was kept, what it
    covers, how long its commands took, and what stands around its findings.  `exercised` is what all
    of them exercise together.  These are all traces that the baseline is about, or with `partial` some of them: then
    nothing in it counts as gone.
    """
    result = ResultFile(header)
    for one in checked:
        result.records += _trace(one, baseline)
    result.records += coverage(exercised or Exercised())
    found = [one for one in result.records if isinstance(one, FindingRecord)]
    result.records += rules(
        one.rule for one in result.records if isinstance(one, FindingRecord | Verdict)
    )
    outcomes = [one.outcome for one in checked]
    if not partial and all(one.selected is None for one in outcomes):
        result.records += gone_of(baseline, found)
    hollow = bool(checked) and not any(
        one.messages if one.selected is None else one.selected for one in outcomes
    )
    return ended(result, judged=not hollow)


def _trace(one: Checked, baseline: Baseline) -> Iterator[Record | Packed]:
    outcome, path = one.outcome, one.outcome.path
    facts: dict[str, str | int | float | bool] = {
        "messages": outcome.messages,
        "sessions": outcome.sessions,
        "schema": "; ".join(outcome.schemas) or "none: the wire protocol alone",
        "finished": outcome.finished,
    }
    if outcome.selected is not None:
        facts |= {"selected": outcome.selected, "findings elsewhere": outcome.elsewhere}
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
        yield one.near


def near_of(outcome: Outcome) -> Packed:
    """What stands around the findings of a trace, and how long its commands took."""
    return packed(outcome, around(outcome.path, lines_of(outcome)))


def lines_of(outcome: Outcome) -> list[int]:
    """The lines of the findings of a trace."""
    return [group.first.line for group in outcome.groups]


def packed(outcome: Outcome, found: Around) -> Packed:
    """The same, where it was found already."""
    return Packed([*found.messages, *latencies(outcome.path, found.figures)])


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
