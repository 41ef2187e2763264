"""Records of a recording, written as a trace of their own: the same bytes, the same times."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from qmpconf.replay.reduce import Record
from qmpconf.trace.files import write_lines
from qmpconf.trace.reader import Item
from qmpconf.trace.records import Close, Gap, Header, Open
from qmpconf.trace.writer import gap_line, traffic_line

_json = msgspec.json.Encoder().encode


def write_trace(
    path: str, header: Header, records: Iterable[Record], *, overwrite: bool = False
) -> None:
    """Write records of a recording as a trace of their own, with their times.

    Raises `UsageError` for a file that exists, `OutputError`.
    """
    first = {
        "qmptrace": header.version,
        "started": header.started,
        "recorder": header.recorder,
        "meta": dict(header.meta),
    }
    lines = [_json(first) + b"\n"]
    sessions = messages = 0
    t = 0.0
    for record in records:
        t = record.t
        place = b'{"t":%.6f,"conn":%d,' % (t, record.conn)
        if isinstance(record, Item):
            messages += record.frame.kind.value in ("value", "malformed")
            lines.append(
                traffic_line(
                    t, record.conn, record.sender, record.frame, record.fds, record.redacted
                )
            )
        elif isinstance(record, Gap):
            lines.append(gap_line(t, record.conn, record.sender, record.size))
        elif isinstance(record, Open):
            sessions += 1
            ends = _json({"client": record.client, "server": record.server})
            lines.append(place + b'"open":' + ends + b"}\n")
        elif isinstance(record, Close):
            error = b',"error":' + _json(record.error) if record.error else b""
            lines.append(place + b'"close":' + _json(record.who) + error + b"}\n")
        else:
            lines.append(place + b'"shut":' + _json(record.who) + b"}\n")
    counts = {"sessions": sessions, "messages": messages}
    lines.append(b'{"t":%.6f,"finish":' % t + _json(counts) + b"}\n")
    write_lines(path, b"".join(lines), overwrite=overwrite)
