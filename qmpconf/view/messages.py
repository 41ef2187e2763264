"""A row of the index to its message, read again from its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from qmpconf.errors import InputError
from qmpconf.protocol.session import Session
from qmpconf.trace.items import Item
from qmpconf.trace.parsing import Parser, TornError
from qmpconf.trace.summary import Summaries, Summary
from qmpconf.view.index import Index
from qmpconf.view.reading import ASIDE, Aside
from qmpconf.view.text import Text

#: Messages that are kept ready, more than a screen shows; longer ones are read again each time.
_READY, _SMALL = 400, 1 << 16

#: Behind this, a line of a trace holds a message itself.
_VERBATIM = b'"msg":'

#: As in a `Summary`.
_DIGITS, _FOREVER = 6, 1e12


class Message(NamedTuple):
    """What is known of a row; `item` is None for what is not a message, or a message that cannot be read."""

    summary: Summary
    item: Item | None


class Messages:
    """The messages of a trace by their row; `begin` gives the state of a new session."""

    def __init__(
        self, index: Index, text: Text, aside: Aside, begin: Callable[[], Session]
    ) -> None:
        self._index = index
        self._text = text
        self._aside = aside
        self._begin = begin
        self._parser = Parser(text.path)
        self._ready: dict[int, Message] = {}

    def __getitem__(self, row: int) -> Message:
        """The message of a row.  Raises `InputError` where the file has changed."""
        place = self._index.place(row)
        if place >= ASIDE:
            return Message(*self._aside.read(place))
        known = self._ready.get(row)
        if known is None:
            known = self._read(row, place)
            if known.summary.size <= _SMALL:
                self._ready[row] = known
                for oldest in list(self._ready)[:-_READY]:
                    self._ready.pop(oldest, None)
        return known

    def sent(self, row: int) -> bytes:
        """The bytes of the message as it was sent; empty for what is not a message.  Raises `InputError`."""
        place = self._index.place(row)
        if place < ASIDE:
            line = self._text.line(place)
            at = line.find(_VERBATIM)
            if at >= 0:  # it is the last member, and the message stands in it as it was sent
                return line[at + len(_VERBATIM) : line.rfind(b"}")]
        item = self[row].item
        return b"" if item is None else item.frame.data

    def _read(self, row: int, place: int) -> Message:
        item = self._item(self._text.line(place), self._index.line(row))
        one = Summaries(self._begin).take(item)
        if one is None:
            raise self._changed(item.line)
        asked = self._index.partner(row)
        if asked is not None and asked < row:
            command = self[asked].summary
            one = msgspec.structs.replace(
                one,
                name=command.name if command.kind == "command" else "",
                oob=self._index.oob(row),
                latency=min(round(one.t - command.t, _DIGITS), _FOREVER),
                answers=command.line,
            )
        return Message(one, item)

    def _item(self, line: bytes, number: int) -> Item:
        try:
            found = self._parser.item(self._parser.line(line, number), line, number)
        except TornError:
            raise self._changed(number) from None
        if not isinstance(found, Item):
            raise self._changed(number)
        return found

    def _changed(self, number: int) -> InputError:
        return InputError(f"{self._text.path}:{number}: the file was changed while it was shown")
