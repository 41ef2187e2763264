"""What covers each requirement: a rule of the checker, cases of the suite, or a reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qmpconf.check.covers import COVERED
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.conform.cases import server_cases
from qmpconf.conform.client.judge import HABITS
from qmpconf.conform.client.scenarios import SCENARIOS
from qmpconf.protocol.requirements import Requirement

#: Requirements of which cases are generated from the target's catalog.
GENERATED: Mapping[str, str] = {
    "schema.return": "schema.return/QUERY, one for each safe query",
    "request.strict-arguments": "request.strict-arguments/COMMAND, one for each safe command",
    **HABITS,
}


@dataclass(frozen=True, slots=True)
class Coverage:
    """One requirement and what covers it.

    `checker` is the module that judges it in a recording (empty: none), `cases` the ids of the
    server suite's cases and of the client suite's scenarios.
    """

    requirement: Requirement
    checker: str
    cases: tuple[str, ...]

    @property
    def covered(self) -> bool:
        """Whether anything covers it, or the register says why nothing can."""
        return bool(self.checker or self.cases or self.requirement.unseen)


def coverage() -> list[Coverage]:
    """Every requirement, in the order of the register."""
    cases: dict[str, list[str]] = {}
    for one in server_cases().values():
        for name in one.requirements:
            cases.setdefault(name, []).append(one.id)
    for scenario in SCENARIOS:
        cases.setdefault(scenario.requirement, []).append(scenario.id)
    for name, told in GENERATED.items():
        cases.setdefault(name, []).append(told)
    return [
        Coverage(rule, COVERED.get(name, ""), tuple(cases.get(name, ())))
        for name, rule in ALL_REQUIREMENTS.items()
    ]
