"""Whole traces without secrets: records to records, as a recorder would have written them.

Frames that are spread over several records, as other writers may leave them, are put together first:
a secret may stand across the cut.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from qmpconf.errors import InputError
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.trace.items import Item, items_of
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Fault, Finish, Header, Open, Record, Traffic, traffic
from qmpconf.trace.redaction.redactor import Redactor
from qmpconf.trace.redaction.values import Seen

#: What a header says of how programs were started.
_COMMAND_LINES = frozenset({"spawn", "target"})


def redacted_header(header: Header, redactor: Redactor) -> Header:
    """A trace's first line without secrets."""
    return Header(header.version, header.started, header.recorder, _meta(header.meta, redactor))


def _meta(meta: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    return {name: _known(name, value, redactor) for name, value in meta.items()}


def _known(name: str, value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        known = redactor.command_line if name in _COMMAND_LINES else redactor.text
        return known(value)
    if isinstance(value, dict):
        return _meta(value, redactor)
    if isinstance(value, list):
        if name == "client" and all(isinstance(word, str) for word in value):
            return redactor.words(value)
        return [_known(name, one, redactor) for one in value]
    return value


def known_values(reader: TraceReader, secrets: Iterable[str] = ()) -> Seen:
    """All that would be replaced in a trace, so that it is found as well where it stands before.

    `secrets` are exact values besides.  What cannot be read ends it.
    """
    redactor = Redactor(secrets)
    redacted_header(reader.header, redactor)
    with contextlib.suppress(InputError):
        for _ in redacted(reader.records(), redactor):
            pass
    return redactor.seen


def redacted(records: Iterable[Record], redactor: Redactor) -> Iterator[Record]:
    """The same records without secrets, each frame in one of its own."""
    last: list[Finish] = []

    def items() -> Iterator[Item | Record]:
        for record in records:
            if isinstance(record, Finish):
                last.append(record)
            else:
                yield _item(record)

    for item in items_of(items(), faults=True):
        if isinstance(item, Item):
            yield _traffic(item, redactor)
        elif isinstance(item, Open):
            ends = redactor.text(item.client), redactor.text(item.server)
            yield Open(item.line, item.t, item.conn, *ends, item.through, item.shared)
        elif isinstance(item, Close):
            yield Close(item.line, item.t, item.conn, item.who, redactor.text(item.error))
            redactor.forget(item.conn)
        elif isinstance(item, Fault):
            yield msgspec.structs.replace(item, message=redactor.text(item.message))
        else:
            yield item
    yield from last


def _item(record: Record) -> Item | Record:
    """A message, which most records are, as its frame at once."""
    if not isinstance(record, Traffic) or record.form != "msg":
        return record
    frame = Frame(Kind.VALUE, record.data, record.end, plain=True)
    return Item(
        record.line, record.t, record.conn, record.sender, frame, record.fds, record.redacted
    )


def _traffic(item: Item, redactor: Redactor) -> Traffic:
    frame, places = redactor(item.conn, item.sender, item.frame)
    known = item.redacted
    redacted = (*known, *(place for place in places if place not in known))
    return traffic(item.line, item.t, item.conn, item.sender, frame, item.fds, redacted)
