"""Records to the lines of a trace, verbatim (qmpconf/trace/README.md).  Knows no file."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.records import (
    Close,
    Descriptor,
    Fault,
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

#: Bytes of what is not one message that stand in one line, at most.
PIECE = 1 << 20
#: Bytes by which a string may always be longer than what it stands for.
_ROOM = 64

#: What this program is called in the traces that it makes.
RECORDER = f"qmpconf {__version__}"


def text_of(value: Any) -> bytes:
    """`value` as JSON; the bytes of file names that are not UTF-8 as escapes."""
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


#: The line of a message with nothing special about it: time, session, bytes.
_USUAL: Mapping[Side, bytes] = {
    "client": b'{"t":%.6f,"conn":%d,"from":"client","msg":',
    "server": b'{"t":%.6f,"conn":%d,"from":"server","msg":',
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
        # Formatting makes more room than a long message needs.
        return b"".join((_USUAL[sender] % (t, conn), frame.data, b"}\n"))
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
    body = _bytes(frame.data + frame.end)
    return b'{"t":%.6f,"conn":%d,"from":"%b",%b%b}\n' % (t, conn, sender.encode(), extra, body)


def _bytes(data: bytes) -> bytes:
    """Bytes that are not one message, as a line's last member: to be read, unless that is far longer."""
    with contextlib.suppress(UnicodeDecodeError):
        text = _json(data.decode("utf-8"))
        if len(text) <= len(data) * 3 // 2 + _ROOM:
            return b'"raw":' + text
    return b'"b64":"' + base64.b64encode(data) + b'"'


#: What a line says of a fault, where there is something to say.
_OF_FAULT = ("kind", "message", "rule", "seconds", "given")


def header_line(header: Header) -> bytes:
    """The first line of a trace, with its line feed."""
    first = {
        "qmptrace": header.version,
        "started": header.started,
        "recorder": header.recorder,
        "meta": dict(header.meta),
    }
    if header.part:
        first["part"] = header.part
    return text_of(first) + b"\n"


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
        ends: dict[str, object] = {"client": record.client, "server": record.server}
        if record.through:
            ends["through"] = record.through
        if record.shared:
            ends["shared"] = True
        return event_line(record.t, record.conn, b"open", ends)
    if isinstance(record, Shut):
        return event_line(record.t, record.conn, b"shut", record.who)
    if isinstance(record, Close):
        error = b',"error":' + text_of(record.error) if record.error else b""
        return event_line(record.t, record.conn, b"close", record.who, error)
    if isinstance(record, Fault):
        told = {name: value for name in _OF_FAULT if (value := getattr(record, name))}
        return event_line(record.t, record.conn, b"fault", told)
    counts = b'"sessions":%d,"messages":%d' % (record.sessions, record.messages)
    more = b',"next":%d' % record.next if record.next else b""
    return b'{"t":%.6f,"finish":{%b%b}}\n' % (record.t, counts, more)


def repeated_line(record: Record) -> bytes:
    """The line of a record of a session that an earlier part of the recording has already."""
    t, conn, rest = record_line(record).split(b",", 2)
    return b",".join((t, conn, b'"repeated":true', rest))


def event_line(t: float, conn: int, name: bytes, value: object, extra: bytes = b"") -> bytes:
    """The line of what happened to a session, with its line feed."""
    return b'{"t":%.6f,"conn":%d,"%b":%b%b}\n' % (t, conn, name, text_of(value), extra)


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


def pieces(record: Traffic) -> Iterator[Traffic]:
    """A long record that is not one message, in short ones; a reader joins them."""
    data = record.data
    fds, redacted = record.fds, record.redacted
    at = 0
    while at < len(data):
        to = at + PIECE
        while to < len(data) and to > at and data[to] & 0xC0 == 0x80:  # not within a character
            to -= 1
        to = to if to > at else at + PIECE
        yield Traffic(
            0, record.t, record.conn, record.sender, "raw", data[at:to], b"", fds, redacted
        )
        fds, redacted = (), ()
        at = to
