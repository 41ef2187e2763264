"""Result streams as files: written line by line, read back whole or as far as they go.

A stream that its writer did not end has no `Finish`: everything up to there is read, and the
`Result` says that it was cut off.  A torn last line is skipped; so are lines that are not records,
and `Result.damage` reports the first of them.
"""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any, Self, cast

import msgspec

from qmpconf.closing import Closing
from qmpconf.errors import InputError, OutputError
from qmpconf.outputs import written
from qmpconf.packed import opened
from qmpconf.report.results.records import VERSION, Finish, Header, Record, Verb
from qmpconf.text import counted
from qmpconf.version import __version__


class _Version(msgspec.Struct):
    qmpresult: int


_encode = msgspec.json.Encoder().encode
_decode_version = msgspec.json.Decoder(_Version).decode
_decode_header = msgspec.json.Decoder(Header).decode
_decode_record = msgspec.json.Decoder(Record).decode
_decode_records = msgspec.json.Decoder(list[Record]).decode
_decode_finish = msgspec.json.Decoder(Finish).decode

#: What a decoder raises for bytes that are no such record, or no UTF-8.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
#: Bytes that a first line can have.
_HEAD = 1 << 20


class Packed:
    """Records that are kept compressed until somebody asks for them: of many traces, they are most."""

    __slots__ = ("_data", "count")

    def __init__(self, records: Iterable[Record]) -> None:
        every = list(records)
        self.count = len(every)
        self._data = zlib.compress(listed(every), 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packed) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Record]:
        yield from unlisted(zlib.decompress(self._data))


@dataclass(slots=True)
class ResultFile:
    """One stream: `finish` is None when it was cut off; `origin` is its path, or empty.

    `damage` says what is wrong with a stream that is not as it was written, or is empty.
    """

    header: Header
    records: list[Record | Packed] = field(default_factory=list)
    finish: Finish | None = None
    origin: str = ""
    damage: str = ""

    def every(self) -> Iterator[Record]:
        """All records, also those that are packed."""
        for one in self.records:
            if isinstance(one, Packed):
                yield from one
            else:
                yield one

    @property
    def count(self) -> int:
        """How many records there are."""
        return sum(one.count if isinstance(one, Packed) else 1 for one in self.records)

    @property
    def complete(self) -> bool:
        """Whether all that was written is here."""
        return self.finish is not None and not self.damage

    @property
    def exit_code(self) -> int:
        """The verb's exit code; 3 for a stream that was cut off or damaged."""
        return self.finish.exit_code if self.finish and not self.damage else 3

    def end(self, exit_code: int, failure: str = "") -> Self:
        """Complete it."""
        self.finish = Finish(finish=self.count, exit_code=exit_code, failure=failure)
        return self


def header(verb: Verb, command: str = "", label: str = "", *, strict: bool = False) -> Header:
    """The first line of a stream that begins now."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    by = f"qmpconf {__version__}"
    return Header(verb=verb, by=by, started=now, command=command, label=label, strict=strict)


class ResultWriter(Closing):
    """Writes one stream to a file, each record at once; ``-`` is stdout.

    `finish` ends it; a writer that is closed before leaves a stream that is seen to be cut off.
    Raises `OutputError` for a file that cannot be written.
    """

    def __init__(self, path: str, head: Header) -> None:
        self._path = path
        self._count = 0
        self._failed = False  # which was said
        try:
            self._file: IO[bytes] = (
                sys.stdout.buffer if path == "-" else open(path, "wb")  # noqa: SIM115 - closed below
            )
        except OSError as error:
            raise self._refused(error) from None
        try:
            self._line(head)
        except BaseException:
            self.close()
            raise

    def write(self, *records: Record) -> None:
        """Append records."""
        for record in records:
            self._line(record)
            self._count += 1

    def finish(self, exit_code: int, failure: str = "") -> None:
        """Append the footer."""
        self._line(Finish(finish=self._count, exit_code=exit_code, failure=failure))

    def close(self) -> None:
        """Let go of the file."""
        if self._path == "-":
            return
        try:
            self._file.close()
        except OSError as error:  # what could not be written is tried once more
            if not self._failed:
                raise self._refused(error) from None

    def _line(self, record: Header | Record | Finish) -> None:
        try:
            self._file.write(dumped(record) + b"\n")
            self._file.flush()
        except OSError as error:
            if isinstance(error, BrokenPipeError) and self._path == "-":
                raise  # the reader of our output went away: no error of ours
            self._failed = True
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self._path}: {error.strerror or error}")


def write_result(path: str, result: ResultFile) -> None:
    """Write a whole stream in place of what is there, which stays if it cannot be.  Raises `OutputError`."""
    if path == "-":
        with ResultWriter(path, result.header) as writer:
            for record in result.every():
                writer.write(record)
            if result.finish:
                writer.finish(result.finish.exit_code, result.finish.failure)
        return
    with written(path, overwrite=True, mode=0o666, packs=False) as file:
        file.writelines(dumped(record) + b"\n" for record in _whole_stream(result))


def _whole_stream(result: ResultFile) -> Iterator[Header | Record | Finish]:
    """Every line, in order."""
    yield result.header
    count = 0
    for count, record in enumerate(result.every(), 1):  # noqa: B007 - the last one counts
        yield record
    if result.finish:
        end = result.finish
        yield Finish(finish=count, exit_code=end.exit_code, failure=end.failure)


def dumped(record: Header | Record | Finish) -> bytes:
    """A record as one line of JSON; half a surrogate pair, which UTF-8 has not, is escaped."""
    try:
        return _encode(record)
    except UnicodeEncodeError:
        return _encode(_whole(msgspec.to_builtins(record)))


def listed(records: list[Record]) -> bytes:
    """Records as one array of JSON: quicker than one after the other."""
    try:
        return _encode(records)
    except UnicodeEncodeError:
        return b"[" + b",".join(map(dumped, records)) + b"]"


def unlisted(data: bytes) -> list[Record]:
    """What `listed` made an array of."""
    return _decode_records(data)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_whole(name): _whole(one) for name, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list | tuple) else value


def read_result(path: str) -> ResultFile:
    """The stream in the file `path`, which can be whatever `qmpconf.packed.opened` opens.

    Raises `InputError` for a file that cannot be read, that is not a result, or of a newer version.
    """
    try:
        with io.BufferedReader(cast("io.RawIOBase", opened(path))) as file:
            data = _read(file, path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    return parse_result(data, path)


def _read(file: IO[bytes], origin: str) -> bytes:
    """The whole file, if it begins as a result does: what does not may have no end."""
    head = file.readline(_HEAD)
    _head(head.removesuffix(b"\n"), origin)
    return head + file.read()


def parse_result(data: bytes, origin: str = "") -> ResultFile:
    """The stream in `data`.  Raises `InputError`, as `read_result` does."""
    lines = data.split(b"\n")
    torn = lines.pop()
    result = ResultFile(_head(lines[0] if lines else torn, origin), origin=origin)
    damage: list[str] = []
    for number, line in enumerate(lines[1:], 2):
        if result.finish is not None:
            damage.append(f"line {number}: there is more after the result's last line")
            break
        try:
            if line.startswith(b'{"finish":'):
                result.finish = _decode_finish(line)
            else:
                result.records.append(_decode_record(line))
        except RecursionError:
            damage.append(f"line {number} is not a record of a result: it is nested too deeply")
        except _UNREADABLE as error:
            damage.append(f"line {number} is not a record of a result: {error}")
    if damage:
        more = len(damage) - 1
        result.damage = damage[0] + (
            f"; {counted(more, 'more line is', 'more lines are')} damaged" if more else ""
        )
    elif result.finish and result.finish.finish != len(result.records):
        result.damage = f"{counted(result.finish.finish, 'record was', 'records were')} written, and {counted(len(result.records), 'is', 'are')} here"
    return result


def _head(line: bytes, origin: str) -> Header:
    try:
        version = _decode_version(line).qmpresult
    except (*_UNREADABLE, RecursionError):
        raise InputError(
            f"{origin}:1: this is not a result of qmpconf: {_shown(line)}; write one with "
            "'qmpconf check --result FILE', for example"
        ) from None
    if version != VERSION:
        raise InputError(
            f"{origin}:1: the result has version {version}; this qmpconf reads version "
            f"{VERSION}: use a newer one"
        )
    try:
        return _decode_header(line)
    except RecursionError:
        raise InputError(
            f"{origin}:1: this is not a result of qmpconf: nested too deeply"
        ) from None
    except _UNREADABLE as error:
        raise InputError(f"{origin}:1: this is not a result of qmpconf: {error}") from None


def _shown(line: bytes) -> str:
    if not line:
        return "it begins with an empty line, or is empty"
    return ascii(line[:60])[1:] + ("..." if len(line) > 60 else "")
