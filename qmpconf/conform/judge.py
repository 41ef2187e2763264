"""From a case's trace to its result: the project's own checker, and the case's own expectation.

The checker reads the trace as any recording.  What it blames on the client is the suite's doing
and on purpose; what it blames on the server counts, for the case if it is about that requirement,
else for the requirement itself ("seen by the way").
"""

from __future__ import annotations

from collections.abc import Iterator

from qmpconf.check.basis import Basis
from qmpconf.check.checking import findings
from qmpconf.check.reporter import Reporter
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.conform.cases import Case
from qmpconf.conform.first_causes import first_causes
from qmpconf.conform.frozen import CURRENT, RequirementSet
from qmpconf.conform.verdicts import (
    CaseResult,
    Inconclusive,
    NotApplicable,
    Stop,
    Unmet,
    Verdict,
)
from qmpconf.findings import Finding
from qmpconf.protocol.requirements import Party
from qmpconf.trace.around import excerpt
from qmpconf.trace.reader import TraceReader

#: Requirements that a catalog makes.
_OF_CATALOG = ("schema.", "response.void")


def judge(
    case: Case,
    path: str,
    basis: Basis | None,
    stop: Stop | None,
    frozen: RequirementSet = CURRENT,
) -> CaseResult:
    """The result of a case that wrote the trace `path` and ended with `stop` (None: in order)."""
    result = CaseResult(case.id, case.requirements, case.title, Verdict.PASS, trace=path)
    if isinstance(stop, Unmet):
        result.add(frozen.judged(unmet(case, path, stop)))
    doubts: list[str] = []
    follows = stop.follows if isinstance(stop, Unmet) else ()
    for finding in first_causes(path, list(_checked(path, basis))):
        if finding.requirement in follows:
            continue
        if not _is_sure(finding, basis):
            if finding.requirement in case.requirements:
                doubts.append(f"{finding.pointer}: {finding.message}")
            continue
        result.add(frozen.judged(finding))
    result.decide()
    if result.breaches:
        pass
    elif isinstance(stop, NotApplicable):
        result.verdict, result.reason = Verdict.NOT_APPLICABLE, str(stop)
    elif isinstance(stop, Inconclusive):
        result.verdict, result.reason = Verdict.INCONCLUSIVE, str(stop)
    elif isinstance(stop, Unmet) and not stop.shown:
        result.verdict = Verdict.INCONCLUSIVE
        result.reason = f"ended by a breach of {stop.requirement}: {stop}"
    elif doubts and basis is not None:
        result.verdict = Verdict.INCONCLUSIVE
        result.reason = f"by {basis.catalog.name}, which is not of this build: {doubts[0]}"
    shown = result.breaches or result.foreign
    if shown:
        result.excerpt = excerpt(path, shown[0].line)
    return result


def unmet(case: Case, path: str, stop: Unmet) -> Finding:
    """A case's own expectation that was not met, as a finding in the case's trace."""
    own = not stop.requirement or stop.requirement in case.requirements
    rule = ALL_REQUIREMENTS[stop.requirement or case.requirements[0]]
    return Reporter(path, 0).finding(
        rule.id,
        stop.line,
        "",
        "",
        case.title if own else rule.sentence.rstrip("."),
        stop.expected,
        stop.seen,
        rule.source,
        blame=Party.SERVER,
    )


def _checked(path: str, basis: Basis | None) -> Iterator[Finding]:
    """What the checker blames on the server."""

    def choose(*_: object) -> Basis | None:
        return basis

    for finding in findings(TraceReader(path), choose):
        if finding.blame == "server" and finding.severity != "note":
            yield finding


def _is_sure(finding: Finding, basis: Basis | None) -> bool:
    """Whether it counts: a catalog that is not of the very build may be wrong itself."""
    of_catalog = finding.requirement.startswith(_OF_CATALOG)
    return not (of_catalog and basis and not basis.very_build)
