"""What a whole run came to: verdicts of requirements, what was seen by the way, the exit code.

Also as plain JSON values, which the reports and the matrix are made from::

    {"qmpconf-conform": 2, "target": ..., "schema": ..., "seconds": ..., "gone": "",
     "results": [...], "healed": [[pattern, case], ...], "better": [[pattern, case], ...],
     "known": "the shipped list"}

A result's ``breaches`` and ``foreign`` are findings with all their members.  In version 1 they
were of a type of their own, and had fewer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.check.verdict import exit_code
from qmpconf.conform.frozen import CURRENT, RequirementSet
from qmpconf.conform.known import Known
from qmpconf.conform.verdicts import CaseResult, Verdict, worst
from qmpconf.errors import InputError
from qmpconf.protocol.requirements import Level

VERSION = 2

#: The last part of the id under which breaches are said that no case of their own shows.
SEEN = "seen"


@dataclass(slots=True)
class Outcome:
    """One run of the suite against one target; `interrupted` by its user, perhaps.

    `results` are those of the cases, and of what was seen by the way.  `healed` are entries of the
    user's list of known failures that did not fail: (pattern, case); `better` are those of the
    shipped list, which fail nothing.  `gone` says why the run was cut
    short, `known` where the known failures are listed, `remarks` what the survey noted; `strict` says whether warnings fail,
    `side` who was put to the test, `frozen` which requirements count.
    """

    target: str
    repeat: str
    schema: str
    results: list[CaseResult] = field(default_factory=list)
    healed: list[tuple[str, str]] = field(default_factory=list)
    better: list[tuple[str, str]] = field(default_factory=list)
    gone: str = ""
    known: str = ""
    seconds: float = 0.0
    strict: bool = False
    side: Literal["server", "client"] = "server"
    remarks: list[str] = field(default_factory=list)
    interrupted: bool = False
    frozen: RequirementSet = CURRENT

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How many results have each verdict."""
        return Counter(one.verdict for one in self.results)

    @property
    def unexpected(self) -> list[CaseResult]:
        """Failures and warnings that are on no list."""
        return [one for one in self.results if one.verdict.broken and not one.known]

    @property
    def exit_code(self) -> int:
        """0 conforms, 1 does not, 4 the target went away (qmpconf/README.md, Exit codes)."""
        if self.gone:
            return 130 if self.interrupted else 4
        new = (one.verdict.severity for one in self.unexpected)
        gone, judged = bool(self.healed), not self.undecided
        return exit_code(new, strict=self.strict, gone=gone, judged=judged)

    @property
    def word(self) -> str:
        """What the run came to, in a word or three."""
        if self.gone:
            return "interrupted" if self.interrupted else "went away"
        if self.exit_code == 0:
            return "conforms"
        new = (one.verdict.severity for one in self.unexpected)
        failed = exit_code(new, strict=self.strict, gone=bool(self.healed))
        return "does not conform" if failed else "undecided"

    @property
    def undecided(self) -> list[str]:
        """What binds as a MUST, and of which no case could find out whether it is kept."""
        return [
            name
            for name, verdict in self.requirements().items()
            if verdict is Verdict.INCONCLUSIVE and self.frozen.level(name) is Level.MUST
        ]

    def requirements(self) -> dict[str, Verdict]:
        """The verdict of every requirement that was put to the test, in the register's order.

        A case that is about several is shown with those alone that were broken in it.
        """
        found: dict[str, list[Verdict]] = {}
        for one in self.results:
            breached = {breach.requirement for breach in one.breaches}
            for requirement in one.requirements:
                if requirement not in self.frozen:
                    continue
                if not one.verdict.broken or requirement in breached:
                    found.setdefault(requirement, []).append(one.verdict)
        return {name: worst(found[name]) for name in ALL_REQUIREMENTS if name in found}

    def notes(self) -> list[str]:
        """What readers should know, and what fails nothing."""
        held = f"held to the requirements of {self.frozen.name}" if self.frozen.name else ""
        return [
            *filter(None, [held]),
            *self.remarks,
            *(
                f"{case} is known to fail on this build ({pattern}), and passes here"
                for pattern, case in self.better
            ),
            *(
                f"{name} is undecided, and binds as a MUST: no case could find out whether it is kept"
                for name in self.undecided
            ),
        ]

    def is_known(self, requirement: str) -> bool:
        """Whether every breach of a requirement is on a list."""
        broken = [
            one
            for one in self.results
            if requirement in one.requirements and one.verdict_of(requirement).broken
        ]
        return bool(broken) and all(one.known for one in broken)

    def complete(self, known: Known) -> None:
        """Add what was seen by the way, and hold the results against the known failures."""
        self.results += seen_by_the_way(self.results, known)
        # What was cut short may have left out the case that fails.
        passed = [] if self.gone else known.healed(self.results)
        self.healed = [(entry.case, case) for entry, case in passed if not entry.ours]
        self.better = [(entry.case, case) for entry, case in passed if entry.ours]
        self.known = known.where


def seen_by_the_way(results: Iterable[CaseResult], known: Known) -> list[CaseResult]:
    """Breaches of requirements in cases that are about others, one result for each requirement.

    A requirement of which an unexpected breach is said already is left out.
    """
    results = list(results)
    told = {
        requirement
        for one in results
        if one.verdict.broken and not one.known
        for requirement in one.requirements
        if one.verdict_of(requirement).broken
    }
    found: dict[str, CaseResult] = {}
    for result in results:
        for breach in result.foreign:
            rule = breach.requirement
            if rule in told:
                continue
            one = found.get(rule)
            if one is None:
                one = found[rule] = CaseResult(
                    f"{rule}/{SEEN}",
                    (rule,),
                    "Seen by the way, in cases that are about something else",
                    Verdict.of(breach),
                    f"in {result.case}: expected {breach.expected}; got {breach.seen}",
                    trace=result.trace,
                    excerpt=result.excerpt,
                )
                one.known = known.reason_for(one.case)
            one.breaches.append(breach)
    return list(found.values())


# --- as data ---------------------------------------------------------------------------------------


def to_data(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON values."""
    return {
        "qmpconf-conform": VERSION,
        "target": outcome.target,
        "repeat": outcome.repeat,
        "schema": outcome.schema,
        "seconds": round(outcome.seconds, 3),
        "gone": outcome.gone,
        "known": outcome.known,
        "healed": [list(one) for one in outcome.healed],
        "better": [list(one) for one in outcome.better],
        "requirements": {name: one.value for name, one in outcome.requirements().items()},
        "results": [result_to_data(one) for one in outcome.results],
    }


def result_to_data(result: CaseResult) -> dict[str, Any]:
    """One result as JSON values."""
    data: dict[str, Any] = msgspec.to_builtins(result)
    return {**data, "seconds": round(result.seconds, 4)}


def result_from_data(data: Mapping[str, Any]) -> CaseResult:
    """A result out of JSON values.  Raises InputError for anything else."""
    try:
        return msgspec.convert(data, CaseResult)
    except msgspec.ValidationError as error:
        raise InputError(f"no result of the conformance suite: {error}") from None
