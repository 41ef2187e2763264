"""QEMU's own trace log: what its events say of the messages of its monitors.

======================  ========================================================================
``handle_qmp_command``  a command was read, in JSON as QEMU writes it anew
``monitor_qmp_respond``  what is sent to a client, as it is sent: greetings, answers, events
======================  ========================================================================

Here they are read out of a whole log.  `lines` finds the messages, `monitors` makes sessions of
them; both take one line, and one message, at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import BinaryIO

from qmpconf.errors import InputError, UsageError
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.logs.times import Times
from qmpconf.trace.convert.qemu_trace.lines import LONGEST, Traced, TraceLines
from qmpconf.trace.convert.qemu_trace.monitors import Monitors
from qmpconf.trace.convert.texts import header
from qmpconf.trace.records import Record

HOW = "QEMU logs them with `-trace handle_qmp_command -trace monitor_qmp_respond -D FILE`"


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """The messages of a log; the header's time is that of the first one.

    Raises `InputError` if there is none.
    """
    del options
    log = _Log(source, notes)
    found = log.messages()
    first = next(found, None)
    if first is None:
        raise InputError(
            f"{source.name}: none of its {log.line:,} lines is one of the trace events "
            f"handle_qmp_command and monitor_qmp_respond; {HOW}"
        )
    records = _records(chain([first], found), log, Monitors(notes))
    return Reading(header(source, "qemu-trace", first.when), records)


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Raise `UsageError`: QEMU writes its log."""
    del file, reading, options, notes
    raise UsageError("QEMU's trace log is read, and not written")


class _Log:
    """The messages of a log; `line` is the latest one that was read."""

    def __init__(self, source: Source, notes: Notes) -> None:
        self.line = 0
        self._source = source
        self._lines = TraceLines(Times(datetime.now(UTC)), notes)

    def messages(self) -> Iterator[Traced]:
        """All of them."""
        before = 0
        for number, raw in self._source.lines(LONGEST):
            self.line = number
            yield from self._lines.feed(number, raw, begins=number != before)
            before = number
        yield from self._lines.end()


def _records(messages: Iterator[Traced], log: _Log, monitors: Monitors) -> Iterator[Record]:
    for one in messages:
        yield from monitors.feed(one)
    yield from monitors.finish(log.line)
