"""What a player puts into its result: what sessions differ in, and what differences mean for an upgrade.

All of it in the order in which it came to be: what was put off is said first.
"""

from __future__ import annotations

from collections.abc import Callable

from qmpconf.protocol.messages import Greeting
from qmpconf.protocol.requirements import REQUIREMENTS
from qmpconf.protocol.values import Value
from qmpconf.replay.compare import Comparison, Level, Mismatch
from qmpconf.replay.difference import Difference, Kind
from qmpconf.replay.plan import End
from qmpconf.replay.play.later import Later
from qmpconf.replay.result import ReplayResult
from qmpconf.replay.said import Said
from qmpconf.replay.upgrade import Judgement, Upgrade
from qmpconf.text import counted

#: The upgrade between the servers of two greetings, recorded and live; None if there is none.
CompareGreetings = Callable[[Value, Value], Upgrade | None]


class Teller:
    """Tells `result`; `later` holds what was put off."""

    def __init__(
        self, result: ReplayResult, later: Later, compare_greetings: CompareGreetings
    ) -> None:
        self._result = result
        self._later = later
        self._compare_greetings = compare_greetings

    def paired(self, expected: Said, got: Said, found: Comparison) -> None:
        """A message stands for a recorded one; the first greeting shows an upgrade."""
        result = self._result
        if isinstance(expected.message, Greeting) and result.upgrade is None:
            result.upgrade = self._compare_greetings(expected.message.value, got.message.value)
        if result.upgrade is not None:
            result.upgrade.paired(expected, found)

    def judge(
        self, kind: Kind, expected: Said | None, got: Said | None, mismatch: Mismatch | None
    ) -> Judgement:
        """What a difference means."""
        upgrade = self._result.upgrade
        if upgrade is None or self._result.level is Level.EXACT:
            return Judgement("")
        return upgrade.judge(kind, expected, got, mismatch)

    def failure(self, reason: str) -> None:
        """The replay does not go to its end; the first reason counts."""
        self._later.finish()
        self._result.failure = self._result.failure or reason

    def session(self, conn: int, line: int, got_line: int, expected: str, got: str) -> None:
        """A session began or ended otherwise."""
        self._later.finish()
        self._result.differences.add(
            Difference("changed", "session", conn, line, got_line, "", expected, got)
        )

    def wire(self, step: End, got_line: int, rule: str, count: int) -> None:
        """A rule about the bytes was broken `count` times, which is more often than recorded."""
        self._later.finish()
        recorded = step.broken.get(rule, 0)
        sentence = REQUIREMENTS[rule].sentence if rule in REQUIREMENTS else rule
        kept = f"kept ({sentence})" if not recorded else f"broken {counted(recorded, 'time')}"
        subject, broken = f"rule {rule}", f"broken {counted(count, 'time')}"
        self._result.differences.add(
            Difference("changed", subject, step.conn, step.line, got_line, "", kept, broken)
        )
