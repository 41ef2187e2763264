"""The result of `qmpconf coverage`: each trace is a subject, a limit that is missed a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from qmpconf.check.baseline import Baseline
from qmpconf.check.collect import Exercised
from qmpconf.findings import Finding, Group
from qmpconf.report.results.common import ended, record
from qmpconf.report.results.records import (
    Coverage,
    Exercise,
    Header,
    Rule,
    Subject,
    Unjudged,
)
from qmpconf.report.results.stream import ResultFile

#: The rule that a limit of the user stands for.
LIMIT = "coverage.limit"


@dataclass(frozen=True, slots=True)
class Missed:
    """A limit that was missed: of a catalog's `kind` of places, `percent` are exercised."""

    catalog: str
    kind: str
    percent: float
    limit: float

    @property
    def sentence(self) -> str:
        """What is missing, in words."""
        return f"{self.percent:.1f} % of the {self.kind} are exercised, which is under {self.limit:g} %"


def of_coverage(
    header: Header,
    traces: Sequence[str],
    found: Exercised,
    missed: Iterable[Missed],
    unjudged: Iterable[Unjudged] = (),
) -> ResultFile:
    """The result of looking at what some traces exercise; a limit that is missed is an error."""
    result = ResultFile(header, [Subject(name=path, kind="trace") for path in traces])
    result.records.append(Exercise(exercised=found))
    result.records += coverage(found)
    limits = [record("", Group.of(_finding(one)), Baseline()) for one in missed]
    result.records += [*limits, *unjudged]
    if limits:
        text = "At least so much is exercised as the user asks for."
        result.records.append(Rule(id=LIMIT, level="MUST", text=text, source="--fail-under"))
    return ended(result)


def coverage(found: Exercised) -> Iterator[Coverage]:
    """What is exercised of each catalog, name by name."""
    for catalog in found.catalogs:
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


def _finding(one: Missed) -> Finding:
    return Finding(
        requirement=LIMIT,
        level="MUST",
        severity="error",
        blame="nobody",
        subject=one.catalog,
        message=one.sentence,
        expected=f"{one.limit:g} %",
        seen=f"{one.percent:.1f} %",
        source="--fail-under",
        identity=(one.catalog, one.kind),
    )
