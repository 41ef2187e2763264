"""The lines of a libvirtd log to entries: trace points of QMP monitors, with whole messages.

An entry may begin behind whatever syslog, journald or a mail put before it, and go on over several
lines: libvirt logs the line end of a message as it is.  A message that the next entry interrupts
is broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from qmpconf.trace.convert.texts import Collector

_PROBE = re.compile(
    rb"QEMU_MONITOR_(NEW|CLOSE|SEND_MSG|RECV_REPLY|RECV_EVENT|IO_PROCESS|IO_WRITE): ?"
    rb"mon=(0x[0-9a-fA-F]{1,16})(?: (?:msg|reply|event|buf)=(.*))?",
    re.DOTALL,
)
#: A line that was read, as releases log it that do not log the greeting otherwise.
_LINE = re.compile(rb"JSONIOProcessLine:\d{1,9} : Line \[(\{.*)", re.DOTALL)
#: How a line begins that is a new entry; grep and editors number lines.
_ENTRY = re.compile(
    rb"[ \t>|]*(?:\d{1,9}[-: \t]+)?(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
    rb"|\d{10}\.\d+ |\S+\(\d+\) \d\d:\d\d:\d\d)"
)
#: What a mail, or journald, puts before a line that goes on.
_QUOTE = re.compile(rb"[ \t]*(?:[>|][ \t]?)*")
#: What may stand between a message and its descriptor: the line end, as it is or made visible.
_FD = re.compile(rb"(?:\s|\^M|#015|#012)*(?:\d{1,9}[-: \t]+)?fd=(-?\d{1,9})\b")
_NO_FD = re.compile(rb"(?:\s|\^M|#015|#012)*\Z")

_ISO = re.compile(
    rb"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?\d*(?:([+-])(\d\d):?(\d\d))?"
)
_SYSLOG = re.compile(rb"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")
_UNIX = re.compile(rb"(?:\A|\s)(\d{10})\.(\d{1,6}) ")
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov")


@dataclass(slots=True)
class Entry:
    """One trace point.

    `kind` is its name without ``QEMU_MONITOR_`` (``LINE``: a line that was read), `monitor` the
    address that it names, `when` its time if the log tells one, `fd` the descriptor that was sent,
    or -1.  `text` is the message; with `broken`, what there is of it.
    """

    kind: str
    line: int
    when: datetime | None
    monitor: str
    text: bytes = b""
    broken: bool = False
    fd: int = -1
    _collector: Collector = field(default_factory=Collector)

    def take(self, line: int, text: bytes) -> bool:
        """Take what stands in the next line; tells whether that was all."""
        if not self.text:
            found = self._collector.add(line, text)
            if found is None:
                return False
            self.text, text = found
            if not self.text.startswith(b"{"):
                self.text, self.broken = (self.text or text).rstrip(b"\r\n"), True
                return True
        if self.kind != "SEND_MSG":
            return True
        told = _FD.match(text)
        if told:
            self.fd = int(told.group(1))
        return told is not None or _NO_FD.match(text) is None

    def end(self) -> None:
        """Another entry begins, or the log ends."""
        if self._collector.busy:
            self.text, self.broken = self._collector.drop().rstrip(b"\r\n"), True


def entries(lines: Iterable[tuple[int, bytes]]) -> Iterator[Entry]:
    """The entries of a log, in its order."""
    latest: Entry | None = None
    for line, text in lines:
        found = _PROBE.search(text) if b"QEMU_MONITOR_" in text else None
        loose = _LINE.search(text) if found is None and b"QMP" in text else None
        if latest is not None and (found or loose or _ENTRY.match(text)):
            latest.end()
            yield latest
            latest = None
        if found is not None:
            kind, monitor, rest = found.groups()
            when = _time(text[: found.start()])
            latest = Entry(kind.decode(), line, when, monitor.decode().lower())
        elif loose is not None:
            rest = loose.group(1)
            latest = Entry("LINE", line, _time(text[: loose.start()]), "")
        else:
            rest = _QUOTE.sub(b"", text, 1)
        if latest is not None and (rest is None or latest.take(line, rest)):
            yield latest
            latest = None
    if latest is not None:
        latest.end()
        yield latest


def _time(text: bytes) -> datetime | None:
    """The latest time in what stands before an entry: UTC, where it names no zone."""
    try:
        found = [*_ISO.finditer(text)]
        if found:
            *date, fraction, sign, hours, minutes = found[-1].groups()
            zone = UTC
            if sign:
                ahead = timedelta(hours=int(hours), minutes=int(minutes))
                zone = timezone(-ahead if sign == b"-" else ahead)
            year, month, day, hour, minute, second = map(int, date)
            micro = _microseconds(fraction)
            moment = datetime(year, month, day, hour, minute, second, micro, zone)
            return moment.astimezone(UTC)
        unix = _UNIX.search(text)
        if unix:
            moment = datetime.fromtimestamp(int(unix.group(1)), UTC)
            return moment.replace(microsecond=_microseconds(unix.group(2)))
        syslog = _SYSLOG.search(text)
        if syslog:
            name, *numbers, fraction = syslog.groups()
            month = (*_MONTHS, b"Dec").index(name) + 1
            day, hour, minute, second = map(int, numbers)
            year, micro = datetime.now(UTC).year, _microseconds(fraction)
            return datetime(year, month, day, hour, minute, second, micro, UTC)
    except (ValueError, OverflowError):
        pass  # it only looked like a time
    return None


def _microseconds(digits: bytes | None) -> int:
    return int((digits or b"").ljust(6, b"0"))
