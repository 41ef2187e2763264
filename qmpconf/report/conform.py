"""The outcome of the conformance suite as text for people.

Failures first, each with its requirement, the messages around it, what was expected and what came,
and the command that repeats it; then one line that counts.  What a server sent is shown with
everything escaped that a terminal could take for a command.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qmpconf.conform.cases import Case
from qmpconf.conform.known import Known
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.proof import failure
from qmpconf.conform.verdicts import Result, Verdict
from qmpconf.report.tables import fitted
from qmpconf.text import printable

_ORDER = (
    Verdict.PASS,
    Verdict.FAIL,
    Verdict.WARN,
    Verdict.NOT_APPLICABLE,
    Verdict.INCONCLUSIVE,
)


def line(result: Result) -> str:
    """A result in one line."""
    known = " (known)" if result.known else ""
    reason = f": {result.known or result.reason}" if result.reason or result.known else ""
    return printable(f"{result.verdict.value:<15}{result.case}{known}{reason}")


def opening(outcome: Outcome, cases: int, known: Known) -> str:
    """What is put to the test, against which schema, and what is known to fail."""
    lines = [f"{outcome.target}; schema: {outcome.schema}; {cases} cases"]
    if known.entries:
        lines.append(f"known failures ({known.where}):")
        lines += [f"  {one.case}: {one.reason}" for one in known.entries]
    return "\n".join(map(printable, lines))


def closing(outcome: Outcome) -> str:
    """Everything after the run: failures, then what counts."""
    parts = [failure(one, outcome.repeat) for one in outcome.unexpected]
    for pattern, case in outcome.healed:
        parts.append(
            f"HEALED {case}: it is listed as known to fail ({pattern}), and passes; "
            "take it off the list"
        )
    left = [one for one in outcome.results if one.verdict is Verdict.INCONCLUSIVE]
    parts += [line(one) for one in left[:20]]
    if outcome.gone:
        parts.append(f"cut short: {printable(outcome.gone)}")
    parts.append(counts(outcome))
    return "\n".join(parts)


def counts(outcome: Outcome) -> str:
    """One line: how many of each verdict, and how long it took."""
    found = outcome.counts
    known = sum(1 for one in outcome.results if one.verdict.broken and one.known)
    parts = [f"{found[one]} {one.value}" for one in _ORDER if found[one]]
    if known:
        parts.append(f"({known} of them known)")
    verdict = "conforms" if outcome.exit_code == 0 else "does not conform"
    if outcome.gone:
        verdict = "went away"
    told = ", ".join(parts).replace(", (", " (")
    return f"{verdict}: {told or 'no case was run'}; {outcome.seconds:.1f} s"


def listing(cases: Iterable[Case], requirement_level: dict[str, str], width: int = 120) -> str:
    """The cases as a table of at most `width` columns."""
    rows = [
        (one.id, requirement_level.get(one.requirements[0], ""), ", ".join(one.needs), one.title)
        for one in cases
    ]
    return fitted(rows, ("case", "level", "needs", "title"), width)


def summary(outcome: Outcome) -> Sequence[tuple[str, str]]:
    """The requirements and their verdicts, for tables."""
    return [
        (name, verdict.value + (" (known)" if outcome.is_known(name) else ""))
        for name, verdict in outcome.requirements().items()
    ]
