"""Recordings whose clients shared one session with the server: one side of them, without the other.

Such a recording holds what each client said and was answered, and what went to the server and came from it: each
message twice (qmpconf/trace/README.md, Sessions).  Who adds up takes the clients' sessions, who plays a
recording to a server the one that the server had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qmpconf.trace.items import Item
from qmpconf.trace.records import Close, Gap, Open, Shut

Some = Open | Item | Gap | Shut | Close


def of_clients(items: Iterable[Some]) -> Iterator[Some]:
    """The items without sessions that clients shared."""
    left_out: set[int] = set()
    for item in items:
        if isinstance(item, Open) and item.shared:
            left_out.add(item.conn)
        if item.conn not in left_out:
            yield item


def of_servers(items: Iterable[Some]) -> Iterator[Some]:
    """The items without sessions that went through another one which is there."""
    shared: set[int] = set()
    left_out: set[int] = set()
    for item in items:
        if isinstance(item, Open) and item.shared:
            shared.add(item.conn)
        elif isinstance(item, Open) and item.through in shared:
            left_out.add(item.conn)
        if item.conn not in left_out:
            yield item
