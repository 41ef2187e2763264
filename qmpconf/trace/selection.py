"""Which of a trace's messages are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from qmpconf.trace.summary import Summary

#: Kinds that say that something went wrong.
_WRONG = frozenset({"error", "malformed", "other", "gap"})
_CALLS = frozenset({"command", "return", "error"})


@dataclass(frozen=True, slots=True)
class Selection:
    """What must hold of a message; nothing is asked of what is empty.

    `commands` and `events` are globs of names: a message must match one of either.  A command is
    meant with its response.  `errors`: only errors, what is not a message, and sessions that did not
    end well.  `slow`: only responses that took as many seconds.  `sessions`, `lines`: only those
    sessions; only what ends on one of these lines (first, last).
    """

    commands: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    errors: bool = False
    slow: float | None = None
    sessions: frozenset[int] = frozenset()
    lines: tuple[tuple[int, float], ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing is asked."""
        return self == Selection()

    def matcher(self) -> Callable[[Summary], bool]:
        """A test for summaries."""
        known: dict[tuple[bool, str], bool] = {}

        def named(one: Summary) -> bool:
            called = one.kind in _CALLS
            if not called and one.kind != "event":
                return False
            found = known.get((called, one.name))
            if found is None:
                if len(known) > 10_000:
                    known.clear()  # a trace may hold any number of names
                globs = self.commands if called else self.events
                found = any(fnmatchcase(one.name, glob) for glob in globs)
                known[called, one.name] = found
            return found

        tests: list[Callable[[Summary], bool]] = []
        if self.sessions:
            tests.append(lambda one: one.conn in self.sessions)
        if self.lines:
            tests.append(lambda one: any(a <= one.line <= b for a, b in self.lines))
        if self.slow is not None:
            least = self.slow
            tests.append(lambda one: one.latency is not None and one.latency >= least)
        if self.errors:
            tests.append(lambda one: one.kind in _WRONG or (one.kind == "close" and bool(one.text)))
        if self.commands or self.events:
            tests.append(named)
        return lambda one: all(test(one) for test in tests)
