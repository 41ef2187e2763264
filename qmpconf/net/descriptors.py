"""Descriptors that ride on bytes (SCM_RIGHTS, unix(7)): receiving, sending, describing.

Linux keeps descriptors with the write that carried them, and a read that meets them ends behind
that write, but it may begin before it: two writes can come out as one.  To give a descriptor on
to the very byte that it rode on, `receive` looks before it takes.
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
_NULL = os.makedev(1, 3)


def receive(sock: socket.socket, buffer: memoryview) -> tuple[int, list[int]]:
    """Read what is there into `buffer`: the number of bytes, and descriptors of the first byte.

    A read ends before the next byte that carries descriptors.  The caller owns (and closes) them.
    Raises BlockingIOError and the errors of recvmsg(2).
    """
    count, ancillary, _, _ = sock.recvmsg_into(
        [buffer], _ROOM, socket.MSG_PEEK | socket.MSG_CMSG_CLOEXEC
    )
    if not ancillary:
        return (sock.recv_into(buffer, count) if count else 0), []
    _close(_numbers(ancillary))
    # The write that carries them is the last one seen.  Where does it begin?
    low, high = 0, count - 1  # descriptors show when at least low + 1 bytes are looked at
    while low < high:
        middle = (low + high) // 2
        _, ancillary, _, _ = sock.recvmsg_into(
            [buffer[: middle + 1]], _ROOM, socket.MSG_PEEK | socket.MSG_CMSG_CLOEXEC
        )
        _close(_numbers(ancillary))
        if ancillary:
            high = middle
        else:
            low = middle + 1
    if low:
        return sock.recv_into(buffer, low), []
    count, ancillary, _, _ = sock.recvmsg_into([buffer], _ROOM, socket.MSG_CMSG_CLOEXEC)
    return count, _numbers(ancillary)


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
