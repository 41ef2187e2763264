"""What readers of text have in common: messages that spread over lines, sessions that begin.

`Collector` puts lines together until they are a message.  `Sessions` numbers the sessions, and
marks one that does not begin with the greeting: what came before is missing, and nobody is to
blame for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from qmpconf.protocol.dialect import QGA
from qmpconf.protocol.framing import SERVER_LIMITS, Framer, Kind, is_plain
from qmpconf.trace.convert.base import Notes, Source
from qmpconf.trace.convert.jsontext import compact, members, names
from qmpconf.trace.convert.versions import said_version
from qmpconf.trace.convert.wire import SIDES, Wire
from qmpconf.trace.formatting import RECORDER, utc_text
from qmpconf.trace.records import VERSION, Descriptor, Header, Record, Side

NO_TIMES = "the format gives no times: all are 0, and the header has that of the conversion"
NO_END = "the format does not hold the white space behind a message: \\r\\n stands for it"
NO_GREETING = "a session does not begin with the greeting: a gap stands for what came before"
NO_COMMAND = "a session begins with an answer: a gap stands for the commands"
NO_UTF8 = "a message is not UTF-8: its bytes are kept as they stand in the file"
WHITE_SPACE = "white space inside of messages is the file's: they are put on one line"
BROKEN = "a message breaks off, or is not JSON"


def header(source: Source, name: str, started: datetime | None = None) -> Header:
    """The header of what was read from `source`, in the format `name`."""
    converted: dict[str, Any] = {"from": source.name.rpartition("/")[2], "format": name}
    if (says := said_version(source.head)) is not None:
        converted["says"] = says
    meta = {"converted": converted}
    return Header(VERSION, utc_text(started or datetime.now(UTC)), RECORDER, meta)


#: What a message may be; noise that nests without end is given up soon.
_LIMITS = replace(SERVER_LIMITS, nesting=1 << 14)
_PIECE = 1 << 15


class Collector:
    """Puts the lines of one message together; `line` is the one that it begins in."""

    def __init__(self) -> None:
        self._framer = Framer(_LIMITS)
        self._pieces: list[bytes] = []
        self.line = 0

    @property
    def busy(self) -> bool:
        """Whether a message has begun, and not ended."""
        return bool(self._pieces)

    def add(self, line: int, text: bytes) -> tuple[bytes, bytes] | None:
        """Take one more piece; give the message and what follows it, once there is one.

        The message is empty where the text is broken; then what follows is all of it.
        """
        if not self._pieces:
            self.line = line
            alone = text.strip()
            if alone[:1] == b"{" and is_plain(alone):
                return alone, b""
        # The framer cuts noise into very many frames, of which only the first one counts.
        for start in range(0, len(text), _PIECE):
            piece = text[start : start + _PIECE]
            self._pieces.append(piece)
            for frame in self._framer.feed(piece):
                if frame.kind is Kind.SPACE:
                    continue
                whole = self.drop() + text[start + _PIECE :]
                if frame.kind is not Kind.VALUE:
                    return b"", whole
                begin = len(whole) - len(whole.lstrip())
                return frame.data, whole[begin + len(frame.data) :]
        return None

    def drop(self) -> bytes:
        """Forget what was collected; gives it."""
        text = b"".join(self._pieces)
        self._pieces = []
        self._framer = Framer(_LIMITS)
        return text


class Sessions:
    """Records of sessions that are told apart by a key, which the format has."""

    def __init__(self, notes: Notes) -> None:
        self.wire = Wire()
        self._notes = notes
        self._conns: dict[str, int] = {}
        self._missed = 0  # lines that were not understood before the next session begins
        self._quiet: set[int] = set()  # where nothing was said so far
        self._unasked: set[int] = set()  # where the client has said nothing so far

    def known(self, key: str) -> bool:
        """Whether the session of that key is open."""
        return key in self._conns

    def spoken(self, key: str) -> bool:
        """Whether somebody has said something in it."""
        return key in self._conns and self._conns[key] not in self._quiet

    def asked(self, key: str) -> bool:
        """Whether the client has said something in the session of that key."""
        return key in self._conns and self._conns[key] not in self._unasked

    def open(self, line: int, t: float, key: str, *, server: str = "") -> Iterator[Record]:
        """A session begins; one of the same key ends before.  `server` is what it is known by."""
        if key in self._conns:
            yield from self.close(line, t, key)
        conn = self._conns[key] = self.wire.sessions + 1
        self._quiet.add(conn)
        self._unasked.add(conn)
        yield self.wire.open(line, t, conn, server=server)
        if self._missed:
            lines, self._missed = self._missed, 0
            yield from self._gaps(line, t, conn, None, lines)

    def said(
        self,
        line: int,
        t: float,
        key: str,
        sender: Side,
        text: bytes,
        fds: tuple[Descriptor, ...] = (),
        *,
        greeting: bool = False,
        redacted: tuple[str, ...] = (),
    ) -> Iterator[Record]:
        """A message, which is followed by a line end on the wire."""
        ungreeted = sender == "client" and is_for_agent(text)
        yield from self._begun(line, t, key, greeting=greeting or ungreeted)
        conn = self._conns[key]
        if not text.isascii() and not _is_utf8(text):
            self._notes.lost(NO_UTF8, line)
        if conn in self._unasked:
            if sender == "server" and names(text) & {"return", "error"}:
                self._notes.lost(NO_COMMAND, line)
                yield from self.wire.gap(line, t, conn, "client")
                self._unasked.remove(conn)
            elif sender == "client":
                self._unasked.remove(conn)
        yield from self.wire.sent(line, t, conn, sender, text + b"\r\n", fds, redacted)

    def broken(
        self, line: int, t: float, key: str, sender: Side, text: bytes, lines: int = 0
    ) -> Iterator[Record]:
        """The beginning of a message, the rest of which is missing; or noise.

        `lines` of it were not understood.
        """
        yield from self._begun(line, t, key)
        conn = self._conns[key]
        yield from self.wire.sent(line, t, conn, sender, text)
        yield from self.wire.gap(line, t, conn, sender, lines=lines)

    def gap(self, line: int, t: float, key: str, sender: Side) -> Iterator[Record]:
        """Something that `sender` said is not in the text; the session has begun."""
        yield from self.wire.gap(line, t, self._conns[key], sender)

    def begin(self, line: int, t: float, key: str) -> Iterator[Record]:
        """The session has begun, with a greeting that is not in the text."""
        yield from self._begun(line, t, key)

    def lacking(
        self,
        line: int,
        t: float,
        key: str,
        sender: Side | None,
        begin: bytes = b"",
        *,
        messages: int = 1,
        lines: int = 0,
    ) -> Iterator[Record]:
        """Whole messages of `sender` are missing, one of either side if it is None.

        `begin` is what there is of them, `lines` how many lines were not understood.
        """
        yield from self._begun(line, t, key)
        conn = self._conns[key]
        if begin and sender is not None:
            yield from self.wire.sent(line, t, conn, sender, begin)
        for side in SIDES if sender is None else (sender,):
            if side == "client":
                self._unasked.discard(conn)
            yield from self.wire.gap(line, t, conn, side, messages=messages, lines=lines)
            lines = 0

    def missed(
        self, line: int, t: float, key: str, text: bytes, sender: Side | None = None
    ) -> Iterator[Record]:
        """A line was not understood: bytes of `sender` are missing, of both sides if it is None.

        Before there is a session of that key, the next one that begins has the gap.
        """
        self._notes.missed(text, line)
        if key in self._conns:
            yield from self._gaps(line, t, self._conns[key], sender, 1)
        else:
            self._missed += 1

    def _gaps(
        self, line: int, t: float, conn: int, sender: Side | None, lines: int
    ) -> Iterator[Record]:
        for side in SIDES if sender is None else (sender,):
            yield from self.wire.gap(line, t, conn, side, lines=lines)
            lines = 0

    def close(self, line: int, t: float, key: str) -> Iterator[Record]:
        """The session of that key ends."""
        conn = self._conns.pop(key)
        self._quiet.discard(conn)
        self._unasked.discard(conn)
        yield from self.wire.close(line, t, conn, "recorder")

    def _begun(self, line: int, t: float, key: str, *, greeting: bool = False) -> Iterator[Record]:
        if key not in self._conns:
            yield from self.open(line, t, key)
        conn = self._conns[key]
        if conn in self._quiet:
            self._quiet.remove(conn)
            if not greeting:
                self._notes.lost(NO_GREETING, line)
                yield from self.wire.gap(line, t, conn, "server")


def one_line(text: bytes, sender: Side, line: int, notes: Notes) -> bytes:
    """A message as it was sent most likely: on one line, spaced as its sender does."""
    if b"\n" not in text and b"\r" not in text:
        return text
    notes.lost(WHITE_SPACE, line)
    return compact(text, b",", b":") if sender == "client" else compact(text)


def sender_of(found: frozenset[str]) -> Side | None:
    """Who says a message with these members; None for what is none."""
    if found & {"execute", "exec-oob"}:
        return "client"
    return "server" if found & {"QMP", "return", "error", "event"} else None


def likely_sender(text: bytes) -> Side:
    """Who says a message of which only the beginning is there."""
    begin = text[:40]
    return "client" if b"execute" in begin or b"exec-oob" in begin else "server"


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_negotiation(text: bytes) -> bool:
    """Whether a message is the command that leaves the negotiation mode."""
    return b"qmp_capabilities" in text and _executes(text) == b"qmp_capabilities"


def is_for_agent(text: bytes) -> bool:
    """Whether a message is a command for a guest agent, which does not greet."""
    prefix = QGA.prefix.encode()
    return prefix in text and _executes(text).startswith(prefix)


def _executes(text: bytes) -> bytes:
    found = (value for name, value in members(text) or () if name == "execute")
    return next(found, b"").strip(b"\"'")
