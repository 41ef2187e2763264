"""The trace of a recorder, which may become impossible to write, and possible again.

A write that fails stops the recorder, unless traffic is to pass all the same.  Then the trace is tried again every
now and then, and goes on behind gaps, which say how many messages of each session were not written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from qmpconf.errors import OutputError
from qmpconf.faults.engine import Happened
from qmpconf.protocol.framing import MESSAGES, Frame, Kind
from qmpconf.trace.records import Closer, Descriptor, Side
from qmpconf.trace.writer import TraceWriter

#: Seconds after which a trace that could not be written is tried again.
_AGAIN = 60.0

_SIDES: tuple[Side, Side] = ("client", "server")


@dataclass(slots=True)
class _Lost:
    """What one side of a session has said that was not written; `unsure` whether `messages` are all."""

    size: int = 0
    messages: int = 0
    unsure: bool = False

    def add(self, frames: Sequence[Frame]) -> None:
        """Count frames."""
        for frame in frames:
            self.size += len(frame.data) + len(frame.end)
            self.messages += frame.kind in MESSAGES
            self.unsure |= frame.kind in (Kind.PART, Kind.PARTIAL)


class Journal:
    """Writes sessions into `writer`.

    With `pass_on_error`, no method raises what writing does: `complain` is called with it, and with the news that it
    goes on; `later` has something done after some seconds.  `failed` is why nothing can be written,
    `unrecorded` whether that was ever so.
    """

    def __init__(
        self,
        writer: TraceWriter,
        later: Callable[[float, Callable[[], None]], None],
        complain: Callable[[str], None],
        *,
        pass_on_error: bool,
    ) -> None:
        self.failed: OutputError | None = None
        self.unrecorded = False
        self._writer = writer
        self._later = later
        self._complain = complain
        self._pass_on_error = pass_on_error
        self._open: dict[int, Callable[[], None]] = {}  # how each of them begins
        self._begun: set[int] = set()  # what the trace has begun, and not ended
        self._lost: dict[tuple[int, Side], _Lost] = {}

    def now(self) -> float:
        """Seconds since the trace began."""
        return self._writer.now()

    def open(
        self, conn: int, client: str, server: str, *, through: int = 0, shared: bool = False
    ) -> None:
        """Session `conn` begins."""

        def write() -> None:
            self._writer.open(conn, client=client, server=server, through=through, shared=shared)
            self._begun.add(conn)

        self._open[conn] = write
        self._try(write)

    def frames(
        self, conn: int, sender: Side, frames: Sequence[Frame], fds: tuple[Descriptor, ...] = ()
    ) -> None:
        """What a session says."""
        if self.failed is None:
            before = self._writer.messages
            try:
                self._writer.frames(conn, sender, frames, fds)
            except OutputError as error:
                self._writer.messages = before
                self._fail(error)
            else:
                return
        self._lost_of(conn, sender).add(frames)

    def gap(self, conn: int, sender: Side, size: int) -> None:
        """What a session has said is left out."""
        if self.failed is not None:
            self._lost_of(conn, sender).unsure = True
        self._try(lambda: self._writer.gap(conn, sender, size))

    def shut(self, conn: int, who: Side) -> None:
        """A side has ended its direction."""
        self._try(lambda: self._writer.shut(conn, who))

    def close(self, conn: int, who: Closer, error: str = "") -> None:
        """A session is over."""
        self._open.pop(conn, None)
        if self.failed is not None and conn not in self._begun:  # nothing will be written of it
            for side in _SIDES:
                self._lost.pop((conn, side), None)
        self._try(partial(self._close, conn, who, error))

    def fault(self, happened: Happened) -> None:
        """Something is done on purpose."""
        self._try(lambda: happened.write(self._writer))

    def finish(self) -> None:
        """The recording is over."""
        self._try(self._writer.finish)

    def _lost_of(self, conn: int, sender: Side) -> _Lost:
        return self._lost.setdefault((conn, sender), _Lost())

    def _close(self, conn: int, who: Closer, error: str) -> None:
        self._writer.close(conn, who, error=error)
        self._begun.discard(conn)

    def _try(self, call: Callable[[], None]) -> None:
        if self.failed is None:
            try:
                call()
            except OutputError as error:
                self._fail(error)

    def _fail(self, error: OutputError) -> None:
        self.failed = error
        if not self._pass_on_error:
            self._writer.abandon()
            raise error
        self.unrecorded = True
        self._complain(f"{error}; traffic passes UNRECORDED from here on")
        self._later(_AGAIN, self._resume)

    def _resume(self) -> None:
        """Go on, where there is room again."""
        try:
            self._writer.resume()
            for conn in sorted(self._begun | self._open.keys()):
                if conn not in self._begun:
                    self._open[conn]()
                self._gaps(conn)
                if conn not in self._open:
                    self._close(conn, "recorder", "ended while it was not recorded")
        except OutputError:
            self._later(_AGAIN, self._resume)
            return
        self.failed = None
        self._lost.clear()
        self._complain(f"{self._writer.path} can be written again, and goes on behind a gap")

    def _gaps(self, conn: int) -> None:
        """Write what a session has said meanwhile: how much."""
        for side in _SIDES:
            lost = self._lost.get((conn, side))
            if lost is not None and (lost.messages or lost.unsure):
                messages = 0 if lost.unsure else lost.messages
                self._writer.gap(conn, side, lost.size, messages=messages)
