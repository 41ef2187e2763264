"""Descriptors for a replay: recreated by the kind and access that the recording tells.

What the recorded client passed is not in a trace.  A replay passes something of the same kind: an
empty file, a pipe or a socket whose other end stays open as long as the session, an empty
directory, /dev/null.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

from qmpconf.trace.records import Descriptor

_ACCESS = {"r": os.O_RDONLY, "w": os.O_WRONLY}


class Descriptors:
    """Makes descriptors, and keeps what must stay open beside them; `close` ends all of it.

    The caller owns (and closes) the numbers that `make` gives.
    """

    def __init__(self) -> None:
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
            return mine, True
        if like.kind == "socket":
            one, other = socket.socketpair()
            self._kept.append(other.detach())
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
