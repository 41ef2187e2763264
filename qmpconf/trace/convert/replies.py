"""The files that libvirt tests its monitor code with (``*.replies``).

Commands and answers alternate, pretty-printed, with an empty line between two of them.  There is
no greeting, and a second session begins where capabilities are negotiated once more.  Files of
libvirt before 4.0 hold the greeting and the answers alone, and are read as well.  A block that is
broken off ends where the next one begins, or at an empty line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from qmpconf.errors import UsageError
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.edited import Edited, State
from qmpconf.trace.convert.exchanges import exchanges
from qmpconf.trace.convert.jsontext import pretty
from qmpconf.trace.convert.said import Lacking, Said, message_of, partial
from qmpconf.trace.convert.texts import BROKEN, NO_END, NO_TIMES, header, likely_sender
from qmpconf.trace.convert.turns import Turns
from qmpconf.trace.records import Record

_SPACE = re.compile(rb"\s*")
_NO_MESSAGE = "neither a command nor an answer"


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """Commands and answers; what is not a message is damage."""
    del options
    return Reading(header(source, "replies"), _records(source, notes))


def _records(source: Source, notes: Notes) -> Iterator[Record]:
    notes.lost(NO_TIMES)
    notes.lost(NO_END)
    turns = Turns(notes, exact=True)
    blocks = _Blocks(notes)
    for part in blocks.parts(source):
        yield from turns.take(part)
    yield from turns.finish(blocks.line)


class _Blocks:
    """Finds the blocks of a file, and accounts for its lines."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._block: Edited | None = None
        self._lines: list[tuple[int, bytes]] = []  # that were not accounted for
        self._begin = 0
        self.line = 0

    def parts(self, source: Source) -> Iterator[Said | Lacking]:
        """The messages, and what is none."""
        for number, text in source.lines():
            self.line = number
            if self._block is not None and (not text.strip() or text[:1] == b"{"):
                yield self._broken(self._block)
            yield from self._line(number, text)
        if self._block is not None:
            yield self._broken(self._block)

    def _line(self, number: int, text: bytes) -> Iterator[Said | Lacking]:
        at = 0
        if not text.strip():
            self._notes.passed()
            return
        self._lines.append((number, text))
        while not _SPACE.fullmatch(text, at):
            if self._block is None:
                self._block, self._begin = Edited(strict=True), number
            at = self._block.feed(text, at)
            if self._block.state is State.OPEN:
                return
            found = self._block.object()
            if found is None:
                yield self._broken(self._block)
                return
            self._block = None
            part = message_of(found.text, self._begin)
            if part is None:
                self._notes.damage(_NO_MESSAGE, self._begin)
                yield self._missed(Lacking(self._begin, None))
                return
            yield part
        self._notes.took(len(self._lines))
        self._lines.clear()

    def _broken(self, block: Edited) -> Lacking:
        self._block = None
        self._notes.damage(BROKEN, self._begin)
        side = likely_sender(block.written) if block.names else None
        return self._missed(Lacking(self._begin, side, partial(block.written, side)))

    def _missed(self, part: Lacking) -> Lacking:
        part.lines = len(self._lines)
        for number, text in self._lines:
            self._notes.missed(text, number)
        self._lines.clear()
        return part


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write commands and answers.  Raises `UsageError` for sessions at the same time."""
    del options
    over: set[int] = set()
    latest = 0
    separator = b""
    for one in exchanges(reading, notes):
        if one.conn != latest:
            if one.conn in over:
                raise UsageError(
                    "a .replies file holds one session after the other, and these were at the same "
                    "time: choose one with --session"
                )
            over.add(latest)
            latest = one.conn
        if one.command.oob:
            notes.lost("out-of-band commands are left out")
            continue
        file.write(separator + pretty(one.sent) + b"\n\n" + pretty(one.answer) + b"\n")
        separator = b"\n"
