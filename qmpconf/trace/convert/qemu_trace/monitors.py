"""What QEMU's trace events say of its monitors, as sessions: who is connected, and what is missing.

A monitor is known by its address, and stays when its client goes: the next session begins with the
next greeting.  The log does not say when a client has gone, and QEMU logs the events also that it
sends to a monitor without one.

What the log leaves out is a gap, for which nobody is blamed:

- what a client sent and QEMU could not parse shows only by its answer, an error without an id;
- QEMU 5.2 has no ``monitor_qmp_respond``: whatever the server says is missing;
- a log may begin, and the events may be switched on, in the middle of a session.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.logs.messages import members
from qmpconf.trace.convert.qemu_trace.lines import Traced
from qmpconf.trace.convert.texts import Sessions, is_negotiation
from qmpconf.trace.convert.wire import SIDES
from qmpconf.trace.records import Record

#: More monitors at a time are not kept apart: the one that was silent for longest ends.
MOST = 1024
#: How many commands of a session are remembered, to see which answer has none.
_PENDING = 4096
#: How many events are held until it shows whether somebody is connected.
_HELD = 64

AS_READ = (
    "a command stands there as QEMU reads it: white space, the order of members, and how strings "
    "and numbers were written are QEMU's, and \\r\\n stands for what came behind it"
)
NO_BYTES = (
    "what QEMU could not parse is not there: a gap of the client stands for each answer to it"
)
NO_ANSWERS = (
    "there is no event monitor_qmp_respond, which QEMU 5.2 does not have: gaps stand for all that the "
    "server said"
)
NO_DESCRIPTORS = "the descriptors that were sent with commands are not there"
NO_COMMAND = "the command of an answer is not there: a gap of the client stands for it"
UNHEARD = "events that a monitor sent before its first client came are left out"
NO_TIMES = (
    "the log has no times, as without -msg timestamp=on: all are 0, and the header has that of the "
    "conversion"
)
TOO_MANY = "more monitors at a time than are kept apart: the one that was silent for longest ends"

#: The commands that take a descriptor.
_TAKES = frozenset({b'"getfd"', b'"add-fd"'})


@dataclass(slots=True)
class _Monitor:
    """One monitor and its present session.

    `pending` are the ids of commands that were not answered, None for one without; `held` the
    events before anything else; `negotiated` is whether this session's client has begun so.
    """

    pending: deque[bytes | None] = field(default_factory=lambda: deque(maxlen=_PENDING))
    held: list[Traced] = field(default_factory=list)
    known: bool = False
    negotiated: bool = False


class Monitors:
    """Makes records of messages.

    With `wait`, the events of a monitor of which nothing else is known are held until it shows that
    somebody is there; without, they come at once.
    """

    def __init__(self, notes: Notes, *, wait: bool = True) -> None:
        self.sessions = Sessions(notes)
        self._notes = notes
        self._wait = wait
        self._monitors: OrderedDict[str, _Monitor] = OrderedDict()  # the latest one last
        self._begin: datetime | None = None
        self._t = 0.0
        self._timed = False
        self._responds = False  # the log has events of what is sent

    def feed(self, one: Traced, t: float | None = None) -> Iterator[Record]:
        """The records of one message, at `t` seconds of the trace, or at the time that it has."""
        self._timed = self._timed or t is not None or one.when is not None
        self._t = max(self._t, self._at(one) if t is None else t)
        self._responds = self._responds or one.side == "server"
        monitor = self._monitors.get(one.monitor)
        if monitor is None:
            if len(self._monitors) >= MOST:
                yield from self._too_many(one.line)
            monitor = self._monitors[one.monitor] = _Monitor(known=not self._wait)
        self._monitors.move_to_end(one.monitor)
        parts = {} if one.broken else members(one.text)
        if one.side == "client":
            yield from self._command(one, monitor, parts)
        elif "QMP" in parts:
            yield from self._greeting(one, monitor)
        elif parts.keys() & {"return", "error"}:
            yield from self._answer(one, monitor, parts)
        elif monitor.known or "event" not in parts:
            yield from self._said(one, monitor)
        else:
            monitor.held.append(one)
            if len(monitor.held) > _HELD:
                yield from self._let_go(monitor)

    def finish(self, line: int) -> Iterator[Record]:
        """The log has ended, and with it all sessions."""
        for address, monitor in self._monitors.items():
            yield from self._let_go(monitor)
            yield from self._unanswered(line, address, monitor)
        if not self._timed:
            self._notes.lost(NO_TIMES)
        yield from self.sessions.wire.finish(line)

    def missed(self, line: int) -> Iterator[Record]:
        """Some of the log is missing here."""
        for address, monitor in self._monitors.items():
            monitor.pending.clear()
            if self.sessions.known(address):
                for side in SIDES:
                    yield from self.sessions.gap(line, self._t, address, side)

    def end(self, line: int, address: str) -> Iterator[Record]:
        """The monitor at that address is gone."""
        monitor = self._monitors.pop(address, None)
        if monitor is None:
            return
        yield from self._let_go(monitor)
        yield from self._unanswered(line, address, monitor)
        if self.sessions.known(address):
            yield from self.sessions.close(line, self._t, address)

    def _at(self, one: Traced) -> float:
        if one.when is None:
            return self._t
        self._begin = self._begin or one.when
        return (one.when - self._begin).total_seconds()

    # --- messages --------------------------------------------------------------------------------

    def _greeting(self, one: Traced, monitor: _Monitor) -> Iterator[Record]:
        if monitor.held:
            self._notes.lost(UNHEARD, monitor.held[0].line)
            monitor.held.clear()
        if self.sessions.spoken(one.monitor):
            yield from self._open(one, monitor)
        yield from self._said(one, monitor, greeting=True)

    def _command(self, one: Traced, monitor: _Monitor, parts: dict[str, bytes]) -> Iterator[Record]:
        negotiates = is_negotiation(one.text)
        yield from self._unanswered(one.line, one.monitor, monitor)
        if negotiates and monitor.negotiated and not self._responds:
            yield from self._open(one, monitor)  # only a new client does it again
        monitor.negotiated = monitor.negotiated or negotiates
        self._notes.lost(AS_READ, 0)
        if parts.get("execute") in _TAKES:
            self._notes.lost(NO_DESCRIPTORS, one.line)
        yield from self._said(one, monitor)
        monitor.pending.append(parts.get("id"))

    def _answer(self, one: Traced, monitor: _Monitor, parts: dict[str, bytes]) -> Iterator[Record]:
        yield from self._let_go(monitor)
        name = parts.get("id")
        if name in monitor.pending:
            monitor.pending.remove(name)
        else:
            why = NO_BYTES if "error" in parts and name is None else NO_COMMAND
            self._notes.lost(why, one.line)
            yield from self._begun(one)
            yield from self.sessions.lacking(one.line, self._t, one.monitor, "client")
        yield from self._said(one, monitor)

    def _said(self, one: Traced, monitor: _Monitor, *, greeting: bool = False) -> Iterator[Record]:
        yield from self._let_go(monitor)
        monitor.known = True
        yield from self._begun(one)
        place = one.line, self._t, one.monitor, one.side, one.text
        if one.broken:
            monitor.pending.clear()
            yield from self.sessions.broken(*place, one.lines)
        else:
            yield from self.sessions.said(*place, greeting=greeting)

    # --- sessions --------------------------------------------------------------------------------

    def _begun(self, one: Traced) -> Iterator[Record]:
        if not self.sessions.known(one.monitor):
            label = f"monitor {one.monitor}"
            yield from self.sessions.open(one.line, self._t, one.monitor, server=label)

    def _open(self, one: Traced, monitor: _Monitor) -> Iterator[Record]:
        """Another session of the same monitor begins."""
        yield from self._unanswered(one.line, one.monitor, monitor)
        yield from self.sessions.close(one.line, self._t, one.monitor)
        monitor.pending.clear()
        monitor.negotiated = False
        yield from self._begun(one)

    def _let_go(self, monitor: _Monitor) -> Iterator[Record]:
        """The events that are held were sent to somebody, or may have been."""
        held, monitor.held, monitor.known = monitor.held, [], True
        for one in held:
            yield from self._said(one, monitor)

    def _unanswered(self, line: int, address: str, monitor: _Monitor) -> Iterator[Record]:
        """In a log without answers, what was asked before was answered."""
        if self._responds or not monitor.pending:
            return
        self._notes.lost(NO_ANSWERS, line)
        monitor.pending.clear()
        yield from self.sessions.gap(line, self._t, address, "server")

    def _too_many(self, line: int) -> Iterator[Record]:
        self._notes.lost(TOO_MANY, line)
        yield from self.end(line, next(iter(self._monitors)))
