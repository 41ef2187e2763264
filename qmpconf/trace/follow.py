"""A trace that is still being recorded: its reader waits for what comes.

The recorder writes whole lines, and flushes the compressor behind each write, so that a ``.gz`` can
be followed just as well.  The end is the recorder's ``finish`` line.  A recorder that dies writes
none, and whoever follows it waits until he is interrupted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from qmpconf.errors import InputError
from qmpconf.packed import MAGIC, PIECE, Pieces, unpacker_of
from qmpconf.trace.reader import TraceReader


class FollowingReader(TraceReader):
    """Reads a trace file that grows, up to its ``finish`` line.

    `wait` is called when there is nothing to read, and may take its time.  Raises `InputError`,
    besides what a `TraceReader` does, when the file is removed, replaced or made shorter; what it
    held until then has been given.
    """

    def __init__(self, path: str, wait: Callable[[], None], protocol: str = "") -> None:
        self._wait = wait
        super().__init__(path, protocol)

    def _opened(self) -> Pieces:
        try:
            return _Growing(self.path, lambda: self.finished, self._wait)
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error


class _Growing(Pieces):
    """The pieces of a file, perhaps compressed, as it grows; waits for more unless `over`."""

    def __init__(self, path: str, over: Callable[[], bool], wait: Callable[[], None]) -> None:
        self._path = path
        self._over = over
        self._wait = wait
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - `close` closes it
        self.cut = False
        self.packed = False

    def __iter__(self) -> Iterator[bytes]:
        data = b""
        while len(data) < MAGIC:  # what says whether the file is compressed
            data += self._more()
        unpacker = unpacker_of(data, self._path)
        self.packed = unpacker is not None
        while data:
            if unpacker is None:
                yield data
            else:
                yield from unpacker.feed(data)
            data = self._more()

    def _more(self) -> bytes:
        """What came; waits for it.  Nothing at the end."""
        while not (piece := self._file.read(PIECE)) and not self._over():
            self._look()
            self._wait()
        return piece

    def _look(self) -> None:
        """See whether this is still the file."""
        mine = os.fstat(self._file.fileno())
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            self._lost("removed")
        if (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino):
            self._lost("replaced by another file")
        if mine.st_size < self._file.tell():
            self._lost("made shorter")

    def _lost(self, what: str) -> None:
        raise InputError(
            f"{self._path} was {what} while it was followed; what it held until then was shown"
        )
