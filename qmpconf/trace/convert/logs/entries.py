"""The lines of a libvirtd log to entries: trace points of QMP monitors, with whole messages.

An entry may begin behind whatever syslog, journald or a mail put before it, and go on over several
lines: libvirt logs the line end of a message as it is.  A message that the next entry interrupts
is broken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from qmpconf.trace.convert.logs.times import Times
from qmpconf.trace.convert.texts import Collector

_PROBE = re.compile(
    rb"QEMU_MONITOR_(NEW|CLOSE|SEND_MSG|RECV_REPLY|RECV_EVENT|IO_PROCESS|IO_WRITE|IO_SEND_FD): ?"
    rb"mon=(0x[0-9a-fA-F]{1,16})(?: (?:msg|reply|event|buf)=(.*))?",
    re.DOTALL,
)
#: A line that was read; releases log the greeting in no other way.  syslog and the journal may have no more than the text.
_LINE = re.compile(
    rb"\A(?:.{0,200}JSONIOProcessLine:\d{1,9} : |[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d.{0,200}?\[\d{1,10}\]: |MESSAGE=)?"
    rb"Line \[(\{.*)",
    re.DOTALL,
)
#: A command on its way, as releases log it besides.
_SEND = re.compile(rb"JSONCommand\w*:\d{1,9} : Send command '(\{.*)", re.DOTALL)
#: The same two for a guest agent, and how a thread turns to one.
_AGENT_LINE = re.compile(rb"AgentIOProcessLine:\d{1,9} : Line \[(\{.*)", re.DOTALL)
_AGENT_SEND = re.compile(
    rb"(?:AgentCommand\w*:\d{1,9} : |\A[^{]{0,200}(?=Send command .*' for write, seconds = -?\d))Send command '(\{.*)",
    re.DOTALL,
)
_AGENT_ENTER = re.compile(rb"Entering agent \(agent=(0x[0-9a-fA-F]{1,16}) ")
#: How the daemon begins its log.
_BANNER = re.compile(rb"info : libvirt version: \S")
#: What stands before the text of each of libvirt's own lines: the thread, the level, the function.
_HEAD = re.compile(
    rb"(?<![\w.+])(\d{1,10}): (?:(?:debug|info|warning|error) : \w{1,100}:\d{1,9} : "
    rb"|info : (?:libvirt version|hostname): )"
)
#: How a line begins that is a new entry; grep and editors number lines.
_ENTRY = re.compile(
    rb"[ \t>|]*(?:\d{1,9}[-: \t]+)?(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
    rb"|\d{10}\.\d+ |\S+\(\d+\) \d\d:\d\d:\d\d)"
)
#: What a mail, or journald, puts before a line that goes on.
_QUOTE = re.compile(rb"[ \t]*(?:[>|][ \t]?)*")
#: What may stand between a message and what is behind it: the line end, as it is or made visible.
_FD = re.compile(rb"(?:\s|\^M|#015|#012)*(?:\d{1,9}[-: \t]+)?fd=(-?\d{1,9})\b")
_LEN = re.compile(rb"(?:\s|\^M|#015|#012)*(?:\d{1,9}[-: \t]+)?len=\d{1,20}(?: ret=(-?\d{1,20}))?")
_NOTHING = re.compile(rb"(?:\s|\^M|#015|#012)*\Z")
#: How far from its beginning a line has its head.
_NEAR = 300
_BEHIND = {"SEND_MSG": _FD, "IO_WRITE": _LEN}
#: Entries without an address, in the order in which they are looked for.
_LOOSE = {_LINE: "LINE", _SEND: "SEND", _AGENT_LINE: "AGENT_LINE", _AGENT_SEND: "AGENT_SEND"}


@dataclass(slots=True)
class LogEntry:
    """One trace point.

    `kind` is its name without ``QEMU_MONITOR_`` (``LINE``: a line that was read; ``SEND``: a
    command on its way; ``AGENT_LINE``, ``AGENT_SEND``: the same of a guest agent; ``AGENT_ENTER``: its thread turns to
    an agent; ``BANNER``: the daemon begins; ``OTHER``: another of its lines), `monitor` the address that it names, `thread`
    the thread that has written it, `when` its time if the log gives one, `fd` the descriptor that
    was sent, or -1, `ret` how many bytes were written.  `text` is the message; with `broken`, what
    there is of it.
    """

    kind: str
    line: int
    when: datetime | None
    monitor: str = ""
    thread: str = ""
    text: bytes = b""
    broken: bool = False
    fd: int = -1
    ret: int | None = None
    _collector: Collector = field(default_factory=Collector)

    def take(self, line: int, text: bytes) -> bool:
        """Take what stands in the next line; says whether that was all."""
        if not self.text:
            found = self._collector.add(line, text)
            if found is None:
                return False
            self.text, text = found
            if not self.text.startswith(b"{"):
                self.text, self.broken = (self.text or text).rstrip(b"\r\n"), True
                return True
        behind = _BEHIND.get(self.kind)
        if behind is None:
            return True
        told = behind.match(text)
        if told and self.kind == "SEND_MSG":
            self.fd = int(told.group(1))
        elif told and told.group(1):
            self.ret = int(told.group(1))
        return told is not None or _NOTHING.match(text) is None

    def end(self) -> None:
        """Another entry begins, or the log ends."""
        if self._collector.busy:
            self.text, self.broken = self._collector.drop().rstrip(b"\r\n"), True


class Entries:
    """The entries of a log, line by line."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._latest: LogEntry | None = None  # the one that may go on

    @property
    def busy(self) -> bool:
        """Whether an entry may go on in the next line."""
        return self._latest is not None

    def feed(
        self, line: int, text: bytes, when: datetime | None = None, thread: str = ""
    ) -> tuple[list[LogEntry], bool]:
        """The entries that end with a line, or before it; and whether the line is libvirt's.

        `when` and `thread` are given where they do not stand in the text.
        """
        found = _PROBE.search(text) if b"QEMU_MONITOR_" in text else None
        loose = None
        if found is None and (b"Line [{" in text or b"Send command '{" in text):
            loose = next((one for kind in _LOOSE if (one := kind.search(text))), None)
        head = _HEAD.search(text[:_NEAR])
        first = found or loose or head
        if first is None and not thread:
            if _ENTRY.match(text):
                return self.end(), False
            if self._latest is None:
                return [], False
            return self._go_on(self._latest, line, _QUOTE.sub(b"", text, 1)), True
        done = self.end()
        if when is None:
            when = self._times.of(text[: first.start() if first else _NEAR])
        if head is not None:
            thread = head.group(1).decode()
        rest: bytes | None = None
        if found is not None:
            kind, monitor, rest = found.groups()
            entry = LogEntry(kind.decode(), line, when, monitor.decode().lower(), thread)
        elif loose is not None:
            rest = loose.group(1)
            entry = LogEntry(_LOOSE[loose.re], line, when, "", thread)
        else:
            entry = _without_message(line, text, when, thread)
        return [*done, *([entry] if rest is None else self._go_on(entry, line, rest))], True

    def _go_on(self, entry: LogEntry, line: int, text: bytes) -> list[LogEntry]:
        if entry.take(line, text):
            self._latest = None
            return [entry]
        self._latest = entry
        return []

    def end(self) -> list[LogEntry]:
        """The entry that does not go on: another one begins, or the log ends."""
        entry, self._latest = self._latest, None
        if entry is None:
            return []
        entry.end()
        return [entry]


def _without_message(line: int, text: bytes, when: datetime | None, thread: str) -> LogEntry:
    """An entry that holds no message."""
    enters = _AGENT_ENTER.search(text)
    if enters is not None:
        return LogEntry("AGENT_ENTER", line, when, enters.group(1).decode().lower(), thread)
    return LogEntry("BANNER" if _BANNER.search(text) else "OTHER", line, when, "", thread)
