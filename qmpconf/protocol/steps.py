"""What a session says of one frame: the message in it, what it answers, and what it breaks."""

from __future__ import annotations

from typing import Any

import msgspec

from qmpconf.protocol.matching import Pending
from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Success, Unknown
from qmpconf.protocol.requirements import Party

#: What a server sends.
Spoken = Greeting | Success | Failure | Event | Unknown

#: Rules about how a message fits what came before it: behind a gap, that is not known.
_OF_ORDER = frozenset(
    {
        "greeting.first",
        "negotiation.client-first",
        "negotiation.no-events",
        "negotiation.gate",
        "negotiation.once",
        "request.oob-negotiated",
        "oob.id",
        "oob.exec-id",
        "oob.overtakes",
        "agent.sync-first",
        "agent.reset-first",
    }
)


class Breach(msgspec.Struct, frozen=True):
    """One requirement broken at one message: all that the protocol alone can say of it.

    It is not a `Finding`, which has a trace, a line and a session, and a severity: a session knows
    none of these, and whoever feeds it may want none (a replay only counts).
    `qmpconf.check.reporter` makes findings of breaches.  `mark` is what the caller gave with the message that is to blame, which need not be the
    latest one.
    """

    requirement: str
    blame: Party
    pointer: str
    expected: str
    seen: str
    mark: Any


class Step(msgspec.Struct):
    """What one frame meant.

    `message` is None for white space and skipped bytes; `answered` the command that a response
    answers; `waiting` the entry that a client's message made.
    """

    message: Command | Greeting | Success | Failure | Event | Unknown | None = None
    breaches: list[Breach] = []
    answered: Pending | None = None
    waiting: Pending | None = None

    def client(self, mark: Any, requirement: str, pointer: str, expected: str, seen: str) -> None:
        """Note a breach of the client."""
        self.breaches.append(Breach(requirement, Party.CLIENT, pointer, expected, seen, mark))

    def server(self, mark: Any, requirement: str, pointer: str, expected: str, seen: str) -> None:
        """Note a breach of the server."""
        self.breaches.append(Breach(requirement, Party.SERVER, pointer, expected, seen, mark))


def drop_order(step: Step) -> None:
    """Forget breaches that may be none, where the negotiation may have been missed."""
    if step.breaches:
        step.breaches = [one for one in step.breaches if one.requirement not in _OF_ORDER]
