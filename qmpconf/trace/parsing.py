"""A line of a trace to what it says (qmpconf/trace/README.md)."""

from __future__ import annotations

import base64
import sys
from typing import Any

import msgspec

from qmpconf.errors import InputError
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.items import Item
from qmpconf.trace.records import (
    VERSION,
    Close,
    Closer,
    Descriptor,
    Fault,
    Finish,
    Gap,
    Header,
    Open,
    Record,
    Shut,
    Side,
    Traffic,
)
from qmpconf.trace.rows import LONGEST


class _Descriptor(msgspec.Struct):
    kind: str
    access: str = ""


class _Ends(msgspec.Struct):
    client: str = ""
    server: str = ""
    through: int = 0
    shared: bool = False


class _Fault(msgspec.Struct):
    kind: str
    message: str = ""
    rule: int = 0
    seconds: float = 0.0
    given: bool = False


class _Counts(msgspec.Struct):
    sessions: int
    messages: int


#: msgspec knows no optional Raw.
_ABSENT = msgspec.Raw(b"")


class Line(msgspec.Struct):
    """Every member that a line of version 1 can have."""

    t: float = 0.0
    conn: int = 0
    sender: Side | None = msgspec.field(name="from", default=None)
    end: str = "\r\n"
    msg: msgspec.Raw = _ABSENT
    raw: str | None = None
    b64: str | None = None
    fds: list[_Descriptor] | None = None
    redacted: list[str] | None = None
    open: _Ends | None = None
    shut: Side | None = None
    close: Closer | None = None
    gap: int | None = None
    messages: int = 0
    lines: int = 0
    error: str = ""
    fault: _Fault | None = None
    finish: _Counts | None = None


class _First(msgspec.Struct):
    qmptrace: int
    started: str = ""
    recorder: str = ""
    meta: dict[str, Any] = {}


_decode = msgspec.json.Decoder(Line).decode
_decode_first = msgspec.json.Decoder(_First).decode

#: Levels of nesting that a writer may have called plain, at most: Python's usual limit.
_DEEPEST = 1000
#: Bytes that an error shows of a line.
HEAD_SHOWN = 60

_CRLF = b"\r\n"


class NotATraceError(InputError):
    """The first line of a file is not that of a trace."""


class TornError(Exception):
    """A line that is not JSON: the end of a cut-off file, or damage."""


class Parser:
    """Parses the lines of the trace `path`, which stands in errors with the number of a line.

    `finished` says whether the footer was among them.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.finished = False

    def header(self, line: bytes) -> Header:
        """What the first line says.  Raises `InputError`, of another kind of file `NotATraceError`."""
        try:
            first = _decode_first(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise NotATraceError(
                f"{self._path}:1: is not the first line of a trace, which is "
                '{"qmptrace":1,"started":...}; to make a trace of a log, a capture or a '
                "transcript: qmpconf convert FILE NEW.qmptrace"
            ) from None
        if first.qmptrace > VERSION:
            raise InputError(
                f"{self._path}:1: trace format version {first.qmptrace} is newer than this "
                f"qmpconf reads ({VERSION}); use a newer qmpconf"
            )
        if first.qmptrace < 1:
            raise InputError(f"{self._path}:1: there is no trace format version {first.qmptrace}")
        return Header(first.qmptrace, first.started, first.recorder, first.meta)

    def line(self, line: bytes, number: int) -> Line:
        """The members of a line.  Raises `TornError` if it is not JSON, or `InputError`."""
        try:
            return _decode(line)
        except RecursionError:
            return self._deep(line, number)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise TornError from None

    def _record_of(self, parsed: Line, line: bytes, number: int) -> Record:
        """The record in a line that holds no `msg`."""
        if parsed.sender is not None and parsed.gap is not None:
            if parsed.gap < 0:
                raise InputError(f"{self._path}:{number}: a gap of {parsed.gap} bytes")
            return Gap(
                number,
                parsed.t,
                parsed.conn,
                parsed.sender,
                parsed.gap,
                max(parsed.messages, 0),
                max(parsed.lines, 0),
            )
        if parsed.sender is not None:
            return self._raw(parsed, parsed.sender, number)
        if parsed.open is not None:
            ends = parsed.open
            return Open(
                number,
                parsed.t,
                parsed.conn,
                ends.client,
                ends.server,
                max(ends.through, 0),
                ends.shared,
            )
        if parsed.shut is not None:
            return Shut(number, parsed.t, parsed.conn, parsed.shut)
        if parsed.close is not None:
            return Close(number, parsed.t, parsed.conn, parsed.close, parsed.error)
        if parsed.fault is not None:
            return Fault(number, parsed.t, parsed.conn, *msgspec.structs.astuple(parsed.fault))
        if parsed.finish is not None:
            self.finished = True
            counts = parsed.finish
            return Finish(number, parsed.t, counts.sessions, counts.messages)
        raise self.damaged(line, number)

    def _end(self, text: str, number: int) -> bytes:
        """What followed a message, unless it is more than white space (qmpconf/trace/README.md)."""
        if text.strip(" \t\r\n"):
            raise InputError(f"{self._path}:{number}: the value of end is not white space")
        return text.encode("ascii")

    def _raw(self, parsed: Line, sender: Side, number: int) -> Traffic:
        if parsed.raw is not None:
            data = parsed.raw.encode("utf-8")
        elif parsed.b64 is not None:
            try:
                data = base64.b64decode(parsed.b64, validate=True)
            except ValueError:  # binascii.Error is one; another is for what is not ASCII
                raise InputError(f"{self._path}:{number}: the value of b64 is not base64") from None
        else:
            raise InputError(
                f"{self._path}:{number}: bytes from the {sender}, but neither msg nor raw, b64 or gap"
            )
        return Traffic(
            number,
            parsed.t,
            parsed.conn,
            sender,
            "raw" if parsed.raw is not None else "b64",
            data,
            b"",
            _descriptors(parsed.fds),
            tuple(parsed.redacted or ()),
        )

    def _deep(self, line: bytes, number: int) -> Line:
        """Decode what nests nearly as deep as Python may call: the writer had more room."""
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + _DEEPEST)
        try:
            return _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise self.damaged(line, number) from None
        finally:
            sys.setrecursionlimit(limit)

    def item(self, parsed: Line, line: bytes, number: int) -> Item | Record:
        """The record in a line; a message, which most lines are, as its item at once."""
        if parsed.sender is None or parsed.msg is _ABSENT:
            return self._record_of(parsed, line, number)
        return Item(
            number,
            parsed.t,
            parsed.conn,
            parsed.sender,
            Frame(
                Kind.VALUE,
                bytes(parsed.msg),
                _CRLF if parsed.end == "\r\n" else self._end(parsed.end, number),
                True,
            ),
            _descriptors(parsed.fds) if parsed.fds else (),
            tuple(parsed.redacted) if parsed.redacted else (),
        )

    def too_long(self, number: int, longest: int = LONGEST) -> InputError:
        """What is raised for a line of more than `longest` bytes."""
        return InputError(
            f"{self._path}:{number}: the line is longer than any record of its kind "
            f"({longest >> 20} MiB): the file is damaged, or is not a trace"
        )

    def damaged(self, line: bytes, number: int) -> InputError:
        """What is raised for a line that says nothing; `line` is the first of it at least."""
        return InputError(
            f"{self._path}:{number}: not a record of a trace: {line[:HEAD_SHOWN]!r}"
            f"{' ...' if len(line) > HEAD_SHOWN else ''}"
        )


def _descriptors(listed: list[_Descriptor] | None) -> tuple[Descriptor, ...]:
    return tuple(Descriptor(one.kind, one.access) for one in listed) if listed else ()
