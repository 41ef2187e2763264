"""What went over libvirt's monitors, out of the entries of its log.

libvirt logs a message several times: when it is to be sent (``SEND_MSG``, with its descriptor),
when it is written (``IO_WRITE``), when a line was read (``Line [...]``) and when that is known for
a reply or an event (``RECV_REPLY``, ``RECV_EVENT``).  It was on the wire when it was written, and
when it was read.

The greeting is there only as a line that was read, without an address: it belongs to the monitor
that the same thread names next and that has none.  Before libvirt 6.1 one thread reads for all
monitors, since then each has its own.  A command that was to be sent before the greeting came is
written after it.  When the daemon begins anew, all its sessions have ended.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.jsontext import names
from qmpconf.trace.convert.logs.agents import Agents
from qmpconf.trace.convert.logs.conversations import Conversations
from qmpconf.trace.convert.logs.entries import LogEntry
from qmpconf.trace.convert.texts import BROKEN, is_negotiation, one_line
from qmpconf.trace.records import Descriptor, Record, Side

_FD = "what kind of descriptor was sent is not in the log"
_LOOSE = "a message names no monitor: it goes to the one that its thread names next"
_NO_WRITE = (
    "the log does not say when a command was written: it has the time when it was to be sent"
)
#: How many threads and monitors are known at a time.
_MOST = 1024


@dataclass(slots=True)
class _Monitor:
    """What is known of one address."""

    fresh: bool = False  # it has begun here, and its greeting may come
    begun: bytes = b""  # the negotiation
    due: tuple[LogEntry, float] | None = None  # to be sent, and not written; since when
    written: bytes = b""  # the latest message


@dataclass(slots=True)
class _Thread:
    """What one thread has read or is about to send, and has not named a monitor for."""

    greetings: list[tuple[LogEntry, float]] = field(default_factory=list)
    line: tuple[LogEntry, float] | None = None
    known: bytes = b""  # a greeting that named its monitor: as a line, it comes once more
    monitor: str = ""  # the one that it named last


class Monitors:
    """Makes records of entries.

    `writes` says whether the log says when messages are written; it is an assumption that the
    log can prove wrong.
    """

    def __init__(self, talks: Conversations, notes: Notes, *, writes: bool) -> None:
        self._talks = talks
        self._notes = notes
        self._writes = writes
        self._monitors: dict[str, _Monitor] = {}
        self._threads: dict[str, _Thread] = {}
        self._banner: tuple[int, float] | None = None  # where a daemon may have begun anew
        self._agents = Agents(talks, notes)

    def feed(self, entry: LogEntry, t: float) -> Iterator[Record]:
        """The records of one entry, at `t` seconds of the trace."""
        if entry.kind == "OTHER":
            return
        if entry.kind == "BANNER":
            if entry.thread not in self._threads:
                self._banner = entry.line, t
            return
        if entry.kind.startswith("AGENT") or self._agents.is_reply(entry):
            yield from self._agents.feed(entry, t)
            return
        yield from self._begun_anew(entry)
        yield from self._read_before(entry, t)
        if entry.kind in ("LINE", "SEND"):
            self._wait(entry, t)
            return
        monitor = self._monitors.get(entry.monitor)
        if monitor is None or entry.kind == "NEW":
            monitor = yield from self._new(entry, t)
        if entry.kind == "CLOSE":
            yield from self._close(entry, t)
        elif entry.kind == "IO_PROCESS":
            if not entry.broken and "QMP" in names(entry.text):
                self._threads[entry.thread].known = entry.text
                yield from self._greeting(entry, t, entry.monitor)
        elif entry.kind == "IO_SEND_FD":
            yield from self._due(monitor)
        elif entry.kind in ("SEND_MSG", "IO_WRITE"):
            yield from self._sending(entry, t, monitor)
        elif entry.kind in ("RECV_REPLY", "RECV_EVENT"):
            yield from self._receiving(entry, t, monitor)

    def finish(self, line: int, t: float) -> Iterator[Record]:
        """The log ends: what waits was sent, as far as anybody knows."""
        for monitor in self._monitors.values():
            yield from self._due(monitor)
        for name, thread in list(self._threads.items()):
            yield from self._read_before(LogEntry("OTHER", line, None, thread=name), t)
            for entry, _ in thread.greetings:
                self._notes.missed(entry.text, entry.line)

    # --- sessions ------------------------------------------------------------------------------

    def _begun_anew(self, entry: LogEntry) -> Iterator[Record]:
        """Whether the banner was that of another process: the same one may log it again."""
        if self._banner is None or entry.kind in ("LINE", "SEND"):
            return
        known = entry.thread in self._threads if entry.thread else False
        if entry.kind == "NEW" and not known:
            # When the one before has ended is not known: when it was heard last, nobody was late.
            line, t = self._banner[0], min(self._banner[1], self._talks.latest)
            self._monitors.clear()
            self._threads.clear()
            yield from self._talks.end_all(line, t)
        elif entry.kind != "NEW" and entry.monitor not in self._monitors:
            return
        self._banner = None

    def _new(self, entry: LogEntry, t: float) -> Generator[Record, None, _Monitor]:
        monitor = self._monitors.get(entry.monitor)
        talk = self._talks.talk({"monitor": entry.monitor})
        if monitor is not None:
            yield from self._due(monitor)
        if len(self._monitors) >= _MOST:
            del self._monitors[next(iter(self._monitors))]
        monitor = self._monitors[entry.monitor] = _Monitor()
        monitor.fresh = entry.kind == "NEW" or is_negotiation(entry.text)
        if entry.kind == "NEW" and (talk is None or self._talks.sessions.spoken(talk.key)):
            yield from self._talks.begin(entry.line, t, {"monitor": entry.monitor})
        return monitor

    def _close(self, entry: LogEntry, t: float) -> Iterator[Record]:
        yield from self._due(self._monitors.pop(entry.monitor))
        talk = self._talks.talk({"monitor": entry.monitor})
        if talk is not None:
            yield from self._talks.end(entry.line, t, talk)

    # --- messages ------------------------------------------------------------------------------

    def _sending(self, entry: LogEntry, t: float, monitor: _Monitor) -> Iterator[Record]:
        if entry.broken:
            if entry.kind == "SEND_MSG":
                yield from self._broken(entry, t, "client")
            return
        if entry.kind == "SEND_MSG":
            yield from self._due(monitor)
            if self._writes or is_negotiation(entry.text):
                monitor.due = entry, t
            else:
                yield from self._sent(entry, t, monitor)
            return
        # Written: at once, or piece by piece, of which the first one counts.
        self._writes = True
        due = monitor.due[0] if monitor.due is not None else None
        if due is not None and not due.text.endswith(entry.text):
            yield from self._due(monitor)
        elif due is not None and entry.ret is not None and entry.ret <= 0:
            pass  # it will be tried again
        elif due is not None:
            monitor.due = None
            entry.fd, entry.text = due.fd, due.text
            yield from self._sent(entry, t, monitor)
        elif not monitor.written.endswith(entry.text):
            yield from self._sent(entry, t, monitor)

    def _receiving(self, entry: LogEntry, t: float, monitor: _Monitor) -> Iterator[Record]:
        if entry.kind == "RECV_REPLY":
            monitor.fresh = False
            if monitor.due is not None and not is_negotiation(monitor.due[0].text):
                self._writes = False
            yield from self._due(monitor)
            monitor.written = b""
        if entry.broken:
            yield from self._broken(entry, t, "server")
        else:
            yield from self._said(entry, t, "server")

    def _broken(self, entry: LogEntry, t: float, side: Side) -> Iterator[Record]:
        self._notes.missed(entry.text, entry.line)
        self._notes.damage(BROKEN, entry.line)
        where = {"monitor": entry.monitor}
        yield from self._talks.broken(entry.line, t, where, side, entry.text, 1)

    def _due(self, monitor: _Monitor) -> Iterator[Record]:
        """What was to be sent was written, although the log does not say when."""
        due, monitor.due = monitor.due, None
        if due is not None:
            yield from self._sent(due[0], max(due[1], self._talks.latest), monitor)

    def _sent(self, entry: LogEntry, t: float, monitor: _Monitor) -> Iterator[Record]:
        if entry.kind == "SEND_MSG":
            self._notes.lost(_NO_WRITE, entry.line)
        monitor.written = entry.text
        if is_negotiation(entry.text):
            if monitor.begun == entry.text:  # the same id: it is another monitor's address now
                yield from self._talks.begin(entry.line, t, {"monitor": entry.monitor})
            monitor.begun = monitor.begun or entry.text
        fds: tuple[Descriptor, ...] = ()
        if entry.fd >= 0:
            self._notes.lost(_FD, entry.line)
            fds = (Descriptor("other", ""),)
        yield from self._said(entry, t, "client", fds)

    def _said(
        self, entry: LogEntry, t: float, side: Side, fds: tuple[Descriptor, ...] = ()
    ) -> Iterator[Record]:
        text = one_line(entry.text, side, entry.line, self._notes)
        where = {"monitor": entry.monitor} if entry.monitor else {}
        yield from self._talks.said(entry.line, t, where, side, text, fds)

    # --- lines that name no monitor ------------------------------------------------------------

    def _wait(self, entry: LogEntry, t: float) -> None:
        """What this is, or whose, shows in the next entry of its thread."""
        thread = self._threads[entry.thread]
        if entry.text == thread.known:
            thread.known = b""
        elif "QMP" in names(entry.text):
            thread.greetings.append((entry, t))
            del thread.greetings[:-_MOST]
        else:
            thread.line = entry, t

    def _read_before(self, entry: LogEntry, t: float) -> Iterator[Record]:
        """What this thread has read before: the greeting of this monitor, or what comes now."""
        thread = self._threads.get(entry.thread)
        if thread is None:
            if len(self._threads) >= _MOST:
                del self._threads[next(iter(self._threads))]
            thread = self._threads[entry.thread] = _Thread()
        reads = entry.kind in ("IO_WRITE", "RECV_REPLY", "RECV_EVENT", "CLOSE")
        if reads:
            thread.monitor = entry.monitor
        if reads and thread.greetings:
            monitor = self._monitors.get(entry.monitor)
            if is_negotiation(entry.text) and (monitor is None or monitor.begun):
                due = monitor.due if monitor is not None else None
                if self._monitors.pop(entry.monitor, None) is not None:  # an address used again
                    yield from self._talks.begin(entry.line, t, {"monitor": entry.monitor})
                monitor = yield from self._new(entry, t)
                monitor.due = due
            if monitor is not None and monitor.fresh:
                yield from self._greeting(*thread.greetings.pop(0), entry.monitor)
        waiting, thread.line = thread.line, None
        if waiting is None or (waiting[0].text == entry.text and entry.kind != "LINE"):
            return
        line, when = waiting
        self._notes.lost(_LOOSE, line.line)
        line.monitor = thread.monitor
        side: Side = "client" if line.kind == "SEND" else "server"
        if line.broken:
            yield from self._broken(line, when, side)
        else:
            yield from self._said(line, when, side)

    def _greeting(self, entry: LogEntry, t: float, address: str) -> Iterator[Record]:
        monitor = self._monitors[address]
        if not monitor.fresh:
            return
        monitor.fresh = False
        t = max(t, self._talks.latest)
        yield from self._talks.said(entry.line, t, {"monitor": address}, "server", entry.text)
