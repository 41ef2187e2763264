"""Which messages of a trace went out without waiting for an answer: those that a replay of it sends at once.

A client that waits has nothing unanswered when it sends.  What it sends before all answers are there
belongs to the same burst.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from qmpconf.protocol.framing import Kind
from qmpconf.protocol.messages import Command, Response, from_client, from_server
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader


def bursts_of(records: Iterable[object]) -> list[list[Item]]:
    """The messages of the client of one session, in the order in which they went out, burst by burst.

    What is not a message of a side is passed over.
    """
    found: list[list[Item]] = []
    waiting = 0
    for record in records:
        if not isinstance(record, Item) or record.frame.kind is not Kind.VALUE:
            continue
        if record.sender == "client":
            if waiting:
                found[-1].append(record)
            else:
                found.append([record])
            waiting += 1
        elif isinstance(from_server(record.frame.data), Response):
            waiting = max(0, waiting - 1)
    return found


def text_of(item: Item) -> str:
    """A message as it is sent again."""
    return item.frame.data.decode("utf-8", "surrogateescape")


def commands_of(trace: str) -> list[list[Command]]:
    """The commands of a trace, burst by burst.  Raises `InputError` for a file that cannot be read."""
    bursts = [
        [from_client(item.frame.data) for item in burst]
        for burst in bursts_of(TraceReader(trace).items())
    ]
    commands = [[one for one in burst if isinstance(one, Command)] for burst in bursts]
    return [burst for burst in commands if burst]
