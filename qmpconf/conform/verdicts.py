"""What a case can come to: verdicts, the rules that were broken, and how a case says so.

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


#: From the one that counts most, where several cases show one requirement.
WORST_FIRST = (
    Verdict.FAIL,
    Verdict.WARN,
    Verdict.PASS,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_APPLICABLE,
)


class Stop(Exception):  # noqa: N818 - it ends a case, which is no error
    """Ends a case."""


class Unmet(Stop):
    """An expectation that the server did not meet.

    `line` is the line of the case's trace that shows it (0: the latest one); `requirement` is set
    when another rule is broken than the one that the case is about.
    """

    def __init__(self, expected: str, seen: str, *, line: int = 0, requirement: str = "") -> None:
        super().__init__(f"expected {expected}; got {seen}")
        self.expected = expected
        self.seen = seen
        self.line = line
        self.requirement = requirement


class NotApplicable(Stop):
    """The server does not offer what the case is about; the argument says what."""


class Inconclusive(Stop):
    """The case could not find out; the argument says why."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One requirement that the server broke, at one line of a trace.

    `level`, `sentence` and `source` are the register's; `case` tells that the case's own
    expectation failed, and not a rule of the checker.
    """

    requirement: str
    level: str
    line: int
    sentence: str
    source: str
    expected: str
    seen: str
    pointer: str = ""
    subject: str = ""
    case: bool = False

    @property
    def verdict(self) -> Verdict:
        """What it makes of a case: a broken MUST fails it."""
        return {"MUST": Verdict.FAIL, "SHOULD": Verdict.WARN}.get(self.level, Verdict.PASS)


@dataclass(slots=True)
class Result:
    """What one case came to.

    `reason` says why, for whatever is no pass.  `breaches` are of the case's own requirements;
    `foreign` are of others, seen by the way.  `trace` is the path of the case's trace, `excerpt`
    the messages around the first breach, `seconds` how long it took.  `known` is the reason why
    the failure is expected, or empty.
    """

    case: str
    requirements: tuple[str, ...]
    title: str
    verdict: Verdict
    reason: str = ""
    breaches: list[Breach] = field(default_factory=list)
    foreign: list[Breach] = field(default_factory=list)
    trace: str = ""
    excerpt: str = ""
    seconds: float = 0.0
    known: str = ""

    def verdict_of(self, requirement: str) -> Verdict:
        """What it says of one of its requirements: a case of several may break just one of them."""
        if not self.verdict.broken or not self.breaches:
            return self.verdict
        own = [one.verdict for one in self.breaches if one.requirement == requirement]
        return worst(own) if own else Verdict.PASS


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict that counts most; not-applicable when there is none."""
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.NOT_APPLICABLE)
