"""What the comparison of two recordings came to."""

from __future__ import annotations

from dataclasses import dataclass, field

from qmpconf.replay.diff.times import Times
from qmpconf.replay.result import ReplayResult


@dataclass(slots=True)
class Diff:
    """What differs between two recordings.

    `found` is what a replay would have found, of the first recording against the second; `commands` is how
    many the two clients have in common, `alone` how many only one of them sent.
    """

    first: str
    second: str
    found: ReplayResult
    commands: int = 0
    alone: list[int] = field(default_factory=lambda: [0, 0])
    times: Times = field(default_factory=Times)

    @property
    def exit_code(self) -> int:
        """0: no difference; 1: differences, or nothing to compare."""
        return self.found.exit_code
