"""How the server fails: it is silent, loses an answer, sends it too late, is cut off, greets twice.

None of it is legal, and all of it happens: servers hang, are killed, and stand behind proxies.  A
client need not get on; it has to end in time, and not to take one message for another.

A server fails once, at its first response after negotiation; what comes later, in the same session
or in another one, is in order.  Only silence lasts.  How it comes about is the affair of
`qmpconf.faults`, as with ``record --faults``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from qmpconf.conform.client.manners import Told
from qmpconf.faults.rules import Rule, Schedule


class Failure(Enum):
    """What goes wrong."""

    NONE = "none"
    SILENT = "no greeting and no answer"
    LOST = "one response is never sent"
    LATE = "one response comes when its client has given it up"
    CUT = "the connection ends in the middle of one response"
    CUT_GREETING = "the connection ends in the middle of the first greeting"
    TWICE = "a session begins with two greetings"


def schedule_of(failure: Failure, late: float = 10.0) -> Schedule:
    """The schedule of a failure; a late response comes with the client's next command, or after `late` seconds."""
    rules = {
        Failure.NONE: (),
        Failure.SILENT: (Rule("hang", "connection"),),
        Failure.LOST: (Rule("lose", "reply", "*", times=1),),
        Failure.LATE: (Rule("late", "reply", "*", times=1, seconds=late, next_command=True),),
        Failure.CUT: (Rule("cut", "reply", "*", times=1),),
        Failure.CUT_GREETING: (Rule("cut", "greeting", times=1),),
        Failure.TWICE: (Rule("double", "greeting", times=1),),
    }
    return Schedule(rules[failure])


def told_of(told: Sequence[Told], withheld: set[int]) -> tuple[Told, ...]:
    """What the server said, with a mark on what it did not send, or not as a whole."""
    return tuple(
        replace(one, withheld=True) if at in withheld else one for at, one in enumerate(told)
    )
