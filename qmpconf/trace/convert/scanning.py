"""Finds the messages in a text, and accounts for every line of it.

A line is *read* where it is a message or a part of one, *passed over* where a rule takes it for
prose, and otherwise *missed*: it looks like a message, or stands behind a mark of who speaks, and
cannot be read.  Each is counted once (`qmpconf.trace.convert.base.Notes`).

Objects are found anywhere in a line: behind arrows, in the quotes of a shell, in Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum

from qmpconf.protocol.framing import CLIENT_LIMITS, Framer, is_plain
from qmpconf.trace.convert.base import Notes, Source
from qmpconf.trace.convert.edited import Edited, Object, State
from qmpconf.trace.convert.lines import (
    BEGINS,
    FRAGMENT,
    HEADING,
    LIBVIRT,
    LONGEST_HEADING,
    LOOKS,
    OBJECT,
    PROMPT,
    SUSPECT,
    UNDERLINE,
)
from qmpconf.trace.convert.marks import Mark, Marks
from qmpconf.trace.convert.markup import continued, is_blank, plain, unquoted
from qmpconf.trace.convert.placeholders import CUT_LINE
from qmpconf.trace.convert.said import Lacking, Other, Said, partial, said_of
from qmpconf.trace.convert.shorthand import command_of
from qmpconf.trace.convert.texts import likely_sender, sender_of
from qmpconf.trace.records import Side

#: A longer line comes in pieces.
_LONGEST = 1 << 26
#: Blank lines that an object may go on behind.
_MOST_BLANK = 2

_TYPED = "a command is not there as it was sent, but as it was typed: it was made of that"
_UNANSWERED = "what was typed and not answered is left out"


@dataclass(frozen=True, slots=True)
class Prose:
    """A line between the messages; `heading` says that another part of the text begins."""

    line: int
    heading: bool = False


Found = Said | Lacking | Prose


class _Status(IntEnum):
    """What is known of a line; the highest one counts."""

    NONE = 0
    PASSED = 1
    READ = 2
    MISSED = 3


@dataclass(slots=True)
class _Open:
    """An object that goes on, and its lines that were not accounted for."""

    edited: Edited
    line: int
    indent: int
    mark: Mark | None
    by_libvirt: bool
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    status: _Status = _Status.NONE  # of what stands before it in the first of them
    blank: int = 0

    @property
    def side(self) -> Side | None:
        """Who says it, as far as it can be known."""
        if self.mark is not None and self.mark.side is not None:
            return self.mark.side
        return sender_of(frozenset(self.edited.names))

    @property
    def is_likely(self) -> bool:
        """Whether it is a message."""
        return self.side is not None


class Scanner:
    """Scans one text.

    Strings are masks also where `mask` matches; a line that `greeting` matches stands for one.
    """

    def __init__(
        self,
        notes: Notes,
        marks: Marks,
        *,
        mask: re.Pattern[bytes] | None = None,
        greeting: re.Pattern[bytes] | None = None,
    ) -> None:
        self._notes = notes
        self._marks = marks
        self._mask = mask
        self._greeting = greeting
        self._open: _Open | None = None
        self._due: Mark | None = None  # it stands alone: the message begins in the next line
        self._tail: Lacking | None = None  # a broken object, the lines of which go on
        self._typed: Said | None = None
        self._above = b""  # the line before, if it is prose
        self.line = 0

    def scan(self, source: Source) -> Iterator[Found]:
        """The messages of the file, what is not understood, and the prose between them."""
        for number, raw in source.lines(_LONGEST):
            self.line = number
            for one in self._scan(number, plain(raw)):
                yield from self._with_typed(one)
        for one in self._ends():
            yield from self._with_typed(one)
        if self._typed is not None:
            self._notes.lost(_UNANSWERED, self._typed.line)

    def _ends(self) -> Iterator[Found]:
        if self._open is not None:
            yield from self._give_up(self._open)
        yield from self._end_of_tail()

    def _scan(self, number: int, text: bytes) -> Iterator[Found]:
        if self._tail is not None:
            if FRAGMENT.match(text) and not BEGINS.match(text):
                self._tail.lines += 1
                self._notes.missed(text, number)
                return
            yield from self._end_of_tail()
        if self._open is not None:
            yield from self._goes_on(self._open, number, text)
        else:
            yield from self._fresh(number, text)

    def _end_of_tail(self) -> Iterator[Lacking]:
        tail, self._tail = self._tail, None
        if tail is not None:
            yield tail

    def _account(self, status: _Status, number: int, text: bytes) -> None:
        if status is _Status.MISSED:
            self._notes.missed(text, number)
        elif status is _Status.READ:
            self._notes.took()
        elif status is _Status.PASSED:
            self._notes.passed()

    # --- objects in a line ---------------------------------------------------------------------

    def _fresh(
        self, number: int, text: bytes, at: int = 0, status: _Status = _Status.NONE
    ) -> Iterator[Found]:
        """Look for objects from `at` on; `status` is that of what stands before."""
        due, self._due = self._due, None
        by_libvirt = LIBVIRT.search(text) is not None
        while (candidate := OBJECT.search(text, at)) is not None:
            yield from self._end_of_tail()
            begin = candidate.start()
            if text.endswith(b"json:", 0, begin):  # the name of an image, which is JSON
                text, status = text[:begin] + b"\n", max(status, _Status.PASSED)
                break
            text = unquoted(text, begin)
            mark = self._marks.before(text[at:begin])
            if mark is None and is_blank(text[:begin]):
                mark = due
            edited = Edited(self._mask)
            found, end = self._object(edited, text, begin)
            if edited.state is State.OPEN and found is None:
                one = self._open = _Open(edited, number, begin, mark, by_libvirt)
                if status is _Status.MISSED:
                    self._account(status, number, text)
                else:
                    one.lines.append((number, text))
                    one.status = status
                return
            at = max(end, begin + 1)
            if found is not None:
                part, new = self._said(found, number, text[begin:end], mark, by_libvirt=by_libvirt)
            else:
                part, new = self._broken(number, text, begin, edited, mark)
                if part is not None and part.whole:
                    yield part  # whose answer shows what it is
                    return
                if part is not None and status is _Status.MISSED:
                    part.lines = 0  # the line is counted
                self._tail, part = part, None
            if isinstance(part, Lacking) and status is _Status.MISSED:
                part.lines = 0
            if part is not None:
                yield part
            status = max(status, new)
        if status in (_Status.NONE, _Status.PASSED):
            yield from self._no_object(number, text, status)
        else:
            self._above = b""
            self._account(status, number, text)

    def _object(self, edited: Edited, text: bytes, begin: int) -> tuple[Object | None, int]:
        """The object that begins there, if it ends in this line, and where it ends."""
        if self._mask is None and not text[:begin].strip(b" \t<>-"):
            alone = text[begin:].strip()
            if alone.endswith(b"}") and is_plain(alone) and not SUSPECT.search(alone):
                return Object(alone), len(text)
        end = edited.feed(text, begin)
        return edited.object(), end

    def _said(
        self, found: Object, number: int, written: bytes, mark: Mark | None, *, by_libvirt: bool
    ) -> tuple[Said | Lacking | None, _Status]:
        part = said_of(found, number, mark, self._notes, by_libvirt=by_libvirt)
        if isinstance(part, Said | Lacking):
            return part, _Status.READ
        if part is Other.DOUBTFUL or (part is Other.ELSE and LOOKS.search(written)):
            side = mark.side if mark is not None else None
            return Lacking(number, side, lines=1), _Status.MISSED
        return None, _Status.PASSED

    def _broken(
        self, number: int, text: bytes, begin: int, edited: Edited, mark: Mark | None
    ) -> tuple[Lacking | None, _Status]:
        """An object that ends too early, or is none after all."""
        side = mark.side if mark and mark.side else sender_of(frozenset(edited.names))
        written = text[begin:]
        if side is None:
            if not LOOKS.match(written) and not LOOKS.search(edited.written):
                return None, _Status.PASSED
            side = likely_sender(written) if LOOKS.match(written) else None
        begins = self._marks.begins(text)
        whole = b""
        if side == "client" and begins is not None and begins.end == begin:
            whole = _input(written)
        return Lacking(
            number, side, partial(edited.begin, side), 1, whole=whole, shown=text
        ), _Status.MISSED

    # --- an object that goes on ----------------------------------------------------------------

    def _goes_on(self, one: _Open, number: int, text: bytes) -> Iterator[Found]:
        if is_blank(text):
            one.blank += 1
            if one.blank <= _MOST_BLANK and one.edited.names and not one.edited.is_cut:
                one.lines.append((number, text))
                return
            yield from self._give_up(one)
            yield from self._fresh(number, text)
            return
        if self._interrupts(one, text):
            yield from self._give_up(one)
            yield from self._fresh(number, text)
            return
        one.blank = 0
        body = continued(text)
        first = len(body) - len(body.lstrip())
        end = one.edited.feed(body)
        if one.edited.state is State.OPEN:
            one.lines.append((number, text))
        elif one.edited.state is State.WHOLE and (found := one.edited.object()) is not None:
            self._open = None
            part, status = self._said(
                found, one.line, one.edited.written, one.mark, by_libvirt=one.by_libvirt
            )
            if isinstance(part, Lacking) and status is _Status.MISSED:
                part.lines = len(one.lines) + 1
            yield from self._account_all(one, status)
            if part is not None:
                yield part
            yield from self._fresh(number, body, end, status)
        elif end <= first:
            yield from self._give_up(one)
            yield from self._fresh(number, text)
        else:
            status = _Status.MISSED if one.is_likely else _Status.NONE
            yield from self._give_up(one, more=int(one.is_likely))
            yield from self._fresh(number, body, end, status)

    def _interrupts(self, one: _Open, text: bytes) -> bool:
        """Whether a line begins something else, whatever the open object lacks."""
        begins = self._marks.begins(text)
        if begins is not None and text[begins.end : begins.end + 1] == b"{":
            return True
        message = BEGINS.match(text)
        at_edge = message is not None and text.index(b"{") <= one.indent
        return at_edge or PROMPT.match(text) is not None

    def _give_up(self, one: _Open, more: int = 0) -> Iterator[Found]:
        """The open object does not end: it was cut off, it is broken, or it is none."""
        self._open = None
        found = one.edited.cut_off()
        if found is not None:
            part, status = self._said(
                found, one.line, one.edited.written, one.mark, by_libvirt=one.by_libvirt
            )
            if isinstance(part, Lacking) and status is _Status.MISSED:
                part.lines = len(one.lines)
            if part is not None:
                yield part
        elif one.is_likely:
            status = _Status.MISSED
            begin = partial(one.edited.begin, one.side)
            self._tail = Lacking(one.line, one.side, begin, len(one.lines) + more)
        else:
            status = _Status.PASSED
        yield from self._account_all(one, status, look=found is None)
        if status is _Status.PASSED:
            yield Prose(one.line)

    def _account_all(self, one: _Open, status: _Status, *, look: bool = False) -> Iterator[Lacking]:
        """Account for the lines of an object, and `look` for messages in what is none after all."""
        latest = one.status
        for line, text in one.lines:
            latest = max(latest, status)
            looks = look and latest is _Status.PASSED and LOOKS.search(text)
            self._account(_Status.MISSED if looks else latest, line, text)
            latest = _Status.NONE
            if looks:
                yield Lacking(line, None, lines=1)

    # --- lines without an object ---------------------------------------------------------------

    def _no_object(self, number: int, text: bytes, status: _Status) -> Iterator[Found]:
        above, self._above = self._above, b""
        if self._greeting is not None and self._greeting.match(text):
            self._notes.took()
            yield Said(number, "server", b"", "greeting")
            return
        prompt = PROMPT.match(text)
        command = command_of(text[prompt.end() :].strip()) if prompt else None
        if command is not None:
            self._notes.took()
            if self._typed is not None:
                self._notes.lost(_UNANSWERED, self._typed.line)
            self._typed = Said(number, "client", command, "command")
            return
        if status is _Status.NONE and LOOKS.search(text):
            self._notes.missed(text, number)
            yield Lacking(number, None, lines=1)
            return
        begins = self._marks.begins(text) if status is _Status.NONE else None
        rest = text[begins.end :].strip() if begins is not None else b""
        if begins is not None and begins.used and begins.side is not None and rest:
            yield from self._noise(number, text, begins.side, rest)
            return
        self._notes.passed()
        if begins is not None and not rest:
            self._due = replace(begins, sure=False)
        elif len(text) <= LONGEST_HEADING and CUT_LINE.match(text):
            yield Lacking(number, None, cut=True)
        elif not is_blank(text):
            short = len(text) <= LONGEST_HEADING
            heading = short and (HEADING.match(text) or (above and UNDERLINE.match(text)))
            yield Prose(number, heading=bool(heading))
            self._above = text

    def _noise(self, number: int, text: bytes, side: Side, rest: bytes) -> Iterator[Lacking]:
        """What one side says that is not an object: input that the server refuses, perhaps."""
        whole = _input(rest) if side == "client" else b""
        if not whole:
            self._notes.missed(text, number)
        yield Lacking(number, side, lines=1, whole=whole, shown=text)

    def _with_typed(self, one: Found) -> Iterator[Found]:
        """What was typed becomes a command when it is answered."""
        typed = self._typed
        if typed is not None and isinstance(one, Said):
            if one.side == "client":
                self._typed = None  # this is how it was sent
            elif one.kind == "response":
                self._typed = None
                self._notes.lost(_TYPED, typed.line)
                yield typed
        yield one


def _input(text: bytes) -> bytes:
    """`text`, if a server would answer it at once, whatever it is."""
    text = text.strip()
    framer = Framer(CLIENT_LIMITS)
    return text if framer.feed(text + b"\r\n") and framer.idle else b""
