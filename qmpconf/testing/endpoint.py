"""Where a client connects, in the forms that clients take it; and servers in the background.

The servers of the fixtures work in threads of their own, so that a test may block, run a loop of
its own, or start its client as a program.
"""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod

from qmpconf.errors import UsageError
from qmpconf.monitor.server import MonitorServer, Served
from qmpconf.net.address import Address, FdAddress, TcpAddress, UnixAddress
from qmpconf.net.endpoint import Listener, connect


class Endpoint(ABC):
    """A server's address.

    ================  ============================================================================
    `path`            the path of its UNIX socket: ``/tmp/qmpconf-x2k1/qmp.sock``
    `port`            its TCP port on 127.0.0.1, where it listens on TCP
    `address`         as QEMU and qmpconf write it: ``unix:/tmp/...`` or ``tcp:127.0.0.1:4444``
    `connect_args`    what ``socket.connect`` and qemu.qmp's ``QMPClient.connect`` take: the path,
                      or (host, port)
    ================  ============================================================================
    """

    @abstractmethod
    def _where(self) -> Address:
        """The address; whatever has to be started for it is."""

    @property
    def address(self) -> str:
        """The address as text, ``unix:PATH`` or ``tcp:HOST:PORT``."""
        return str(self._where())

    @property
    def path(self) -> str:
        """The path of the UNIX socket.  Raises UsageError where there is none."""
        __tracebackhide__ = True
        where = self._where()
        if not isinstance(where, UnixAddress):
            raise UsageError(f"{where} is not a UNIX socket: use address, port or connect_args")
        return where.path

    @property
    def port(self) -> int:
        """The TCP port.  Raises UsageError where there is none."""
        __tracebackhide__ = True
        where = self._where()
        if not isinstance(where, TcpAddress):
            raise UsageError(f"{where} is not a TCP port: use path, address or connect_args")
        return where.port

    @property
    def connect_args(self) -> str | tuple[str, int]:
        """The path, or host and port."""
        where = self._where()
        return (where.host, where.port) if isinstance(where, TcpAddress) else where.bare

    def connect(self, timeout: float | None = 10.0) -> socket.socket:
        """A connected, blocking socket, whose calls take `timeout` seconds at most."""
        sock = connect(self._where())
        sock.settimeout(timeout)
        return sock

    def __str__(self) -> str:
        """As clients take it on their command line: the path, or HOST:PORT."""
        where = self._where()
        return str(where) if isinstance(where, FdAddress) else where.bare


class At(Endpoint):
    """An endpoint that is known."""

    def __init__(self, where: Address) -> None:
        self._at = where

    def _where(self) -> Address:
        return self._at

    def __repr__(self) -> str:
        return f"<Endpoint {self._at}>"


class Background:
    """Serves `served` at `where` in a thread, until it ends by itself or is closed.

    Once it has ended, nobody can connect any more.
    """

    def __init__(self, served: Served, where: Address, *, together: bool = False) -> None:
        self._listener = Listener(where)
        self.address = self._listener.address
        self.server = MonitorServer(served, [self._listener], together=together)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="qmpconf-server", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.server.run()
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            self._failure = error
        finally:
            self._listener.close()

    def wait(self, seconds: float) -> None:
        """Give it some time to end by itself."""
        self._thread.join(seconds)

    def close(self) -> None:
        """Stop, and raise what went wrong in the thread."""
        self.server.stop()
        self._thread.join()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
