"""The files that libvirt tests its monitor code with (``*.replies``).

Commands and answers alternate, pretty-printed, with an empty line between two of them.  There is
no greeting, and a second session begins where capabilities are negotiated once more.  Files of
libvirt before 4.0 hold the greeting and the answers alone, and are read as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from qmpconf.errors import UsageError
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.exchanges import exchanges
from qmpconf.trace.convert.jsontext import names, pretty
from qmpconf.trace.convert.texts import (
    BROKEN,
    NO_END,
    NO_TIMES,
    Collector,
    Sessions,
    header,
    is_negotiation,
    one_line,
    sender_of,
)
from qmpconf.trace.records import Record, Side

_KEY = ""


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """Commands and answers; what is no message is damage."""
    del options
    return Reading(header(source, "replies"), _records(source, notes))


def _records(source: Source, notes: Notes) -> Iterator[Record]:
    notes.lost(NO_TIMES)
    notes.lost(NO_END)
    sessions = Sessions(notes)
    negotiated = False
    held: tuple[int, bytes] | None = None  # a negotiation, the answer to which tells what it was
    line = 0
    for line, text in _messages(source, notes):
        found = names(text)
        sender = sender_of(found)
        if sender is None:
            notes.damage("neither a command nor an answer", line)
            continue
        again = held is not None and "return" in found and negotiated
        if again or ("QMP" in found and sessions.spoken(_KEY)):
            yield from sessions.open(line, 0.0, _KEY)
        if held is not None:
            negotiated |= "return" in found
            yield from _said(sessions, *held, "client", notes)
            held = None
        if sender == "client" and is_negotiation(text):
            held = line, text
        else:
            yield from _said(sessions, line, text, sender, notes, greeting="QMP" in found)
    if held is not None:
        yield from _said(sessions, *held, "client", notes)
    yield from sessions.wire.finish(line)


def _said(
    sessions: Sessions,
    line: int,
    text: bytes,
    sender: Side,
    notes: Notes,
    *,
    greeting: bool = False,
) -> Iterator[Record]:
    text = one_line(text, sender, line, notes)
    yield from sessions.said(line, 0.0, _KEY, sender, text, greeting=greeting)


def _messages(source: Source, notes: Notes) -> Iterator[tuple[int, bytes]]:
    """The values of the file, each with the line that it begins in."""
    collector = Collector()
    for line, text in source.lines():
        if not collector.busy and not text.strip():
            continue
        if (collector.busy and not text.strip()) or (collector.busy and text[:1] == b"{"):
            notes.damage(BROKEN, collector.line)  # an empty line, or a new beginning, ends it
            collector.drop()
        rest = text
        while rest.strip():
            found = collector.add(line, rest)
            if found is None:
                break
            message, rest = found
            if not message:
                notes.damage(BROKEN, collector.line)
                break
            yield collector.line, message
    if collector.busy:
        notes.damage(BROKEN, collector.line)


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
