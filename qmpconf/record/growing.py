"""A log that somebody else writes: the lines that come to it from now on."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from qmpconf.errors import InputError, UsageError
from qmpconf.trace.convert.qemu_trace.lines import LONGEST

_PIECE = 1 << 20


class GrowingLog:
    """The lines that are written to the file at `path` from now on.

    The file may be replaced or made shorter, as by logrotate: then `cut` is set, and reading goes on at the
    beginning of what is there.  `line` counts lines, from where reading began.  Raises `InputError`
    for a file that cannot be read, `UsageError` for what is not a file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = self._opened()
        self._rest = bytearray()  # of a line that has not ended
        self._begins = True  # it has its beginning
        self.line = 0
        self.cut = False
        os.lseek(self._fd, 0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """The lines that have come: number, text with its line end, whether it is a line's beginning.

        A line of more than `LONGEST` bytes comes in pieces, of which only the last one has the line end.
        Raises as the class does, of what may have come in the file's place.
        """
        yield from self._read()
        if self._is_replaced():
            yield from self._read()  # what was written until then
            replaced, self._fd = self._fd, self._opened()
            os.close(replaced)
            self._begin_anew()
            yield from self._read()

    def _read(self) -> Iterator[tuple[int, bytes, bool]]:
        while piece := self._piece():
            for part in _split(piece):
                self._rest += part
                ends = part.endswith(b"\n")
                if not ends and len(self._rest) < LONGEST:
                    continue
                self.line += self._begins
                yield self.line, bytes(self._rest), self._begins
                self._rest.clear()
                self._begins = ends

    def _piece(self) -> bytes:
        try:
            if os.fstat(self._fd).st_size < os.lseek(self._fd, 0, os.SEEK_CUR):
                os.lseek(self._fd, 0, os.SEEK_SET)
                self._begin_anew()
            return os.read(self._fd, _PIECE)
        except OSError as error:
            raise InputError(f"cannot read {self._path}: {error.strerror}") from error

    def _begin_anew(self) -> None:
        self._rest.clear()
        self._begins = True
        self.cut = True

    def _is_replaced(self) -> bool:
        """Whether another file has this name now; not where there is none, for now."""
        try:
            there = os.stat(self._path)
        except OSError:
            return False
        here = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def _opened(self) -> int:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"cannot read {self._path}: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise UsageError(f"{self._path} is not a file that can be followed")
        return fd


def _split(piece: bytes) -> Iterator[bytes]:
    """The parts of `piece` that LF ends, and what is behind the last of them."""
    at = 0
    while (end := piece.find(b"\n", at) + 1) > 0:
        yield piece[at:end]
        at = end
    if at < len(piece):
        yield piece[at:]
