"""Sockets for addresses: connecting, listening, and leaving nothing behind."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import struct
from types import TracebackType
from typing import Self

from qmpconf.errors import TargetError, UsageError
from qmpconf.net.address import Address, FdAddress, TcpAddress, UnixAddress

#: Connections that may wait before they are accepted.
BACKLOG = 16


def is_bound(path: str) -> bool:
    """Whether a live socket is bound to `path`, found out without the socket noticing.

    A datagram socket cannot connect to a stream socket, and the system tells that apart from a
    file that is left over from a socket that has gone.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(path)
        except OSError as error:
            return error.errno == errno.EPROTOTYPE
    return True


def connect(address: Address, timeout: float | None = 10.0) -> socket.socket:
    """A connected, blocking socket.  Raises `TargetError` with the reason."""
    if isinstance(address, FdAddress):
        return inherited(address)
    sock = new_socket(address)
    try:
        sock.settimeout(timeout)
        sock.connect(target_of(address))
        sock.settimeout(None)
    except OSError as error:
        sock.close()
        raise TargetError(f"cannot connect to {address}: {reason(error)}") from error
    return sock


def new_socket(address: Address) -> socket.socket:
    """A socket of the family that `address` needs.  Raises `TargetError` for an unknown host."""
    if isinstance(address, TcpAddress):
        try:
            family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        except (OSError, UnicodeError) as error:
            raise TargetError(f"cannot connect to {address}: {reason(error)}") from error
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def target_of(address: Address) -> str | tuple[str, int]:
    """What `socket.connect` and `socket.bind` take for `address`."""
    if isinstance(address, UnixAddress):
        return address.path
    if isinstance(address, TcpAddress):
        return (address.host, address.port)
    raise TypeError(f"{address} has no target")


def inherited(address: FdAddress) -> socket.socket:
    """The socket that `address` names; closing it closes the descriptor.

    Raises `UsageError` if it is no stream socket of this process.
    """
    try:
        mode = os.fstat(address.number).st_mode
        if not stat.S_ISSOCK(mode):
            raise UsageError(f"{address} is no socket")
        sock = socket.socket(fileno=address.number)
    except OSError as error:
        raise UsageError(f"{address} is no open descriptor: {reason(error)}") from error
    if sock.type != socket.SOCK_STREAM:
        raise UsageError(f"{address} is no stream socket")
    return sock


def is_listening(sock: socket.socket) -> bool:
    """Whether `sock` accepts connections."""
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def polled(sock: socket.socket, mask: int) -> int:
    """What is the matter with `sock` right now: the poll(2) flags out of `mask`, and errors."""
    poller = select.poll()
    poller.register(sock, mask)
    found = poller.poll(0)
    return found[0][1] if found else 0


def abort(sock: socket.socket) -> None:
    """Close so that a TCP peer sees a reset, as it would of a crashed or refusing host."""
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def reason(error: BaseException) -> str:
    """A system error in words, without its number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


class Listener:
    """A listening socket that cleans up behind itself.

    A socket file that nobody serves any more is replaced; one that is in use is refused, and so
    is a file that is no socket.  `address` is where it really listens (TCP port 0 is resolved).
    Raises `UsageError`.
    """

    def __init__(self, address: Address) -> None:
        self._file: tuple[str, int, int] | None = None
        if isinstance(address, FdAddress):
            self.socket = inherited(address)
            self.address: Address = address
            return
        if isinstance(address, UnixAddress):
            _clear(address.path)
        try:
            self.socket = new_socket(address)
        except TargetError as error:
            raise UsageError(str(error).replace("connect to", "listen on")) from error
        try:
            if isinstance(address, TcpAddress):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(target_of(address))
            self.socket.listen(BACKLOG)
        except OSError as error:
            self.socket.close()
            raise UsageError(f"cannot listen on {address}: {reason(error)}") from error
        self.address = address
        if isinstance(address, TcpAddress):
            self.address = TcpAddress(address.host, self.socket.getsockname()[1])
        if isinstance(address, UnixAddress):
            made = os.stat(address.path)
            self._file = (os.path.abspath(address.path), made.st_dev, made.st_ino)

    def close(self) -> None:
        """Stop listening, and remove the socket file if it is still ours."""
        self.socket.close()
        if self._file is None:
            return
        path, device, inode = self._file
        self._file = None
        try:
            now = os.stat(path)
            if (now.st_dev, now.st_ino) == (device, inode):
                os.unlink(path)
        except FileNotFoundError:
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _clear(path: str) -> None:
    """Remove a socket file that nobody serves.  Raises `UsageError` for anything else."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot listen on unix:{path}: {reason(error)}") from error
    if not stat.S_ISSOCK(mode):
        raise UsageError(f"cannot listen on unix:{path}: there is a file that is no socket")
    if is_bound(path):
        raise UsageError(
            f"cannot listen on unix:{path}: the address is in use; end the program that serves "
            "it, or choose another path"
        )
    os.unlink(path)
