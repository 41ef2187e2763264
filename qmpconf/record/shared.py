"""What recorders of one process share: one poll, turns in it, room to read into, and a bound on what is held."""

from __future__ import annotations

from collections.abc import Callable

from qmpconf.closing import Closing
from qmpconf.record.flow import CHUNK
from qmpconf.record.holding import Holding
from qmpconf.record.loop import Loop
from qmpconf.record.turns import Turns


class Shared(Closing):
    """The loop of one recorder, or of many.  `woken` is called in it after `loop.wake`."""

    def __init__(self, woken: Callable[[], None]) -> None:
        self.loop = Loop(woken)
        self.turns = Turns()
        self.holding = Holding()
        self.buffer = memoryview(bytearray(CHUNK))

    def turn(self) -> None:
        """Deal with what has happened; wait for it if there is nothing to do."""
        self.loop.look(0.0 if self.turns.busy else self.loop.due())
        self.turns.next()
        self.loop.fire()

    def close(self) -> None:
        """Let go of the poll."""
        self.loop.close()
