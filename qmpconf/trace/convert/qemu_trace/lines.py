r"""The lines of QEMU's trace log: which are messages of a monitor, and where each of them ends.

An event is one call of ``printf``, under a lock, so that no other line of QEMU's comes between its
lines.  Its text stands as the release and ``-msg timestamp=on`` have it::

    handle_qmp_command mon 0x55d35a06ecd0 req: {"execute": "stop"}
    14532@1796010918.044554:handle_qmp_command mon 0x55d35a06ecd0 req: {"execute": "stop"}
    2026-11-30T03:55:18.729889Z handle_qmp_command mon 0x55d35a06ecd0 req: {"execute": "stop"}

The first is that of 7.2 and newer, the second that of 5.2, and of 7.2 and 10.0 with
``timestamp=on``, the third that of 11.1 with it.  The number before the ``@`` is the thread's, and
says nothing about the monitor.  A monitor with ``pretty=on`` has its responses on several lines,
each of them indented by what is open.

What else writes to the same file may stand before an event (a guest's console that has not ended
its line), behind it, or between its lines.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from qmpconf.protocol.framing import HELD
from qmpconf.protocol.values import Malformed, is_json, loads
from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.logs.times import Times
from qmpconf.trace.convert.texts import BROKEN, Collector
from qmpconf.trace.records import Side

#: How an event of a monitor begins, up to its message.
EVENT = re.compile(
    rb"\b(?:(handle_qmp_command)|monitor_qmp_respond) mon (0x[0-9a-f]{1,16}) (?:req|resp): "
)
#: A longer line comes in pieces, and is not understood: a reader need not parse such a message.
LONGEST = HELD

#: How much before an event may be its time.
_NEAR = 200
#: What the journal, or a syslog, puts before each line of a message that goes on.
_JOURNAL = re.compile(
    rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,30}) \S{1,255} [^\s:\[]{1,255}\[\d{1,10}\]: "
)
#: A line of a message on several lines, without its indentation: what closes, and what opens.
_PART = re.compile(
    rb'(?:([\]}])|(?:"(?:[^"\\]|\\.)*+": )?'
    rb'(?:([\[{])|"(?:[^"\\]|\\.)*+"|-?[\d.eE+-]+|true|false|null)),?\Z'
)
_INDENT = 4

#: Strings, and what QEMU writes for a number that was too big for it.
_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*+"|(?<![\w"])inf\b')

_TOO_BIG = "QEMU has no JSON for a number beyond its range: 1e999 stands for it"
_BEHIND = "something else stands behind a message on its line: it was passed over"


def _finite(found: re.Match[bytes]) -> bytes:
    return b"1e999" if found.group() == b"inf" else found.group()


def _is_value(text: bytes) -> bool:
    """Whether a text is JSON, of whatever depth."""
    if is_json(text):
        return True
    try:
        loads(text)
    except Malformed:
        return False
    return True


@dataclass(slots=True)
class Traced:
    """One message: what the event `line` says that a `side` of the monitor at address `monitor` sent.

    `text` is one message, with its line ends as on the wire; with `broken`, what there is of it.
    `when` is its time, None if the log has none; `lines` counts its lines.
    """

    line: int
    when: datetime | None
    monitor: str
    side: Side
    text: bytes
    lines: int = 1
    broken: bool = False


@dataclass(slots=True)
class _Open:
    """A message whose next line is awaited."""

    begun: Traced
    pieces: list[bytes]
    depth: int = 1
    size: int = 0
    texts: list[tuple[int, bytes]] = field(default_factory=list)  # with their numbers

    def take(self, number: int, line: bytes) -> bool:
        """Take the next line if it is one of the message's."""
        journal = _JOURNAL.match(line)
        text = line[journal.end() :] if journal else line
        part = text.lstrip(b" ")
        found = _PART.match(part)
        if found is None:
            return False
        closes = found.group(1) is not None
        if len(text) - len(part) != _INDENT * (self.depth - closes):
            return False
        self.depth += (found.group(2) is not None) - closes
        self.pieces.append(text)
        self.size += len(text)
        self.texts.append((number, line))
        return True


class TraceLines:
    """Finds the messages of one log, line by line; each line is accounted for in `notes`."""

    def __init__(self, times: Times, notes: Notes) -> None:
        self._times = times
        self._notes = notes
        self._open: _Open | None = None

    def feed(self, number: int, raw: bytes, *, begins: bool = True) -> Iterator[Traced]:
        """The messages that end with a line, or before it.

        `raw` is the line with its end, without one if the log ends there or the line is too long;
        `begins` is false for a further piece of such a line.
        """
        if not begins:
            return
        ends, text = raw.endswith(b"\n"), raw.rstrip(b"\r\n")
        if self._open is not None and self._open.take(number, text):
            yield from self._taken(self._open)
            return
        # What is cut off may hold the text of an event in a string.
        found = EVENT.search(text) if ends or self._open is None else None
        if found is None:
            self._notes.passed()  # somebody else's
        elif self._open is not None:
            yield self._broken(self._open)
        while found is not None:
            found = yield from self._event(number, text, found, ends=ends)

    def end(self) -> Iterator[Traced]:
        """The log ends: so does the message that has begun."""
        if self._open is not None:
            yield self._broken(self._open)

    def _event(
        self, number: int, text: bytes, found: re.Match[bytes], *, ends: bool
    ) -> Generator[Traced, None, re.Match[bytes] | None]:
        """The message of an event; gives the next event of the same line."""
        before = text[max(0, found.start() - _NEAR) : found.start()]
        side: Side = "client" if found.group(1) else "server"
        one = Traced(number, self._times.of(before), found.group(2).decode(), side, b"")
        rest = text[found.end() :]
        if side == "server" and rest == b"{":
            self._open = _Open(one, [rest], texts=[(number, text)])
            return None
        finite = _NUMBER.sub(_finite, rest) if side == "client" and b"inf" in rest else rest
        if finite != rest:
            self._notes.lost(_TOO_BIG, number)
        taken = Collector().add(number, finite + b"\n") if len(text) < LONGEST else None
        if taken is not None and _is_value(taken[0]):
            one.text, behind = taken
            self._notes.took()
            if behind.strip():
                self._notes.lost(_BEHIND, number)
            yield one
            return EVENT.search(text, len(text) - len(behind.rstrip(b"\n")))
        after = EVENT.search(text, found.end()) if ends else None
        cut = after.start() if after is not None else len(text)
        rest = text[found.end() : cut] if len(text) < LONGEST else b""
        yield self._lost(one, rest, [(number, text)])
        return after

    def _taken(self, open_: _Open) -> Iterator[Traced]:
        """A line belongs to the message that is open, and may be its last."""
        if open_.size > LONGEST:
            yield self._broken(open_)
        elif open_.depth == 0:
            one = open_.begun
            text = b"\r\n".join(open_.pieces)
            if not _is_value(text):
                yield self._broken(open_)
                return
            self._open = None
            one.text, one.lines = text, len(open_.pieces)
            self._notes.took(one.lines)
            yield one

    def _broken(self, open_: _Open) -> Traced:
        self._open = None
        return self._lost(open_.begun, b"\r\n".join(open_.pieces), open_.texts)

    def _lost(self, one: Traced, text: bytes, lines: list[tuple[int, bytes]]) -> Traced:
        one.text, one.broken, one.lines = text, True, len(lines)
        self._notes.damage(BROKEN, one.line)
        for number, line in lines:
            self._notes.missed(line, number)
        return one
