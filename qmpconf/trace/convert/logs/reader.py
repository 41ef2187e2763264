"""Reads logs: lines to objects, objects to messages, messages to the records of a trace.

Each line is libvirt's, or one that the user's pattern fits, or any other; in each of the others
objects are looked for.  An object that its line does not end goes on in the next lines, until it
ends or a line comes that is not part of it.  Every line is accounted for: as read, as prose, or as
not understood.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import BinaryIO

from qmpconf.errors import InputError, UsageError
from qmpconf.text import counted
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.logs import fields as about
from qmpconf.trace.convert.logs.context import HEAD, Context, context_of, inner_context
from qmpconf.trace.convert.logs.conversations import TWICE, Conversations
from qmpconf.trace.convert.logs.entries import Entries
from qmpconf.trace.convert.logs.going_on import Open
from qmpconf.trace.convert.logs.libvirt import Monitors
from qmpconf.trace.convert.logs.messages import LIKELY, UNQUOTED, held, members
from qmpconf.trace.convert.logs.objects import Extent, Found, objects
from qmpconf.trace.convert.logs.speech import Speech
from qmpconf.trace.convert.logs.styles import Rule, filled, rule_of
from qmpconf.trace.convert.logs.text import LONGEST, Line, lines
from qmpconf.trace.convert.logs.times import Times
from qmpconf.trace.convert.logs.wrapped import unwrapped
from qmpconf.trace.convert.texts import (
    NO_END,
    header,
    sender_of,
)
from qmpconf.trace.records import Record

#: Every line with an object that may be a message has one of these, or is the beginning of one that
#: goes on; in the journal, its text may be an array of bytes.
_MARKS = (b"return", b"execute", b"event", b"error", b"QMP", b"exec-oob", b'"MESSAGE"')
_GOES_ON = re.compile(rb"[{\[,:]\s*\Z")
#: Lines that libvirt's part of the reader looks at in any case.
_LIBVIRT = (
    b"QEMU_MONITOR_",
    b"Line [{",
    b"info : libvirt version",
    b"Entering agent (",
    b'"MESSAGE"',
)
#: A time that two texts have in common only if they are the same.
_EXACT = re.compile(rb"\d\d:\d\d:\d\d\.\d{6}")
#: How many lines are remembered, to see what several processes have logged.
_COPIES = 64
#: How `socat -v` begins each piece that passes it.
_SOCAT = re.compile(rb"[<>] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+ +length=\d+ from=\d+ to=\d+")
_BLOB = re.compile(rb"\[[\d.]+[BKMG]? blob data\]")

#: How many records are looked at for the first message: sessions may begin before there is one.
_MOST_BEGUN = 10_000

_NO_TIMES = "no line has a time: all are 0"
_LATE = "the first message has no time: the header has that of the conversion"
_BLOBS = "journalctl did not show a text ('blob data'): `journalctl -a` does, and -o json"


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """The messages of a log; the header's time is that of the first one.

    Raises `InputError` if there is none.
    """
    reader = LogReader(source, options, notes)
    records = reader.records()
    begun: list[Record] = []
    for record in records:
        begun.append(record)
        if reader.found or len(begun) == _MOST_BEGUN:
            break
    else:
        raise InputError(reader.nothing())
    if reader.begin is None:
        notes.lost(_LATE, 0)
    name = options.format or "log"
    return Reading(header(source, name, reader.begin), chain(begun, records))


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Raise `UsageError`: programs write logs."""
    del file, reading, options, notes
    raise UsageError("logs of programs are read, and not written; --to libvirt-log writes one")


class LogReader:
    """Reads one log.  `begin` is the time of its first message."""

    def __init__(self, source: Source, options: Options, notes: Notes) -> None:
        self._source = source
        self._notes = notes
        self._pattern = options.pattern
        keys = options.session_by or about.DEFAULT_KEYS
        if self._pattern is not None and "session" in self._pattern.groupindex:
            keys = ("session",)
        self._times = Times(datetime.now(UTC))
        self._talks = Conversations(notes, keys)
        self._speech = Speech(self._talks, notes)
        self._entries = Entries(self._times)
        sends, writes = (
            b"QEMU_MONITOR_" + one in source.head for one in (b"SEND_MSG", b"IO_WRITE")
        )
        self._monitors = Monitors(self._talks, notes, writes=writes or not sends)
        self._ahead: datetime | None = None  # when the next line was said, as the line before says
        self._open: Open | None = None
        self._copies: dict[int, bytes] = {}  # of what was logged lately, by whom
        self._carried = b""  # of a line that comes in pieces
        self._lines = 0
        self._is_libvirt = False

    def records(self) -> Iterator[Record]:
        """The records of the log."""
        for line in lines(self._source):
            self._lines = line.number
            yield from self._line(line)
        yield from self._broken_off()
        for entry in self._entries.end():
            yield from self._monitors.feed(entry, self._speech.at(entry.when))
        yield from self._monitors.finish(self._lines, self._speech.t)
        yield from self._speech.send_typed()
        if self._speech.begin is None:
            self._notes.lost(_NO_TIMES)
        if self._speech.ends_unknown:
            self._notes.lost(NO_END)
        yield from self._talks.finish(self._lines, self._speech.t)

    @property
    def begin(self) -> datetime | None:
        """When the first message was said, if its line says so."""
        return self._speech.begin

    @property
    def found(self) -> int:
        """How many messages there were so far, and parts of messages."""
        return self._talks.found

    def nothing(self) -> str:
        """Why there is nothing to be read."""
        text = (
            f"{self._source.name}: {counted(self._lines, 'line')}, and no QMP message; looked for "
            "objects with execute, exec-oob, return, error, event or QMP, as they are, escaped, "
            "quoted, in other JSON and in Python's notation"
        )
        if self._notes.misses:
            number, first = self._notes.missed_lines[0]
            many = f"{self._notes.misses:,} look like one and were not understood"
            text += f"; {many} (first: line {number}: {first[:60]!r})"
        if self._pattern is not None:
            text += ", in lines that the pattern fits"
        if self._is_libvirt:
            text += '; libvirt logs its monitors with log_filters="1:qemu.qemu_monitor"'
        return text

    # --- lines ---------------------------------------------------------------------------------

    def _line(self, line: Line) -> Iterator[Record]:
        """The records of one line, which is accounted for."""
        if not (line.begins and line.ends):
            yield from self._piece(line)
            return
        if self._open:
            whole, records = self._go_on(line)
            yield from records
            if whole:
                return
        before = self._talks.found, self._notes.misses
        if b"{" in line.text and self._is_copy(line.text):
            self._notes.lost(TWICE, line.number)
        elif self._pattern is not None:
            yield from self._by_pattern(line, self._pattern)
        else:
            taken = yield from self._libvirt(line)
            text = line.text if taken else filled(line.text)
            if not taken and b"{" in text:
                yield from self._any(line, text)
            elif not taken:
                self._prose(line)
        if self._open is None:
            self._account(before)

    def _is_copy(self, text: bytes) -> bool:
        """Whether another process has logged the same a moment ago, to the microsecond."""
        process = about.process_of(text)
        if process is None or not _EXACT.search(text, process.end()):
            return False
        inner = hash(text[process.end() :])
        if inner in self._copies:
            return process.group(1) != self._copies[inner]
        self._copies[inner] = process.group(1)
        if len(self._copies) > _COPIES:
            del self._copies[next(iter(self._copies))]
        return False

    def _account(self, before: tuple[int, int], count: int = 1) -> None:
        """Count lines by what came of them."""
        found, missed = self._talks.found - before[0], self._notes.misses - before[1]
        if found and not missed:
            self._notes.took(count)
        else:
            self._notes.passed(max(0, count - missed))

    def _prose(self, line: Line) -> None:
        if line.text[:2] in (b"> ", b"< ") and _SOCAT.match(line.text):
            self._ahead = self._times.of(line.text)
        elif b"(monitor " in line.text:
            self._speech.hint = about.of_text(line.text)
        elif b"blob data]" in line.text and _BLOB.search(line.text):
            self._notes.lost(_BLOBS, line.number)

    def _any(self, line: Line, text: bytes) -> Iterator[Record]:
        """The messages of a line that nobody has a rule for; `text` is what it means."""
        if not any(mark in text for mark in _MARKS) and _GOES_ON.search(text[-16:]) is None:
            return
        context = Context(line.number, self._ahead)
        self._ahead = None
        before = self._talks.found, self._notes.misses
        yield from self._objects(text, context, line)
        is_nothing = before == (self._talks.found, self._notes.misses) and self._open is None
        if is_nothing and UNQUOTED.search(text[:HEAD]):
            yield from self._speech.miss(line.number, text, about.of_text(text), None)

    def _by_pattern(self, line: Line, pattern: re.Pattern[bytes]) -> Iterator[Record]:
        """The message of a line that the user's pattern fits."""
        match = pattern.search(line.text)
        if match is None:
            if (
                b"{" in line.text
                and LIKELY.search(line.text)
                and any(any(held(one)) for one in objects(line.text))
            ):
                yield from self._speech.miss(line.number, line.text, {}, None)
            return
        groups = {name: value or b"" for name, value in match.groupdict().items()}
        context = Context(line.number, explicit=True)
        context.when = self._times.of(groups.get("time", b""))
        if groups.get("session"):
            context.fields = {"session": groups["session"].decode("utf-8", "replace")}
        if groups.get("side"):
            context.side = about.side_of_word(groups["side"].decode("utf-8", "replace"))
        text = groups["message"]
        found = yield from self._objects(text, context, line)
        if not found and text.strip():
            yield from self._speech.miss(line.number, line.text, context.fields, context.side)

    def _objects(
        self, text: bytes, context: Context, line: Line, limit: int | None = None
    ) -> Generator[Record, None, int]:
        """The messages among the objects of a text; gives how many objects there were.

        Those from `limit` on are left out.
        """
        count = 0
        for one in objects(text):
            if limit is not None and one.at >= limit:
                continue
            count += 1
            rule = rule_of(one.before)
            if one.state == "open":
                here = context_of(context, text, one, self._times)
                self._open = Open(here, rule, [line], [], Extent())
                self._open.grow(one.text)
                break
            yield from self._object(one, rule, context_of(context, text, one, self._times))
        return count

    def _object(
        self, one: Found, rule: tuple[Rule, dict[str, str]] | None, context: Context
    ) -> Iterator[Record]:
        """The messages that an object is or holds."""
        if rule is not None and one.state == "whole":
            yield from self._ruled(one, *rule, context)
            return
        whole = one.state == "whole"
        for part in held(one):
            here = inner_context(context, part, self._times)
            if part.kind == "message":
                yield from self._speech.message(part.found, here)
            else:
                yield from self._speech.not_understood(part, here)
            whole = whole and part.kind != "other"
        if context.explicit and one.state == "whole" and not any(held(one)):
            yield from self._speech.message(one, context)

    def _ruled(
        self, one: Found, rule: Rule, groups: dict[str, str], context: Context
    ) -> Iterator[Record]:
        """An object that stands where a rule of the table says what it is."""
        if rule.made:
            self._notes.lost(rule.made, context.line)
        if context.when is not None:
            when = context.when
            stamp = {"seconds": f"{int(when.timestamp())}", "micros": f"{when.microsecond}"}
            groups = {**stamp, **groups}
        if "session" in groups:
            context.fields = {**context.fields, "vm": groups["session"]}
        if "agent" in groups:
            context.fields = {**context.fields, "vm": f"agent of {groups['agent']}"}
        context.side = rule.side
        made = one._replace(text=rule.make(one.text, groups))
        if rule.typed:
            if sender_of(frozenset(members(made.text))) == "client":
                yield from self._speech.typed_in(made, context, rule.silent)
            return
        yield from self._speech.message(made, context, silent=rule.silent)

    def _libvirt(self, line: Line) -> Generator[Record, None, bool]:
        """The messages of a line of libvirt's; gives whether it is one."""
        text = line.text
        mark = next((text.find(one) for one in _LIBVIRT if one in text), -1)
        if mark < 0 and not self._entries.busy and not (b" : " in text and b"{" in text):
            return False
        brace = text.find(b"{")  # of another program's object, if libvirt's text is in one
        if 0 <= brace < (mark if mark >= 0 else len(text)) and (mark >= 0 or brace == 0):
            wrapped = unwrapped(text, self._times)
            if wrapped is None:
                return False
            taken = yield from self._entry_lines(line.number, *wrapped)
            return taken
        taken = yield from self._entry_lines(line.number, [text], None, "")
        return taken

    def _entry_lines(
        self, number: int, texts: list[bytes], when: datetime | None, thread: str
    ) -> Generator[Record, None, bool]:
        taken, t = False, self._speech.t
        for text in texts:
            entries, is_entry = self._entries.feed(number, text, when, thread)
            taken = taken or is_entry
            if len(texts) > 1 and text is texts[-1]:
                entries += self._entries.end()  # the text was all of it
            for entry in entries:
                self._is_libvirt = True
                if entry.kind != "OTHER" and (entry.kind != "BANNER" or self._speech.begin):
                    t = self._speech.at(entry.when)
                yield from self._monitors.feed(entry, t)
        return taken

    # --- objects over several lines ------------------------------------------------------------

    def _go_on(self, line: Line) -> tuple[bool, Iterator[Record]]:
        """Whether the line belongs to the object that is open, and the records of what ended."""
        open_ = self._open
        if open_ is None:
            return False, iter(())
        rest = open_.rest_in(line)
        if rest is None:
            return False, self._broken_off()
        open_.lines.append(line)
        end = open_.grow(rest)
        if end == 0:
            return True, iter(())
        if end < 0:
            open_.lines.pop()
            open_.pieces.pop()
            return False, self._broken_off()
        return True, self._ended(open_)

    def _ended(self, open_: Open) -> Iterator[Record]:
        self._open = None
        text = b"".join(open_.pieces)
        before = self._talks.found, self._notes.misses
        for one in objects(text):
            behind = one._replace(before=open_.context.before)
            yield from self._object(behind, open_.rule, open_.context)
            break
        self._account(before, len(open_.lines))

    def _broken_off(self) -> Iterator[Record]:
        """The object that is open does not go on: its lines are read one by one."""
        open_, self._open = self._open, None
        if open_ is None:
            return
        text = b"".join(open_.pieces)
        before = self._talks.found, self._notes.misses
        one = Found("broken", text, 0, len(text), open_.context.before)
        yield from self._object(one, open_.rule, open_.context)
        self._account(before)
        for line in open_.lines[1:]:
            before = self._talks.found, self._notes.misses
            if b"{" in line.text:
                yield from self._any(line, filled(line.text))
                self._open = None  # that it goes on was tried already
            self._account(before)

    # --- lines that come in pieces -------------------------------------------------------------

    def _piece(self, line: Line) -> Iterator[Record]:
        """A piece of a line that is too long: what its end cuts off waits for the next one."""
        if line.begins:
            yield from self._broken_off()
            self._carried = b""
        text = self._carried + line.text
        cut = len(text)
        if not line.ends:
            brace = text.rfind(b"{", cut - 64)
            cut = min((one.at for one in objects(text) if one.end >= len(text)), default=cut)
            cut = min(cut, brace) if brace >= 0 else cut
        before = self._talks.found, self._notes.misses
        yield from self._objects(text, Context(line.number), line, cut)
        self._open = None
        self._carried = text[cut:]
        if len(self._carried) > LONGEST:
            if LIKELY.search(self._carried[:LONGEST]):
                yield from self._speech.miss(line.number, self._carried[:200], {}, None)
            self._carried = b""
        if line.ends:
            self._account(before)
