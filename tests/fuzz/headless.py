"""The view without a terminal: all that it would draw of a document is made, and looked at.

It stands in for `qmpconf.view.app`, which draws on terminals only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from qmpconf.errors import InputError, QmpconfError
from qmpconf.trace.filter.parsing import parse
from qmpconf.view import sheets, wording
from qmpconf.view.document import Document
from qmpconf.view.folder import Recording, rows_of
from qmpconf.view.lanes import columns
from qmpconf.view.rows import Rows
from qmpconf.view.styled import Line

#: Seconds in which a document is read, or it hangs; rows that are looked at, from both ends.
_PATIENCE, _MOST = 60.0, 60
_WIDTHS = (40, 80)


class View:
    """Takes what the view takes; `run` looks at all of it."""

    return_code: int | None = 0

    def __init__(
        self,
        document: Document | None = None,
        *,
        recordings: Sequence[Recording] = (),
        folder: str = "",
        opening: Callable[[str], Document] | None = None,
        filtered: str = "",
    ) -> None:
        self._document = document
        self._recordings = recordings
        self._folder = folder
        self._opening = opening
        self._filtered = filtered

    def run(self) -> None:
        """Look at the document, or at those of a folder."""
        if self._document is not None:
            self._look(self._document)
        rows_of(self._recordings, 80)
        for one in self._recordings if self._opening is not None else ():
            try:
                document = self._opening(one.path)
            except QmpconfError:
                continue
            with document:
                self._look(document)

    def _look(self, document: Document) -> None:
        document.start()
        filtered = document.filtered(parse(self._filtered)) if self._filtered else None
        _until(lambda: document.rests and (filtered is None or filtered.done))
        search = document.search("query", iter(range(document.index.count)))
        _until(lambda: search.done)
        if filtered is not None:
            _rows(document, filtered.rows)
        for joined in (False, True):
            _rows(document, Rows(document.index, joined=joined))


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the view hangs")
        time.sleep(0.005)


def _rows(document: Document, rows: Rows) -> None:
    """Rows, messages and comparisons, as wide as terminals are."""
    count = len(rows)
    places = [*range(min(count, _MOST)), *range(max(_MOST, count - _MOST), count)]
    before = None
    for place in places:
        row = rows[place]
        assert rows.place_of(row) <= place
        partner = document.index.partner(row)
        line = document.index.line(row)
        try:
            one = document.messages[row]
            other = None if partner is None else document.messages[partner]
        except InputError:
            continue  # the file was made shorter
        answer = other.summary if other is not None and rows.joined else None
        worst = document.found.worst(line)
        laid = columns(max(1, document.index.lanes.used), 0, 80)
        lane = document.index.lane(row)
        for width in _WIDTHS:
            room = wording.Room.of(one.summary)
            _print([wording.row(one.summary, width, room, worst=worst, answer=answer)])
            _print([wording.lane_row(one.summary, lane, laid, worst=worst, answer=answer)])
            _print(sheets.message(document.path, one, document.found.at(line), other, width))
            if before is not None:
                _print(sheets.comparison(document.path, before, one, width))
        before = one


def _print(lines: Iterable[Line]) -> None:
    """What goes to a terminal steers none."""
    for line in lines:
        text = "".join(text for text, _ in line)
        assert text.isprintable(), text
