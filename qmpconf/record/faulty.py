"""Sessions with faults on purpose: what the server says goes to the client by way of a `Line`.

The trace has each message of the server as it was sent, and directly behind it the fault that befell
it.  The other direction is relayed as ever, but for a client that is read slowly.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from qmpconf.errors import UsageError
from qmpconf.faults.engine import Cut, Faults, Happened, Line, Out
from qmpconf.faults.rules import Schedule
from qmpconf.net.endpoint import abort
from qmpconf.protocol.framing import MESSAGES, Frame
from qmpconf.record.arrivals import Ends
from qmpconf.record.flow import Flow
from qmpconf.record.recorder import Recorder
from qmpconf.record.relay import Desk, Relay
from qmpconf.trace.records import Closer, Descriptor, Side
from qmpconf.trace.writer import TraceWriter

#: Steps in which a client is read slowly, in seconds.
_STEP = 0.1


class FaultyRelay(Relay):
    """One session by way of `line`."""

    def __init__(
        self, conn: int, client: socket.socket, server: socket.socket, desk: Desk, line: Line
    ) -> None:
        self._line = line
        self._due_at = 0.0  # of the latest timer
        self._server_ended: int | None = None  # the mask, while something still waits
        super().__init__(conn, client, server, desk)

    # --- from the client -----------------------------------------------------------------------

    def heard(self, frames: Sequence[Frame]) -> None:
        """The client has sent messages, which are recorded."""
        for frame in frames:
            if frame.kind in MESSAGES and (outs := self._line.client(frame.data)):
                # What waited for this goes out before its response can.
                self._desk.later(0, partial(self._give, outs))

    def _read(self, flow: Flow, mask: int) -> None:
        if flow is self._forward and self._line.speed:
            self._slowly(flow, mask)
        else:
            super()._read(flow, mask)

    def _slowly(self, flow: Flow, mask: int) -> None:
        """Read as much as a slow server reads in one step, and then nothing until the next one."""
        whole, self._buffer = self._buffer, self._buffer[: max(1, int(self._line.speed * _STEP))]
        try:
            super()._read(flow, mask)
        finally:
            self._buffer = whole
        if not (self.over or flow.done):
            flow.paused = True
            self._update()
            self._desk.later(max(_STEP, 1 / self._line.speed), lambda: self._resume(flow))

    def finish(self, who: Closer | None = None) -> None:
        """End the session.  What its client has sent, and was not read because of a fault, is a gap."""
        flow = self._forward
        if not self.over and (flow.unseen or (flow.framer.held and not flow.done)):
            unread = flow.unread
            self._leftovers(flow)
            self._desk.gap(self.conn, "client", unread)
        super().finish(who)

    # --- from the server -----------------------------------------------------------------------

    def _pass_on(self, flow: Flow, data: bytes, taken: int) -> None:
        if flow is not self._backward:
            super()._pass_on(flow, data, taken)
            return
        frames = flow.framer.feed(data[:taken])  # the rest is still in the source
        self._hold(flow)
        self._pass(frames)

    def _spill(self, flow: Flow) -> None:
        if flow is self._backward:
            self._pass(flow.framer.spill())
            self._hold(flow)
        else:
            super()._spill(flow)

    def _pass(self, frames: Sequence[Frame]) -> None:
        """Have each frame recorded, and then give the client what it gets of it."""
        for frame in frames:
            if self.over:
                return
            self._write(self.conn, "server", (frame,), ())
            if frame.kind in MESSAGES:
                self._give(self._line.server(frame.data, frame.end, time.monotonic()))
            else:
                self._give(self._line.other(frame.data + frame.end))

    def _end(self, flow: Flow, mask: int) -> None:
        """One has ended; with the server, so does the client's session, once it was given what waits for a time."""
        if flow is self._forward or self._line.wait(time.monotonic()) is None:
            super()._end(flow, mask)
            return
        self._server_ended = mask
        self._unregistered(flow.source)
        flow.paused = True

    # --- to the client -------------------------------------------------------------------------

    def _give(self, outs: Sequence[Out]) -> None:
        for out in outs:
            if self.over or self._backward.done:
                return
            if isinstance(out, Cut):
                self._flush(self._backward)
                self.finish("recorder")
                return
            self._backward.add(out)
        flow = self._backward
        if self._server_ended is None and flow.paused != self._line.full:
            # A server is held back, rather than all that it says kept.
            flow.paused = self._line.full
            self._update()
        if outs:
            self._flush(flow)
        self._set_timer()

    def _set_timer(self) -> None:
        now = time.monotonic()
        wait = self._line.wait(now)
        if wait is not None and (self._due_at <= now or now + wait < self._due_at):
            self._due_at = now + wait
            self._desk.later(wait, self._on_time)

    def _on_time(self) -> None:
        if self.over:
            return
        self._due_at = 0.0
        self._give(self._line.due(time.monotonic()))
        self._set_timer()
        ended = self._server_ended
        if ended is not None and not self.over and self._line.wait(time.monotonic()) is None:
            self._server_ended = None
            self._backward.paused = False
            self._end(self._backward, ended)


class FaultyRecorder(Recorder):
    """A recorder whose clients get what `schedule` leaves of the server.

    `told` is called with each fault.
    """

    uses_core = False

    def __init__(
        self,
        ends: Ends,
        writer: TraceWriter,
        *,
        schedule: Schedule,
        told: Callable[[Happened], None],
        **others: Any,
    ) -> None:
        if ends.server_dials or ends.client_listens:
            raise UsageError("faults are for clients that connect to the recorder")
        self._told_fault = told
        self._faults = Faults(schedule, self._happened)
        self._faulty: dict[int, FaultyRelay] = {}
        super().__init__(ends, writer, **others)
        self.happened = self._faults.happened

    def _happened(self, happened: Happened) -> None:
        self._journal.fault(happened)
        self._told_fault(happened)

    def _begin(self, client: socket.socket, server: socket.socket) -> None:
        conn = self._opened(client, server)
        line = self._faults.session(conn)
        if line.refused:
            server.close()
            try:
                self._journal.close(conn, "recorder", "refused on purpose")
            finally:
                abort(client)
            self._told_ended(conn)
            self._after_session()
            return
        relay = FaultyRelay(conn, client, server, self._desk, line)
        self._relays[conn] = self._faulty[conn] = relay

    def _write(
        self, conn: int, sender: Side, frames: Sequence[Frame], fds: tuple[Descriptor, ...]
    ) -> None:
        super()._write(conn, sender, frames, fds)
        if sender == "client" and conn in self._faulty:
            self._faulty[conn].heard(frames)

    def _ended(self, relay: Relay) -> None:
        self._faulty.pop(relay.conn, None)
        super()._ended(relay)
