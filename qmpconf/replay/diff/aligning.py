"""Which commands of two clients stand for each other.

The order counts: two commands stand for each other only if those before do.  Commands that say the same come
first; what is left between them is paired by its name, as far as the order allows.  Pure.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from itertools import chain

from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import dumps
from qmpconf.replay.masks import BUILT_IN
from qmpconf.replay.plan import Send
from qmpconf.replay.subsequence import common

Pair = tuple[int, int]

#: What a server makes up, and a client repeats.
_MADE_UP = [re.compile(one.pattern.encode()) for one in BUILT_IN if one.place == "/**"]


class Commands:
    """What one client sent in a session, as numbers: the same for the same command, or name."""

    def __init__(self) -> None:
        self.whole = array("q")
        self.names = array("q")

    def add(self, step: Send) -> None:
        """Take the next message that is answered."""
        message = step.message
        said = dumps(message.arguments) if isinstance(message, Command) else step.frame.data
        for pattern in _MADE_UP:
            said = pattern.sub(b"", said)
        self.whole.append(hash((step.command, said)))
        self.names.append(hash(step.command))

    def __len__(self) -> int:
        return len(self.names)


def align(one: Commands, other: Commands) -> Iterator[Pair]:
    """The places (from 0) of the commands that stand for each other, in order."""
    ends = len(one), len(other)
    at, to = 0, 0
    for pair in chain(common(one.whole, other.whole), (ends,)):
        if pair != (at, to):
            between = common(one.names[at : pair[0]], other.names[to : pair[1]])
            yield from ((at + left, to + right) for left, right in between)
        if pair != ends:
            yield pair
        at, to = pair[0] + 1, pair[1] + 1
