"""What a case can come to: verdicts, the findings that show them, and how a case says so.

::

    Stop                  never raised itself: ends a case
    ├── Unmet             something was expected of the server, and did not come
    ├── NotApplicable     the server does not offer what the case is about
    └── Inconclusive      the case could not find out

A case that ends without raising has met its own expectations; the checker still judges its trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from qmpconf.findings import Finding, Severity

#: Findings of one requirement in one case that are kept.
KEPT = 5


class Verdict(Enum):
    """The verdict of a case or of a requirement, as reports print it."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    WARN = "warn"
    NOT_APPLICABLE = "not-applicable"
    INCONCLUSIVE = "inconclusive"

    @property
    def broken(self) -> bool:
        """Whether a rule was broken."""
        return self in (Verdict.FAIL, Verdict.WARN)

    @property
    def severity(self) -> Severity:
        """How much a verdict weighs where it is said as a finding."""
        found: dict[Verdict, Severity] = {Verdict.FAIL: "error", Verdict.WARN: "warning"}
        return found.get(self, "note")

    @classmethod
    def of(cls, finding: Finding) -> Verdict:
        """What a finding makes of a case: an error fails it."""
        found = {"error": cls.FAIL, "warning": cls.WARN}
        return found.get(finding.severity, cls.PASS)


#: From the one that counts most, where several cases show one requirement.
WORST_FIRST = (
    Verdict.FAIL,
    Verdict.WARN,
    Verdict.PASS,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_APPLICABLE,
)


class Stop(Exception):  # noqa: N818 - it ends a case, which is not an error
    """Ends a case."""


class Unmet(Stop):
    """An expectation that the server did not meet.

    `line` is the line of the case's trace that shows it (0: the latest one); `requirement` is set
    when another rule is broken than the one that the case is about, `follows` to rules whose breaches
    in this case are but consequences.  `shown` says that what the case is about was seen to be kept before.
    """

    def __init__(
        self,
        expected: str,
        seen: str,
        *,
        line: int = 0,
        requirement: str = "",
        follows: tuple[str, ...] = (),
        shown: bool = False,
    ) -> None:
        super().__init__(f"expected {expected}; got {seen}")
        self.follows = follows
        self.shown = shown
        self.expected = expected
        self.seen = seen
        self.line = line
        self.requirement = requirement


class NotApplicable(Stop):
    """The server does not offer what the case is about; the argument says what."""


class Inconclusive(Stop):
    """The case could not find out; the argument says why."""


@dataclass(slots=True)
class CaseResult:
    """What one case came to.

    `reason` says why, for whatever is not a pass.  `breaches` are findings of the case's own
    requirements, `foreign` of others, seen by the way; those of the checker, and that an
    expectation of the case itself was not met.  `trace` is the path of the case's trace, `excerpt`
    the messages around the first breach, `seconds` how long it took.  `known` is the reason why
    the failure is expected, or empty.
    """

    case: str
    requirements: tuple[str, ...]
    title: str
    verdict: Verdict
    reason: str = ""
    breaches: list[Finding] = field(default_factory=list)
    foreign: list[Finding] = field(default_factory=list)
    trace: str = ""
    excerpt: str = ""
    seconds: float = 0.0
    known: str = ""

    def add(self, finding: Finding | None) -> None:
        """Keep a finding, if there is one, unless there are `KEPT` of its requirement."""
        if finding is None:
            return
        where = self.breaches if finding.requirement in self.requirements else self.foreign
        if sum(one.requirement == finding.requirement for one in where) < KEPT:
            where.append(finding)

    def decide(self) -> None:
        """The verdict and its reason by what was found of the case's own requirements."""
        if self.breaches:
            first = self.breaches[0]
            self.verdict = worst(list(map(Verdict.of, self.breaches)))
            self.reason = f"expected {first.expected}; got {first.seen}"

    def withdraw(self, why: str) -> None:
        """Nothing can be said of its own requirements after all."""
        self.verdict, self.reason = Verdict.INCONCLUSIVE, why
        self.breaches.clear()

    def verdict_of(self, requirement: str) -> Verdict:
        """What it says of one of its requirements: a case of several may break just one of them."""
        if not self.verdict.broken or not self.breaches:
            return self.verdict
        own = [Verdict.of(one) for one in self.breaches if one.requirement == requirement]
        return worst(own) if own else Verdict.PASS


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict that counts most; not-applicable when there is none."""
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.NOT_APPLICABLE)
