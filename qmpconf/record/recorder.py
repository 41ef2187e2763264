"""The recorder: accepts, connects, relays, and writes every session into one trace.

One thread, one poll.  For each client that connects it makes one connection to the server, and
gives the pair to a `Relay`.  The other way round, where a server dials out (``--server-dials``)
or a client listens (``--client-listens``), the same two ends are listened on or connected to.

A trace that cannot be written stops the recorder before anything unrecorded is sent, unless it
was told to let traffic pass.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from qmpconf.errors import OutputError
from qmpconf.faults.rules import Rule
from qmpconf.net.endpoint import (
    abort,
)
from qmpconf.protocol.framing import Frame
from qmpconf.record.arrivals import Arrivals, Ends
from qmpconf.record.assistance import Pass
from qmpconf.record.core import tape_of
from qmpconf.record.dial import RETRY
from qmpconf.record.journal import Journal
from qmpconf.record.relay import Desk, Relay
from qmpconf.record.shared import Shared
from qmpconf.trace.records import Closer, Descriptor, Side
from qmpconf.trace.writer import TraceWriter

#: Called after frames were recorded: conn, sender, frames, seconds since the trace began.
Observe = Callable[[int, Side, Sequence[Frame], float], None]


def ignore(_: object) -> None:
    """Do nothing with it: what a caller who wants no news gives."""


#: Seconds that noise which was not delivered may still be written down after the end.
_LEAVE = 1.0
#: Seconds between two looks at a server that has left the process which was started.
_LOOK = 0.25
#: Seconds that sessions may take to end after the client that was started has ended.
_DRAIN = 10.0


class Connection(Protocol):
    """What a recorder asks of each of its sessions."""

    def wake(self) -> None:
        """Do at once what was put off."""

    def has_news(self) -> bool:
        """Whether it has sent something that was not recorded yet."""

    def finish(self, who: Closer) -> None:
        """End it; `who` does that, if nobody did before."""

    def abandon(self) -> None:
        """End it, and write nothing more of it."""


class Recorder(Arrivals):
    """Records sessions between `ends` into `writer`.

    Listens as soon as it is made.  `once` ends `run` after the first session.  `patience` is how
    many seconds after the start a refused connection to the server is tried again.
    `ended` is called with the number of a session that is over.  `shared` is the loop that it shares with others, whose owner calls `end` in place of `run`.
    `pass_on_error` lets traffic pass when the trace cannot be written any more; `complain` gets
    that news.  `failed` is why the trace cannot be written, `unrecorded` whether traffic has passed
    meanwhile, `sessions` how many there were,
    `refused` how many of them never had both sides, `happened` what has gone wrong on purpose.
    Raises `UsageError` for an address that cannot be used.
    """

    #: Whether usual messages may pass without being seen by the sessions.
    uses_core = True

    def __init__(
        self,
        ends: Ends,
        writer: TraceWriter,
        *,
        once: bool = False,
        patience: float = 0.0,
        pass_on_error: bool = False,
        observe: Observe | None = None,
        complain: Callable[[str], None] = ignore,
        shared: Shared | None = None,
        ended: Callable[[int], None] = ignore,
    ) -> None:
        self._owned = shared is None
        self._shared = shared = shared or Shared(self._woken)
        super().__init__(ends, shared.loop, patience, complain, once=once)
        self.sessions = 0
        self.refused = 0
        self.happened: Sequence[Rule] = ()
        self._pass_on_error = pass_on_error
        self._observe = observe
        self._told_ended = ended
        self._journal = Journal(writer, self._loop.later, complain, pass_on_error=pass_on_error)
        self._relays: dict[int, Relay] = {}
        self._stopping = False
        #: What to do once clients are quiet, and until when to wait for that.
        self._when_quiet: deque[tuple[float, Callable[[], None]]] = deque()
        self._turns = shared.turns
        self._writer = writer
        core = self._loop.core if observe is None and self.uses_core else None
        self._tape = tape_of(writer) if core is not None else None
        self._desk = Desk(
            self._loop.poller,
            self._loop.handlers,
            shared.turns,
            shared.holding,
            shared.buffer,
            self._loop.later,
            self._write,
            self._gap,
            self._journal.shut,
            self._ended,
            Pass(core, self._tape, writer.is_usual) if core and self._tape else None,
        )
        self._judge()
        self._watched: dict[int, int] = {}
        self._open_doors()

    def take_signals(self) -> None:
        """From now on until it is closed, a signal makes `run` look around."""
        self._loop.take_signals()

    # --- running -------------------------------------------------------------------------------

    def run(self) -> None:
        """Relay until `stop` is called or, with `once`, until the first session has ended.

        Raises `OutputError` when the trace cannot be written, unless traffic is to pass then.
        """
        try:
            while not self._stopping:
                self._shared.turn()
            self.end()
        finally:
            self.close()
        if self.failed is not None and not self._pass_on_error:
            raise self.failed

    @property
    def failed(self) -> OutputError | None:
        """Why the trace cannot be written."""
        return self._journal.failed

    @property
    def unrecorded(self) -> bool:
        """Whether traffic has passed that could not be written."""
        return self._journal.unrecorded

    @property
    def over(self) -> bool:
        """Whether `run` has ended, or would: there is nothing more to record."""
        return self._stopping

    def retire(self) -> None:
        """Take no more clients, and be `over` with the last session."""
        self._stop_listening()
        self._once = True
        if not self._open() and not self._dialer.busy:
            self._stopping = True

    def end(self) -> None:
        """End all sessions, and the trace; what was there before belongs to the recording."""
        self._stop_listening()
        relays = self._connections()
        for relay in relays:
            relay.wake()
        if relays:
            self._loop.look(0)
        for relay in relays:
            relay.finish("recorder")
        leave = time.monotonic() + _LEAVE
        while self._turns.busy:
            self._turns.closing = time.monotonic() > leave
            self._turns.next()
        self._turns.closing = False
        self._journal.finish()

    def stop(self) -> None:
        """End `run`, from any thread or signal handler."""
        self._stopping = True
        self._loop.wake()

    def stop_when_quiet(self, patience: float) -> None:
        """End `run` once clients have nothing more to say for now, from any thread.

        Connections that wait to be accepted and what clients have sent are recorded first; that
        may take `patience` seconds.  Clients that are connected and silent are not waited for.
        """
        self._once_quiet(patience, self._stop)

    def wait_until_quiet(self, patience: float) -> None:
        """Wait, in another thread than that of `run`, until what clients have sent is recorded.

        That is what `stop_when_quiet` waits for; it may take `patience` seconds.
        """
        quiet = threading.Event()
        self._once_quiet(patience, quiet.set)
        quiet.wait(patience)

    def _once_quiet(self, patience: float, action: Callable[[], None]) -> None:
        self._when_quiet.append((time.monotonic() + patience, action))
        self._loop.wake()

    def stop_after_process(self, pid: int, goes_on: Callable[[], bool] | None = None) -> None:
        """End `run` when process `pid` has ended, and so have the sessions that it left.

        `goes_on` says whether a server that had left that process still goes on in another one, and
        is asked every now and then: nothing reports its end.
        """
        watch = os.pidfd_open(pid)

        def look() -> None:
            if goes_on is not None and goes_on():
                self._loop.later(_LOOK, look)
                return
            self._dialer.hurry()  # nobody will listen any more
            self._drain(time.monotonic() + _DRAIN, self._stop)

        def ended(_: int) -> None:
            self._loop.forget(watch)
            look()

        self._watched[watch] = pid
        self._loop.register(watch, ended)

    def end_after(self, seconds: float, *actions: Callable[[], object]) -> None:
        """Act after so many seconds of `run`, which goes on."""

        def act() -> None:
            for action in actions:
                action()

        self._loop.later(seconds, act)

    def close(self) -> None:
        """Close every socket, and remove the socket files that the recorder made."""
        handlers = self._loop.handlers
        for relay in self._connections():
            relay.abandon()
        self._close_doors()
        for watch in self._watched:
            handlers.pop(watch, None)
            os.close(watch)
        self._watched.clear()
        if self._owned:
            self._shared.close()

    def _woken(self) -> None:
        while self._when_quiet:
            deadline, action = self._when_quiet.popleft()
            self._drain(deadline, action, quiet=True)

    def _stop(self) -> None:
        self._stopping = True

    def _drain(self, deadline: float, action: Callable[[], None], *, quiet: bool = False) -> None:
        """Act once all sessions are over, or all clients `quiet`; who waits is accepted first."""
        busy = any(not quiet or relay.has_news() for relay in self._open())
        if (busy or self._dialer.busy or self._backlog) and time.monotonic() < deadline:
            self._loop.later(RETRY, lambda: self._drain(deadline, action, quiet=quiet))
        else:
            action()

    # --- sessions begin ------------------------------------------------------------------------

    def _refused(self, side: Side, other: socket.socket, why: str) -> None:
        """The other side cannot be had: give the one that waits the same, and write it down."""
        conn = self._opened(other)
        self.refused += 1
        self._complain(f"session {conn}: the {side} cannot be reached: {why}")
        try:
            self._journal.close(conn, side, why)
        finally:
            abort(other)
        self._after_session()

    def _opened(self, *socks: socket.socket, shared: bool = False, through: int = 0) -> int:
        """Write that a session begins; gives its number.

        `shared` and `through` are those of `Open`.
        """
        self.sessions += 1
        conn, client, server = self.sessions, str(self.ends.client), str(self.ends.server)
        client = "" if shared else client  # it is the recorder
        try:
            self._journal.open(conn, client, server, through=through, shared=shared)
        except OutputError:
            for sock in socks:
                sock.close()
            raise
        self._judge()
        return conn

    def _begin(self, client: socket.socket, server: socket.socket) -> None:
        conn = self._opened(client, server)
        self._relays[conn] = Relay(conn, client, server, self._desk)

    def _open(self) -> Collection[Connection]:
        """The sessions of clients that are open."""
        return self._relays.values()

    def _connections(self) -> list[Connection]:
        """All that is open."""
        return list(self._open())

    # --- sessions go on, and end ---------------------------------------------------------------

    def _write(
        self,
        conn: int,
        sender: Side,
        frames: Sequence[Frame],
        fds: tuple[Descriptor, ...],
    ) -> None:
        self._journal.frames(conn, sender, frames, fds)
        self._judge()
        if self._observe is not None:
            self._observe(conn, sender, frames, self._journal.now())

    def _gap(self, conn: int, sender: Side, size: int) -> None:
        self._journal.gap(conn, sender, size)
        self._judge()

    def _judge(self) -> None:
        """Say whether usual messages may be written without us."""
        if self._tape is not None:
            self._tape.allow(self._writer.lets_go_on() and self._journal.failed is None)

    def _ended(self, relay: Relay) -> None:
        self._relays.pop(relay.conn, None)
        who = relay.closed_by or "recorder"
        self._journal.close(relay.conn, who, relay.error)
        self._told_ended(relay.conn)
        self._after_session()

    def _after_session(self) -> None:
        if self._once and not self._open():
            self._stopping = True
