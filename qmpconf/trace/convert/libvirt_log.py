"""The debug log of libvirtd (or virtqemud): writes what libvirt would have logged.

It is read as any log is, by `qmpconf.trace.convert.logs.reader`; what its trace points mean is in
`qmpconf.trace.convert.logs.libvirt`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from qmpconf.trace.convert.base import Notes, Options, Reading
from qmpconf.trace.convert.jsontext import compact, names
from qmpconf.trace.convert.logs.reader import read
from qmpconf.trace.convert.texts import sender_of
from qmpconf.trace.items import Item, items_of
from qmpconf.trace.records import Close, Gap, Header, Open

__all__ = ["read", "write"]


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write what libvirt would have logged, had it been the client."""
    del options
    clock = _Clock(reading.header, notes)
    notes.lost("times are in milliseconds")
    for item in items_of(reading.records):
        monitor = b"mon=0x%x" % item.conn
        before = clock.at(item.t) + b": 1: info : "
        if isinstance(item, Open):
            file.write(before + b"qemuMonitorOpenInternal:0 : QEMU_MONITOR_NEW: %b\n" % monitor)
        elif isinstance(item, Close):
            file.write(before + b"qemuMonitorClose:0 : QEMU_MONITOR_CLOSE: %b\n" % monitor)
        elif isinstance(item, Item):
            entry = _logged(item, monitor, before, notes)
            if entry:
                file.write(before + entry + b"\n")
        elif isinstance(item, Gap):
            notes.lost("gaps are left out", item.line)
        else:
            notes.lost("half-closes are left out", item.line)


def _logged(item: Item, monitor: bytes, before: bytes, notes: Notes) -> bytes:
    """The entries of one message, `before` being each one's head; nothing for what is none."""
    text, found = item.frame.data, names(item.frame.data)
    if sender_of(found) != item.sender:
        if text.strip():
            notes.lost("messages that are not QMP are left out", item.line)
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
        size = len(text) + 2
        wrote = b"%b buf=%b\r\n len=%d ret=%d errno=0" % (monitor, text, size, size)
        return b"qemuMonitorSend:0 : QEMU_MONITOR_SEND_MSG: %b msg=%b\r\n fd=%d\n%b%b" % (
            monitor,
            text,
            fd,
            before,
            b"qemuMonitorIOWrite:0 : QEMU_MONITOR_IO_WRITE: " + wrote,
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
            notes.lost("the trace does not say when it was recorded: it begins in 1970")
            self._begin = datetime.fromtimestamp(0, UTC)

    def at(self, t: float) -> bytes:
        """The time `t` seconds after the beginning."""
        try:
            moment = self._begin + timedelta(seconds=t)
        except (ValueError, OverflowError):
            moment = self._begin
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}+0000".encode()
