"""What playing a trace as the server gave: figures, differences, and the verdict.  Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from qmpconf.replay.difference import Differences


@dataclass(slots=True)
class Played:
    """One trace played as the server.

    `sessions` had a live client; `commands` are messages of clients that were recorded,
    `repeated` those that were answered once more, `unexpected` those that were not recorded;
    `messages` were said to clients; `unplayed` are recorded messages and sessions of clients that
    never came.  `failure` says that nobody came, or that the client fell silent; `client_code` is
    the exit code of a client that was started (negative: minus the signal that ended it).
    """

    trace: str
    differences: Differences = field(default_factory=Differences)
    warnings: list[str] = field(default_factory=list)
    sessions: int = 0
    commands: int = 0
    repeated: int = 0
    unexpected: int = 0
    messages: int = 0
    unplayed: int = 0
    failure: str = ""
    interrupted: bool = False
    client_code: int | None = None

    @property
    def exit_code(self) -> int:
        """0: all was played; 1: differences; 4: no client came, or it fell silent; 130."""
        if self.interrupted:
            return 130
        if self.failure:
            return 4
        return 1 if self.differences.count else 0
