"""Records to lines to a file: append-only, one write a call, verbatim.

`TraceWriter` is the recorder's: each method writes whole lines with one call to the system, and
returns only when the system has taken them, so that a recorder that dies at any moment leaves a
valid prefix (DESIGN.md section 9).  Where a file cannot take a line, what did arrive of it is cut
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
from typing import Any, Self

import msgspec

from qmpconf.errors import OutputError, UsageError
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.records import VERSION, Closer, Descriptor, Side
from qmpconf.version import __version__

_json = msgspec.json.Encoder().encode


def _decent(value: Any) -> Any:
    """`value`, with the bytes of file names that are no UTF-8 as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {_decent(name): _decent(item) for name, item in value.items()}
    return [_decent(item) for item in value] if isinstance(value, list) else value


#: What is written of a frame: its bytes, and the pointers of what was replaced in them.
Redact = Callable[[int, Side, Frame], tuple[Frame, tuple[str, ...]]]

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


class TraceWriter:
    """Writes one trace file.

    `path` is created with mode 0600, compressed if it ends in ``.gz``.  An existing file is
    refused unless `overwrite`.  `clock` gives seconds on a monotonic clock.  Raises `UsageError`
    for an existing file, `OutputError` for one that cannot be written; so do all methods.
    """

    def __init__(
        self,
        path: str,
        *,
        meta: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        clock: Callable[[], float] = time.monotonic,
        redact: Redact | None = None,
    ) -> None:
        self.path = path
        self.sessions = 0
        self.messages = 0
        self._clock = clock
        self._start = clock()
        self._redact = redact
        self._fd = _create(path, overwrite=overwrite)
        self._size = 0
        self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._zip = zlib.compressobj(wbits=31) if path.endswith(".gz") else None
        started = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        header = {
            "qmptrace": VERSION,
            "started": started,
            "recorder": f"qmpconf {__version__}",
            "meta": dict(meta or {}),
        }
        try:
            self._put(_json(_decent(header)) + b"\n")
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
        self._event(conn, b"open", {"client": client, "server": server})

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

    def shut(self, conn: int, who: Side) -> None:
        """Write that `who` has closed its sending direction."""
        self._event(conn, b"shut", who)

    def close(self, conn: int, who: Closer, *, error: str = "") -> None:
        """Write that session `conn` has ended, by `who` first."""
        self._event(conn, b"close", who, b',"error":' + _json(error) if error else b"")

    def finish(self) -> None:
        """Write the footer and close the file."""
        if self._fd < 0:
            return
        try:
            self._put(
                b'{"t":%.6f,"finish":{"sessions":%d,"messages":%d}}\n'
                % (self.now(), self.sessions, self.messages),
                last=True,
            )
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file without a footer: the recording was cut off."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        """Close the file and remove it: nothing was recorded, and it would be in the way."""
        self.abandon()
        if self._regular:
            os.unlink(self.path)

    def _event(self, conn: int, name: bytes, value: object, extra: bytes = b"") -> None:
        self._put(
            b'{"t":%.6f,"conn":%d,"%b":%b%b}\n'
            % (self.now(), conn, name, _json(_decent(value)), extra)
        )

    def _put(self, lines: bytes, *, last: bool = False) -> None:
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
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        if overwrite:
            fd = os.open(path, flags | os.O_TRUNC, 0o600)
            if stat.S_ISREG(os.fstat(fd).st_mode):
                os.fchmod(fd, 0o600)
            return fd
        return os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} exists; choose another name, or overwrite it (--force)") from None
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
