"""What a client does with a kind server, learned from two runs or more.

What is not the same in all of them (how often it polls, which of two threads is first, what it
prints of times) is not held against it later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from qmpconf.conform.client.behaviour import Behaviour
from qmpconf.conform.client.output import stable
from qmpconf.conform.client.testee import compare, names
from qmpconf.errors import TargetError

_NOTHING: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Kind:
    """`loose` commands come as often as they come; `ordered` says whether the others keep an order.

    `lines` are printed in each run, in this order; `depth` is how many commands wait at most when
    another one is sent.  `reported` are commands and events of which a testee leaves nothing out,
    `mistaken` those that it reports wrong already then.
    """

    plain: Behaviour
    loose: frozenset[str]
    ordered: bool
    lines: tuple[str, ...]
    depth: int
    reported: tuple[frozenset[str], frozenset[str]]
    heard: frozenset[str]
    mistaken: frozenset[str]

    @classmethod
    def learned(cls, runs: Sequence[Behaviour], expected: int = 0) -> Kind:
        """Learn from the runs, the plainest first.

        Raises TargetError for a client that does not connect, does not end, or ends with another
        exit code than `expected`.
        """
        for one in runs:
            _usable(one, expected)
        counts = [Counter(one.commands) for one in runs]
        every = {name for one in counts for name in one}
        loose = frozenset(name for name in every if len({one[name] for one in counts}) > 1)
        rests = {tuple(name for name in one.commands if name not in loose) for one in runs}
        return cls(
            runs[0],
            loose,
            len(rests) == 1,
            stable([one.lines for one in runs]),
            max(one.depth for one in runs),
            _reported(runs, loose),
            frozenset(name for one in runs for name in names(one.reports)[1]),
            frozenset(
                bad.name for one in runs for bad in compare(one.end.told, one.reports, _NOTHING)
            ),
        )

    def commands(self, one: Behaviour) -> tuple[str, ...]:
        """What is to be the same: the commands that do not poll, sorted if they have no order."""
        found = tuple(name for name in one.commands if name not in self.loose)
        return found if self.ordered else tuple(sorted(found))

    def complete(self, one: Behaviour) -> tuple[frozenset[str], frozenset[str]]:
        """The commands and events of which nothing may be missing in what a run reports.

        Who reports one event that comes in no kind run reports them all.
        """
        commands, events = self.reported
        return commands, events | (names(one.reports)[1] - self.heard)

    def is_whole(self, one: Behaviour) -> bool:
        """Whether it did all that is done with a kind server; it may have begun anew."""
        rest = iter(self.commands(one))
        wanted = self.commands(self.plain)
        if not self.ordered:
            return not Counter(wanted) - Counter(rest)
        return all(any(name == other for other in rest) for name in wanted)


def differ(one: Behaviour, other: Behaviour) -> bool:
    """Whether two runs differ, so that more of them say more."""
    return one.commands != other.commands or one.lines != other.lines


def _usable(seen: Behaviour, expected: int) -> None:
    end = seen.end
    words = f"; its last words: {end.last_words!r}" if end.last_words else "; it printed nothing"
    if end.code is None:
        raise TargetError(f"the client does not end by itself, not even with a kind server{words}")
    if not end.sessions:
        raise TargetError(
            f"the client did not connect ({end.words}{words}); give it the address where {{listen}} "
            "stands in its command line, or in the environment as QMPCONF_SOCKET"
        )
    if end.code != expected:
        how = f"{end.words} where exit code {expected} is expected" if expected else end.words
        raise TargetError(
            f"with a kind server, the client ends with {how}{words}; mend it, or give "
            f"--expect-exit {end.code} if that is how it ends"
        )


def _reported(
    runs: Sequence[Behaviour], loose: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """The commands and events that were reported without a gap in every run."""
    commands, events = names(runs[0].reports)
    commands -= loose | {"quit"}  # whose response may be lost
    for one in runs:
        for name in commands:
            if any(compare(one.end.told, one.reports, (frozenset([name]), frozenset()))):
                commands -= {name}
        for name in events:
            if any(compare(one.end.told, one.reports, (frozenset(), frozenset([name])))):
                events -= {name}
    return commands, events
