"""Descriptors that ride on bytes (SCM_RIGHTS, unix(7)): receiving, sending, describing.

Linux keeps descriptors with the write that carried them, and a read that meets them ends behind
that write, but it may begin before it: two writes can come out as one.  Looking ahead does not
say where they ride: a look shows the next descriptors that wait, wherever they are, also behind
the bytes that it asked for.  Only a read of one byte shows whether they ride on this byte.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import stat

from qmpconf.trace.records import Descriptor

#: Descriptors that one write may carry (SCM_MAX_FD in Linux).
MOST = 253
_ROOM = socket.CMSG_SPACE(MOST * array.array("i").itemsize)
_HINT = socket.CMSG_SPACE(array.array("i").itemsize)
#: Bytes that are taken one by one, at most, in search of the one that descriptors ride on.
_NEAR = 4096
_PEEK = socket.MSG_PEEK | socket.MSG_CMSG_CLOEXEC
_NULL = os.makedev(1, 3)


def receive(sock: socket.socket, buffer: memoryview) -> tuple[int, list[int], int]:
    """Read what is there into `buffer`: how many bytes, descriptors, and the byte they rode on.

    A read ends before the next byte that carries more of them.  The caller owns (and closes)
    them.  Raises BlockingIOError and the errors of recvmsg(2).
    """
    count, _, fds, at = look(sock, buffer, len(buffer))
    return count, fds, at


def look(sock: socket.socket, buffer: memoryview, room: int) -> tuple[int, int, list[int], int]:
    """What is there: bytes in `buffer`, how many of them were taken, descriptors, and their byte.

    More than `room` bytes without descriptors are only looked at.  A read ends before the next byte
    that carries more of them, and is short where some wait.  The caller owns (and closes) them.
    Raises BlockingIOError and the errors of recvmsg(2).
    """
    # For nearly every message: room for one descriptor is enough to see that there is none.
    count, ancillary, _, _ = sock.recvmsg_into([buffer], _HINT, _PEEK)
    if not ancillary:
        return count, (sock.recv_into(buffer, count) if 0 < count <= room else 0), [], 0
    _close(_numbers(ancillary))
    near = min(count, _NEAR)
    for at in range(near):
        _, ancillary, _, _ = sock.recvmsg_into(
            [buffer[at : at + 1]], _ROOM, socket.MSG_CMSG_CLOEXEC
        )
        if ancillary:
            break
    else:
        return near, near, [], 0  # they ride further on
    rest = buffer[at + 1 : _NEAR]
    if at + 1 == count or not rest:
        return at + 1, at + 1, _numbers(ancillary), at
    more, fds = _peek(sock, rest)
    taken = at + 1 + (sock.recv_into(rest, more) if more and not fds else 0)
    return taken, taken, _numbers(ancillary), at


def _peek(sock: socket.socket, buffer: memoryview) -> tuple[int, bool]:
    """How many bytes a read into `buffer` would give, and whether descriptors wait."""
    count, ancillary, _, _ = sock.recvmsg_into([buffer], _HINT, _PEEK)
    if ancillary:
        _close(_numbers(ancillary))
    return count, bool(ancillary)


def send(sock: socket.socket, data: memoryview | bytes, fds: list[int]) -> int:
    """Send bytes with descriptors on the first of them; gives how many bytes were taken."""
    return sock.sendmsg(
        [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    )


def describe(fd: int) -> Descriptor:
    """Kind and access of an open descriptor."""
    status = os.fstat(fd)
    mode = status.st_mode
    kind = "other"
    for test, name in (
        (stat.S_ISREG, "file"),
        (stat.S_ISDIR, "directory"),
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISBLK, "block"),
        (stat.S_ISCHR, "char"),
    ):
        if test(mode):
            kind = name
    if kind == "char" and status.st_rdev == _NULL:
        kind = "null"
    flags = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
    access = {os.O_RDONLY: "r", os.O_WRONLY: "w"}.get(flags, "rw")
    return Descriptor(kind, access)


def close_all(fds: list[int]) -> None:
    """Close descriptors that were received, and forget them."""
    _close(fds)
    fds.clear()


def _numbers(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    numbers = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
    return list(numbers)


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
