"""A trace without what passes no filter: gaps say where messages are left out, and how many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from qmpconf.protocol.framing import MESSAGES, Kind
from qmpconf.protocol.session import Session
from qmpconf.trace.filter.selecting import Chosen, of_sessions
from qmpconf.trace.formatting import pieces
from qmpconf.trace.items import Item, items_of
from qmpconf.trace.records import Close, Fault, Finish, Gap, Open, Record, Shut, Side, traffic
from qmpconf.trace.summary import Summable

_SIDES: tuple[Side, Side] = ("client", "server")


class _Left:
    """What is left out of one direction since the last message that is kept."""

    def __init__(self, item: Item | Gap) -> None:
        self.gap = Gap(item.line, item.t, item.conn, item.sender, 0, messages=0)
        self.known = True  # whether only whole messages are left out

    def add(self, item: Item | Gap) -> None:
        if isinstance(item, Gap):
            size, messages, self.known = item.size, item.messages, self.known and item.messages > 0
        else:
            size = len(item.frame.data) + len(item.frame.end)
            messages = int(item.frame.kind in MESSAGES)
            self.known = self.known and bool(messages)
        gap = self.gap
        self.gap = replace(gap, t=item.t, size=gap.size + size, messages=gap.messages + messages)

    def record(self) -> Gap:
        return self.gap if self.known else replace(self.gap, messages=0)


def without_the_rest(
    chosen: Chosen, records: Iterable[Record], begin: Callable[[], Session] = Session
) -> Iterator[Record]:
    """The records of what passes, and of the sessions in which something does; gaps for the rest of these."""
    finish: list[Finish] = []
    left: dict[tuple[int, Side], _Left] = {}
    kept = 0

    def items() -> Iterator[Summable]:
        def but_finish() -> Iterator[Record]:
            for record in records:
                if isinstance(record, Finish):
                    finish.append(record)
                else:
                    yield record

        return items_of(but_finish(), faults=True)

    for _, item, passes in of_sessions(chosen, items(), begin):
        if isinstance(item, Finish):
            continue
        conn = item.conn
        is_space = isinstance(item, Item) and item.frame.kind is Kind.SPACE
        is_kept = is_space or isinstance(item, Fault)
        if not passes and not (is_kept and conn in chosen.sessions):
            if conn in chosen.sessions and isinstance(item, Item | Gap):
                left.setdefault((conn, item.sender), _Left(item)).add(item)
            continue
        for side in _SIDES:
            if (conn, side) in left:
                yield left.pop((conn, side)).record()
        if isinstance(item, Item):
            kept += item.frame.kind in MESSAGES
            record = traffic(
                item.line, item.t, conn, item.sender, item.frame, item.fds, item.redacted
            )
            yield from (record,) if record.form == "msg" else pieces(record)
        elif isinstance(item, Gap):
            yield replace(item, too_long=False)
        elif isinstance(item, Open | Shut | Close | Fault):
            yield item
    for one in left.values():
        yield one.record()
    for last in finish:
        yield Finish(last.line, last.t, len(chosen.sessions), kept)
