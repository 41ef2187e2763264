"""A trace that is still being recorded: its reader waits for what comes.

The recorder writes whole lines, and flushes the compressor behind each write, so that a ``.gz`` can
be followed just as well.  The end is the recorder's ``finish`` line.  A recorder that dies writes
none, and whoever follows it waits until he is interrupted.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable
from typing import IO, cast

from qmpconf.errors import InputError
from qmpconf.trace.reader import TraceReader

_PIECE = 1 << 16
_GZIP = b"\x1f\x8b"


class FollowingReader(TraceReader):
    """Reads a trace file that grows, up to its ``finish`` line.

    `wait` is called when there is nothing to read, and may take its time.  Raises `InputError`,
    besides what a `TraceReader` does, when the file is removed, replaced or made shorter; what it
    held until then has been given.
    """

    def __init__(self, path: str, wait: Callable[[], None]) -> None:
        self._wait = wait
        super().__init__(path)

    def _opened(self) -> IO[bytes] | gzip.GzipFile:
        try:
            growing = _Growing(self.path, lambda: self.finished, self._wait)
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error
        return cast("IO[bytes]", growing)


class _Growing(io.RawIOBase):
    """The whole lines of a file, perhaps compressed; waits for more unless `over`."""

    def __init__(self, path: str, over: Callable[[], bool], wait: Callable[[], None]) -> None:
        super().__init__()
        self._path = path
        self._over = over
        self._wait = wait
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - `close` closes it
        self._first = b""  # what tells whether the file is compressed, while that is too short
        self._unpack: Callable[[bytes], bytes] | None = None
        self._text = bytearray()
        self._searched = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def tell(self) -> int:
        """How much of the file was read."""
        return self._file.tell()

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next whole line, also where it is longer than `size`; nothing at the end."""
        del size
        while True:
            end = self._text.find(b"\n", self._searched) + 1
            if end:
                line = bytes(self._text[:end])
                del self._text[:end]
                self._searched = 0
                return line
            self._searched = len(self._text)
            if not self._more():
                return b""

    def _more(self) -> bool:
        """Read on, or wait; False at the end."""
        piece = self._file.read(_PIECE)
        if piece:
            self._text += self._plain(piece)
            return True
        if self._over():
            return False
        self._look()
        self._wait()
        return True

    def _plain(self, piece: bytes) -> bytes:
        if self._unpack is None:
            self._first += piece
            if len(self._first) < len(_GZIP):
                return b""
            piece, self._first = self._first, b""
            self._unpack = _Unpacker() if piece.startswith(_GZIP) else bytes
        return self._unpack(piece)

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


class _Unpacker:
    """gzip, as it comes in; members behind one another are one text."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    def __call__(self, piece: bytes) -> bytes:
        text = self._stream.decompress(piece)
        while self._stream.eof and self._stream.unused_data:
            rest = self._stream.unused_data
            self._stream = zlib.decompressobj(wbits=31)
            text += self._stream.decompress(rest)
        return text
