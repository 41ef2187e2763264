"""qmpconf's own format, as one among the others: records as they are."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from qmpconf.errors import InputError
from qmpconf.trace.convert.base import Notes, Options, Reading, Source, nothing
from qmpconf.trace.formatting import header_line, record_line
from qmpconf.trace.joining import joined
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Record


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """The records of a trace; a torn last line is passed over, as everywhere."""
    del options
    if source.path:
        reader = TraceReader(source.path)
        return Reading(reader.header, _records(reader, notes, source.advance))
    spool = tempfile.NamedTemporaryFile(suffix=".qmptrace")  # noqa: SIM115 - lives with the reader
    shutil.copyfileobj(source.file, spool)
    spool.flush()
    with _called(spool.name, source.name):
        reader = TraceReader(spool.name)
    return Reading(reader.header, _spooled(reader, spool, source.name, notes))


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write a trace, line by line; noise takes no line for every few bytes."""
    del notes
    file.write(header_line(reading.header))
    records = joined(reading.records)
    if options.lines is not None:
        records = _numbered(records, options.lines)
    file.writelines(map(record_line, records))


def _numbered(records: Iterator[Record], lines: list[int]) -> Iterator[Record]:
    """The same; `lines` takes their lines, behind those of line 0, which there is not, and of the header."""
    lines += [0, 1]
    for record in records:
        lines.append(record.line)
        yield record


def _records(
    reader: TraceReader, notes: Notes, advance: Callable[[int], object]
) -> Iterator[Record]:
    told = 0
    for record in reader.records():
        if reader.bytes_read > told:
            advance(reader.bytes_read - told)
            told = reader.bytes_read
        yield record
    if reader.torn:
        notes.lost("the last line is torn, and was passed over", reader.torn)


def _spooled(reader: TraceReader, spool: IO[bytes], name: str, notes: Notes) -> Iterator[Record]:
    with spool, _called(reader.path, name):
        yield from _records(reader, notes, nothing)


@contextmanager
def _called(path: str, name: str) -> Iterator[None]:
    """Have errors name what the user knows, and not the file that it was put in."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(path, name)) from error
