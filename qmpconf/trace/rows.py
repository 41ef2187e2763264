"""A trace's text cut into lines, none of which is longer than a record can be.

A line without an end would otherwise fill the memory: two GiB of NUL bytes take two MB compressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: The longest line, in bytes.  A message may have 64 MiB (`qmpconf.protocol.framing`); the writer
#: puts longer ones, and what grows when it is written as a string, on several lines.
LONGEST = 80 << 20


class TooLongError(Exception):
    """A line is longer than any record."""


class Rows:
    """The lines of a text that comes in pieces, without their ends; to be iterated over once.

    `rest` is what follows the last line end, and `empty` whether there was nothing at all; both are
    known at the end.  Raises `TooLongError`.
    """

    def __init__(self, pieces: Iterable[bytes], longest: int = LONGEST) -> None:
        self._pieces = pieces
        self._longest = longest
        self.rest = b""
        self.empty = True

    def __iter__(self) -> Iterator[bytes]:
        begun: list[bytes] = []
        size = 0
        for piece in self._pieces:
            first, *others = piece.split(b"\n")
            self.empty = False
            if begun or not others:
                begun.append(first)
                size += len(first)
                if size > self._longest:
                    raise TooLongError
                if not others:
                    continue
                first = b"".join(begun)
                begun.clear()
            yield first
            last = others.pop()
            yield from others
            size = len(last)
            if last:
                begun.append(last)
        self.rest = b"".join(begun)
