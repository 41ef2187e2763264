"""Records of a recording, written as a trace of their own: the same bytes, the same times."""

from __future__ import annotations

from collections.abc import Iterable

from qmpconf.outputs import written
from qmpconf.replay.reduce.shrink import Record
from qmpconf.trace.formatting import header_line, record_line, traffic_line
from qmpconf.trace.items import Item
from qmpconf.trace.records import Finish, Header, Open


def write_trace(
    path: str, header: Header, records: Iterable[Record], *, overwrite: bool = False
) -> None:
    """Write records of a recording as a trace of their own, with their times.

    Raises `UsageError` for a file that exists, `OutputError`.
    """
    sessions = messages = 0
    t = 0.0
    with written(path, overwrite=overwrite) as file:
        file.write(header_line(header))
        for record in records:
            t = record.t
            if isinstance(record, Item):
                messages += record.frame.kind.value in ("value", "malformed")
                file.write(
                    traffic_line(
                        t, record.conn, record.sender, record.frame, record.fds, record.redacted
                    )
                )
            else:
                sessions += isinstance(record, Open)
                file.write(record_line(record))
        file.write(record_line(Finish(0, t, sessions, messages)))
