"""Readers that note where each message stands, and that read again what was noted.

`noting` makes the reader of a trace, or of one that grows, bring its text to a `Text`.  A message that is
one record of the trace can be read again from its line.  What is not (it is spread over records, or says
what became of a session) is written down by `Aside`.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import IO

import msgspec

from qmpconf.closing import Closing
from qmpconf.packed import PIECE, Pieces
from qmpconf.parts import whole_of
from qmpconf.trace.follow import FollowingReader
from qmpconf.trace.items import Item, items_of
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Gap, Open, Record, Shut
from qmpconf.trace.summary import Summary
from qmpconf.view.text import Text

Entry = Open | Item | Gap | Shut | Close

#: The place of what is written aside, not of a line.
ASIDE = 1 << 63


class _Noted(Pieces):
    """The pieces of a file, each of which comes to a `Text` first; with `turns`, other files may follow."""

    def __init__(self, under: Pieces, text: Text, *, turns: bool) -> None:
        self.under = under
        self._text = text
        self._turns = turns

    @property
    def cut(self) -> bool:  # type: ignore[override]
        """Whether compressed data ended early."""
        return self.under.cut

    def __iter__(self) -> Iterator[bytes]:
        begun = False
        for piece in self.under:
            if not begun:  # then it is known whether it is compressed
                self._text.begin(keep=self.under.packed or self._turns)
                begun = True
            self._text.came(piece)
            yield piece

    def tell(self) -> int:
        """Bytes of the file that were read."""
        return self.under.tell()

    def close(self) -> None:
        """Close the file."""
        self.under.close()


class NotingReader(TraceReader):
    """Reads a trace, and brings its text to `text`."""

    def __init__(self, path: str, text: Text, protocol: str = "") -> None:
        self.text = text
        super().__init__(path, protocol)

    def _opened(self) -> Pieces:
        return _Noted(super()._opened(), self.text, turns=False)

    def entries(self) -> Iterator[tuple[Entry, int | None]]:
        """Every item, and where it can be read again; None for what no single record holds."""
        yield from _placed(self, self._read(self._parser.item))


class NotingFollower(FollowingReader):
    """The same for a trace that grows."""

    def __init__(self, path: str, text: Text, wait: Callable[[], None], protocol: str = "") -> None:
        self.text = text
        super().__init__(path, wait, protocol)

    def _opened(self) -> Pieces:
        turns = not os.path.lexists(self.path) or bool(whole_of(self.path))
        return _Noted(super()._opened(), self.text, turns=turns)

    def entries(self) -> Iterator[tuple[Entry, int | None]]:
        """Every item, and where it can be read again; None for what no single record holds."""
        yield from _placed(self, self._read(self._parser.item))


def _placed(
    reader: NotingReader | NotingFollower, records: Iterator[Item | Record]
) -> Iterator[tuple[Entry, int | None]]:
    latest: Item | Record | None = None

    def noted() -> Iterator[Item | Record]:
        nonlocal latest
        for record in records:
            latest = record
            yield record

    for item in items_of(noted()):
        yield (
            item,
            reader.text.start_of(item.line) if item is latest and type(item) is Item else None,
        )


class WatchedReader(TraceReader):
    """Reads a trace; `look` is called before each piece of the file, and ends the reading where it raises."""

    def __init__(self, path: str, look: Callable[[], None], protocol: str = "") -> None:
        self._look = look
        super().__init__(path, protocol)

    def _opened(self) -> Pieces:
        return _Watched(super()._opened(), self._look)


class _Watched(Pieces):
    def __init__(self, under: Pieces, look: Callable[[], None]) -> None:
        self._under = under
        self._look = look
        self.packed = under.packed

    @property
    def cut(self) -> bool:  # type: ignore[override]
        return self._under.cut

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._under:
            self._look()
            yield piece

    def tell(self) -> int:
        return self._under.tell()

    def close(self) -> None:
        self._under.close()


class KeptReader(TraceReader):
    """Reads again what has come to a `Text`.

    Where there is no more, `more` is asked: it waits, and says whether to look again.
    """

    def __init__(self, text: Text, protocol: str = "", more: Callable[[], bool] = bool) -> None:
        self._text = text
        self._more = more
        super().__init__(text.path, protocol)

    def _opened(self) -> Pieces:
        return _Again(self._text, self._more)


class _Again(Pieces):
    """What a `Text` holds."""

    def __init__(self, text: Text, more: Callable[[], bool]) -> None:
        self._text = text
        self._more = more
        self._at = 0
        self.cut = self.packed = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            size = min(PIECE, self._text.size - self._at)
            piece = self._text.read(self._at, size) if size > 0 else b""
            if not piece:
                # Asked before the size is looked at again: what came in between is not missed.
                again = self._more()
                if not again and self._text.size <= self._at:
                    return
                if not again and size > 0:
                    return  # it was made shorter
                continue
            self._at += len(piece)
            yield piece

    def tell(self) -> int:
        """Bytes that were read."""
        return self._at

    def close(self) -> None:
        """There is nothing to close: the text is not ours."""


class _Written(msgspec.Struct):
    summary: Summary
    item: Item | None


class Aside(Closing):
    """A temporary file of messages that no single line of the trace holds."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._one = threading.Lock()
        self._size = 0

    def write(self, summary: Summary, item: Entry) -> int:
        """Write one down; gives its place.  Raises OSError."""
        written = _Written(summary, item if isinstance(item, Item) else None)
        line = json.dumps(msgspec.to_builtins(written)).encode() + b"\n"
        place = self._size
        with self._one:
            self._file.seek(place)
            self._file.write(line)
            self._file.flush()
        self._size += len(line)
        return place | ASIDE

    def read(self, place: int) -> tuple[Summary, Item | None]:
        """What was written there."""
        with self._one:
            self._file.seek(place & ~ASIDE)
            line = self._file.readline()
        found = msgspec.convert(json.loads(line), _Written)
        return found.summary, found.item

    def close(self) -> None:
        """Forget all."""
        self._file.close()
