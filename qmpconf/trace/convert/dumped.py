r"""Texts that show bytes in another form, or in pieces, as the lines that they stand for.

==================  ============================================================================
hex dumps           ``tcpdump -X``, ``xxd``, ``hexdump -C``, ``socat -x``, Wireshark: offset, bytes, text
escaped bytes       ``strace -xx``: ``\x7b\x22`` for all of a string
partial lines       container logs (CRI): ``... stdout P`` and the rest behind ``... stdout F``
==================  ============================================================================

A dump is known by its text, which has to be that of its bytes, and by what comes out: messages.
Each line of such a text keeps its number: what was put together stands in the first of its lines,
and the others are empty.  Everything else stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_OFFSET = re.compile(
    rb"([ \t]*)(?:(?:0x)?([0-9a-fA-F]{4,8})(?::|(?=  )|(?<=[0-9a-fA-F]{6})(?= )))?[ \t]*"
)
_BYTES = re.compile(rb"(?:[0-9a-fA-F]{2}){1,2}(?:  ?(?:[0-9a-fA-F]{2}){1,2}){0,63}")
_GAP = re.compile(rb"  +")
_ALONE = re.compile(rb"(?:[0-9a-fA-F]{2} ?){8,}[ \t]*\Z")
_ESCAPED = re.compile(rb"(?:\\x[0-9a-fA-F]{2}){8,}")
_PARTIAL = re.compile(rb"(\d{4}-\d\d-\d\dT\S{8,40} (?:stdout|stderr) )([PF])(?: |(?=\r?\n|\Z))")
#: What shows that something that was put together holds messages.
_MESSAGE = re.compile(
    rb"\{\s*\\*[\"'](?:QMP|execute|exec-oob|return|error|event|id|timestamp|arguments)\\*[\"']\s*:"
)
#: Lines of a dump are no longer, and what is put together is not either.
_LONGEST_ROW = 512
_LONGEST = 8 << 20
#: In so many lines a dump begins.
_FIRST = 2000


class Row(NamedTuple):
    """One line of a hex dump: `offset` is that of `data`, or -1; `indent` shows a side, or nothing."""

    data: bytes
    indent: bytes
    offset: int

    def follows(self, other: Row) -> bool:
        """Whether it goes on with what `other` has begun."""
        known = self.offset >= 0 and other.offset >= 0
        goes_on = not known or self.offset == other.offset + len(other.data)
        return goes_on and self.indent == other.indent


def is_dumped(begin: bytes) -> bool:
    """Whether a text that begins like that shows messages in such a form."""
    lines = begin.splitlines(keepends=True)
    looks = _ESCAPED.search(begin) or _PARTIAL.search(begin)
    if looks is None and not any(map(row_of, lines[:_FIRST])):
        return False
    return any(_MESSAGE.search(put) for put, as_it_was in _restored(lines) if not as_it_was)


def restored(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that a text stands for, as many as it has."""
    return (text for text, _ in _restored(lines))


def _restored(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each line, and whether it is as it was."""
    held = _Held()
    for line in lines:
        row = row_of(line)
        part = _PARTIAL.match(line) if row is None else None
        if not held.takes(row, part):
            yield from held.end()
        if row is not None:
            held.add(_one_line(row.data))
            held.row = row
        elif part is not None:
            rest = line[part.end() :].rstrip(b"\r\n")
            held.add(rest if held.count else part.group(1) + rest)
            held.begin = part.group(1)[-8:]
            if part.group(2) == b"F":
                yield from held.end()
        else:
            put = _ESCAPED.sub(_meant, line) if b"\\x" in line else line
            yield put, put == line
    yield from held.end()


@dataclass(slots=True)
class _Held:
    """What is put together: rows of a dump, or parts of one line of one stream."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    row: Row | None = None
    begin: bytes = b""

    @property
    def count(self) -> int:
        """How many lines."""
        return len(self.pieces)

    def takes(self, row: Row | None, part: re.Match[bytes] | None) -> bool:
        """Whether a line goes on with it."""
        if not self.pieces or self.size >= _LONGEST:
            return not self.pieces
        if self.row is not None:
            return row is not None and row.follows(self.row)
        return part is not None and part.group(1)[-8:] == self.begin

    def add(self, text: bytes) -> None:
        """Take one more line."""
        self.pieces.append(text)
        self.size += len(text)

    def end(self) -> Iterator[tuple[bytes, bool]]:
        """What it came to, in the first of its lines."""
        if self.pieces:
            yield b"".join(self.pieces) + b"\n", False
        for _ in self.pieces[1:]:
            yield b"\n", False
        self.pieces, self.size, self.row, self.begin = [], 0, None, b""


def row_of(line: bytes) -> Row | None:
    """The bytes that a line of a hex dump shows; None for any other line."""
    line = line.rstrip(b"\r\n")
    at = _OFFSET.match(line)
    if at is None or len(line) > _LONGEST_ROW:
        return None
    offset = int(at.group(2), 16) if at.group(2) else -1
    begin = at.end()
    if _ALONE.match(line, begin):
        return Row(bytes.fromhex(line[begin:].decode()), at.group(1), offset)
    shown = _BYTES.match(line, begin)
    for gap in _GAP.finditer(line, begin) if shown is not None else ():
        if shown is None or gap.start() > shown.end():
            break
        data = bytes.fromhex(line[begin : gap.start()].decode())
        if _text_of(data) in _columns(line[gap.end() :]):
            return Row(data, at.group(1), offset)
    return None


def _text_of(data: bytes) -> bytes:
    return bytes(byte if 0x20 < byte < 0x7F else 0x2E for byte in data if byte != 0x20)


def _columns(text: bytes) -> Iterator[bytes]:
    """The text beside the bytes, or what stands between bars or angles there; without its spaces."""
    text = text.replace(b" ", b"")
    yield text
    if text[:1] in (b"|", b">"):
        yield text[1:-1]


def _one_line(data: bytes) -> bytes:
    return bytes(byte if byte >= 0x20 or byte == 9 else 0x20 for byte in data)


def _meant(found: re.Match[bytes]) -> bytes:
    return _one_line(bytes.fromhex(found.group().replace(b"\\x", b"").decode()))
