"""Transcripts as documents and mails have them: an arrow, and a message behind it.

``->`` or ``C:`` stands for the client, ``<-`` or ``S:`` for the server.  Around them there may be
prose, the marks of a quoted mail, and indentation; a message may go on over several lines, in
QEMU's dialect of JSON as well.  Without arrows the members of a message tell who says it.  Where a
message is abridged (``...``) it is kept up to there, and a gap stands for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from qmpconf.errors import UsageError
from qmpconf.protocol.framing import Kind
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.jsontext import compact, names
from qmpconf.trace.convert.texts import (
    NO_END,
    NO_TIMES,
    Collector,
    Sessions,
    header,
    likely_sender,
    one_line,
    sender_of,
)
from qmpconf.trace.reader import Item, items_of
from qmpconf.trace.records import Close, Gap, Open, Record, Side

_KEY = ""
_ARROWS: dict[bytes, Side] = {
    b"->": "client",
    b"-->": "client",
    b"=>": "client",
    b"C:": "client",
    "→".encode(): "client",
    b"<-": "server",
    b"<--": "server",
    b"<=": "server",
    b"S:": "server",
    "←".encode(): "server",
}
_ARROW = b"|".join(re.escape(one) for one in sorted(_ARROWS, key=len, reverse=True))
#: Quote marks, indentation, an arrow, and what may be a message.
_SAID = re.compile(rb"[\s>|*#]*?(%b)[ \t]*(?=([{\[])|\s*\Z)" % _ARROW)
_QUOTE = re.compile(rb"(?:[ \t]*[>|](?![=-]))*")
_ELIDED = re.compile(rb"\.\.\.|\xe2\x80\xa6")

_GUESSED = "a message has no arrow: its members tell who says it"
_ABRIDGED = "a message is abridged: a gap stands for what is left out"


@dataclass(slots=True)
class _Said:
    """A message, or what there is of one that is abridged or broken."""

    line: int
    sender: Side
    text: bytes
    whole: bool = True
    missed: bool = False


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """The messages of a transcript."""
    del options
    return Reading(header(source, "transcript"), _records(source, notes))


def _records(source: Source, notes: Notes) -> Iterator[Record]:
    notes.lost(NO_TIMES)
    notes.lost(NO_END)
    sessions = Sessions(notes)
    line = 0
    for said in _Scanner(notes).scan(source):
        line = said.line
        if not said.whole:
            yield from sessions.broken(
                line, 0.0, _KEY, said.sender, said.text, lines=int(said.missed)
            )
            continue
        greeting = said.sender == "server" and "QMP" in names(said.text)
        if greeting and sessions.spoken(_KEY):
            yield from sessions.open(line, 0.0, _KEY)
        text = one_line(said.text, said.sender, line, notes)
        yield from sessions.said(line, 0.0, _KEY, said.sender, text, greeting=greeting)
    yield from sessions.wire.finish(line)


class _Scanner:
    """Finds the messages between everything else."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._collector = Collector()
        self._sender: Side | None = None  # who says what is being collected, if an arrow told
        self._due = False  # an arrow stands alone: the message begins in the next line

    def scan(self, source: Source) -> Iterator[_Said]:
        """The messages of the file."""
        for line, text in source.lines():
            found = _SAID.match(text)
            if found is not None:
                yield from self._broken()
                self._sender = _ARROWS[found.group(1)]
                self._due = not found.group(2)
                if not self._due:
                    yield from self._add(line, text[found.end() :])
                continue
            quote = _QUOTE.match(text)
            rest = text[quote.end() :] if quote else text
            if self._collector.busy:
                if rest.strip():
                    yield from self._add(line, rest)
                else:
                    yield from self._broken()
            elif rest.lstrip()[:1] == b"{":
                if not self._due:
                    self._sender = None
                yield from self._add(line, rest.lstrip())
            self._due = False
        yield from self._broken()

    def _add(self, line: int, text: bytes) -> Iterator[_Said]:
        """Take a line of a message, and of those that follow it in the same line."""
        while text.strip():
            found = self._collector.add(line, text)
            if found is None:
                return
            message, text = found
            if not message:
                yield from self._cut(text)
                return
            yield from self._whole(message)
            if text.lstrip()[:1] != b"{":
                return  # a remark behind the message

    def _whole(self, message: bytes) -> Iterator[_Said]:
        line, sender = self._collector.line, self._sender
        told = sender_of(names(message))
        if sender is None:
            if told is None:
                return  # an example of something else
            self._notes.lost(_GUESSED, line)
        yield _Said(line, sender or told or "server", message)

    def _broken(self) -> Iterator[_Said]:
        """What is being collected does not go on."""
        if self._collector.busy:
            yield from self._cut(self._collector.drop())

    def _cut(self, text: bytes) -> Iterator[_Said]:
        """A message that is no JSON: abridged, most likely."""
        line, sender = self._collector.line, self._sender
        elided = _ELIDED.search(text)
        if sender is None and not elided:
            return  # a brace in a text
        if elided:
            self._notes.lost(_ABRIDGED, line)
            text = text[: elided.start()]
        else:
            self._notes.missed(text, line)
        yield _Said(
            line, sender or likely_sender(text), text.rstrip(), whole=False, missed=not elided
        )


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
