"""Recording without a proxy: a running machine's own trace log, followed while it is written.

The machine's monitor is needed for two moments: to switch on the trace events of its monitors
(``trace-event-set-state``), and to switch off again what was off before.  In between, others may use it, and are
recorded.  What is said for that is left out: it carries an id of ours, which shows whether the file is the
machine's log at all, where it begins, and which monitor was ours.

What the log does not hold is in `qmpconf.trace.convert.qemu_trace.monitors`.  Nothing is promised
of the trace but to tell the truth: it is not written ahead of delivery.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from qmpconf.errors import TargetError, UsageError
from qmpconf.net.address import Address, FdAddress, parse_address
from qmpconf.net.waker import Stopping
from qmpconf.record.growing import GrowingLog
from qmpconf.record.recorder import Observe, ignore
from qmpconf.record.recording import Signals
from qmpconf.record.records import Clock, RecordWriter
from qmpconf.record.switch import Ours, Switch, is_gone
from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.logs.times import Times
from qmpconf.trace.convert.qemu_trace.lines import Traced, TraceLines
from qmpconf.trace.convert.qemu_trace.monitors import Monitors
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.rotation import Rotation
from qmpconf.trace.writer import TraceWriter

#: Seconds between two looks into the log, and between two whether the machine is there.
_TICK, _LOOK = 0.05, 1.0
#: Seconds that the log may take to show what was said.
_PATIENCE = 5.0

_READ = (
    "the log has no times, as without -msg timestamp=on: a message has the time when it was read"
)
_CUT = "the log was made shorter or replaced: what may have been lost then is a gap"


@dataclass(slots=True)
class Followed:
    """What was recorded: the trace's `path`, and how much; `interrupted` by a signal."""

    path: str
    sessions: int
    messages: int
    interrupted: bool


def follow_trace(
    output: str,
    *,
    log: str,
    target: str,
    overwrite: bool = False,
    rotation: Rotation | None = None,
    redact: bool = True,
    secrets: Iterable[str] = (),
    observe: Observe | None = None,
    ended: Callable[[int], None] = ignore,
    complain: Callable[[str], None] = ignore,
    ready: Callable[[str], None] = ignore,
) -> Followed:
    """Record what the monitors of the machine at `target` are asked and say, out of its `log`.

    `target` is the address of one of its monitors, `log` the file that it writes (``-D``, or its standard error).
    It ends on SIGINT and SIGTERM, or with the machine.  `observe` is called after each message, `ended`
    with the number of a session that is over, `complain`
    with what the user should know, `ready` when it has begun.  With `rotation` the trace is in parts.

    Raises `UsageError` for an output that exists, `InputError` for a log that cannot be read,
    `OutputError`, and `TargetError` for a machine that cannot be reached, has no such events or logs elsewhere.
    """
    address = parse_address(target)
    if isinstance(address, FdAddress):
        raise UsageError("the machine is needed twice, to end its logging: name its address")
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals())
        growing = stack.enter_context(contextlib.closing(GrowingLog(log)))
        switch = stack.enter_context(Switch(address, complain))
        started, begun = datetime.now(UTC), time.monotonic()
        notes = Notes()
        reader = _Reader(growing, TraceLines(Times(started), notes))
        ours = Ours(switch.marks)
        early = list(ours.others(_until_it_shows(reader, ours, log, address)))
        clock = Clock()
        writer = TraceWriter(
            output,
            meta={"trace-log": log, "target": str(address), "query-version": switch.version},
            overwrite=overwrite,
            rotation=rotation,
            clock=clock,
            redact=Redactor(secrets) if redact else None,
            complain=complain,
            started=started,
        )
        stack.callback(writer.abandon)
        monitors = Monitors(notes, wait=False)
        records = RecordWriter(writer, clock, monitors.sessions.wire, observe, ended)

        def at(one: Traced) -> float:
            """When that was: as the log says it, or else now."""
            if one.when is None:
                notes.lost(_READ)
                return time.monotonic() - begun
            return max(0.0, (one.when - started).total_seconds())

        def take(messages: Iterable[Traced | None]) -> None:
            for one in messages:
                if one is None:
                    complain(_CUT)
                    records.put(monitors.missed(growing.line))
                elif not ours.is_ours(one):
                    records.put(monitors.feed(one, at(one)))

        take(early)
        follower = _Follower(address, lambda: take(reader.messages()))
        stack.callback(follower.close)
        signals.stops(follower)
        ready(log)
        follower.run()
        signals.stops(None)
        take(reader.end())
        records.put(monitors.finish(growing.line))
        records.finish()
        for _, _, text in notes.told():
            complain(text)
        return Followed(output, writer.sessions, writer.messages, bool(signals.came))


class _Reader:
    """The messages that come to a log; None where some of it may be missing."""

    def __init__(self, growing: GrowingLog, lines: TraceLines) -> None:
        self._growing = growing
        self._lines = lines

    def messages(self) -> Iterator[Traced | None]:
        """Those that have come since the last time."""
        for number, raw, begins in self._growing.lines():
            if self._growing.cut:
                self._growing.cut = False
                yield from self._lines.end()
                yield None
            yield from self._lines.feed(number, raw, begins=begins)

    def end(self) -> Iterator[Traced]:
        """What was not whole when it ended."""
        return self._lines.end()


def _until_it_shows(reader: _Reader, ours: Ours, log: str, target: Address) -> list[Traced]:
    """The log's messages up to one of ours, with which it was switched on.  Raises `TargetError`."""
    deadline = time.monotonic() + _PATIENCE
    found: list[Traced] = []
    while True:
        for one in reader.messages():
            if one is not None:
                found.append(one)
                ours.is_ours(one)
        if ours.shown:
            return found
        if time.monotonic() > deadline:
            raise TargetError(
                f"{log} is not where the machine at {target} logs: what it was just asked does not "
                "stand there. It is the file of QEMU's option -D, or else its standard error; the "
                "monitor's command 'logfile PATH' sets it in a machine that runs"
            )
        time.sleep(_TICK)


class _Follower(Stopping):
    """Reads again and again, until it is stopped or the machine is gone."""

    def __init__(self, target: Address, read: Callable[[], None]) -> None:
        super().__init__()
        self._target = target
        self._read = read

    def run(self) -> None:
        """Read until `stop`, or until nobody listens at the machine's address any more."""
        due = time.monotonic() + _LOOK
        gone = False
        while not (self.is_stopped or gone):
            self._read()
            select.select((self,), (), (), _TICK)
            if time.monotonic() >= due:
                gone = is_gone(self._target)
                due = time.monotonic() + _LOOK
        self._read()  # what was written until then
