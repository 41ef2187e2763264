"""A trace file to its records, and to the messages in them: streaming, in constant memory.

`TraceReader.records` gives what stands in the file, line by line (`qmpconf.trace.parsing`).
`TraceReader.items` gives what it means (`qmpconf.trace.items`).

A torn last line (the recorder died while it wrote) is skipped and noted; so is a compressed file
that ends early.  Anything else that is not a trace raises `InputError` with the line.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from qmpconf.errors import InputError
from qmpconf.packed import Pieces, can_be_read_again, lines_of
from qmpconf.protocol.dialect import DIALECTS, Dialect
from qmpconf.protocol.session import Session
from qmpconf.trace.items import MANY, Aside, Flow, Item, items_of, traffic_of
from qmpconf.trace.parsing import HEAD_SHOWN, Line, Parser, TornError
from qmpconf.trace.records import Close, Fault, Gap, Header, Open, Record, Shut, Side, Traffic
from qmpconf.trace.rows import LONGEST_RAW, KeptRows, Rows, TooLongError
from qmpconf.trace.settle import MOST_OPEN

#: How far into a line it is looked for a member.
_HEAD = 1 << 14

#: Bytes of memory that the lines take which one reading keeps for the next, at most, and each line besides its own.
_MOST_KEPT, _EACH_KEPT = 4 << 20, 48

#: Says of a line whether it is wanted.
Wanted = Callable[[bytes], bool]

#: Formats that hold every byte, as traces do.
EXACT = ("qmptrace", "pcap", "pcapng")

_Made = TypeVar("_Made")


class TraceReader:
    """Reads one trace file.

    Raises `InputError` if `path` cannot be read or is not a trace; while iterating, for a damaged
    line that is not the last.  `header` is there at once; `finished` and `torn` (the number of a
    torn last line, or 0) after iterating.  `dialect` is what all of its sessions speak, where the
    header or `protocol` says so; else each session shows it.  Where a trace stands in for the text that
    it was made of (`qmpconf.packed.stand_in`), lines are those of the text.
    """

    def __init__(self, path: str, protocol: str = "") -> None:
        self.path = path
        self.torn = 0
        self._parser = Parser(path)
        self._under: Pieces | KeptRows | None = None  # what is read
        self._kept: KeptRows | None = None  # what one reading has kept for the next
        self._flow = Flow()
        self._before = 0  # bytes of it that earlier readings took
        self._numbers = lines_of(path)
        with self._opened() as file:
            rows = Rows(file)
            self.header = self._header(file, iter(rows), rows)
        self.dialect: Dialect | None = DIALECTS.get(
            protocol or str(self.header.meta.get("protocol"))
        )

    def begin(self) -> Session:
        """The state of a session of this trace, at its beginning."""
        converted = self.header.meta.get("converted")
        form = converted.get("format") if isinstance(converted, dict) else ""
        return Session(self.dialect, exact=not form or form in EXACT)

    @property
    def finished(self) -> bool:
        """Whether the footer was read: the recording ended in order."""
        return self._parser.finished

    @property
    def settled(self) -> int:
        """How many sessions `items` closed so far because too many were open at once."""
        return self._flow.settler.count

    @property
    def cut_off(self) -> str:
        """A sentence about a recording that was read to its end, and has none; empty for a whole one."""
        found = cut_off_of(self.path, self.torn, finished=self.finished)
        if not found and self.settled:
            return (
                f"{self.path}: {self.settled:,} sessions were not followed to their end, because "
                f"more than {MOST_OPEN:,} were open at once"
            )
        return found

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

    def records(self, wanted: Wanted | None = None, *, keep: bool = False) -> Iterator[Record]:
        """Every record behind the header, in the file's order.

        Only those of `wanted` lines are parsed, which is much faster.  With `keep`, the next reading need not
        unpack a small file again.
        """
        return self._read(self._record, wanted, keep=keep)

    def _read(
        self,
        make: Callable[[Line, bytes, int], _Made],
        wanted: Wanted | None = None,
        takes: Callable[[bytes, int], bool] | None = None,
        *,
        keep: bool = False,
    ) -> Iterator[_Made]:
        """What `make` makes of every line: what it says, its bytes or the first of them, its number.

        Lines that somebody `takes` are left out.
        """
        parser = self._parser
        parser.finished = False
        self.torn = 0
        number = 1
        numbers = self._numbers
        kept, self._kept = self._kept, None
        with kept or self._opened() as file:
            self._under = file
            rows = kept or Rows(file)
            lines = self._keeping(file, rows) if keep else iter(rows)
            self._header(file, lines, rows)
            try:
                for line in lines:
                    number += 1
                    place = numbers[number] if numbers else number
                    if takes is not None and takes(line, place):
                        continue
                    blank = not line or line.isspace()  # which is no record, wanted or not
                    if wanted is None or blank or wanted(line):
                        if len(line) > LONGEST_RAW and b'"msg":' not in line[:_HEAD]:
                            raise parser.too_long(number, LONGEST_RAW)
                        try:
                            parsed = parser.line(line, number)
                        except TornError:
                            raise parser.damaged(line, number) from None
                        if len(line) > MANY:  # then it is not kept
                            line = line[:HEAD_SHOWN]  # noqa: PLW2901
                        found = make(parsed, line, place)
                        del parsed
                        yield found
                        del found
                if rows.rest:
                    number += 1
                    yield from self._last(make, rows.rest, number)
                elif file.cut:
                    self.torn = number + 1
            except TooLongError:
                raise parser.too_long(number + 1) from None
            except zlib.error as error:
                raise InputError(
                    f"{self.path}:{number + 1}: the compressed data is damaged ({error})"
                ) from error
            except OSError as error:
                raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error
            finally:
                self._under = None
                with suppress(ValueError):  # closed: all of it is thrown away together
                    self._before += file.tell()

    def _last(
        self, make: Callable[[Line, bytes, int], _Made], line: bytes, number: int
    ) -> Iterator[_Made]:
        """A last line without its end: a whole record, or what there is of one."""
        try:
            parsed = self._parser.line(line, number)
        except TornError:
            self.torn = number
        else:
            yield make(parsed, line, number)

    def items(
        self, wanted: Wanted | None = None, aside: Aside | None = None
    ) -> Iterator[Open | Item | Gap | Shut | Close]:
        """Every frame, between the openings and closings of the sessions.

        Before a gap comes what was left of a message, as `Kind.PARTIAL`; behind it the rest of a
        message that is lost, as `Kind.SKIPPED`.  Lines that are not `wanted` are left out as `records` does, and so
        do messages that `aside` takes.
        """
        self._flow = Flow()
        if aside is not None:
            aside.begin(self._flow)
        takes = None if aside is None else aside.takes
        return items_of(self._read(self._parser.item, wanted, takes), self._flow)

    def all_items(self) -> Iterator[Open | Item | Gap | Shut | Close | Fault]:
        """The same, and what the recorder did on purpose."""
        self._flow = Flow()
        return items_of(self._read(self._parser.item), self._flow, faults=True)

    def message(self, line: bytes, number: int) -> Item:
        """The message in a line that was read already.  Raises `InputError` if it holds none."""
        try:
            found = self._parser.item(self._parser.line(line, number), line, number)
        except TornError:
            raise self._parser.damaged(line, number) from None
        if isinstance(found, Item):
            return found
        raise self._parser.damaged(line, number)

    def _keeping(self, file: Pieces | KeptRows, rows: Rows | KeptRows) -> Iterator[bytes]:
        """The lines, which are kept for the next reading if they are few."""
        lines: list[bytes] = []
        room = _MOST_KEPT
        for line in rows:
            room -= len(line) + _EACH_KEPT
            if room >= 0:
                lines.append(line)
            else:
                lines.clear()
            yield line
        if room >= 0:
            self._kept = KeptRows(
                lines, rows.rest, empty=rows.empty, cut=file.cut, size=file.tell()
            )

    def _opened(self) -> Pieces:
        if not can_be_read_again(self.path):  # which opening it might wait for
            raise InputError(
                f"cannot read {self.path}: a trace is read more than once, which a pipe cannot be; "
                "write it to a file first"
            )
        try:
            return Pieces(self.path)
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from error

    def _header(
        self, file: Pieces | KeptRows, lines: Iterator[bytes], rows: Rows | KeptRows
    ) -> Header:
        return self._parser.header(self._first_line(file, lines, rows))

    def _first_line(
        self, file: Pieces | KeptRows, lines: Iterator[bytes], rows: Rows | KeptRows
    ) -> bytes:
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
            raise self._parser.too_long(1) from None
        if not line and rows.empty:
            raise InputError(f"{self.path} is empty: a trace begins with its header line")
        return line

    def _record(self, parsed: Line, line: bytes, number: int) -> Record:
        found = self._parser.item(parsed, line, number)
        return traffic_of(found) if isinstance(found, Item) else found


def holding(*wanted: bytes) -> Wanted:
    """Wants lines in whose first 16 KiB one of these stands."""
    return lambda line: any(line.find(one, 0, _HEAD) >= 0 for one in wanted)


def cut_off_of(path: str, torn: int, *, finished: bool) -> str:
    """A sentence about a recording that has no end, or whose line `torn` (0: none) is; else empty."""
    if torn:
        return f"{path}:{torn}: the last line is torn; what is before it was read"
    return "" if finished else f"{path}: the recording was cut off: no finish line"


def open_trace(path: str) -> TraceReader:
    """Open the trace file `path`, compressed or not (qmpconf/trace/README.md).

    Times are in seconds since the trace began, lines count from 1.  Raises `InputError` if the file
    cannot be read or is not a trace; so does reading on, for a damaged line that is not the last.

    >>> reader = open_trace("traces/qemu-7.2.22-libvirt.qmptrace.gz")
    >>> reader.header.version
    1
    >>> messages = [item for item in reader.items() if isinstance(item, Item)]
    >>> messages[0].sender, messages[0].frame.data[:7], messages[0].line
    ('server', b'{"QMP":', 3)
    """
    return TraceReader(path)


def direction(path: str, conn: int, sender: Side) -> bytes:
    """All bytes that `sender` sent in session `conn`, exactly.  Raises `InputError`."""
    return b"".join(
        record.data + record.end
        for record in TraceReader(path).records()
        if isinstance(record, Traffic) and record.conn == conn and record.sender == sender
    )
