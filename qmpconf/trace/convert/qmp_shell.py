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
from qmpconf.trace.convert.edited import Edited, State
from qmpconf.trace.convert.exchanges import exchanges
from qmpconf.trace.convert.jsontext import compact, members, strict, tokens
from qmpconf.trace.convert.lines import LOOKS, PROMPT
from qmpconf.trace.convert.said import Lacking, Said, message_of, partial
from qmpconf.trace.convert.shorthand import command_of
from qmpconf.trace.convert.texts import (
    BROKEN,
    NO_END,
    NO_TIMES,
    WHITE_SPACE,
    header,
    likely_sender,
)
from qmpconf.trace.convert.turns import Turns
from qmpconf.trace.records import Record

_ASKING = frozenset({"execute", "exec-oob"})
_ANSWERING = frozenset({"return", "error"})
#: How readline steers a terminal.
_STEERING = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|[\x01\x02\x07\r]")
#: The longest line that is tried as Python.
_LONGEST = 1 << 20

_NO_IDS = "the shell does not give the ids that were on the wire"
_TYPED = "a command is not there as it was sent, but as it was typed: it was made of that"
_PYTHON = "a message is not there as it was sent, but as Python writes it: it was made of that"
_UNANSWERED = "what was typed and not answered is left out"
_ELSE = "lines that are not messages are passed over"
_NO_MESSAGE = "neither a command nor an answer"


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """The exchanges of a log, or all that is on a screen."""
    del options
    return Reading(header(source, "qmp-shell"), _records(source, notes))


def _records(source: Source, notes: Notes) -> Iterator[Record]:
    notes.lost(NO_TIMES)
    notes.lost(NO_END)
    turns = Turns(notes)
    screen = _Screen(notes)
    for part in screen.parts(source):
        yield from turns.take(part)
    yield from turns.finish(screen.line)


class _Screen:
    """Finds the messages, and what was typed, and accounts for the lines."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._open: Edited | None = None
        self._lines: list[tuple[int, bytes]] = []  # of the open object
        self._typed: Said | None = None
        self.line = 0

    def parts(self, source: Source) -> Iterator[Said | Lacking]:
        """What the file says, in its order."""
        for number, raw in source.lines():
            self.line = number
            text = _STEERING.sub(b"", raw)
            prompt = PROMPT.match(text)
            text = text[prompt.end() :] if prompt else text
            if self._open is not None and (prompt or text[:1] == b"{"):
                yield self._broken(self._open)
            yield from self._line(number, text, is_typed=prompt is not None)
        if self._open is not None:
            yield self._broken(self._open)
        self._leave()

    def _line(self, number: int, text: bytes, *, is_typed: bool) -> Iterator[Said | Lacking]:
        if self._open is not None and text.strip():
            self._lines.append((number, text))
            self._open.feed(text)
            yield from self._ended(self._open, text)
        elif text[:1] == b"{":
            self._lines.append((number, text))
            self._open = Edited(strict=True)
            self._open.feed(text)
            yield from self._ended(self._open, text)
        elif is_typed and (command := command_of(text)) is not None:
            self._notes.took()
            self._leave()
            self._typed = Said(number, "client", command, "command")
        elif LOOKS.search(text):
            self._notes.missed(text, number)
            yield Lacking(number, None, lines=1)
        else:
            self._notes.passed()
            if text.strip():
                self._notes.lost(_ELSE, number)

    def _ended(self, one: Edited, text: bytes) -> Iterator[Said | Lacking]:
        """The open object may have ended with its latest line, `text`."""
        if one.state is State.OPEN:
            return
        line = self._lines[0][0]
        found = one.object()
        alone = found is not None and one.written.rstrip().endswith(text.strip())
        value = found.text if found is not None and alone else _python(text)
        if value is None:
            yield self._broken(one)
            return
        self._open = None
        if found is None or not alone:
            self._notes.lost(_PYTHON, line)
        parts = [message_of(part, line) for part in _parts(value, line, self._notes)]
        if None in parts:
            self._notes.damage(_NO_MESSAGE, line)
            yield self._missed(Lacking(line, None))
            return
        self._notes.took(len(self._lines))
        self._lines.clear()
        for part in parts:
            if part is not None:
                yield from self._said(part)

    def _said(self, part: Said) -> Iterator[Said]:
        typed = self._typed
        if typed is not None and part.side == "client":
            self._typed = None  # this is how it was sent
        elif typed is not None and part.kind == "response":
            self._typed = None
            self._notes.lost(_TYPED, typed.line)
            yield typed
        if part.side == "client" and not part.has_id:
            self._notes.lost(_NO_IDS, part.line)
        yield part

    def _leave(self) -> None:
        """What was typed was not answered."""
        if self._typed is not None:
            self._notes.lost(_UNANSWERED, self._typed.line)
            self._typed = None

    def _broken(self, one: Edited) -> Lacking:
        self._open = None
        line = self._lines[0][0]
        self._notes.damage(BROKEN, line)
        side = likely_sender(one.written) if one.names else None
        return self._missed(Lacking(line, side, partial(one.written, side)))

    def _missed(self, part: Lacking) -> Lacking:
        part.lines = len(self._lines)
        for number, text in self._lines:
            self._notes.missed(text, number)
        self._lines.clear()
        return part


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
