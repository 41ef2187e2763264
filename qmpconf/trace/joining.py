"""Noise, of which every few bytes are a frame, in few records: a trace of it is little longer than it.

A reader makes the same frames of what is joined (`qmpconf.trace.items.items_of`): it cuts the bytes
of a direction wherever records begin.  Only behind a gap does it look for a message where a record
begins, so that nothing is joined there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qmpconf.protocol.resync import begins
from qmpconf.trace.records import Gap, Record, Side, Traffic

#: The pointers of bytes that are not a message, and in which something was redacted.
WHOLE = ("",)

#: Bytes of the shortest object that has the name of a message in it: ``{"QMP":0}``.
SHORTEST = 9


class Joiner:
    """Joins the records of one trace, which may come in several calls; it holds none back."""

    def __init__(self) -> None:
        self._behind: set[tuple[int, Side]] = set()  # no message has begun since a gap

    @property
    def idle(self) -> bool:
        """Whether a record by itself need not be given to `of`."""
        return not self._behind

    def of(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records, but for noise that came in one piece: it stands in one record.

        What looks like a message or carried a descriptor has its own record, and so has a message
        of which values were redacted.
        """
        run: list[Traffic] = []
        for record in records:
            noise = None
            goes_on = False
            if isinstance(record, Traffic):
                noise = record if _is_noise(record) else None
                goes_on = bool(run) and noise is not None and _is_next(run[-1], record)
                way = record.conn, record.sender
                if self._behind and way in self._behind:
                    goes_on = False
                    if record.form == "msg" or begins(record.data):
                        self._behind.remove(way)
            elif isinstance(record, Gap):
                self._behind.add((record.conn, record.sender))
            if run and not goes_on:
                yield _one(run)
                run = []
            if noise is not None:
                run.append(noise)
            else:
                yield record
        if run:
            yield _one(run)


def joined(records: Iterable[Record]) -> Iterator[Record]:
    """All records of a trace, as `Joiner` joins them."""
    return Joiner().of(records)


def _is_noise(record: Traffic) -> bool:
    return record.redacted in ((), WHOLE) and is_noise(record.data)


def is_noise(data: bytes) -> bool:
    """Whether bytes that were cut off as one frame do not even look like a message."""
    text = data.strip()
    return len(text) < SHORTEST or not (text.startswith(b"{") and text.endswith(b"}"))


def _is_next(last: Traffic, record: Traffic) -> bool:
    """Whether both came with one piece of the input, on one way, and `record` with nothing else."""
    place = record.line, record.t, record.conn, record.sender
    return place == (last.line, last.t, last.conn, last.sender) and not record.fds


def _one(run: list[Traffic]) -> Traffic:
    first = run[0]
    if len(run) == 1:
        return first
    data = b"".join([record.data + record.end for record in run])
    redacted = WHOLE if any(record.redacted for record in run) else ()
    return Traffic(
        first.line, first.t, first.conn, first.sender, "raw", data, b"", first.fds, redacted
    )
