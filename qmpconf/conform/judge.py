"""From a case's trace to its result: the project's own checker, and the case's own expectation.

The checker reads the trace as any recording.  What it blames on the client is the suite's doing
and on purpose; what it blames on the server counts, for the case if it is about that requirement,
else for the requirement itself ("seen by the way").
"""

from __future__ import annotations

from collections.abc import Sequence

from qmpconf.check.basis import Basis
from qmpconf.check.findings import Finding
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.check.run import findings
from qmpconf.conform.cases import Case
from qmpconf.conform.transcript import excerpt
from qmpconf.conform.verdicts import (
    Breach,
    Inconclusive,
    NotApplicable,
    Result,
    Stop,
    Unmet,
    Verdict,
    worst,
)
from qmpconf.trace.reader import TraceReader

#: Requirements that a catalog makes.
_OF_CATALOG = ("schema.", "response.void")
#: Breaches of one requirement in one case that are told one by one.
_MOST = 5


def judge(case: Case, path: str, basis: Basis | None, stop: Stop | None) -> Result:
    """The result of a case that wrote the trace `path` and ended with `stop` (None: in order)."""
    breaches, foreign, doubts = _checked(case, path, basis)
    if isinstance(stop, Unmet):
        mine = unmet(case, stop)
        (breaches if mine.requirement in case.requirements else foreign).insert(0, mine)
    result = Result(case.id, case.requirements, case.title, Verdict.PASS, trace=path)
    result.breaches, result.foreign = breaches, foreign
    if breaches:
        result.verdict = worst([one.verdict for one in breaches])
        first = breaches[0]
        result.reason = f"expected {first.expected}; got {first.seen}"
    elif isinstance(stop, NotApplicable):
        result.verdict, result.reason = Verdict.NOT_APPLICABLE, str(stop)
    elif isinstance(stop, Inconclusive):
        result.verdict, result.reason = Verdict.INCONCLUSIVE, str(stop)
    elif isinstance(stop, Unmet):
        result.verdict = Verdict.INCONCLUSIVE
        result.reason = f"ended by a breach of {stop.requirement}: {stop}"
    elif doubts and basis is not None:
        result.verdict = Verdict.INCONCLUSIVE
        result.reason = f"by {basis.catalog.name}, which is not of this build: {doubts[0]}"
    shown = breaches or foreign
    if shown:
        result.excerpt = excerpt(path, shown[0].line)
    return result


def unmet(case: Case, stop: Unmet) -> Breach:
    """A case's own expectation that was not met, as a breach."""
    rule = ALL_REQUIREMENTS[stop.requirement or case.requirements[0]]
    return Breach(
        rule.id,
        rule.level.value,
        stop.line,
        rule.sentence,
        rule.source,
        stop.expected,
        stop.seen,
        case=True,
    )


def _checked(
    case: Case, path: str, basis: Basis | None
) -> tuple[list[Breach], list[Breach], list[str]]:
    """What the checker blames on the server: of the case's requirements, and of others.

    And what it only suspects: a catalog that is not of the very build may be wrong itself.
    """

    def choose(*_: object) -> Basis | None:
        return basis

    own: list[Breach] = []
    foreign: list[Breach] = []
    doubts: list[str] = []
    for finding in findings(TraceReader(path), choose):
        if finding.blame != "server" or finding.severity == "note":
            continue
        if finding.requirement.startswith(_OF_CATALOG) and basis and not basis.very_build:
            if finding.requirement in case.requirements:
                doubts.append(f"{finding.pointer}: {finding.message}")
            continue
        where = own if finding.requirement in case.requirements else foreign
        if _count(where, finding.requirement) < _MOST:
            where.append(_breach(finding))
    return own, foreign, doubts


def _count(breaches: Sequence[Breach], requirement: str) -> int:
    return sum(one.requirement == requirement for one in breaches)


def _breach(finding: Finding) -> Breach:
    rule = ALL_REQUIREMENTS[finding.requirement]
    sentence = rule.sentence
    if finding.message != sentence.rstrip("."):
        sentence += f" ({finding.message})"
    return Breach(
        finding.requirement,
        finding.level,
        finding.line,
        sentence,
        finding.source,
        finding.expected,
        finding.seen,
        finding.pointer,
        finding.subject,
    )
