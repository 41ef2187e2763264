"""Traces as Parquet: one row a record, for engines that ask many recordings at once (docs: corpus/README.md).

The columns that people ask by (`SCHEMA`) say what `qmpconf.trace.summary` says of a message.  What is
needed to make the trace again stands beside them: a message's bytes, the white space behind it, its
descriptors and redacted places; of an opening, a gap and an end the line itself; of the header its
line, in the file's metadata.  So the way there and back gives the same bytes.

pyarrow is imported when it is used: not everybody has it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from qmpconf.errors import InputError
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.formatting import header_line, record_line
from qmpconf.trace.items import items_of
from qmpconf.trace.joining import joined
from qmpconf.trace.parsing import Parser, TornError
from qmpconf.trace.records import Descriptor, Finish, Record, Traffic
from qmpconf.trace.summary import Summaries, Summary

if TYPE_CHECKING:
    from types import ModuleType

#: The version of the columns and of what stands in them; where they are said in the file's metadata.
VERSION = 1
_VERSION_KEY, _HEADER_KEY = b"qmpconf.parquet", b"qmpconf.header"

#: Rows, and bytes of messages, that are written together, and held in memory.
_MOST_ROWS, _MOST_BYTES = 10_000, 16 << 20

#: Column -> its type in Arrow, and what it says.
SCHEMA = {
    "trace": ("string", "the recording's file name"),
    "line": ("int64", "the record's line in it, from 2"),
    "session": ("int64", "the connection; null: the whole trace"),
    "t": ("float64", "seconds since the recording began"),
    "time": ("timestamp[us, tz=UTC]", "when that was"),
    "started": ("timestamp[us, tz=UTC]", "when the recording began"),
    "server": ("string", "the version in the session's greeting"),
    "sender": ("string", "client or server"),
    "kind": (
        "string",
        "command, return, error, event, greeting, ...; open, shut, close, gap, fault, finish",
    ),
    "command": ("string", "of a command and of its response"),
    "event": ("string", "an event's name"),
    "id": ("string", "a command's or response's id, as JSON"),
    "oob": ("bool", "the command was sent out of band"),
    "error": ("string", "an error's class"),
    "text": ("string", "an error's description, a session's addresses or its failure"),
    "latency": ("float64", "seconds from the command to this response"),
    "size": ("int64", "bytes of the message, with the white space behind it"),
    "form": (
        "string",
        "how the bytes stand in the trace: msg, raw, b64; line: a record without any",
    ),
    "raw": ("binary", "the bytes; with form line the record's line"),
    "end": ("binary", "white space behind a message"),
    "fds": ("list", "kind and access of the descriptors that rode on it"),
    "redacted": ("list", "JSON pointers of values that were replaced"),
}


def _pyarrow(name: str) -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow  # noqa: PLC0415, ICN001 - not everybody has it, or needs it
        import pyarrow.parquet  # noqa: PLC0415 - the same
    except ImportError:
        raise InputError(
            f"{name}: Parquet needs another package: pip install 'qmpconf[parquet]'"
        ) from None
    arrow: ModuleType = pyarrow
    return arrow, pyarrow.parquet


def _schema(arrow: Any, metadata: dict[bytes, bytes]) -> Any:
    types = {
        "string": arrow.string(),
        "int64": arrow.int64(),
        "float64": arrow.float64(),
        "bool": arrow.bool_(),
        "binary": arrow.large_binary(),
        "timestamp[us, tz=UTC]": arrow.timestamp("us", "UTC"),
        "list": arrow.list_(arrow.string()),
    }
    return arrow.schema([(name, types[kind]) for name, (kind, _) in SCHEMA.items()], metadata)


# ── writing ──────────────────────────────────────────────────────────────────────────────────


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write all rows of one trace.  Raises InputError where pyarrow is not installed."""
    del notes
    arrow, parquet = _pyarrow("OUT")
    head = header_line(reading.header).rstrip(b"\n")
    schema = _schema(arrow, {_VERSION_KEY: b"%d" % VERSION, _HEADER_KEY: head})
    started = _moment(reading.header.started)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _batches(_rows(reading, options.source, started)):
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def _moment(text: str) -> datetime | None:
    """When a recording began; None for a header that does not say it."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _later(started: datetime | None, t: float) -> datetime | None:
    try:
        return started and started + timedelta(seconds=t)
    except OverflowError:
        return None


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row["raw"])
        if len(batch) >= _MOST_ROWS or size >= _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _rows(reading: Reading, trace: str, started: datetime | None) -> Iterator[dict[str, Any]]:
    """A row for each record; what it says is known when the next one is read."""
    waiting: list[Record] = []

    def numbered() -> Iterator[Record]:
        for line, record in enumerate(joined(reading.records), 2):
            waiting.append(msgspec.structs.replace(record, line=line))
            yield waiting[-1]

    versions: dict[int, str] = {}
    summaries = Summaries()
    told: dict[int, Summary] = {}

    def rows(count: int) -> Iterator[dict[str, Any]]:
        for record in waiting[:count]:
            yield _row(record, told.pop(record.line, None), versions, trace, started)
        del waiting[:count]

    for item in items_of(numbered(), faults=True):
        summary = summaries.take(item)
        if summary is not None:
            told.setdefault(summary.line, summary)
        # The record of this item may still give more of them.
        yield from rows(len(waiting) - 1)
    yield from rows(len(waiting))


def _row(
    record: Record,
    said: Summary | None,
    versions: dict[int, str],
    trace: str,
    started: datetime | None,
) -> dict[str, Any]:
    conn = None if isinstance(record, Finish) else record.conn
    row: dict[str, Any] = {
        "trace": trace,
        "line": record.line,
        "session": conn,
        "t": record.t,
        "time": _later(started, record.t),
        "started": started,
        "kind": "finish" if conn is None else None,
    }
    if isinstance(record, Traffic):
        row |= {"sender": record.sender, "form": record.form, "raw": record.data, "end": record.end}
        row |= {"size": len(record.data) + len(record.end), "redacted": list(record.redacted)}
        row["fds"] = [f"{one.kind} {one.access}" for one in record.fds]
    else:
        row |= {"form": "line", "raw": record_line(record)}
    if said is not None and conn is not None:
        if said.kind == "open":
            versions.pop(conn, None)
        if said.kind == "greeting":
            versions[conn] = said.outcome
        is_event, is_error = said.kind == "event", said.kind == "error"
        row |= {"kind": said.kind, "sender": said.sender, "latency": said.latency}
        row |= {"command": None if is_event else said.name or None, "id": said.id or None}
        row |= {
            "event": said.name if is_event else None,
            "oob": said.oob,
            "text": said.text or None,
        }
        row |= {"error": said.outcome if is_error else None}
    row["server"] = versions.get(conn) if conn is not None else None
    return row


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """The trace that the rows were made of.

    Raises InputError for what is not Parquet, or was made of something else, or by another version.
    """
    del options, notes
    arrow, parquet = _pyarrow(source.name)
    try:
        # As bytes: Arrow takes no text for a path that is not UTF-8.
        path = os.fsencode(source.path)
        file = parquet.ParquetFile(arrow.OSFile(path, "r") if path else _spooled(source))
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"{source.name}: is not a Parquet file: {error}") from None
    metadata = file.schema_arrow.metadata or {}
    version = metadata.get(_VERSION_KEY)
    if version is None or _HEADER_KEY not in metadata:
        raise InputError(f"{source.name}: this Parquet file was not made of a trace by qmpconf")
    if version != b"%d" % VERSION:
        raise InputError(
            f"{source.name}: is of version {version.decode(errors='replace')} of qmpconf's Parquet "
            f"files, and this qmpconf reads version {VERSION}"
        )
    parser = Parser(source.name)
    header = parser.header(metadata[_HEADER_KEY])
    return Reading(header, _records(file, parser, arrow, source.name))


def _spooled(source: Source) -> BinaryIO:
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as its reader
    shutil.copyfileobj(source.file, spool)
    spool.seek(0)
    return spool


def _records(file: Any, parser: Parser, arrow: Any, name: str) -> Iterator[Record]:
    wanted = ["line", "session", "t", "sender", "form", "raw", "end", "fds", "redacted"]
    try:
        for batch in file.iter_batches(1000, columns=wanted):
            for row in batch.to_pylist():
                yield _record(row, parser)
    except (arrow.ArrowException, OSError, TornError, TypeError, ValueError) as error:
        raise InputError(f"{name}: a row is damaged: {error}") from None


def _record(row: dict[str, Any], parser: Parser) -> Record:
    if row["form"] == "line":
        line = row["raw"].rstrip(b"\n")
        found: Any = parser.item(parser.line(line, row["line"]), line, row["line"])
        return found  # type: ignore[no-any-return] # none of these lines is traffic
    return Traffic(
        row["line"],
        row["t"],
        row["session"],
        row["sender"],
        row["form"],
        row["raw"],
        row["end"],
        tuple(Descriptor(*one.split(" ", 1)) for one in row["fds"]),
        tuple(row["redacted"]),
    )
