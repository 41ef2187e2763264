"""Records to lines to a file: append-only, one write a call, verbatim.

`TraceWriter` is the recorder's: each method writes whole lines with one call to the system, and
returns only when the system has taken them, so that a recorder that dies at any moment leaves a
valid prefix (qmpconf/trace/README.md, What a recorder does).  Where a file cannot take a line,
what did arrive of it is cut
off again and `OutputError` is raised.
"""

from __future__ import annotations

import base64
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import msgspec

from qmpconf.errors import OutputError, UsageError
from qmpconf.outputs import existing, lock
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.records import (
    VERSION,
    Close,
    Closer,
    Descriptor,
    Finish,
    Gap,
    Header,
    Open,
    Record,
    Shut,
    Side,
    Traffic,
)
from qmpconf.version import __version__

_json = msgspec.json.Encoder().encode

#: What this program is called in the traces that it makes.
RECORDER = f"qmpconf {__version__}"


def _text(value: Any) -> bytes:
    """`value` as JSON; the bytes of file names that are no UTF-8 as escapes."""
    try:
        return _json(value)
    except UnicodeEncodeError:
        return _json(_decent(value))


def _decent(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {_decent(name): _decent(item) for name, item in value.items()}
    return [_decent(item) for item in value] if isinstance(value, list) else value


def utc_text(moment: datetime) -> str:
    """A time as a trace's header has it: UTC, RFC 3339, microseconds."""
    moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


class Redact(Protocol):
    """What keeps secrets out of a trace."""

    def __call__(self, conn: int, sender: Side, frame: Frame) -> tuple[Frame, tuple[str, ...]]:
        """What is written of a frame, and the pointers of what was replaced in it."""

    def forget(self, conn: int) -> None:
        """Session `conn` is over."""

    def text(self, text: str) -> str:
        """What is written of any other text."""


#: The line of a message with nothing special about it: time, session, bytes.
_USUAL: Mapping[Side, bytes] = {
    "client": b'{"t":%.6f,"conn":%d,"from":"client","msg":%b}\n',
    "server": b'{"t":%.6f,"conn":%d,"from":"server","msg":%b}\n',
}


def traffic_line(
    t: float,
    conn: int,
    sender: Side,
    frame: Frame,
    fds: Iterable[Descriptor] = (),
    redacted: tuple[str, ...] = (),
) -> bytes:
    """One line for one frame, with its line feed."""
    if frame.plain and frame.end == b"\r\n" and not fds and not redacted:
        return _USUAL[sender] % (t, conn, frame.data)
    extra = b""
    if fds:
        listed = [{"kind": one.kind, "access": one.access} for one in fds]
        extra += b'"fds":' + _json(listed) + b","
    if redacted:
        extra += b'"redacted":' + _json(redacted) + b","
    if frame.plain:
        if frame.end != b"\r\n":
            extra = b'"end":' + _json(frame.end.decode("ascii")) + b"," + extra
        return b'{"t":%.6f,"conn":%d,"from":"%b",%b"msg":%b}\n' % (
            t,
            conn,
            sender.encode(),
            extra,
            frame.data,
        )
    data = frame.data + frame.end
    try:
        body = b'"raw":' + _json(data.decode("utf-8"))
    except UnicodeDecodeError:
        body = b'"b64":"' + base64.b64encode(data) + b'"'
    return b'{"t":%.6f,"conn":%d,"from":"%b",%b%b}\n' % (t, conn, sender.encode(), extra, body)


def header_line(header: Header) -> bytes:
    """The first line of a trace, with its line feed."""
    first = {
        "qmptrace": header.version,
        "started": header.started,
        "recorder": header.recorder,
        "meta": dict(header.meta),
    }
    return _text(first) + b"\n"


def record_line(record: Record) -> bytes:
    """The line of any record behind the header, with its line feed."""
    if isinstance(record, Traffic):
        frame = Frame(Kind.VALUE, record.data, record.end, record.form == "msg")
        return traffic_line(
            record.t, record.conn, record.sender, frame, record.fds, record.redacted
        )
    if isinstance(record, Gap):
        return gap_line(record)
    if isinstance(record, Open):
        ends = {"client": record.client, "server": record.server}
        return event_line(record.t, record.conn, b"open", ends)
    if isinstance(record, Shut):
        return event_line(record.t, record.conn, b"shut", record.who)
    if isinstance(record, Close):
        error = b',"error":' + _text(record.error) if record.error else b""
        return event_line(record.t, record.conn, b"close", record.who, error)
    counts = record.sessions, record.messages
    return b'{"t":%.6f,"finish":{"sessions":%d,"messages":%d}}\n' % (record.t, *counts)


def event_line(t: float, conn: int, name: bytes, value: object, extra: bytes = b"") -> bytes:
    """The line of what happened to a session, with its line feed."""
    return b'{"t":%.6f,"conn":%d,"%b":%b%b}\n' % (t, conn, name, _text(value), extra)


def gap_line(gap: Gap) -> bytes:
    """The line of a gap, with its line feed."""
    extra = b',"messages":%d' % gap.messages if gap.messages else b""
    if gap.lines:
        extra += b',"lines":%d' % gap.lines
    return b'{"t":%.6f,"conn":%d,"from":"%b","gap":%d%b}\n' % (
        gap.t,
        gap.conn,
        gap.sender.encode(),
        gap.size,
        extra,
    )


class TraceWriter:
    """Writes one trace file.

    `path` is created with mode 0600, compressed if it ends in ``.gz``.  An existing file is
    refused unless `overwrite`.  `clock` gives seconds on a monotonic clock.  `started` is when the
    trace begins, where that is not now.  `batch` is the number of bytes that may wait to be written,
    for a trace that need not be ahead of anything.  Raises `UsageError` for an existing file,
    `OutputError` for one that cannot be written; so do all methods.
    """

    def __init__(
        self,
        path: str,
        *,
        meta: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        clock: Callable[[], float] = time.monotonic,
        redact: Redact | None = None,
        started: datetime | None = None,
        batch: int = 0,
    ) -> None:
        self.path = path
        self._batch = batch
        self._waiting = bytearray()
        self.sessions = 0
        self.messages = 0
        self._clock = clock
        self._start = clock()
        self._redact = redact
        self._fd = _create(path, overwrite=overwrite)
        self._size = 0
        self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._zip = zlib.compressobj(wbits=31) if path.endswith(".gz") else None
        header = Header(VERSION, utc_text(started or datetime.now(UTC)), RECORDER, meta or {})
        try:
            self._write(header_line(header))
        except OutputError:
            self.discard()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()

    def now(self) -> float:
        """Seconds since the trace was started."""
        return self._clock() - self._start

    def open(self, conn: int, *, client: str = "", server: str = "") -> None:
        """Write that session `conn` begins."""
        self.sessions += 1
        ends = {"client": client, "server": server}
        if self._redact is not None:
            ends = {side: self._redact.text(address) for side, address in ends.items()}
        self._event(conn, b"open", ends)

    def frames(
        self,
        conn: int,
        sender: Side,
        frames: Iterable[Frame],
        fds: tuple[Descriptor, ...] = (),
    ) -> None:
        """Write frames that came together, with one write; `fds` rode on the first."""
        t = self._clock() - self._start
        lines = []
        for frame in frames:
            if self._redact is not None:
                frame, redacted = self._redact(conn, sender, frame)  # noqa: PLW2901
            else:
                redacted = ()
            if frame.kind is Kind.VALUE or frame.kind is Kind.MALFORMED:
                self.messages += 1
            lines.append(traffic_line(t, conn, sender, frame, fds, redacted))
            fds = ()
        self._put(lines[0] if len(lines) == 1 else b"".join(lines))

    def gap(self, conn: int, sender: Side, size: int = 0) -> None:
        """Write that `size` bytes of `sender` are missing here (0: an unknown number)."""
        self._put(gap_line(Gap(0, self.now(), conn, sender, size)))

    def shut(self, conn: int, who: Side) -> None:
        """Write that `who` has closed its sending direction."""
        self._event(conn, b"shut", who)

    def close(self, conn: int, who: Closer, *, error: str = "") -> None:
        """Write that session `conn` has ended, by `who` first."""
        if self._redact is not None:
            error = self._redact.text(error)
            self._redact.forget(conn)
        self._event(conn, b"close", who, b',"error":' + _text(error) if error else b"")

    def finish(self) -> None:
        """Write the footer and close the file."""
        if self._fd < 0:
            return
        try:
            footer = Finish(0, self.now(), self.sessions, self.messages)
            self._put(record_line(footer), last=True)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file without a footer: the recording was cut off."""
        if self._fd >= 0:
            try:
                if self._waiting:
                    self._write(b"")
            finally:
                os.close(self._fd)
                self._fd = -1

    def discard(self) -> None:
        """Close the file and remove it: nothing was recorded, and it would be in the way."""
        self.abandon()
        if self._regular:
            os.unlink(self.path)

    def _event(self, conn: int, name: bytes, value: object, extra: bytes = b"") -> None:
        self._put(event_line(self.now(), conn, name, value, extra))

    def _put(self, lines: bytes, *, last: bool = False) -> None:
        if not last and len(self._waiting) + len(lines) < self._batch:
            self._waiting += lines
        else:
            self._write(lines, last=last)

    def _write(self, lines: bytes, *, last: bool = False) -> None:
        if self._waiting:
            lines = bytes(self._waiting) + lines
            self._waiting.clear()
        if self._zip is not None:
            mode = zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH
            lines = self._zip.compress(lines) + self._zip.flush(mode)
        try:
            done = os.write(self._fd, lines)
            while done < len(lines):
                done += os.write(self._fd, lines[done:])
        except OSError as error:
            if self._regular:
                os.ftruncate(self._fd, self._size)
            raise OutputError(
                f"cannot write {self.path}: {error.strerror}; what was recorded so far is in it"
            ) from error
        self._size += len(lines)


def _create(path: str, *, overwrite: bool) -> int:
    """Open the trace, locked for as long as it is written; what another one writes is left alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        fd = os.open(path, flags if overwrite else flags | os.O_EXCL, 0o600)
    except FileExistsError:
        raise existing(path) from None
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    if stat.S_ISREG(os.fstat(fd).st_mode):
        if not lock(fd):
            os.close(fd)
            raise UsageError(f"{path} is being written by another recorder; choose another name")
        os.ftruncate(fd, 0)
        os.fchmod(fd, 0o600)
    return fd
