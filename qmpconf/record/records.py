"""Records that a reader gives, into a trace that is written while they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qmpconf.record.recorder import Observe
from qmpconf.trace.convert.wire import Wire
from qmpconf.trace.records import Close, Gap, Open, Record, Shut, Traffic
from qmpconf.trace.writer import TraceWriter


class Clock:
    """Seconds since the trace began, as the records give it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time of the latest record."""
        return self.now


class RecordWriter:
    """Writes records as they come; `observe` is called after each message, `ended` behind each session.

    `wire` is what has made them, `clock` the writer's.  `live` are the sessions that have not ended.
    """

    def __init__(
        self,
        writer: TraceWriter,
        clock: Clock,
        wire: Wire,
        observe: Observe | None,
        ended: Callable[[int], None],
    ) -> None:
        self.live: set[int] = set()
        self._writer = writer
        self._clock = clock
        self._wire = wire
        self._observe = observe
        self._ended = ended

    def put(self, records: Iterable[Record]) -> None:
        """Write them, each as soon as it is made."""
        writer = self._writer
        for record in records:
            self._clock.now = record.t
            if isinstance(record, Traffic):
                frames = [self._wire.frame]
                writer.frames(record.conn, record.sender, frames)
                if self._observe is not None:
                    self._observe(record.conn, record.sender, frames, record.t)
            elif isinstance(record, Open):
                self.live.add(record.conn)
                writer.open(record.conn, client=record.client, server=record.server)
            elif isinstance(record, Gap):
                writer.gap(record.conn, record.sender, record.size, messages=record.messages)
            elif isinstance(record, Shut):
                writer.shut(record.conn, record.who)
            elif isinstance(record, Close):
                self.live.discard(record.conn)
                writer.close(record.conn, record.who, error=record.error)
                self._ended(record.conn)

    def finish(self) -> None:
        """End the trace."""
        # What a gap has cut into pieces is not a message; the framing knows.
        self._writer.messages = self._wire.messages
        self._writer.finish()
