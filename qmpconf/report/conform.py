"""What the conformance suite says before it runs: the target, what is known to fail, and its cases.

What it came to is a result, which the views show.
"""

from __future__ import annotations

from collections.abc import Iterable

from qmpconf.conform.cases import Case
from qmpconf.conform.known import Known
from qmpconf.conform.outcome import Outcome
from qmpconf.report.tables import fitted
from qmpconf.text import counted, printable


def opening(outcome: Outcome, cases: int, known: Known) -> str:
    """What is put to the test, against which schema, and what is known to fail."""
    lines = [f"{outcome.target}; schema: {outcome.schema}; {counted(cases, 'case')}"]
    if known.entries:
        lines.append(f"known failures ({known.where}):")
        lines += [f"  {one.case}: {one.reason}" for one in known.entries]
    return "\n".join(map(printable, lines))


def listing(cases: Iterable[Case], requirement_level: dict[str, str], width: int = 120) -> str:
    """The cases as a table of at most `width` columns."""
    rows = [
        (one.id, requirement_level.get(one.requirements[0], ""), ", ".join(one.needs), one.title)
        for one in cases
    ]
    return fitted(rows, ("case", "level", "needs", "title"), width)
