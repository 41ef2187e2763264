"""What a whole run came to: verdicts of requirements, what was seen by the way, the exit code.

Also as plain JSON values, which the reports and the matrix are made from::

    {"qmpconf-conform": 1, "target": ..., "schema": ..., "seconds": ..., "gone": "",
     "results": [...], "healed": [[pattern, case], ...], "known": "the shipped list"}
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.conform.known import Known
from qmpconf.conform.verdicts import Breach, Result, Verdict, worst
from qmpconf.errors import InputError
from qmpconf.protocol.requirements import Level

VERSION = 1

#: The last part of the id under which breaches are told that no case of their own shows.
SEEN = "seen"


@dataclass(slots=True)
class Outcome:
    """One run of the suite against one target.

    `results` are those of the cases, and of what was seen by the way.  `healed` are entries of the
    lists of known failures that did not fail: (pattern, case).  `gone` says why the run was cut
    short, `known` where the known failures are listed.
    """

    target: str
    repeat: str
    schema: str
    results: list[Result] = field(default_factory=list)
    healed: list[tuple[str, str]] = field(default_factory=list)
    gone: str = ""
    known: str = ""
    seconds: float = 0.0

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How many results have each verdict."""
        return Counter(one.verdict for one in self.results)

    @property
    def unexpected(self) -> list[Result]:
        """Failures and warnings that are on no list."""
        return [one for one in self.results if one.verdict.broken and not one.known]

    @property
    def failed(self) -> bool:
        """Whether a MUST is broken unexpectedly, or something listed as broken is not."""
        return bool(self.healed) or any(one.verdict is Verdict.FAIL for one in self.unexpected)

    @property
    def exit_code(self) -> int:
        """0 conforms, 1 does not, 4 the target went away (qmpconf/README.md, Exit codes)."""
        if self.gone:
            return 4
        return 1 if self.failed else 0

    def requirements(self) -> dict[str, Verdict]:
        """The verdict of every requirement that was put to the test, in the register's order.

        A case that is about several is told of those alone that were broken in it.
        """
        found: dict[str, list[Verdict]] = {}
        for one in self.results:
            breached = {breach.requirement for breach in one.breaches}
            for requirement in one.requirements:
                if not one.verdict.broken or requirement in breached:
                    found.setdefault(requirement, []).append(one.verdict)
        return {name: worst(found[name]) for name in ALL_REQUIREMENTS if name in found}

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
        self.healed = [(entry.case, case) for entry, case in known.healed(self.results)]
        self.known = known.where


def seen_by_the_way(results: Iterable[Result], known: Known) -> list[Result]:
    """Breaches of requirements in cases that are about others, one result for each requirement.

    A requirement of which an unexpected breach is told already is left out.
    """
    results = list(results)
    told = {
        requirement
        for one in results
        if one.verdict.broken and not one.known
        for requirement in one.requirements
        if one.verdict_of(requirement).broken
    }
    found: dict[str, Result] = {}
    for result in results:
        for breach in result.foreign:
            rule = breach.requirement
            if rule in told:
                continue
            one = found.get(rule)
            if one is None:
                one = found[rule] = Result(
                    f"{rule}/{SEEN}",
                    (rule,),
                    "Seen by the way, in cases that are about something else",
                    Verdict.FAIL if breach.level == Level.MUST.value else Verdict.WARN,
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
        "requirements": {name: one.value for name, one in outcome.requirements().items()},
        "results": [result_to_data(one) for one in outcome.results],
    }


def result_to_data(result: Result) -> dict[str, Any]:
    """One result as JSON values."""
    data = dataclasses.asdict(result)
    data["verdict"] = result.verdict.value
    data["seconds"] = round(result.seconds, 4)
    return data


def result_from_data(data: Mapping[str, Any]) -> Result:
    """A result out of JSON values.  Raises InputError for anything else."""
    try:
        members = dict(data)
        members["verdict"] = Verdict(members["verdict"])
        members["requirements"] = tuple(members["requirements"])
        for name in ("breaches", "foreign"):
            members[name] = [Breach(**one) for one in members[name]]
        return Result(**members)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"no result of the conformance suite: {error}") from None
