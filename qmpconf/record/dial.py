"""Connecting to one side of a session while the other one waits, without holding up the rest.

A host can have several addresses, which are tried in turn.  A server whose queue of connections
is full is tried again until there is room: a client that connects directly would wait as well.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from qmpconf.errors import TargetError
from qmpconf.net.address import TcpAddress, UnixAddress
from qmpconf.net.endpoint import Place, new_socket, places, reason

#: Seconds between two tries to reach a server whose queue of connections is full.
RETRY = 0.01


@dataclass(slots=True, eq=False)
class _Attempt:
    address: UnixAddress | TcpAddress
    left: list[Place]
    waiting: socket.socket
    connected: Callable[[socket.socket], None]
    refused: Callable[[str], None]
    sock: socket.socket | None = None


class Dialer:
    """Makes connections for those who wait, in the loop of `poller` and `handlers`.

    `later` has something done after so many seconds.  `patience` is how many seconds after the
    start a refused connection is tried again, because the server may not listen yet.
    """

    def __init__(
        self,
        poller: select.epoll,
        handlers: dict[int, Callable[[int], None]],
        later: Callable[[float, Callable[[], None]], None],
        patience: float,
    ) -> None:
        self._poller = poller
        self._handlers = handlers
        self._later = later
        self._patient_until = time.monotonic() + patience
        self._attempts: set[_Attempt] = set()

    @property
    def busy(self) -> bool:
        """Whether anybody waits for a connection."""
        return bool(self._attempts)

    def dial(
        self,
        address: UnixAddress | TcpAddress,
        waiting: socket.socket,
        connected: Callable[[socket.socket], None],
        refused: Callable[[str], None],
    ) -> None:
        """Connect to `address` for `waiting`; call `connected`, or `refused` with the reason."""
        attempt = _Attempt(address, [], waiting, connected, refused)
        self._attempts.add(attempt)
        self._start(attempt)

    def hurry(self) -> None:
        """Be patient no more: there is no server that may still begin to listen."""
        self._patient_until = time.monotonic()

    def close(self) -> None:
        """Give up: close those who wait, and what was to be connected for them."""
        for attempt in self._attempts:
            attempt.waiting.close()
            if attempt.sock is not None:
                self._handlers.pop(attempt.sock.fileno(), None)
                attempt.sock.close()
        self._attempts.clear()

    def _start(self, attempt: _Attempt) -> None:
        if attempt not in self._attempts:
            return  # closed meanwhile
        try:
            attempt.left = places(attempt.address)
        except TargetError as error:
            self._attempts.remove(attempt)
            attempt.refused(str(error))
            return
        self._next(attempt)

    def _next(self, attempt: _Attempt) -> None:
        place = attempt.left.pop(0)
        try:
            attempt.sock = sock = new_socket(place)
        except OSError as error:
            self._failed(attempt, error.errno or errno.EMFILE)
            return
        sock.setblocking(False)
        code = sock.connect_ex(place.target)
        if code == errno.EINPROGRESS:
            self._await(attempt, sock)
        else:
            self._decide(attempt, sock, code)

    def _await(self, attempt: _Attempt, sock: socket.socket) -> None:
        fd = sock.fileno()

        def ready(_: int) -> None:
            self._poller.unregister(fd)
            del self._handlers[fd]
            self._decide(attempt, sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

        self._handlers[fd] = ready
        self._poller.register(fd, select.EPOLLOUT)

    def _decide(self, attempt: _Attempt, sock: socket.socket, code: int) -> None:
        if code == 0:
            self._attempts.remove(attempt)
            attempt.connected(sock)
            return
        sock.close()
        attempt.sock = None
        self._failed(attempt, code)

    def _failed(self, attempt: _Attempt, code: int) -> None:
        if attempt.left:
            self._next(attempt)
            return
        early = time.monotonic() < self._patient_until
        if code == errno.EAGAIN or (early and code in (errno.ECONNREFUSED, errno.ENOENT)):
            self._later(RETRY, lambda: self._start(attempt))
            return
        self._attempts.remove(attempt)
        attempt.refused(reason(OSError(code, os.strerror(code))))
