"""What the compiled core does for one session: it passes on by itself what is usual, and is stopped for the rest.

Nothing here decides what is usual (``_core.c``), or what becomes of what was not (`qmpconf.record.relay`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qmpconf.record.core import Core, Tape
from qmpconf.record.flow import Flow
from qmpconf.trace.records import Side


@dataclass(frozen=True, slots=True)
class Pass:
    """What passes usual messages on without us: a core, the trace that it writes to, and whether it may.

    `is_usual` says that of a session's side, as `TraceWriter.is_usual`.
    """

    core: Core
    tape: Tape
    is_usual: Callable[[int, Side], bool]


class Assistance:
    """The core's part of session `conn`, of which both flows may be passed on."""

    def __init__(self, usual: Pass, conn: int, flows: Sequence[Flow]) -> None:
        self._core = usual.core
        self._is_usual = usual.is_usual
        self._conn = conn
        self._flows = flows
        for flow in flows:
            self._core.register(
                flow.source.fileno(),
                flow.sink.fileno(),
                conn,
                flow.sender == "client",
                flow.looks,
                flow.sends,
                usual.tape,
            )

    def offer(self) -> None:
        """Let it pass on what comes now, where it may."""
        for flow in self._flows:
            may = flow.is_idle and self._is_usual(self._conn, flow.sender)
            self._core.allow(flow.source.fileno(), may)

    def stop(self) -> None:
        """Let nothing pass until the next offer."""
        for flow in self._flows:
            self._core.allow(flow.source.fileno(), False)

    def take_back(self, flow: Flow, *, whole: bool) -> tuple[bytes, int]:
        """Go on with `flow` ourselves; with `whole`, also with what is held of a message.

        Gives bytes that were only read, and the number of an error: of sending, or, negative, of reading.
        """
        taken = self._core.take(flow.source.fileno(), whole)
        if taken is None:
            return b"", 0
        held, rest, is_new, left, error = taken
        if held:
            flow.framer.feed(held)  # no message ends in it
        if left:
            flow.ahead = left
        elif rest and not is_new:
            flow.keep(rest, len(rest), [], 0)
        return (rest if is_new else b""), error

    def forget(self, flow: Flow) -> None:
        """The flow is closed."""
        if flow.source.fileno() >= 0:
            self._core.forget(flow.source.fileno())
