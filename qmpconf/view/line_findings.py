"""Findings by the line that they are about.  Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

from qmpconf.findings import SEVERITIES, Finding, Severity
from qmpconf.text import counted

#: Findings that are kept; those beyond are counted.
MOST = 20_000

#: What stands beside a message, by the worst finding about it.
MARKS: dict[Severity, str] = {"error": "E", "warning": "W", "note": "n"}
STYLES: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "note": "dim"}


class LineFindings:
    """The findings of one trace, as they come; `totals` counts them, `left_out` those that are not kept."""

    def __init__(self) -> None:
        self.totals: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)
        self.left_out = 0
        self._of: dict[int, list[Finding]] = {}
        self._lines = array("Q")  # those that have findings, in order
        self._kept = 0

    def add(self, one: Finding) -> None:
        """One more."""
        self.totals[one.severity] += one.count
        if self._kept >= MOST:
            self.left_out += one.count
            return
        self._kept += 1
        if one.line not in self._of:
            at = bisect_left(self._lines, one.line)
            self._of[one.line] = []
            self._lines.insert(at, one.line)
        self._of[one.line].append(one)

    def at(self, line: int) -> list[Finding]:
        """Those about a line, the worst first."""
        return sorted(self._of.get(line, ()), key=lambda one: SEVERITIES.index(one.severity))

    def worst(self, line: int) -> Severity | None:
        """The worst of a line."""
        return next((one.severity for one in self.at(line)), None)

    def next(self, line: int, step: int) -> int | None:
        """The next line with a finding behind `line` (`step` 1) or before it (-1)."""
        if step > 0:
            at = bisect_right(self._lines, line)
            return self._lines[at] if at < len(self._lines) else None
        at = bisect_left(self._lines, line)
        return self._lines[at - 1] if at else None

    def __str__(self) -> str:
        told = ", ".join(counted(number, name) for name, number in self.totals.items() if number)
        more = f" ({self.left_out:,} not shown)" if self.left_out else ""
        return f"{told or 'no findings'}{more}"
