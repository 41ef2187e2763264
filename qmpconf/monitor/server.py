"""Sockets around a monitor: one loop, one client at a time per listening socket.

As with a QEMU server, the next client of a socket waits in its queue until the first has gone
(qmpconf/protocol/README.md, Greeting and negotiation); a client that shuts its sending side down
gets everything that is
due, then the end of the stream (session.half-close); one that does not read stops being read, and
so does one whose commands have filled the queue.

`MonitorServer.run` works in the calling thread until the monitor is told to quit or `stop` is
called; used as a context manager, the server runs in a thread of its own.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from qmpconf.monitor.core import Action, Close, Discard, Quit, Send
from qmpconf.net.descriptors import close_all, receive
from qmpconf.net.endpoint import NO_ROOM, Listener, is_listening
from qmpconf.net.waker import Waker

#: Bytes read at once.
_CHUNK = 65536
#: A client is not read while more than this many bytes wait to be taken by it.
_HIGH_WATER = 1 << 20
#: Seconds that clients have, once the monitor was told to quit, to take what is due to them.
_GRACE = 5.0
#: Seconds until a client is accepted again for whom there was no room.
_NO_ROOM = 0.05


class Served(Protocol):
    """What is served: `Monitor`, or whatever else has these methods of it."""

    def open(self) -> tuple[int, list[Action]]:
        """Take a new client."""

    def receive(self, number: int, data: bytes, descriptors: Sequence[int] = ()) -> list[Action]:
        """Take what a client sent."""

    def end(self, number: int) -> list[Action]:
        """Take the end of what a client sends."""

    def lost(self, number: int) -> list[Action]:
        """Take note that a client has gone."""

    def close(self) -> list[Action]:
        """Take note that the server ends."""

    def is_stalled(self, number: int) -> bool:
        """Whether a session takes nothing more for now."""

    def wait(self) -> float | None:
        """Seconds until there is something to do."""

    def work(self) -> list[Action]:
        """Do some of it."""


class _Client:
    """A connected client: what it has still to take, and whether its session has ended."""

    def __init__(self, sock: socket.socket, number: int, listener: socket.socket | None) -> None:
        self.sock = sock
        self.number = number
        self.listener = listener  # the socket on which the next client waits
        self.local = sock.family == socket.AF_UNIX
        self.output = bytearray()
        self.ending = False
        self.interest = 0  # what is waited for

    def wanted(self, *, stalled: bool) -> int:
        """What to wait for: input unless it has ended, is not taken, or there is too much output."""
        reads = not (self.ending or stalled) and len(self.output) < _HIGH_WATER
        return (selectors.EVENT_READ if reads else 0) | (
            selectors.EVENT_WRITE if self.output else 0
        )


class MonitorServer:
    """Serves `monitor` on `listeners` (which it does not close).

    With `once`, it ends with the first session.  With `together`, the clients of one socket do not
    wait for each other.
    """

    def __init__(
        self,
        monitor: Served,
        listeners: Sequence[Listener],
        *,
        once: bool = False,
        together: bool = False,
    ) -> None:
        self._monitor = monitor
        self._once = once
        self._together = together
        self._clients: dict[int, _Client] = {}
        self._selector = selectors.DefaultSelector()
        self._waker = Waker()
        self._buffer = memoryview(bytearray(_CHUNK))
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._selector.register(self._waker, selectors.EVENT_READ, self._awake)
        self._listening = [one.socket for one in listeners if is_listening(one.socket)]
        for sock in self._listening:
            sock.settimeout(0.0)
            self._watch(sock)
        for one in listeners:
            if not is_listening(one.socket):
                self._welcome(one.socket.dup(), None)

    # --- from outside --------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until the monitor quits, `stop` is called, or with `once` the session ends."""
        try:
            while not self._stopping and (self._clients or self._listening):
                self._turn(self._monitor.wait())
                if self._monitor.wait() == 0:
                    self._perform(self._monitor.work())
            self._drain()
        finally:
            for client in list(self._clients.values()):
                self._drop(client)
            self._perform(self._monitor.close())
            self._selector.close()
            self._waker.close()

    def take_signals(self) -> None:
        """Look around when a signal comes, also just before a wait, until `run` returns; in the main thread only."""
        self._waker.take_signals()

    def stop(self) -> None:
        """Make `run` return; may be called from a signal handler or another thread."""
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        """Make `run` ask the monitor whether there is something to do; from any thread."""
        self._waker.wake()

    def __enter__(self) -> Self:
        def work() -> None:
            try:
                self.run()
            except BaseException as error:  # noqa: BLE001 - told to the thread that waits
                self._failure = error

        self._thread = threading.Thread(target=work, name="qmpconf-monitor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    # --- the loop ------------------------------------------------------------------------------

    def _turn(self, timeout: float | None) -> None:
        for key, ready in self._selector.select(timeout):
            key.data(ready)

    def _awake(self, _ready: int) -> None:
        self._waker.clear()

    def _drain(self) -> None:
        """Give clients what is due to them, for a while, when the server ends."""
        deadline = time.monotonic() + _GRACE
        for client in list(self._clients.values()):
            client.ending = True
            self._settle(client)
        while self._clients and (left := deadline - time.monotonic()) > 0:
            self._turn(left)

    def _watch(self, listener: socket.socket) -> None:
        self._selector.register(listener, selectors.EVENT_READ, lambda _: self._accept(listener))

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            time.sleep(_NO_ROOM)  # who comes waits until there is room
            return
        if self._together:
            self._welcome(sock, None)
            return
        self._selector.unregister(listener)
        self._welcome(sock, listener)

    def _welcome(self, sock: socket.socket, listener: socket.socket | None) -> None:
        sock.settimeout(0.0)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number, actions = self._monitor.open()
        self._clients[number] = _Client(sock, number, listener)
        self._perform(actions)

    def _serve(self, client: _Client, ready: int) -> None:
        if ready & selectors.EVENT_READ and not client.ending:
            fds: list[int] = []
            at = 0
            try:
                if client.local:
                    count, fds, at = receive(client.sock, self._buffer)
                else:
                    count = client.sock.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                self._drop(client)
                return
            self._take(client.number, bytes(self._buffer[:count]), fds, at)
        self._settle(client)

    def _take(self, number: int, data: bytes, fds: list[int], at: int) -> None:
        """Give the monitor what was read; `fds` rode on the byte `at`."""
        if not data:
            self._perform(self._monitor.end(number))
            return
        if at:
            self._perform(self._monitor.receive(number, data[:at]))
        self._perform(self._monitor.receive(number, data[at:], fds))

    def _perform(self, actions: Sequence[Action]) -> None:
        """Do what the monitor wants; a client that has gone is sent nothing."""
        for action in actions:
            if isinstance(action, Quit):
                self._stopping = True
                continue
            if isinstance(action, Discard):
                close_all(list(action.descriptors))
                continue
            client = self._clients.get(action.session)
            if client is None:
                continue
            if isinstance(action, Send):
                client.output += action.data
            elif isinstance(action, Close):
                client.ending = True
        for client in list(self._clients.values()):
            self._settle(client)

    def _settle(self, client: _Client) -> None:
        """Send what can be sent; wait for what is next, or end the session."""
        if client.number not in self._clients:
            return
        try:
            while client.output:
                del client.output[: client.sock.send(client.output)]
        except BlockingIOError:
            pass  # the rest goes when the client has taken some
        except OSError:
            self._drop(client)
            return
        wanted = client.wanted(stalled=self._monitor.is_stalled(client.number))
        if wanted == 0 and client.ending:
            self._drop(client)
        elif wanted != client.interest:
            self._wait_for(client, wanted)

    def _wait_for(self, client: _Client, wanted: int) -> None:
        """Wait for this of a client (0: for nothing, until the monitor has done some work)."""

        def serve(ready: int) -> None:
            self._serve(client, ready)

        if not wanted:
            self._selector.unregister(client.sock)
        elif not client.interest:
            self._selector.register(client.sock, wanted, serve)
        else:
            self._selector.modify(client.sock, wanted, serve)
        client.interest = wanted

    def _drop(self, client: _Client) -> None:
        """End a session; the next client of its socket gets its turn."""
        del self._clients[client.number]
        if client.interest:
            self._selector.unregister(client.sock)
        client.sock.close()
        self._perform(self._monitor.lost(client.number))
        if self._once:
            self._stopping = True
        elif client.listener is not None and not self._stopping:
            self._watch(client.listener)
