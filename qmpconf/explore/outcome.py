"""What is wanted of an exploration, and what it came to: plain values, which know no server.

A `Discovery` is one kind of finding, as often as it came; `Explored` is all of a run.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from qmpconf.check.collect import Exercised
from qmpconf.explore.judging import CLOSED, HANG
from qmpconf.explore.life import Ground
from qmpconf.explore.reproducers import Files
from qmpconf.explore.shrinking import Shorter
from qmpconf.findings import Finding

#: Commands of one life: short enough to be shrunk, long enough for things to depend on each other.
COMMANDS = 150

#: What may come of a slow machine, and counts only if it comes again.
_DOUBTFUL = (HANG, CLOSED)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted: `seed`, seconds for all and for shrinking each finding, `folder` for what is found.

    `schema` names the catalog (``auto``: the target's own introspection); `seen` is what is exercised
    already; `commands` are those of one life, `lives` how many there are at most (0: as many as there is time for).
    `known` has the fingerprints of findings that need no reproducers any more.
    """

    ground: Ground
    seed: int
    seconds: float
    folder: str
    shrink: float = 60.0
    schema: str = "auto"
    commands: int = COMMANDS
    lives: int = 0
    seen: tuple[Exercised, ...] = ()
    known: Container[str] = frozenset()


@dataclass(slots=True)
class Discovery:
    """One thing that was found.

    `life` is the number of the life that showed it first, `last` of the latest, `times` how many did, `trace` the whole trace of
    the first one, `shorter` what shrinking came to, `files` the reproducers; `verified` says that the
    script has shown it again with a fresh server, None that it was not tried.
    """

    finding: Finding
    life: int
    trace: str
    times: int = 1
    last: int = 0
    shorter: Shorter | None = None
    files: Files | None = None
    verified: bool | None = None

    @property
    def name(self) -> str:
        """The beginning of its files' names: what it is, and its fingerprint."""
        kind = self.finding.requirement.rpartition(".")[2]
        return f"{kind}-{self.finding.fingerprint}"

    @property
    def counts(self) -> bool:
        """Whether it is sure: what a slow machine may cause has to come again."""
        again = bool(self.shorter and self.shorter.shown) or bool(self.verified)
        return again or self.finding.requirement not in _DOUBTFUL


@dataclass(slots=True)
class Explored:
    """What an exploration came to.

    `limited` lives were ended by the limit of memory; `together` commands were sent without waiting
    for the one before, `overtaking` ones out of band; `gone` says why the server could not be started again.
    """

    plan: Plan
    target: str = ""
    schema: str = ""
    digest: str = ""
    lives: int = 0
    commands: int = 0
    succeeded: int = 0
    together: int = 0
    overtaking: int = 0
    limited: int = 0
    seconds: float = 0.0
    exercised: Exercised = field(default_factory=Exercised)
    before: Exercised = field(default_factory=Exercised)
    discoveries: dict[str, Discovery] = field(default_factory=dict)
    interrupted: bool = False
    gone: str = ""
