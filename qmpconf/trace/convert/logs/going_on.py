"""An object of a log that its line does not end: which of the next lines go on with it.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qmpconf.trace.convert.logs.context import Context
from qmpconf.trace.convert.logs.objects import Extent
from qmpconf.trace.convert.logs.styles import Rule
from qmpconf.trace.convert.logs.text import LONGEST, Line

#: How a line begins whose text goes on: its time; quote marks of a mail.
_TIMED = re.compile(
    rb"[ \t>|]*\[?(?:\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d"
    rb"|\d{10}\.\d)[^\s\]]*\]?"
)
_QUOTES = re.compile(rb"[ \t]*(?:[>|][ \t]?)*")
_INNER = re.compile(rb"(?<![\w\[])[\"'}{\]]|(?<!\w)\[(?!\d+\])")
#: What may come next, by the last byte of the text before.
_NEXT = {
    b"{": rb"[\"'}]|[bu][\"']",
    b"[": rb"[\"'{}\[\]0-9tfnTFN-]|[bu][\"']",
    b",": rb"[\"'{\[0-9tfnTFN-]|[bu][\"']",
    b":": rb"[\"'{\[0-9tfnTFN-]|[bu][\"']",
}
_FITS = {byte: re.compile(rb"\s*(?:%b)" % pattern) for byte, pattern in _NEXT.items()}
_FITS_VALUE = re.compile(rb"\s*[,}\]:]")


@dataclass(slots=True)
class Open:
    """An object that goes on in the next lines."""

    context: Context
    rule: tuple[Rule, dict[str, str]] | None
    lines: list[Line]
    pieces: list[bytes]
    extent: Extent
    size: int = 0

    def grow(self, text: bytes) -> int:
        """Take more of it; gives where it ends in `text`: 0 for not yet, below 0 for never."""
        self.pieces.append(text)
        self.size += len(text)
        return self.extent.feed(text)

    def rest_in(self, line: Line) -> bytes | None:
        """What of a line goes on with it; None if nothing does, or if it would be too long."""
        timed = self.context.when is not None
        rest = _continuation(self.pieces[-1], line.text, timed=timed)
        return None if rest is None or self.size + len(rest) > LONGEST else rest


def _continuation(previous: bytes, text: bytes, *, timed: bool) -> bytes | None:
    """What of a line goes on with the object that `previous` ends in; None if nothing does.

    With `timed`, each line of an object may have a time and more before it.
    """
    last = previous.rstrip()[-1:]
    fits = _FITS.get(last, _FITS_VALUE)
    if timed and (time := _TIMED.match(text)):
        inner = _INNER.search(text, time.end())
        rest = text[inner.start() :] if inner else b""
        return rest if fits.match(rest) else None
    quotes = _QUOTES.match(text)
    rest = text[quotes.end() :] if quotes else text
    return rest if fits.match(rest) else None
