"""Descriptors for a replay: recreated by the kind and access that the recording says.

What the recorded client passed is not in a trace.  A replay passes something of the same kind: an
empty file, a pipe or a socket whose other end stays open as long as the session, an empty
directory, /dev/null.  What the target writes into a pipe or a socket is read and thrown away, for
the recorded client read it, too: a target whose pipe is full stops.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Callable

from qmpconf.trace.records import Descriptor

_ACCESS = {"r": os.O_RDONLY, "w": os.O_WRONLY}
#: Bytes that a pipe holds, where the system allows it, and that are read at once.
_ROOM = 1 << 20


class Drain:
    """The end of a pipe or a socket whose other end the target has: what comes is thrown away."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        os.set_blocking(fd, False)

    def take(self) -> bool:
        """Read what is there; False where nothing comes any more."""
        try:
            return bool(os.read(self.fd, _ROOM))
        except BlockingIOError:
            return True
        except OSError:
            return False  # a socket that was reset


class Descriptors:
    """Makes descriptors, and keeps what must stay open beside them; `close` ends all of it.

    The caller owns (and closes) the numbers that `make` gives, and calls `Drain.take` whenever there
    is something to read from what `watch` is called with.
    """

    def __init__(self, watch: Callable[[Drain], None]) -> None:
        self._watch = watch
        self._kept: list[int] = []
        self._folder = ""
        self._made = 0

    def make(self, like: Descriptor) -> tuple[int, bool]:
        """A descriptor like the recorded one, and whether it is of the same kind.

        A device or something unknown becomes /dev/null.
        """
        access = _ACCESS.get(like.access, os.O_RDWR)
        if like.kind == "pipe":
            reader, writer = os.pipe()
            mine, kept = (writer, reader) if like.access == "w" else (reader, writer)
            self._kept.append(kept)
            if kept == reader:
                with contextlib.suppress(OSError):  # without the right to, it has the usual size
                    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, _ROOM)
                self._watch(Drain(reader))
            return mine, True
        if like.kind == "socket":
            one, other = socket.socketpair()
            self._kept.append(other.detach())
            self._watch(Drain(self._kept[-1]))
            return one.detach(), True
        if like.kind == "file":
            self._made += 1
            path = os.path.join(self._place(), f"file{self._made}")
            return os.open(path, access | os.O_CREAT | os.O_CLOEXEC, 0o600), True
        if like.kind == "directory":
            return os.open(self._place(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), True
        return os.open(os.devnull, access | os.O_CLOEXEC), like.kind == "null"

    def close(self) -> None:
        """Close what was kept open, and remove the files."""
        for number in self._kept:
            os.close(number)
        self._kept.clear()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""

    def _place(self) -> str:
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="qmpconf-")
        return self._folder
