"""Whose turn it is: one loop serves all sessions, and none of them may take it for long.

Noise takes a hundred times longer to cut into frames than messages do.  A session that sends it gets
a share of each turn of the loop, and what it sent beyond that waits for the next one.  Knows no socket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

#: Steps of a framer in one turn of the loop, for all sessions together: a few milliseconds.
_STEPS = 1000
#: Steps that a session has in any case: a message of any kind takes fewer.
_LEAST = 50


class Turns:
    """Shares each turn of a loop among those who have much to do."""

    def __init__(self) -> None:
        #: Whether there is no time left: whoever has not finished leaves it.
        self.closing = False
        self._left = _STEPS
        self._waiting: deque[Callable[[], None]] = deque()

    @property
    def busy(self) -> bool:
        """Whether somebody waits for the next turn."""
        return bool(self._waiting)

    @property
    def steps(self) -> int:
        """Steps that may be taken now."""
        return max(self._left, _LEAST)

    def took(self, steps: int) -> None:
        """So many were taken."""
        self._left -= steps

    def later(self, action: Callable[[], None]) -> None:
        """Call `action` in a turn of its own."""
        self._waiting.append(action)

    def next(self) -> None:
        """Begin a turn, with the one who has waited for longest."""
        self._left = _STEPS
        if self._waiting:
            self._waiting.popleft()()
