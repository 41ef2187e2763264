"""Work that can wait: what a replay does while it waits for the target anyway.

The target shall never wait for us: what the next message to be sent does not need is put off until
there is nothing else to do.  Nothing of it is lost or done in another order.  Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Work = Callable[[], object]


class Later:
    """Work in the order in which it came; beyond `most` pieces, the oldest one is done at once.

    So with 0, the default, nothing is put off.
    """

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self._waiting: deque[tuple[Work, bool]] = deque()
        #: How many of those that wait matter to what is sent next.
        self.mattering = 0

    def add(self, work: Work, *, matters: bool = False) -> None:
        """Put `work` off; `matters` says that it may change what is sent next."""
        self._waiting.append((work, matters))
        self.mattering += matters
        while len(self._waiting) > self._most:
            self.step()

    def step(self) -> bool:
        """Do the oldest piece; False if there is none."""
        if not self._waiting:
            return False
        work, matters = self._waiting.popleft()
        self.mattering -= matters
        work()
        return True

    def finish(self) -> None:
        """Do all of it."""
        while self.step():
            pass
