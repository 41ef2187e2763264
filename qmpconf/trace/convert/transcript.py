"""Transcripts: messages with arrows, as documents, mails and bug reports show them.

::

    -> { "execute": "query-status" }
    <- { "return": { "status": "running" } }

Who says what is shown by an arrow or another mark, or by the members of a message alone.  Messages
may be indented, quoted, within a sentence, in the quotes of a shell, and spread over lines; all
else is prose.  What is abridged with ``...`` or masked is marked as such, what cannot be read is
counted (`qmpconf.trace.convert.scanning`), and what people leave out is a gap
(`qmpconf.trace.convert.turns`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from qmpconf.errors import UsageError
from qmpconf.protocol.framing import Kind
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.jsontext import compact
from qmpconf.trace.convert.marks import Marks
from qmpconf.trace.convert.scanning import Found, Prose, Scanner
from qmpconf.trace.convert.texts import NO_END, NO_TIMES, header
from qmpconf.trace.convert.turns import Turns
from qmpconf.trace.items import Item, items_of
from qmpconf.trace.records import Close, Gap, Open, Record


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """The messages of a transcript."""
    del options
    notes.lost(NO_TIMES)
    notes.lost(NO_END)
    scanner = Scanner(notes, Marks.of(source.head))
    found = scanner.scan(source)
    return Reading(header(source, "transcript"), records(found, scanner, Turns(notes)))


def records(found: Iterable[Found], scanner: Scanner, turns: Turns) -> Iterator[Record]:
    """The records of what `scanner` has found."""
    for one in found:
        if not isinstance(one, Prose):
            yield from turns.take(one)
        elif one.heading:
            yield from turns.heading()
        else:
            yield from turns.prose()
    yield from turns.finish(scanner.line)


# --- writing -----------------------------------------------------------------------------------


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write a transcript.  Raises `UsageError` for sessions at the same time."""
    del options
    open_: set[int] = set()
    count = 0
    notes.lost("times are left out")
    for item in items_of(reading.records):
        if isinstance(item, Open):
            count += 1
            open_.add(item.conn)
            if count > 1:
                file.write(b"\nsession %d\n\n" % item.conn)
        elif isinstance(item, Close):
            open_.discard(item.conn)
        elif isinstance(item, Gap):
            notes.lost("gaps are left out", item.line)
        elif isinstance(item, Item):
            if open_ - {item.conn}:
                raise UsageError(
                    "a transcript holds one session after the other, and these were at the same "
                    "time: choose one with --session"
                )
            file.write(_line(item, notes))


def _line(item: Item, notes: Notes) -> bytes:
    """The line of one message; nothing for what is none."""
    text = item.frame.data
    if item.frame.kind is not Kind.VALUE or text[:1] != b"{":
        if text.strip():
            notes.lost("malformed bytes are left out", item.line)
        return b""
    if item.fds:
        notes.lost("descriptors are left out", item.line)
    if item.frame.end != b"\r\n":
        notes.lost("the white space behind messages is left out", item.line)
    if b"\n" in text or b"\r" in text:
        notes.lost("messages of several lines are put on one", item.line)
        text = compact(text)
    return (b"-> " if item.sender == "client" else b"<- ") + text + b"\n"
