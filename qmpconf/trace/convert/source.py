"""A file to be converted, opened: unpacked, in UTF-8 if it begins as UTF-16 text, and as text if it is a web page.

What is damaged in the compressed data is noted, and ends the file there: what came before it can
still be read.
"""

from __future__ import annotations

import codecs
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO

from qmpconf.errors import InputError
from qmpconf.packed import MAGIC, Unpack, unpacker_of
from qmpconf.packed import opened as open_file
from qmpconf.trace.convert import HEAD
from qmpconf.trace.convert.base import Notes, Source, nothing
from qmpconf.trace.convert.dumped import is_dumped, restored
from qmpconf.trace.convert.webpage import is_page, text_of

_PIECE = 1 << 16
#: A longer line comes in pieces.
_LINE = 8 << 20
#: Bytes that show an encoding.
_SEEN = 64


@contextmanager
def opened(path: str, notes: Notes, advance: Callable[[int], object] = nothing) -> Iterator[Source]:
    """The file at `path` (``-``: standard input) as a `Source`.

    `advance` is called with how many bytes were read, again and again.  Raises `InputError`.
    """
    if path == "-":
        yield _source("<stdin>", "", sys.stdin.buffer, notes, advance)
        return
    try:
        file = open_file(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    with file:
        again = path if file.seekable() else ""  # a pipe gives what it holds once
        yield _source(path, again, file, notes, advance)


def _source(
    name: str, path: str, file: BinaryIO, notes: Notes, advance: Callable[[int], object]
) -> Source:
    try:
        head = _read(file, MAGIC)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}") from error
    pieces = _pieces(head, file, name, advance)
    if (unpacker := unpacker_of(head, name)) is not None:
        pieces, path = _unpacked(pieces, unpacker, notes), ""
    reader = io.BufferedReader(_Pieces(pieces), HEAD)
    begin = _read(reader, HEAD)
    encoding = _utf16(begin[:_SEEN])
    if encoding:
        notes.lost("the text is UTF-16, and was read as such")
        recoded = _recoded(_pieces(begin, reader, name), encoding, notes)
        reader = io.BufferedReader(_Pieces(recoded), HEAD)
        begin = _read(reader, HEAD)
    begin = begin.removeprefix(codecs.BOM_UTF8)
    if is_page(begin):
        notes.lost("the text is a web page, and was read as its reader sees it: lines are those")
        reader = io.BufferedReader(_Pieces(text_of(_pieces(begin, reader, name))), HEAD)
        begin = _read(reader, HEAD)
    elif is_dumped(begin):
        notes.lost("the text shows bytes in another form, or in pieces: it was put together")
        whole_lines = io.BufferedReader(_Pieces(_pieces(begin, reader, name)), HEAD)
        lines = iter(partial(whole_lines.readline, _LINE), b"")
        reader = io.BufferedReader(_Pieces(restored(lines)), HEAD)
        begin = _read(reader, HEAD)
    whole = io.BufferedReader(_Pieces(_pieces(begin, reader, name)), HEAD)
    return Source(name, path, whole, begin, advance)


def _read(file: BinaryIO, size: int) -> bytes:
    """The next `size` bytes, fewer only at the end of the file."""
    found = b""
    while len(found) < size and (piece := file.read(size - len(found))):
        found += piece
    return found


def _pieces(
    head: bytes, file: BinaryIO, name: str, advance: Callable[[int], object] = nothing
) -> Iterator[bytes]:
    yield head
    try:
        while piece := file.read(_PIECE):
            advance(len(piece))
            yield piece
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}") from error


def _unpacked(pieces: Iterator[bytes], unpacker: Unpack, notes: Notes) -> Iterator[bytes]:
    """What was compressed, member after member; it ends where the data is damaged."""
    try:
        for piece in pieces:
            yield from unpacker.feed(piece)
    except zlib.error as error:
        notes.damage(f"the compressed data is damaged; what comes behind is lost ({error})")
        return
    if not unpacker.whole:
        notes.damage("the compressed data ends early")


def _utf16(begin: bytes) -> str:
    """The encoding of text that is UTF-16, with its mark or without; else nothing."""
    if begin.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if begin.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    if len(begin) < 4:
        return ""
    even, odd = (part.count(0) / len(part) for part in (begin[::2], begin[1::2]))
    if max(even, odd) < 0.75 or min(even, odd) > 0.25:
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _recoded(pieces: Iterator[bytes], encoding: str, notes: Notes) -> Iterator[bytes]:
    """UTF-16 as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    first = True
    for piece in pieces:
        text = decoder.decode(piece)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        if "\ufffd" in text:
            notes.damage("bytes that are not UTF-16 stand as U+FFFD")
        yield text.encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


class _Pieces(io.RawIOBase):
    """A file out of pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """The next bytes; 0 at the end."""
        while not self._rest:
            try:
                self._rest = next(self._pieces)
            except StopIteration:
                return 0
        view = memoryview(buffer)
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
