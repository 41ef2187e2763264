"""The recorder's one poll: what waits for a descriptor, for a time, or to be woken from another thread."""

from __future__ import annotations

import heapq
import itertools
import select
import time
from collections.abc import Callable

from qmpconf.net.waker import Waker
from qmpconf.record.core import Core, make

#: Called with what has happened to a descriptor, as epoll says it.
Handler = Callable[[int], None]


class Loop:
    """Descriptors with what to do when something happens to them, and actions with their times.

    `poller` and `handlers` are for whoever registers descriptors with other masks, `core` passes usual
    messages on by itself, where it is there.  `woken` is called, in the loop's own thread, after `wake`.
    """

    def __init__(self, woken: Callable[[], None]) -> None:
        self.poller = select.epoll()
        self.handlers: dict[int, Handler] = {}
        self.core: Core | None = make(self.poller.fileno())
        self._poll: Callable[[float], list[tuple[int, int]]]
        self._poll = self.core.poll if self.core is not None else self.poller.poll
        self._woken = woken
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = itertools.count()
        self._waker = Waker()
        self.register(self._waker.fileno(), self._on_wake)

    def take_signals(self) -> None:
        """From now on until it is closed, a signal makes the loop look around."""
        self._waker.take_signals()

    def wake(self) -> None:
        """Make the loop look around, from any thread or signal handler."""
        self._waker.wake()

    def register(self, fd: int, handler: Handler) -> None:
        """Call `handler` whenever there is something to read."""
        self.handlers[fd] = handler
        self.poller.register(fd, select.EPOLLIN)

    def forget(self, fd: int) -> None:
        """Take back `register`."""
        self.poller.unregister(fd)
        del self.handlers[fd]

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Act after so many seconds."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._serial), action))

    def due(self) -> float:
        """Seconds until an action is due; -1: there is none."""
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else -1.0

    def look(self, timeout: float) -> None:
        """Deal with what has happened, or happens within `timeout` seconds (-1: no limit)."""
        for fd, mask in self._poll(timeout):
            handler = self.handlers.get(fd)
            if handler is not None:
                handler(mask)

    def fire(self) -> None:
        """Do what is due."""
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

    def close(self) -> None:
        """Let go of the poll, and of what wakes it."""
        self.poller.close()
        self._waker.close()

    def _on_wake(self, _: int) -> None:
        self._waker.clear()
        self._woken()
