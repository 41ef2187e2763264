"""How long the suite waits for a target, by what the target has shown.

A broken server must not take an hour.  Each wait that was in vain makes the next ones for the same
requirement shorter by `SHRINKS`; a server that is slow is waited for all the same, several times as long as its slowest
answers took.  So does each answer that did not come behind a response that answers no command
(its id is missing, or another one): that response most often was the answer.

No clock: seconds come from whoever measures them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

#: Seconds that an answer is always given, and one behind a response that answers no command.
LEAST, LEAST_BEHIND = 0.5, 0.1
#: Seconds behind the first response that answers no command.
BEHIND = 1.0
#: Seconds that an event may always take after its cause was answered.
LATE = 2.0
#: Times of the slowest answers that are always given.
SLACK = 5.0
#: By how much a wait shrinks with each one that was in vain.
SHRINKS = 4.0
#: How much of the slowest answer's time is left with each further answer: one alone is soon forgotten.
FADES = 0.95


@dataclass(slots=True)
class Patience:
    """What one target is given; `full` is how long an answer may take at first, in seconds.

    `slow` is how long the slowest of the latest answers took, `silences` how many waits were in vain
    for each requirement, `strays` those that ended with a response that answers no command;
    `drops_ids` says that the server was seen to answer like that.
    """

    full: float
    slow: float = 0.0
    silences: Counter[str] = field(default_factory=Counter)
    strays: int = 0
    drops_ids: bool = False

    def answer(self, requirement: str) -> float:
        """Seconds for an answer, the lack of which breaks this requirement."""
        return self._shortened(self.full, self.silences[requirement], LEAST)

    def behind(self) -> float:
        """Seconds for the answer behind a response that answers no command."""
        return self._shortened(BEHIND, self.strays, LEAST_BEHIND)

    def event(self) -> float:
        """Seconds for an event behind the answer to what caused it."""
        return min(self.full, max(LATE, SLACK * self.slow))

    def took(self, seconds: float) -> None:
        """An answer took so long."""
        self.slow = max(self.slow * FADES, seconds)

    def in_vain(self, requirement: str, seconds: float) -> str:
        """A wait of so many seconds was in vain; says what was seen, and why it was no longer."""
        times = self.silences[requirement]
        self.silences[requirement] += 1
        if seconds >= self.full or not times:
            return f"nothing in {seconds:.3g} s"
        return f"nothing in {seconds:.3g} s, after {times} wait{'s' * (times > 1)} in vain before"

    def _shortened(self, first: float, times: int, least: float) -> float:
        return min(self.full, max(first / SHRINKS ** min(times, 30), least, SLACK * self.slow))
