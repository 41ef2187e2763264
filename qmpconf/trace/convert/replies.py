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
    likely_sender,
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
    for line, text, whole in _messages(source):
        if not whole:
            notes.damage(BROKEN, line)
            if text.lstrip().startswith(b"{"):
                yield from sessions.broken(line, 0.0, _KEY, likely_sender(text), text.rstrip())
            continue
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


def _messages(source: Source) -> Iterator[tuple[int, bytes, bool]]:
    """The values of the file with the line that they begin in, and whether they are whole."""
    collector = Collector()
    for line, text in source.lines():
        if collector.busy and (not text.strip() or text[:1] == b"{"):
            yield collector.line, collector.drop(), False  # an empty line, or another one
        rest = text
        while rest.strip():
            found = collector.add(line, rest)
            if found is None:
                break
            message, rest = found
            yield collector.line, message or rest, bool(message)
            if not message:
                break
    if collector.busy:
        yield collector.line, collector.drop(), False


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
