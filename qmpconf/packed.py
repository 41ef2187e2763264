"""Files that may be compressed, read in pieces of bounded size.

A file that begins with the gzip magic is unpacked as it is read, member after member; any other one
is read as it is.  However much a few bytes unpack to, no piece is longer than `PIECE`, so that who
reads decides when it is enough.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

#: Bytes at the beginning of compressed data.
GZIP = b"\x1f\x8b"

#: Bytes read at once, and the most that come out at once.
PIECE = 1 << 16


class Unpacker:
    """gzip data as it comes in, to what was compressed.

    `whole` tells whether what came in ended with a member.  Raises zlib.error for what is damaged.
    """

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self.whole = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` unpacks to, in pieces; all of them have to be taken."""
        while True:
            if self.whole:
                data = data.lstrip(b"\0")  # padding, as gzip takes it behind a member
                if not data:
                    return
                self._stream = zlib.decompressobj(wbits=31)
                self.whole = False
            piece = self._stream.decompress(data, PIECE)
            if piece:
                yield piece
            if self._stream.eof:
                self.whole, data = True, self._stream.unused_data
            else:
                data = self._stream.unconsumed_tail
                if not data and len(piece) < PIECE:
                    return


class Pieces:
    """A file's content in pieces, unpacked; to be closed, and iterated over once.

    `packed` says whether it is compressed, `cut` afterwards whether compressed data ended early.
    Raises OSError when the file cannot be read, and zlib.error, while iterating, for compressed
    data that is damaged.
    """

    def __init__(self, path: str) -> None:
        self._file: IO[bytes] = open(path, "rb", buffering=0)  # noqa: SIM115 - `close` closes it
        self.cut = False
        try:
            self._head = _begin(self._file)
        except OSError:
            self._file.close()
            raise
        self.packed = self._head.startswith(GZIP)

    def __iter__(self) -> Iterator[bytes]:
        if not self.packed:
            yield from self._read()
            return
        unpacker = Unpacker()
        for data in self._read():
            yield from unpacker.feed(data)
        self.cut = not unpacker.whole

    def _read(self) -> Iterator[bytes]:
        data = self._head
        while data:
            yield data
            data = self._file.read(PIECE)

    def tell(self) -> int:
        """Bytes of the file that were read, as they lie on the disk."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _begin(file: IO[bytes]) -> bytes:
    """The first bytes, enough of them to tell whether the file is compressed."""
    data = file.read(PIECE)
    while data and len(data) < len(GZIP) and (more := file.read(PIECE)):
        data += more
    return data
