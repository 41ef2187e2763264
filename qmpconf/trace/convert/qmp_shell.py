"""What qmp-shell, the shell of QEMU's Python library, writes: its log file, and its screen.

The log file (``--logfile``) holds one object an exchange: the members of the command, and behind
them those of the answer, on one line or (``--pretty``) on several.  A copy of the screen holds
what was typed behind a prompt, with ``--verbose`` the command as it was sent, the answer, and
events as Python writes them.  Neither holds the greeting, the negotiation, or ids.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import BinaryIO

from qmpconf.errors import UsageError
from qmpconf.protocol.values import dumps
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.exchanges import exchanges
from qmpconf.trace.convert.jsontext import compact, members, names, strict, tokens
from qmpconf.trace.convert.shorthand import command_of
from qmpconf.trace.convert.texts import (
    BROKEN,
    NO_END,
    NO_TIMES,
    WHITE_SPACE,
    Collector,
    Sessions,
    header,
    one_line,
    sender_of,
)
from qmpconf.trace.records import Record

_KEY = ""
_ASKING = frozenset({"execute", "exec-oob"})
_ANSWERING = frozenset({"return", "error"})
#: How readline steers a terminal.
_STEERING = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|[\x01\x02\x07\r]")
_PROMPT = re.compile(rb"(?:\((?:QEMU|QGA)\) ?|TRANS> ?)+")
#: The longest line that is tried as Python.
_LONGEST = 1 << 20

_NO_IDS = "the shell does not tell the ids that were on the wire"
_TYPED = "a command is not there as it was sent, but as it was typed: it was made of that"
_PYTHON = "a message is not there as it was sent, but as Python writes it: it was made of that"
_UNANSWERED = "what was typed and not answered is left out"
_ELSE = "lines that are no messages are passed over"


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """The exchanges of a log, or all that is on a screen."""
    del options
    return Reading(header(source, "qmp-shell"), _records(source, notes))


def _records(source: Source, notes: Notes) -> Iterator[Record]:
    notes.lost(NO_TIMES)
    notes.lost(NO_END)
    sessions = Sessions(notes)
    typed: tuple[int, bytes] | None = None
    line = 0
    for line, text, is_typed in _texts(source, notes):
        if is_typed:
            if typed is not None:
                notes.lost(_UNANSWERED, typed[0])
            typed = line, text
            continue
        for part in _parts(text, line, notes):
            sender = sender_of(names(part))
            if sender is None:
                notes.damage("neither a command nor an answer", line)
                continue
            if typed is not None and sender == "client":
                typed = None  # this is how it was sent
            elif typed is not None and b'"event"' not in part:
                notes.lost(_TYPED, typed[0])
                yield from sessions.said(typed[0], 0.0, _KEY, "client", typed[1])
                typed = None
            if sender == "client" and b'"id"' not in part:
                notes.lost(_NO_IDS, line)
            yield from sessions.said(line, 0.0, _KEY, sender, one_line(part, sender, line, notes))
    if typed is not None:
        notes.lost(_UNANSWERED, typed[0])
    yield from sessions.wire.finish(line)


def _texts(source: Source, notes: Notes) -> Iterator[tuple[int, bytes, bool]]:
    """The objects of the file, and the commands that were typed, with their lines."""
    collector = Collector()
    for line, raw in source.lines():
        text = _STEERING.sub(b"", raw)
        prompt = _PROMPT.match(text)
        text = text[prompt.end() :] if prompt else text
        if collector.busy and (prompt or text[:1] == b"{"):
            notes.damage(BROKEN, collector.line)
            collector.drop()
        if not text.strip():
            continue
        if collector.busy or text[:1] == b"{":
            yield from ((*found, False) for found in _object(collector, line, text, notes))
        elif prompt:
            command = command_of(text)
            if command is None:
                notes.lost(_ELSE, line)
            else:
                yield line, command, True
        else:
            notes.lost(_ELSE, line)
    if collector.busy:
        notes.damage(BROKEN, collector.line)


def _object(
    collector: Collector, line: int, text: bytes, notes: Notes
) -> Iterator[tuple[int, bytes]]:
    found = collector.add(line, text)
    if found is None:
        return
    message, rest = found
    if names(message) and not rest.strip():
        yield collector.line, message
        return
    value = _python(text)
    if value is None:
        notes.damage(BROKEN, collector.line)
    else:
        notes.lost(_PYTHON, line)
        yield line, value


def _python(text: bytes) -> bytes | None:
    """The JSON of a dictionary that Python has printed."""
    if len(text) > _LONGEST:
        return None
    try:
        value = ast.literal_eval(text.decode("utf-8").strip())
        return dumps(value) if isinstance(value, dict) else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _parts(text: bytes, line: int, notes: Notes) -> Iterator[bytes]:
    """The command and the answer that an object of a log is made of; or the one that it is."""
    found = members(text) or []
    named = {name for name, _ in found}
    if not (named & _ASKING and named & _ANSWERING):
        yield text
        return
    if b"\n" in text:
        notes.lost(WHITE_SPACE, line)
    yield _object_of([one for one in found if one[0] not in _ANSWERING])
    yield _object_of([one for one in found if one[0] in _ANSWERING or one[0] == "id"])


def _object_of(found: list[tuple[str, bytes]]) -> bytes:
    return b"{" + b", ".join(dumps(name) + b": " + compact(value) for name, value in found) + b"}"


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write the log that qmp-shell would have written.  Raises `UsageError` for two sessions."""
    del options
    first = 0
    for one in exchanges(reading, notes):
        if first not in (0, one.conn):
            raise UsageError("a log of qmp-shell holds one session: choose one with --session")
        first = one.conn
        answer = members(one.answer) or []
        answered = {name for name, _ in answer}
        asked = [found for found in members(one.sent) or [] if found[0] not in answered]
        merged = _object_of([*asked, *answer])
        file.write(b"".join(map(_spaced, tokens(merged))) + b"\n")


def _spaced(token: bytes) -> bytes:
    return {b",": b", ", b":": b": "}.get(token) or strict(token)
