"""A check of a trace that is still being recorded: findings as they show.

The catalog is chosen by what the trace has said so far, where a check of the whole trace goes by all that it
says: a session is judged by the catalog that ships for its server's version until the server's own schema comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmpconf.check.checker import Checker
from qmpconf.check.checking import choose_for, monitor_of, outcome_of
from qmpconf.check.choice import Automatic
from qmpconf.check.survey import Asked, Opening, Surveyor, Utterance, message_may_tell
from qmpconf.protocol.framing import Kind
from qmpconf.trace.items import Item
from qmpconf.trace.records import Open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qmpconf.check.checker import Observer
    from qmpconf.check.checking import Outcome
    from qmpconf.check.choice import Choose
    from qmpconf.check.practice import Practice
    from qmpconf.findings import Finding, Groups
    from qmpconf.trace.reader import TraceReader
    from qmpconf.trace.records import Close, Gap, Shut


class LiveCheck:
    """The check of a trace that grows; `choose` is None for ``--schema auto``.

    `seen` is called with the line of each item before it is judged, `observer` sees what the checker sees.
    `choose` chooses the catalogs.
    """

    def __init__(
        self,
        reader: TraceReader,
        choose: Choose | None,
        practice: Practice,
        seen: Callable[[int], None],
        observer: Observer | None = None,
    ) -> None:
        self._reader = reader
        self._items = _noted(reader.items(), seen)
        if choose is None:
            surveyor = Surveyor(reader.header.meta, reader.dialect)
            choose = automatic = Automatic(surveyor.found, monitor_of(reader))
            self._items = _surveyed(self._items, surveyor, automatic)
        else:
            choose = choose_for(reader, choose)
        self.choose = choose
        self._checker = Checker(reader.path, choose, observer, practice, reader.begin, grows=True)

    def findings(self) -> Iterator[Finding]:
        """The findings, one by one, as they show.  Raises what the reader does."""
        yield from self._checker.check(self._items)

    def outcome(self, groups: Groups) -> Outcome:
        """What came of it until now; `groups` are the findings."""
        return outcome_of(self._reader, self.choose, self._checker, groups)


def _noted(
    items: Iterator[Open | Item | Gap | Shut | Close], seen: Callable[[int], None]
) -> Iterator[Open | Item | Gap | Shut | Close]:
    for item in items:
        seen(item.line)
        yield item


def _surveyed(
    items: Iterator[Open | Item | Gap | Shut | Close], surveyor: Surveyor, choice: Automatic
) -> Iterator[Open | Item | Gap | Shut | Close]:
    """The same items, each once it is known what it says of its server."""
    for item in items:
        if isinstance(item, Open):
            surveyor.take(Opening(item.conn, item.server))
        elif isinstance(item, Item) and item.frame.kind is Kind.VALUE:
            data = item.frame.data
            if message_may_tell(item.sender, data):
                is_client = item.sender == "client"
                surveyor.take(
                    Asked(item.conn, data) if is_client else Utterance(item.line, item.conn, data)
                )
                choice.learned(item.conn)
        yield item
