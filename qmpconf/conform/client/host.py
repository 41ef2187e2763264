"""The unkind server around its monitor: one client at a time, everything on tape.

What a client sends is on tape before the monitor sees it, and what the monitor says before it goes out, as it
says it: a fault that befalls a message stands behind it (`Host.said`, `ClientTape.fault`).  The host ends when the
client's process has ended, or when its time is up.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from qmpconf.conform.client.child import Client
from qmpconf.conform.client.manners import Manners, merged, pieces
from qmpconf.conform.tape import Tape
from qmpconf.monitor.core import Action, Close, Discard, Quit, Send
from qmpconf.monitor.faulty import Ended
from qmpconf.monitor.server import Served
from qmpconf.net.descriptors import close_all, describe, receive
from qmpconf.net.endpoint import Listener, reason
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.trace.records import Closer

_CHUNK = 1 << 16
#: Seconds between two looks whether the client's process has ended.
_LOOK = 0.02


class ClientTape(Tape):
    """A tape on which the client is the one that is put to the test."""

    @property
    def sessions(self) -> int:
        """How many sessions there were."""
        return self._sessions

    def open(self, server: str) -> int:
        """A session begins; gives its number."""
        self._sessions += 1
        self._writer.open(self._sessions, client="client", server=server)
        return self._sessions


@dataclass(slots=True)
class _Session:
    sock: socket.socket
    number: int  # of the monitor
    conn: int  # of the tape
    read: Framer


class Host:
    """Serves `monitor` on `listener`, as `manners` say, for as long as `child` runs."""

    def __init__(
        self, listener: Listener, monitor: Served, manners: Manners, tape: ClientTape
    ) -> None:
        self._listener = listener
        self._monitor = monitor
        self._manners = manners
        self._tape = tape
        self._session: _Session | None = None
        self._buffer = memoryview(bytearray(_CHUNK))
        self._over = False
        self._work_at = 0.0
        self._until = 0.0
        #: Seconds that the client has let the server wait with what it sends.
        self._waited = 0.0
        self._sent = 0
        self._framer = Framer(SERVER_LIMITS)  # of what the monitor says in the session

    def said(self, data: bytes) -> None:
        """Put on tape what the monitor says, whatever its client is given of it."""
        self._tape.frames(self._tape.sessions, "server", self._framer.feed(data))

    def run(self, child: Client, limit: float) -> bool:
        """Serve; False when the client has not ended after `limit` seconds.

        The time that the server takes to send, in small pieces or late, is its own and does not count.
        """
        self._listener.socket.settimeout(0.0)
        self._until = time.monotonic() + limit
        ended = 0
        try:
            while time.monotonic() < self._until:
                self._turn()
                # After its end, a last look at what it has sent.
                ended += child.ended
                if ended > 1:
                    return True
            return child.ended
        finally:
            self._end("server")
            self._perform(self._monitor.close())

    def _turn(self) -> None:
        """Wait for something to happen, for a moment; and do what is to be done."""
        poller = select.poll()
        session = self._session
        if session is not None:
            if not self._monitor.is_stalled(session.number):
                poller.register(session.sock, select.POLLIN)
        elif not self._over:
            poller.register(self._listener.socket, select.POLLIN)
        busy = self._monitor.wait() == 0 and time.monotonic() >= self._work_at
        if poller.poll(0 if busy else _LOOK * 1000):
            if session is not None:
                self._read(session)
            else:
                self._accept()
        if self._monitor.wait() == 0:
            self._work_at = self._work_at or time.monotonic() + self._manners.hold
            if time.monotonic() >= self._work_at:
                self._perform(self._monitor.work())
        if self._monitor.wait() != 0:
            self._work_at = 0.0

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn = self._tape.open(str(self._listener.address))
        self._framer = Framer(SERVER_LIMITS)
        number, actions = self._monitor.open()
        self._session = _Session(sock, number, conn, Framer(CLIENT_LIMITS))
        self._perform(actions)

    def _read(self, session: _Session) -> None:
        fds: list[int] = []
        at = 0
        try:
            if session.sock.family == socket.AF_UNIX:
                count, fds, at = receive(session.sock, self._buffer)
            else:
                count = session.sock.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self._end("client", reason(error))
            return
        if not count:
            self._perform(self._monitor.end(session.number))
            while self._session is not None and self._monitor.wait() == 0:
                self._perform(self._monitor.work())
            self._end("client")
            return
        data = bytes(self._buffer[:count])
        for part, with_it in ((data[:at], []), (data[at:], fds)):
            frames = session.read.feed(part)
            told = tuple(map(describe, with_it)) if frames else ()
            self._tape.frames(session.conn, "client", frames, told)
            self._perform(self._monitor.receive(session.number, part, with_it))

    def _perform(self, actions: Sequence[Action]) -> None:
        if self._manners.pieces == "merged":
            actions = merged(list(actions))
        for action in actions:
            if isinstance(action, Send):
                self._send(action)
            elif isinstance(action, Discard):
                close_all(list(action.descriptors))
            elif isinstance(action, Quit):
                self._over = True
                self._linger()
            elif isinstance(action, Close):
                self._end("recorder" if isinstance(action, Ended) else "client")

    def _send(self, action: Send) -> None:
        session = self._session
        if session is None or session.number != action.session:
            return
        began, waited = time.monotonic(), self._waited
        for pause, data in pieces(action.data, self._manners, self._sent):
            time.sleep(pause)
            if not self._put(session, data):
                return
        self._until += time.monotonic() - began - (self._waited - waited)
        self._sent += 1

    def _put(self, session: _Session, data: bytes) -> bool:
        """Write all of `data`; False when the client has gone, or its time is up."""
        view = memoryview(data)
        while view:
            try:
                view = view[session.sock.send(view) :]
            except BlockingIOError:
                poller = select.poll()
                poller.register(session.sock, select.POLLOUT)
                began = time.monotonic()
                left = self._until - began
                if left <= 0 or not poller.poll(left * 1000):
                    return False
                self._waited += time.monotonic() - began
            except OSError as error:
                self._end("client", reason(error))
                return False
        return True

    def _linger(self) -> None:
        """Behind quit, give the client a moment to go first."""
        session, until = self._session, time.monotonic() + self._manners.linger
        while session is not None and (left := until - time.monotonic()) > 0:
            poller = select.poll()
            poller.register(session.sock, select.POLLIN)
            if not poller.poll(left * 1000):
                break
            try:
                data = session.sock.recv(_CHUNK)
            except OSError as error:
                self._end("client", reason(error))
                return
            if not data:
                self._end("client")
                return
            self._tape.frames(session.conn, "client", session.read.feed(data))
        self._end("server")

    def _end(self, who: Closer, error: str = "") -> None:
        session, self._session = self._session, None
        if session is None:
            return
        self._tape.frames(session.conn, "client", session.read.close())
        self._tape.frames(session.conn, "server", self._framer.close())
        self._tape.close(session.conn, who, error)
        session.sock.close()
        self._monitor.lost(session.number)
