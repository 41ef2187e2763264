"""Some of the sessions of a trace, read by themselves: where sessions begin, shares of them, their reader.

`Index` takes the lines of a trace and notes of each session where it begins and ends.  `Index.shares`
makes shares of about the same size out of them, each of sessions that begin after one another.
`ShareReader` gives what `TraceReader` gives, but of the sessions of a share alone: of a file that is not
packed from where the first of them begins, of any other one it passes over what is before that.  Sessions
that were open at once are in different shares as any others are: each reader passes over the lines of
the others.

A trace that has something which shows only to who reads all of it (more sessions open at once than are
followed, a message that does not end with the recording) has no shares, nor has a damaged one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from qmpconf.packed import Pieces
from qmpconf.trace.order import END, Where
from qmpconf.trace.parsing import Line, TornError
from qmpconf.trace.reader import TraceReader, Wanted
from qmpconf.trace.records import Close, Fault, Finish, Open, Record, Side, Traffic
from qmpconf.trace.rows import LONGEST_RAW, Rows, TooLongError
from qmpconf.trace.settle import MOST_OPEN

#: Sessions of a trace that is shared out, at most: of each, some 300 bytes are kept.
MOST_SESSIONS = 200_000
#: So much of all that is read twice, to have more shares than processes.
_TWICE = 0.25

_CONN = re.compile(rb'\{"t":[-+.\deE]+,"conn":(\d+),')
_MESSAGE = re.compile(
    rb'\{"t":([-+.\deE]+),"conn":(\d+),"from":"(client|server)",(?:"end":"[^"]*",)?"msg":'
)

_Made = TypeVar("_Made")


class NotSharedError(Exception):
    """The sessions of the trace cannot be looked at apart; why not."""


@dataclass(slots=True)
class _Session:
    """A session: its first and last line, where they begin and end in what is unpacked, and its bytes."""

    line: int
    at: int
    last: int = 0
    end: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """The sessions `conns`: from the line `line` on, which begins at the byte `at`, up to the line `last`.

    That one ends at the byte `end`; `size` are the bytes of all lines of the sessions.
    """

    conns: frozenset[int]
    line: int
    at: int
    last: int
    end: int
    size: int


class LineReader(TraceReader):
    """Gives the lines of a trace, and what no single line says.  `packed`: see `Pieces`."""

    packed = False

    def lines(self) -> Iterator[tuple[int, int, bytes]]:
        """Each line behind the header, with its number and where it begins in what is unpacked.

        Raises what reading a file raises, and TooLongError.
        """
        with self._opened() as file:
            self._under, self.packed = file, file.packed
            rows = Rows(file)
            lines = iter(rows)
            at = len(self._first_line(file, lines, rows)) + 1
            number = 1
            try:
                for line in lines:
                    number += 1
                    yield number, at, line
                    at += len(line) + 1
                if file.cut or (rows.rest and not self._is_whole(rows.rest, number + 1)):
                    self.torn = number + 1
                elif rows.rest:
                    yield number + 1, at, rows.rest
            finally:
                self._under = None
                self._before += file.tell()

    def _is_whole(self, line: bytes, number: int) -> bool:
        try:
            self._parser.line(line, number)
        except TornError:
            return False
        return True

    def record(self, line: bytes, number: int) -> Record:
        """What a line says that holds no message.  Raises NotSharedError where that is not sure."""
        try:
            return self._record(self._parser.line(line, number), line, number)
        except TornError:
            raise NotSharedError("a line is damaged") from None


@dataclass(slots=True)
class Index:
    """Where the sessions of a trace are, taken line by line.

    `finished` says whether the recording ended in order, `last` is when that was, in seconds; `steady`
    that no line is of an earlier second than the one before it.
    """

    reader: LineReader
    sessions: dict[int, _Session] = field(default_factory=dict)
    finished: bool = False
    last: float = 0.0
    steady: bool = True
    _second: float = 0.0
    _open: set[int] = field(default_factory=set)
    _raw: set[int] = field(default_factory=set)
    _latest: bytes = b""

    def take(self, number: int, at: int, line: bytes) -> tuple[int, Side] | Record:
        """The next line: of a message which session says it, and who; else the record.

        Raises NotSharedError.
        """
        found = _MESSAGE.match(line)
        if found is not None:
            conn = int(found[2])
            self._note(conn, number, at, line)
            try:
                self._time(float(found[1]))
            except ValueError:
                raise NotSharedError("a line is damaged") from None
            return conn, "client" if found[3] == b"client" else "server"
        if len(line) > LONGEST_RAW:
            raise NotSharedError("a line is too long")
        record = self.reader.record(line, number)
        if isinstance(record, Finish):
            self.finished = True
            return record
        self._note(record.conn, number, at, b"" if isinstance(record, Fault) else line, len(line))
        self._time(record.t)
        if isinstance(record, Traffic) and record.form != "msg":
            self._raw.add(record.conn)
        elif isinstance(record, Open):
            self._raw.discard(record.conn)
        elif isinstance(record, Close):
            self._raw.discard(record.conn)
            self._open.discard(record.conn)
        if isinstance(record, Traffic) and record.form == "msg":
            return record.conn, record.sender
        return record

    def _time(self, t: float) -> None:
        if t < self._second:
            self.steady = False
        self._second = max(self._second, math.floor(t) if math.isfinite(t) else t)

    def _note(self, conn: int, number: int, at: int, line: bytes, size: int = 0) -> None:
        known = self.sessions.get(conn)
        if known is None:
            if len(self.sessions) >= MOST_SESSIONS:
                raise NotSharedError("there are too many sessions")
            known = self.sessions[conn] = _Session(number, at)
        size = (size or len(line)) + 1
        known.last, known.end = number, at + size
        known.size += size
        self._latest = line or self._latest
        if conn not in self._open:
            self._open.add(conn)
            if len(self._open) > MOST_OPEN:
                raise NotSharedError("more sessions are open at once than are followed")

    def end(self) -> None:
        """There are no more lines.  Raises NotSharedError."""
        if self._raw & self._open:
            raise NotSharedError("a message may not end with the recording")
        if self._latest:
            record = self.reader.record(self._latest, 0)
            self.last = record.t

    def shares(self, jobs: int) -> list[Share]:
        """Shares for so many processes; less than two where it is not worth it."""
        found = self._cut(jobs)
        if not self.reader.packed:
            more = self._cut(4 * jobs)
            read = sum(one.end - one.at for one in more)
            if read <= (1 + _TWICE) * sum(one.size for one in more):
                found = more
        whole = sum(one.size for one in found)
        return found if all(one.size < 0.8 * whole for one in found) else []

    def _cut(self, count: int) -> list[Share]:
        whole = sum(one.size for one in self.sessions.values())
        shares: list[list[int]] = [[]]
        done = 0
        for conn, one in self.sessions.items():  # which stand in the order of their beginnings
            if shares[-1] and done + one.size / 2 > whole * len(shares) / count:
                shares.append([])
            shares[-1].append(conn)
            done += one.size
        return [self.share(conns) for conns in shares if conns]

    def share(self, conns: Sequence[int]) -> Share:
        """The share of these sessions, in the order of their beginnings."""
        own = [self.sessions[conn] for conn in conns]
        first = own[0]
        last = max(own, key=lambda one: one.last)
        size = sum(one.size for one in own)
        return Share(frozenset(conns), first.line, first.at, last.last, last.end, size)


class ShareReader(TraceReader):
    """Reads a share of a trace; `where` says where it is.

    `reach` is called with a line that it has come to, and gives the one with which it is to be called again.
    """

    def __init__(
        self,
        path: str,
        share: Share,
        protocol: str = "",
        reach: Callable[[int], int] | None = None,
    ) -> None:
        super().__init__(path, protocol)
        self.where = Where()
        self._share = share
        self.reach = reach

    def _read(
        self,
        make: Callable[[Line, bytes, int], _Made],
        wanted: Wanted | None = None,
        takes: Callable[[bytes, int], bool] | None = None,
        *,
        keep: bool = False,
    ) -> Iterator[_Made]:
        del wanted, keep
        share, where, reach = self._share, self.where, self.reach
        stop = 0 if reach is not None else END
        for number, line in self._own():
            if number > stop and reach is not None:
                stop = reach(number)
            where.line = number
            if takes is not None and takes(line, number):
                continue
            try:
                parsed = self._parser.line(line, number)
            except TornError:
                raise NotSharedError("a line is damaged") from None
            if parsed.conn not in share.conns:
                raise NotSharedError("a line has two numbers of sessions")
            yield make(parsed, line, number)
        if reach is not None:
            reach(END)
        where.line = END

    def _own(self) -> Iterator[tuple[int, bytes]]:
        """The lines of the share's sessions, and their numbers."""
        share = self._share
        conns, last = share.conns, share.last
        with self._opened() as file:
            number = share.line - 1
            if file.packed:
                lines = _all(file)
                for _ in range(number):
                    next(lines, None)
            else:
                file.seek(share.at)
                lines = _all(file)
            match = _CONN.match
            for line in lines:
                number += 1
                found = match(line)
                conn = int(found[1]) if found else self._conn(line, number)
                if conn in conns:
                    yield number, line
                if number >= last:
                    return

    def _conn(self, line: bytes, number: int) -> int:
        try:
            parsed = self._parser.line(line, number)
        except TornError:
            return 0  # a torn line is the last one, and nobody's
        return parsed.conn if parsed.finish is None else -1


def _all(file: Pieces) -> Iterator[bytes]:
    rows = Rows(file)
    try:
        yield from rows
    except TooLongError:
        raise NotSharedError("a line is too long") from None
    if rows.rest:
        yield rows.rest
