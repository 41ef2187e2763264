r"""The debug log of libvirtd (or virtqemud), as far as it tells what went over QMP monitors.

libvirt logs its trace points: a message that is to be sent, a reply, an event, each with the
address of the monitor's structure, by which sessions are told apart::

    DATE TIME+0000: THREAD: info : FUNCTION:LINE : QEMU_MONITOR_SEND_MSG: mon=0x55 msg={...}\r
     fd=-1
    ...: QEMU_MONITOR_RECV_REPLY: mon=0x55 reply={...}
    ...: QEMU_MONITOR_RECV_EVENT: mon=0x55 event={...}

All else is passed over.  The greeting is there only if the log tells what libvirt reads
(``QEMU_MONITOR_IO_PROCESS``, or the line itself).  Messages and their line ends are the wire's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import BinaryIO

from qmpconf.errors import InputError
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.jsontext import compact, names
from qmpconf.trace.convert.libvirt_entries import Entry, entries
from qmpconf.trace.convert.texts import (
    BROKEN,
    NO_TIMES,
    Sessions,
    header,
    is_negotiation,
    one_line,
    sender_of,
)
from qmpconf.trace.reader import Item, items_of
from qmpconf.trace.records import Close, Descriptor, Gap, Header, Open, Record, Side

_FD = "what kind of descriptor was sent is not in the log"
_LOOSE = "a greeting that names no monitor goes to the session that begins next"


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """What the log tells of its monitors; the header's time is that of its first entry."""
    del options
    found = entries(source.lines())
    first = next(found, None)
    if first is None:
        raise InputError(
            f"{source.name}: no line of it tells what a monitor was sent, or said "
            "(QEMU_MONITOR_SEND_MSG, RECV_REPLY, RECV_EVENT); libvirt logs that with "
            'log_filters="1:qemu.qemu_monitor"'
        )
    if first.when is None:
        notes.lost(NO_TIMES)
    begin = first.when or datetime.now(UTC)
    reader = _Reader(begin, notes)
    return Reading(header(source, "libvirt-log", begin), reader.records(chain([first], found)))


class _Reader:
    """Makes records of entries."""

    def __init__(self, begin: datetime, notes: Notes) -> None:
        self._begin = begin
        self._notes = notes
        self._sessions = Sessions(notes)
        self._t = 0.0
        self._sent: dict[str, bytes] = {}  # by monitor, the latest command
        self._negotiated: dict[str, bytes] = {}  # by monitor, how its session began
        self._loose: tuple[int, bytes] | None = None  # a greeting, and nobody knows whose
        self._greeting = b""

    def records(self, found: Iterable[Entry]) -> Iterator[Record]:
        """The records of all entries."""
        line = 0
        for entry in found:
            line = entry.line
            if entry.when is not None:
                # Threads write their lines when they come to it: time stands still then.
                self._t = max(self._t, (entry.when - self._begin).total_seconds())
            yield from self._entry(entry)
        yield from self._sessions.wire.finish(line)

    def _entry(self, entry: Entry) -> Iterator[Record]:
        line, key = entry.line, entry.monitor
        if entry.kind == "NEW":
            if not self._sessions.known(key) or self._sessions.spoken(key):
                yield from self._open(line, key)
        elif entry.kind == "CLOSE":
            if self._sessions.known(key):
                yield from self._sessions.close(line, self._t, key)
        elif entry.kind in ("IO_PROCESS", "LINE"):
            yield from self._greeted(entry)
        elif entry.broken:
            if entry.kind != "IO_WRITE":
                self._notes.damage(BROKEN, line)
                side: Side = "client" if entry.kind == "SEND_MSG" else "server"
                yield from self._sessions.broken(line, self._t, key, side, entry.text)
        elif entry.kind in ("SEND_MSG", "IO_WRITE"):
            yield from self._asked(entry)
        else:
            yield from self._due_greeting(key)
            text = one_line(entry.text, "server", line, self._notes)
            yield from self._sessions.said(line, self._t, key, "server", text)

    def _open(self, line: int, key: str) -> Iterator[Record]:
        self._negotiated.pop(key, None)
        yield from self._sessions.open(line, self._t, key)

    def _asked(self, entry: Entry) -> Iterator[Record]:
        line, key = entry.line, entry.monitor
        if entry.kind == "IO_WRITE" and self._sent.get(key) == entry.text:
            return  # it was told already that this was to be sent
        self._sent[key] = entry.text
        if is_negotiation(entry.text):
            if self._negotiated.get(key) == entry.text:
                yield from self._open(line, key)  # the same id: it is another monitor's address now
            self._negotiated.setdefault(key, entry.text)
        yield from self._due_greeting(key)
        fds: tuple[Descriptor, ...] = ()
        if entry.fd >= 0:
            self._notes.lost(_FD, line)
            fds = (Descriptor("other", ""),)
        text = one_line(entry.text, "client", line, self._notes)
        yield from self._sessions.said(line, self._t, key, "client", text, fds)

    def _greeted(self, entry: Entry) -> Iterator[Record]:
        """What was read: of use where it is a greeting, and was not told otherwise."""
        if entry.broken or "QMP" not in names(entry.text):
            return
        if entry.kind == "LINE":
            if entry.text == self._greeting:
                self._greeting = b""
            else:
                self._loose = entry.line, entry.text
        elif not self._sessions.spoken(entry.monitor):
            self._greeting, self._loose = entry.text, None
            yield from self._sessions.said(
                entry.line, self._t, entry.monitor, "server", entry.text, greeting=True
            )

    def _due_greeting(self, key: str) -> Iterator[Record]:
        if self._loose is not None and not self._sessions.spoken(key):
            line, text = self._loose
            self._loose = None
            self._notes.lost(_LOOSE, line)
            yield from self._sessions.said(line, self._t, key, "server", text, greeting=True)


# --- writing -----------------------------------------------------------------------------------


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write what libvirt would have logged, had it been the client."""
    del options
    clock = _Clock(reading.header, notes)
    notes.lost("times are told in milliseconds")
    for item in items_of(reading.records):
        monitor = b"mon=0x%x" % item.conn
        before = clock.at(item.t) + b": 1: info : "
        if isinstance(item, Open):
            file.write(before + b"qemuMonitorOpenInternal:0 : QEMU_MONITOR_NEW: %b\n" % monitor)
        elif isinstance(item, Close):
            file.write(before + b"qemuMonitorClose:0 : QEMU_MONITOR_CLOSE: %b\n" % monitor)
        elif isinstance(item, Item):
            entry = _logged(item, monitor, notes)
            if entry:
                file.write(before + entry + b"\n")
        elif isinstance(item, Gap):
            notes.lost("gaps are left out", item.line)
        else:
            notes.lost("half-closes are left out", item.line)


def _logged(item: Item, monitor: bytes, notes: Notes) -> bytes:
    """The entry of one message; nothing for what is none."""
    text, found = item.frame.data, names(item.frame.data)
    if sender_of(found) != item.sender:
        if text.strip():
            notes.lost("messages that are no QMP are left out", item.line)
        return b""
    if item.frame.end != b"\r\n":
        notes.lost("the white space behind messages is left out", item.line)
    if b"\n" in text or b"\r" in text:
        notes.lost("messages of several lines are put on one", item.line)
        text = compact(text)
    if item.sender == "client":
        if item.fds:
            notes.lost("of descriptors, there is but one a message, without its kind", item.line)
        fd = 3 if item.fds else -1
        return b"qemuMonitorSend:0 : QEMU_MONITOR_SEND_MSG: %b msg=%b\r\n fd=%d" % (
            monitor,
            text,
            fd,
        )
    if "QMP" in found:
        return b"qemuMonitorIOProcess:0 : QEMU_MONITOR_IO_PROCESS: %b buf=%b\r\n len=%d" % (
            monitor,
            text,
            len(text) + 2,
        )
    kind, name = (b"EVENT", b"event") if "event" in found else (b"REPLY", b"reply")
    return b"qemuMonitorJSONIOProcessLine:0 : QEMU_MONITOR_RECV_%b: %b %b=%b" % (
        kind,
        monitor,
        name,
        text,
    )


class _Clock:
    """Times as libvirt writes them."""

    def __init__(self, first: Header, notes: Notes) -> None:
        try:
            self._begin = datetime.fromisoformat(first.started).astimezone(UTC)
        except (ValueError, OverflowError):
            notes.lost("the trace does not tell when it was recorded: it begins in 1970")
            self._begin = datetime.fromtimestamp(0, UTC)

    def at(self, t: float) -> bytes:
        """The time `t` seconds after the beginning."""
        try:
            moment = self._begin + timedelta(seconds=t)
        except (ValueError, OverflowError):
            moment = self._begin
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}+0000".encode()
