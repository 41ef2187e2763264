"""Sockets for addresses: connecting, listening, and leaving nothing behind."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import stat
import struct
import sys
import termios
import time
from typing import Any, NamedTuple

from qmpconf.closing import Closing
from qmpconf.errors import TargetError, UsageError
from qmpconf.net.address import Address, FdAddress, TcpAddress, UnixAddress

#: Connections that may wait before they are accepted.
BACKLOG = 128
#: Seconds that a server which was started has between making its socket and listening.
BIND_TO_LISTEN = 2.0
#: Errors of accepting a connection that there is no room for now.
NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
#: Seconds between two tries.
_RETRY = 0.01


def is_bound(path: str) -> bool:
    """Whether a live socket is bound to `path`, found out without the socket noticing.

    An abstract one begins with a NUL character, as the system takes it.
    """
    if path.startswith("\0"):
        # Of these, sockets of another type are not seen by `_probe`.
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as table:
            return any(line.endswith(f" @{path[1:]}\n") for line in table)
    return _probe(path) in (0, errno.EPROTOTYPE)


def _probe(path: str) -> int:
    """The error of a datagram socket that connects to `path`.

    It cannot connect to a stream socket (EPROTOTYPE), and the system tells that apart from a file
    that is left over from a socket that has gone (ECONNREFUSED).
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(path)


def connect(address: Address, timeout: float | None = 10.0) -> socket.socket:
    """A connected, blocking socket.  Raises `TargetError` with the reason."""
    if isinstance(address, FdAddress):
        return inherited(address)
    why = "no such host"
    for place in places(address):
        try:
            sock = new_socket(place)
        except OSError as error:
            why = reason(error)
            continue
        try:
            sock.settimeout(timeout)
            sock.connect(place.target)
            sock.settimeout(None)
        except OSError as error:
            sock.close()
            why = "it is not a socket" if _is_other(address) else reason(error)
            continue
        return sock
    raise TargetError(f"cannot connect to {address}: {why}")


def _is_other(address: Address) -> bool:
    """Whether at a path there is something else than a socket."""
    if not isinstance(address, UnixAddress) or address.abstract:
        return False
    with contextlib.suppress(OSError):
        return not stat.S_ISSOCK(os.stat(address.path).st_mode)
    return False


def patiently(
    address: Address, patience: float = BIND_TO_LISTEN, timeout: float | None = 10.0
) -> socket.socket:
    """A connected socket, tried again for `patience` seconds.  Raises `TargetError`."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return connect(address, timeout)
        except TargetError:
            if time.monotonic() >= deadline or isinstance(address, FdAddress):
                raise
        time.sleep(_RETRY)


class Place(NamedTuple):
    """One place that an address stands for: a socket's family, and what it connects or binds to."""

    family: int
    target: Any


def places(address: UnixAddress | TcpAddress) -> list[Place]:
    """Where to connect to `address`, or to listen on it, in the order in which to try.

    A host may have several addresses; those of IPv4 come first, because a server that listens on
    one of "localhost" nearly always means that one.  Raises `TargetError` for an unknown host.
    """
    try:
        return _places(address)
    except (OSError, UnicodeError) as error:
        raise TargetError(f"cannot connect to {address}: {reason(error)}") from error


def _places(address: UnixAddress | TcpAddress) -> list[Place]:
    """As `places`.  Raises OSError or UnicodeError for an unknown host."""
    if isinstance(address, UnixAddress):
        return [Place(socket.AF_UNIX, address.name)]
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    each = [Place(family, target) for family, _, _, _, target in found]
    return sorted(each, key=lambda place: place.family != socket.AF_INET)


def new_socket(place: Place) -> socket.socket:
    """A socket of the family that `place` needs.  Raises OSError when there can be none."""
    sock = socket.socket(place.family, socket.SOCK_STREAM)
    if place.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def inherited(address: FdAddress) -> socket.socket:
    """The socket that `address` names; closing it closes the descriptor.

    Raises `UsageError` if it is not a stream socket of this process.
    """
    try:
        mode = os.fstat(address.number).st_mode
        if not stat.S_ISSOCK(mode):
            raise UsageError(f"{address} is not a socket")
        sock = socket.socket(fileno=address.number)
    except OSError as error:
        raise UsageError(f"{address} is not an open descriptor: {reason(error)}") from error
    if sock.type != socket.SOCK_STREAM:
        sock.detach()
        raise UsageError(f"{address} is not a stream socket")
    os.set_inheritable(sock.fileno(), False)  # it is ours, and not for the programs we start
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


def untaken(sock: socket.socket) -> int:
    """Bytes that were sent and not taken yet, with what the system adds to them; -1 where it does not say.

    A UNIX socket counts what was written in one piece until all of it was read; a TCP socket what was not
    acknowledged.
    """
    try:
        found = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
    except OSError:
        return -1
    return int.from_bytes(found, sys.byteorder, signed=True)


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


class Listener(Closing):
    """A listening socket that cleans up behind itself.

    A socket file that nobody serves any more is replaced; one that is in use is refused, and so
    is a file that is not a socket.  `address` is where it really listens (TCP port 0 is resolved).
    A socket file has the mode, and where possible the owner, of that of the server that it
    stands for, `like`; without one nobody but its user may connect (mode 0600).  Raises
    `UsageError`.
    """

    def __init__(self, address: Address, like: Address | None = None) -> None:
        self._file: tuple[str, int, int] | None = None
        if isinstance(address, FdAddress):
            self.socket = inherited(address)
            self.address: Address = address
            return
        if isinstance(address, UnixAddress) and not address.abstract:
            _clear(address.path)
        try:
            place = _places(address)[0]
            self.socket = new_socket(place)
        except (OSError, UnicodeError) as error:
            raise UsageError(f"cannot listen on {address}: {reason(error)}") from error
        try:
            if isinstance(address, TcpAddress):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            else:
                os.fchmod(self.socket.fileno(), 0o600)  # what bind makes is never wider than this
            self.socket.bind(place.target)
            if isinstance(address, UnixAddress) and not address.abstract:
                _made_like(address.path, like)
            self.socket.listen(BACKLOG)
        except OSError as error:
            self.socket.close()
            raise UsageError(f"cannot listen on {address}: {reason(error)}") from error
        self.address = address
        if isinstance(address, TcpAddress):
            self.address = TcpAddress(address.host, self.socket.getsockname()[1])
        if isinstance(address, UnixAddress) and not address.abstract:
            made = os.stat(address.path)
            self._file = (os.path.abspath(address.path), made.st_dev, made.st_ino)

    def close(self) -> None:
        """Stop listening, and remove the socket file if it is still ours.

        In this order: while the socket is open, its inode cannot be another file's.
        """
        if self._file is not None:
            path, device, inode = self._file
            self._file = None
            with contextlib.suppress(OSError):  # it has gone, or its folder has
                now = os.lstat(path)
                if (now.st_dev, now.st_ino) == (device, inode):
                    os.unlink(path)
        self.socket.close()


def _made_like(path: str, like: Address | None) -> None:
    """Give the new socket file at `path` the mode and the owner of the one that it stands for."""
    if not isinstance(like, UnixAddress) or like.abstract:
        return
    try:
        found = os.stat(like.path)
    except OSError:
        return  # it is not there yet
    with contextlib.suppress(OSError):  # only root gives files away
        os.chown(path, found.st_uid, found.st_gid)
    os.chmod(path, stat.S_IMODE(found.st_mode) & 0o777)


def _clear(path: str) -> None:
    """Remove a socket file that nobody serves.  Raises `UsageError` for anything else."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot listen on unix:{path}: {reason(error)}") from error
    if not stat.S_ISSOCK(mode):
        raise UsageError(f"cannot listen on unix:{path}: there is a file that is not a socket")
    code = _probe(path)
    if code in (0, errno.EPROTOTYPE):
        raise UsageError(
            f"cannot listen on unix:{path}: the address is in use; end the program that serves "
            "it, or choose another path"
        )
    if code not in (errno.ECONNREFUSED, errno.ENOENT):
        # Nobody knows who serves it: it may be somebody else's.
        raise UsageError(f"cannot listen on unix:{path}: {os.strerror(code)}")
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot listen on unix:{path}: {reason(error)}") from error
