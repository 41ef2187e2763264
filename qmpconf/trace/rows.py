"""A trace's text cut into lines, none of which is longer than a record can be.

A line without an end would otherwise fill the memory: two GiB of NUL bytes take two MB compressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from qmpconf.closing import Closing

#: The longest line, in bytes: a message of 64 MiB, and what stands around it.  What is longer, or
#: grows when it is written as a string, is written on several lines.
LONGEST = 66 << 20
#: The longest line that holds no `msg`, in bytes.
LONGEST_RAW = 33 << 20


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
        begun = bytearray()  # pieces would be held by the allocator when they are gone
        for piece in self._pieces:
            first, *others = piece.split(b"\n")
            self.empty = False
            if begun or not others:
                begun += first
                if len(begun) > self._longest:
                    raise TooLongError
                if not others:
                    continue
                yield _taken(begun)
            else:
                yield first
            begun += others.pop()
            yield from others
        self.rest = _taken(begun)


class KeptRows(Closing):
    """The lines of a file that was read before, from memory: all that `Rows` gives, and `packed.Pieces` besides."""

    def __init__(
        self, lines: Sequence[bytes], rest: bytes, *, empty: bool, cut: bool, size: int
    ) -> None:
        """`rest`, `empty` and `cut` are what the first reading found, `size` the bytes on the disk."""
        self._lines = lines
        self.rest = rest
        self.empty = empty
        self.cut = cut
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._lines)

    def tell(self) -> int:
        """Bytes of the file that count as read: all of them, as it takes no time."""
        return self._size

    def close(self) -> None:
        """Forget the lines."""
        self._lines = ()


def _taken(begun: bytearray) -> bytes:
    """What has begun, which may be long, and is not kept."""
    whole = bytes(begun)
    begun.clear()
    return whole
