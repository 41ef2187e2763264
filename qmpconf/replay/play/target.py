"""What is replayed against: a server that runs, or one that is started for it.

A recording may outlive its server: after ``quit`` a client connects to the next one.  A target that
was started is started anew then; one that is only an address gets some time to come back.
"""

from __future__ import annotations

import signal
import socket
import time
from typing import Protocol

from qmpconf.net.address import Address
from qmpconf.net.endpoint import BIND_TO_LISTEN, patiently
from qmpconf.net.process import GRACE, Server, send_signal
from qmpconf.net.process import ended as ended_text

#: Seconds that a server at an address has to come back after it has closed a session.
_RETURN = 10.0


class Target(Protocol):
    """Where sessions are opened."""

    @property
    def name(self) -> str:
        """What it is, for people."""

    @property
    def address(self) -> str:
        """Where it is; empty if there is none yet."""

    def connect(self, *, ended: bool) -> socket.socket:
        """A connected socket; `ended`: the server has ended the session before.

        Raises TargetError.
        """

    def fate(self) -> str:
        """How the server has ended, in words; empty if that is not known."""

    def terminate(self) -> bool:
        """Send the server SIGTERM; False if it is not ours to end."""

    def close(self) -> None:
        """End what was started."""


class Running:
    """A server at an address."""

    def __init__(self, address: Address) -> None:
        self._where = address
        self.name = self.address = str(address)

    def connect(self, *, ended: bool) -> socket.socket:
        """Connect; after the server has `ended`, wait a while until it is there again."""
        return patiently(self._where, _RETURN if ended else 0)

    def fate(self) -> str:
        """Nothing is known of a server that somebody else has started."""
        return ""

    def terminate(self) -> bool:
        """The server is somebody else's."""
        return False

    def close(self) -> None:
        """The server is somebody else's."""


class Spawned:
    """A server that is started with a command line with ``{socket}`` in it."""

    def __init__(self, command: str) -> None:
        self.name = command
        self._command = command
        self._server: Server | None = None

    @property
    def address(self) -> str:
        """Where the server's monitor is; another place each time that it is started."""
        return str(self._server.address) if self._server else ""

    def connect(self, *, ended: bool) -> socket.socket:
        """Connect, after (re)starting the server if it is not there."""
        if self._server is not None and self._is_over(GRACE if ended else 0):
            self.close()
        if self._server is None:
            self._server = Server(self._command)
            self._server.start()
        self._server.wait_until_bound()
        # Its socket is bound a moment before it listens.
        return patiently(self._server.address, BIND_TO_LISTEN)

    def fate(self) -> str:
        """How the process has ended."""
        child = self._server.child if self._server else None
        if child is None or not self._is_over(0.2):
            return ""
        return f"the server has ended ({ended_text(child.returncode)})"

    def terminate(self) -> bool:
        """Send SIGTERM to the process."""
        child = self._server.child if self._server else None
        if child is None or child.poll() is not None:
            return False
        send_signal(child, signal.SIGTERM)
        return True

    def close(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _is_over(self, patience: float) -> bool:
        """Whether the process ends within `patience` seconds."""
        child = self._server.child if self._server else None
        deadline = time.monotonic() + patience
        while child is not None and child.poll() is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True
