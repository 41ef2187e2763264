"""What all sessions of a recorder hold together, which is bounded: messages that have not ended.

Each of them may be long, and two hundred clients may begin one and never end it.  When there is too
much, whoever holds most is asked to let go of it: it goes into the trace as far as it came, and a reader
puts it together again.  Knows no socket.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

#: Bytes that all sessions may hold together: 64 MiB, of which 8 are the compiled core's (``_core.c``).
MOST = 56 << 20


class Holding:
    """Counts what is held, and has it let go of when it is more than `most` bytes."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._total = 0
        self._held: dict[Hashable, tuple[int, Callable[[], None]]] = {}

    def count(self, who: Hashable, held: int, spill: Callable[[], None]) -> None:
        """`who` holds so many bytes now; `spill` makes it let go of them, and count again."""
        self._total += held - self._held.pop(who, (0, spill))[0]
        if held:
            self._held[who] = held, spill
        while self._total > self._most:
            before = self._total
            max(self._held.values(), key=lambda one: one[0])[1]()
            if self._total >= before:
                return  # nothing can be let go of now
