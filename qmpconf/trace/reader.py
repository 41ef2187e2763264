"""A file to records, and records to messages: streaming, in constant memory.

`TraceReader.records` gives what stands in the file.  `TraceReader.items` gives what it means: the
frames of each direction, also those that are spread over several ``raw`` records, between the
opening and the closing of their sessions.

A torn last line (the recorder died while it wrote) is skipped and noted; so is a compressed file
that ends early.  Anything else that is no trace raises `InputError` with the line.
"""

from __future__ import annotations

import base64
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from qmpconf.errors import InputError
from qmpconf.packed import Pieces
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.resync import Resync
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
from qmpconf.trace.rows import LONGEST, Rows, TooLongError
from qmpconf.trace.settle import Settler


class Item(msgspec.Struct, frozen=True):
    """One frame of one direction, and where it stands in the file.

    `line` is the line on which the frame ends.
    """

    line: int
    t: float
    conn: int
    sender: Side
    frame: Frame
    fds: tuple[Descriptor, ...] = ()
    redacted: tuple[str, ...] = ()


_SIDES: tuple[Side, Side] = ("client", "server")
_OTHER: dict[Side, Side] = {"client": "server", "server": "client"}


class _Split:
    """One direction in which frames are spread over records.

    What stood with the parts of a frame, descriptors and redactions, comes out with the frame.
    """

    def __init__(self, record: Traffic) -> None:
        self.framer = Framer(CLIENT_LIMITS if record.sender == "client" else SERVER_LIMITS)
        self._latest = record
        self._fds: tuple[Descriptor, ...] = ()
        self._redacted: tuple[str, ...] = ()
        self._resync: Resync | None = None  # bytes are missing, and no message has begun since

    @property
    def idle(self) -> bool:
        """Whether the next record can be looked at alone."""
        return self.framer.idle and self._resync is None

    def feed(self, record: Traffic) -> Iterator[Item]:
        """The frames that end in `record`."""
        data = record.data + record.end
        if self._resync is not None:
            if record.form == "msg":  # who wrote it knew that a message begins here
                passed = self._resync.close()
            else:
                self._take(record)
                passed, data = self._resync.feed(data)
            if passed:
                yield from self._items((Frame(Kind.SKIPPED, passed),))
            if not data:
                return
            self._resync = None
            if record.form != "msg":
                yield from self._items(self.framer.feed(data))
                return
        self._take(record)
        yield from self._items(self.framer.feed(data))

    def gap(self, *, whole: bool) -> Iterator[Item]:
        """What is left of a frame, the rest of which is missing; the direction begins anew.

        With `whole` messages missing, one begins right behind it.
        """
        yield from self.close()
        self._resync = None if whole else Resync()

    def _take(self, record: Traffic) -> None:
        self._latest = record
        self._fds += record.fds
        self._redacted += record.redacted

    def settle(self) -> Iterator[Item]:
        """A bare number or keyword, which the other side has answered: it ended here."""
        return self._items(self.framer.settle())

    def close(self) -> Iterator[Item]:
        """What is left of a frame that did not end."""
        if self._resync is not None:
            held, self._resync = self._resync.close(), None
            return self._items((Frame(Kind.SKIPPED, held),) if held else ())
        return self._items(self.framer.close())

    def _items(self, frames: Iterable[Frame]) -> Iterator[Item]:
        for frame in frames:
            latest, fds, redacted = self._latest, self._fds, self._redacted
            self._fds = self._redacted = ()
            yield Item(latest.line, latest.t, latest.conn, latest.sender, frame, fds, redacted)


class _Descriptor(msgspec.Struct):
    kind: str
    access: str = ""


class _Ends(msgspec.Struct):
    client: str = ""
    server: str = ""


class _Counts(msgspec.Struct):
    sessions: int
    messages: int


#: msgspec knows no optional Raw.
_ABSENT = msgspec.Raw(b"")


class _Line(msgspec.Struct):
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
    finish: _Counts | None = None


class _First(msgspec.Struct):
    qmptrace: int
    started: str = ""
    recorder: str = ""
    meta: dict[str, Any] = {}


_decode = msgspec.json.Decoder(_Line).decode
_decode_first = msgspec.json.Decoder(_First).decode

#: Levels of nesting that a writer may have called plain, at most: Python's usual limit.
_DEEPEST = 1000
#: How far `TraceReader.records` looks into a line for what it shall hold.
HEAD = 1 << 14

_Made = TypeVar("_Made")

_CRLF = b"\r\n"


class TraceReader:
    """Reads one trace file.

    Raises `InputError` if `path` cannot be read or is no trace; while iterating, for a damaged
    line that is not the last.  `header` is there at once; `finished` and `torn` (the number of a
    torn last line, or 0) after iterating.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.finished = False
        self.torn = 0
        self._under: Pieces | None = None  # the file on the disk, while it is read
        self._settler = Settler()
        self._before = 0  # bytes of it that earlier readings took
        with self._opened() as file:
            rows = Rows(file)
            self.header = self._header(file, iter(rows), rows)

    @property
    def settled(self) -> int:
        """How many sessions `items` closed so far because too many were open at once."""
        return self._settler.count

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that were read, as they lie on the disk; all readings count.

        May be asked from another thread.
        """
        under = self._under
        try:
            return self._before + (under.tell() if under is not None else 0)
        except ValueError:  # closed just now
            return self._before

    def records(self, holding: tuple[bytes, ...] = ()) -> Iterator[Record]:
        """Every record behind the header, in the file's order.

        With `holding`, only records in whose line one of these stands within the first `HEAD`
        bytes; that is much faster.
        """
        return self._read(self._record, holding)

    def _read(
        self, make: Callable[[bytes, int], _Made], holding: tuple[bytes, ...] = ()
    ) -> Iterator[_Made]:
        """What `make` makes of every line and its number."""
        self.finished = False
        self.torn = 0
        number = 1
        with self._opened() as file:
            self._under = file
            rows = Rows(file)
            lines = iter(rows)
            self._header(file, lines, rows)
            try:
                for line in lines:
                    number += 1
                    if not holding or _holds(line[:HEAD], holding):
                        try:
                            found = make(line, number)
                        except _TornError:
                            raise self._damaged(line, number) from None
                        yield found
                if rows.rest:
                    number += 1
                    yield from self._last(make, rows.rest, number)
                elif file.cut:
                    self.torn = number + 1
            except TooLongError:
                raise self._too_long(number + 1) from None
            except zlib.error as error:
                raise InputError(
                    f"{self.path}:{number + 1}: the compressed data is damaged ({error})"
                ) from error
            except OSError as error:
                raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error
            finally:
                self._under = None
                self._before += file.tell()

    def _last(
        self, make: Callable[[bytes, int], _Made], line: bytes, number: int
    ) -> Iterator[_Made]:
        """A last line without its end: a whole record, or what there is of one."""
        try:
            found = make(line, number)
        except _TornError:
            self.torn = number
        else:
            yield found

    def items(self, holding: tuple[bytes, ...] = ()) -> Iterator[Open | Item | Gap | Shut | Close]:
        """Every frame, between the openings and closings of the sessions.

        Before a gap comes what was left of a message, as `Kind.PARTIAL`; behind it the rest of a
        message that is lost, as `Kind.SKIPPED`.  `holding` leaves records out as `records` does.
        """
        self._settler = Settler()
        return items_of(self._read(self._item, holding), self._settler)

    def message(self, line: bytes, number: int) -> Item:
        """The message in a line that was read already.  Raises `InputError` if it holds none."""
        try:
            found = self._item(line, number)
        except _TornError:
            raise self._damaged(line, number) from None
        if isinstance(found, Item):
            return found
        raise self._damaged(line, number)

    def _opened(self) -> Pieces:
        if _is_pipe(self.path):  # which opening it might wait for
            raise InputError(
                f"cannot read {self.path}: a trace is read more than once, which a pipe cannot be; "
                "write it to a file first"
            )
        try:
            return Pieces(self.path)
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from error

    def _header(self, file: Pieces, lines: Iterator[bytes], rows: Rows) -> Header:
        try:
            line = next(lines, None)
            if line is None:
                line, rows.rest = rows.rest, b""
                if file.cut:
                    raise InputError(f"{self.path}: not a readable gzip file (it ends early)")
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error
        except zlib.error as error:
            raise InputError(f"{self.path}: not a readable gzip file ({error})") from error
        except TooLongError:
            raise self._too_long(1) from None
        if not line and rows.empty:
            raise InputError(f"{self.path} is empty: a trace begins with its header line")
        try:
            first = _decode_first(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise InputError(
                f"{self.path}:1: no trace: the first line must be a header, "
                '{"qmptrace":1,"started":...}'
            ) from None
        if first.qmptrace > VERSION:
            raise InputError(
                f"{self.path}:1: trace format version {first.qmptrace} is newer than this "
                f"qmpconf reads ({VERSION}); use a newer qmpconf"
            )
        if first.qmptrace < 1:
            raise InputError(f"{self.path}:1: there is no trace format version {first.qmptrace}")
        return Header(first.qmptrace, first.started, first.recorder, first.meta)

    def _item(self, line: bytes, number: int) -> Item | Record:
        """The record in a line; a message, which most lines are, as its item at once."""
        parsed = self._parsed(line, number)
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
                _CRLF if parsed.end == "\r\n" else parsed.end.encode("utf-8"),
                True,
            ),
            _descriptors(parsed.fds) if parsed.fds else (),
            tuple(parsed.redacted) if parsed.redacted else (),
        )

    def _record(self, line: bytes, number: int) -> Record:
        found = self._item(line, number)
        return _traffic(found) if isinstance(found, Item) else found

    def _parsed(self, line: bytes, number: int) -> _Line:
        try:
            return _decode(line)
        except RecursionError:
            return self._deep(line, number)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise _TornError from None

    def _record_of(self, parsed: _Line, line: bytes, number: int) -> Record:
        """The record in a line that holds no `msg`."""
        if parsed.sender is not None and parsed.gap is not None:
            if parsed.gap < 0:
                raise InputError(f"{self.path}:{number}: a gap of {parsed.gap} bytes")
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
            return Open(number, parsed.t, parsed.conn, ends.client, ends.server)
        if parsed.shut is not None:
            return Shut(number, parsed.t, parsed.conn, parsed.shut)
        if parsed.close is not None:
            return Close(number, parsed.t, parsed.conn, parsed.close, parsed.error)
        if parsed.finish is not None:
            self.finished = True
            counts = parsed.finish
            return Finish(number, parsed.t, counts.sessions, counts.messages)
        raise self._damaged(line, number)

    def _raw(self, parsed: _Line, sender: Side, number: int) -> Traffic:
        if parsed.raw is not None:
            data = parsed.raw.encode("utf-8")
        elif parsed.b64 is not None:
            try:
                data = base64.b64decode(parsed.b64, validate=True)
            except ValueError:  # binascii.Error is one; another is for what is no ASCII
                raise InputError(f"{self.path}:{number}: the value of b64 is no base64") from None
        else:
            raise InputError(
                f"{self.path}:{number}: bytes from the {sender}, but neither msg nor raw, b64 or gap"
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

    def _deep(self, line: bytes, number: int) -> _Line:
        """Decode what nests nearly as deep as Python may call: the writer had more room."""
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + _DEEPEST)
        try:
            return _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise self._damaged(line, number) from None
        finally:
            sys.setrecursionlimit(limit)

    def _too_long(self, number: int) -> InputError:
        return InputError(
            f"{self.path}:{number}: the line is longer than any record of a trace "
            f"({LONGEST >> 20} MiB): the file is damaged, or is not a trace"
        )

    def _damaged(self, line: bytes, number: int) -> InputError:
        return InputError(
            f"{self.path}:{number}: no record of a trace: {line[:60]!r}"
            f"{' ...' if len(line) > 60 else ''}"
        )


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):  # opening it tells why
        return False


class _TornError(Exception):
    """A line that is no JSON: the end of a cut-off file, or damage."""


def _holds(head: bytes, wanted: tuple[bytes, ...]) -> bool:
    for one in wanted:  # noqa: SIM110 - a generator expression takes three times as long
        if one in head:
            return True
    return False


def _traffic(item: Item) -> Traffic:
    """The record that a message stood in."""
    frame = item.frame
    return Traffic(
        item.line,
        item.t,
        item.conn,
        item.sender,
        "msg",
        frame.data,
        frame.end,
        item.fds,
        item.redacted,
    )


def _nothing(gap: Gap) -> Traffic:
    """No bytes, where bytes are missing."""
    return Traffic(gap.line, gap.t, gap.conn, gap.sender, "raw", b"")


def _descriptors(listed: list[_Descriptor] | None) -> tuple[Descriptor, ...]:
    return tuple(Descriptor(one.kind, one.access) for one in listed) if listed else ()


def items_of(
    records: Iterable[Item | Record], settler: Settler | None = None
) -> Iterator[Open | Item | Gap | Shut | Close]:
    """The frames of `records`, as `TraceReader.items` gives those of a file."""
    split: dict[tuple[int, Side], _Split] = {}
    for record in (settler or Settler()).of(records):
        if split and isinstance(record, Item | Traffic):
            other = split.get((record.conn, _OTHER[record.sender]))
            if other is not None:
                yield from other.settle()
        if type(record) is Item:
            one = split.get((record.conn, record.sender)) if split else None
            if one is None or one.idle:
                yield record
            else:
                yield from one.feed(_traffic(record))
            continue
        if isinstance(record, Traffic):
            one = split.get((record.conn, record.sender))
            if one is None:
                one = split[record.conn, record.sender] = _Split(record)
            yield from one.feed(record)
            continue
        if isinstance(record, Finish):
            continue
        if isinstance(record, Gap):
            one = split.get((record.conn, record.sender))
            if one is None:
                one = split[record.conn, record.sender] = _Split(_nothing(record))
            yield from one.gap(whole=record.messages > 0)
            yield record
            continue
        for side in _SIDES:
            over = isinstance(record, Close) or (isinstance(record, Shut) and record.who == side)
            if over and (record.conn, side) in split:
                yield from split.pop((record.conn, side)).close()
        yield record
    for key in sorted(split):
        yield from split[key].close()


def open_trace(path: str) -> TraceReader:
    """Open a trace file.  Raises `InputError` if it cannot be read or is no trace."""
    return TraceReader(path)


def direction(path: str, conn: int, sender: Side) -> bytes:
    """All bytes that `sender` sent in session `conn`, exactly.  Raises `InputError`."""
    return b"".join(
        record.data + record.end
        for record in TraceReader(path).records()
        if isinstance(record, Traffic) and record.conn == conn and record.sender == sender
    )
