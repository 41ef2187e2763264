"""Files that may be compressed, read in pieces of bounded size; what can be read once, read again.

A file that begins with the magic of gzip or zstd is unpacked as it is read, member after member; any
other one is read as it is.  However much a few bytes unpack to, pieces stay small (of gzip `PIECE`, of
zstd a few MiB), so that who reads decides when it is enough.  Where there is no file, but parts of a
recording of that name (`qmpconf.parts`), these are read as one.

Within `spooling`, which the command line switches on, standard input has a name (`STDIN`), and it and
pipes can be opened as often as files; the trace of a log can stand in for the log (`stand_in`).
"""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, BinaryIO, Protocol, cast

from qmpconf.closing import Closing
from qmpconf.errors import InputError
from qmpconf.parts import joined, numbers_of

#: Bytes at the beginning of compressed data.
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
#: As many bytes say whether data is compressed.
MAGIC = len(ZSTD)

#: Bytes read at once, and the most that come out at once.
PIECE = 1 << 16

#: How the name of a file elsewhere begins.
_URL = re.compile(r"[a-z][a-z0-9+.-]*://")

#: What standard input is called where the name of a file stands, within `spooling`.
STDIN = "<stdin>"


class _Copies:
    """Unnamed files with what was read of pipes and of standard input, by their names; those of `outer` as well."""

    def __init__(self, outer: _Copies | None) -> None:
        self.files: dict[str, IO[bytes]] = dict(outer.files) if outer is not None else {}
        self.lines: dict[str, Sequence[int]] = dict(outer.lines) if outer is not None else {}
        self.stack = ExitStack()

    def put(self, path: str, file: IO[bytes], lines: Sequence[int]) -> None:
        """Take a file for one of that name from now on."""
        self.files[path] = self.stack.enter_context(file)
        self.lines[path] = lines

    def of(self, path: str) -> IO[bytes]:
        """The copy, made at the first call.  Raises OSError."""
        if path not in self.files:
            copy = self.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
            if path == STDIN:
                shutil.copyfileobj(sys.stdin.buffer, copy, PIECE)
            elif is_url(path):
                _fetch(path, copy)
            else:
                with open(path, "rb") as pipe:
                    shutil.copyfileobj(pipe, copy, PIECE)
            copy.flush()
            self.files[path] = copy
        return self.files[path]


_copies: _Copies | None = None


@contextmanager
def spooling() -> Iterator[None]:
    """Meanwhile standard input, by the name `STDIN`, pipes and URLs can be opened again and again.

    The first opening reads them to their end, into an unnamed file on the disk, in little memory.
    """
    global _copies  # noqa: PLW0603 - as there is one standard input
    before, _copies = _copies, _Copies(_copies)
    try:
        with _copies.stack:
            yield
    finally:
        _copies = before


def stand_in(path: str, file: IO[bytes], lines: Sequence[int]) -> None:
    """Have an open `file`, which is closed in the end, stand for `path` within `spooling`.

    `lines` says for each of its lines, by its number, which line of `path` it was made of.  Raises
    RuntimeError outside of `spooling`.
    """
    if _copies is None:
        raise RuntimeError("nothing stands in for a file outside of spooling")
    _copies.put(path, file, lines)


def lines_of(path: str) -> Sequence[int] | None:
    """Of which lines of `path` the lines of what stands in for it were made; None where nothing does."""
    return _copies.lines.get(path) if _copies is not None else None


def is_only_here(path: str) -> bool:
    """Whether another process that opens `path` finds something else there, or nothing."""
    return path == STDIN or (_copies is not None and path in _copies.files)


def opened(path: str) -> BinaryIO:
    """The file as it lies on the disk, at its beginning, without a buffer.  Raises OSError."""
    if _copies is not None and (
        path == STDIN or path in _copies.files or is_url(path) or is_pipe(path)
    ):
        return cast("BinaryIO", _Copy(_copies.of(path).fileno()))
    if not os.path.lexists(path) and numbers_of(path):
        return cast("BinaryIO", _Joined(path))
    return open(path, "rb", buffering=0)


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether there is such a file, or it stands for standard input or for parts."""
    if os.path.exists(path) or (_copies is not None and os.fspath(path) == STDIN):
        return True
    return bool(numbers_of(os.fspath(path)))


def can_be_read_again(path: str) -> bool:
    """Whether the file can be opened more than once; opening one that cannot might wait."""
    return _copies is not None or not is_pipe(path)


def is_pipe(path: str) -> bool:
    """Whether it is a pipe with a name; what is not there is none."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):  # opening it says why
        return False


def is_url(path: str) -> bool:
    """Whether it stands for a file elsewhere, as ``s3://bucket/name`` does; a file of that name comes first."""
    return _URL.match(path) is not None and not os.path.lexists(path)


def _fetch(url: str, copy: IO[bytes]) -> None:
    """Copy what a URL stands for.  Raises OSError, and InputError where what fetches it is not installed."""
    try:
        import fsspec  # noqa: PLC0415 - not everybody has it, or needs it

        opening = fsspec.open(url, "rb")
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{url}: a URL needs other packages: pip install 'qmpconf[dask]' ({error})"
        ) from None
    try:
        with opening as file:
            shutil.copyfileobj(file, copy, PIECE)
    except OSError as error:
        raise OSError(error.errno, error.strerror or f"{type(error).__name__}: {error}") from error
    except Exception as error:
        # What speaks the protocol of a store raises what it likes.
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error


class _Copy(io.RawIOBase):
    """An open file, read at a place of its own."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """The next bytes; 0 at the end."""
        data = os.pread(self._fd, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: os.fstat(self._fd).st_size}
        self._at = max(0, base[whence] + offset)
        return self._at

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at


class _Joined(io.RawIOBase):
    """The parts of a recording, unpacked, as one file that is read once; `tell` counts what is on the disk."""

    def __init__(self, path: str) -> None:
        self._pieces = joined(path, self._part)
        self._rest = memoryview(b"")
        self._before = 0
        self._part_now: Pieces | None = None

    def _part(self, path: str) -> Iterator[bytes]:
        with Pieces(path) as pieces:
            self._part_now = pieces
            try:
                yield from pieces
            finally:
                self._before += pieces.tell()
                self._part_now = None

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """The next bytes; 0 at the end.  Raises what `joined` does, and zlib.error."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def tell(self) -> int:
        """Bytes of the files that were read."""
        part = self._part_now
        return self._before + (part.tell() if part is not None else 0)

    def close(self) -> None:
        """Close the part that is read."""
        self._pieces.close()
        super().close()


class Unpack(Protocol):
    """Compressed data as it comes in, to what was compressed.

    `whole` says whether what came in ended with a member.  Raises zlib.error for what is damaged.
    """

    whole: bool

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` unpacks to, in pieces; all of them have to be taken."""


def unpacker_of(head: bytes, name: str) -> Unpack | None:
    """What unpacks data that begins so; None: it is not compressed.

    Raises InputError, with the `name` of the file, where what unpacks it is not installed.
    """
    if head.startswith(GZIP):
        return Unpacker()
    return ZstdUnpacker(name) if head.startswith(ZSTD) else None


class Unpacker:
    """gzip data to what was compressed; an `Unpack`."""

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


#: Bytes of zstd data that are unpacked at once: they hold 64 blocks of 128 KiB at most.
_SLICE = 256


def zstd(name: str) -> Any:
    """The module zstandard, for the file `name`.  Raises InputError where it is not installed."""
    try:
        import zstandard  # noqa: PLC0415 - not everybody has it, or needs it
    except ImportError:
        raise InputError(
            f"{name}: zstd needs another package: pip install 'qmpconf[hosts]'"
        ) from None
    return zstandard


class ZstdUnpacker:
    """zstd data to what was compressed; an `Unpack`.  Raises InputError where zstandard is not installed."""

    def __init__(self, name: str) -> None:
        self._module = zstd(name)
        self._stream = self._module.ZstdDecompressor().decompressobj()
        self.whole = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` unpacks to, in pieces; all of them have to be taken."""
        for at in range(0, len(data), _SLICE):
            rest = data[at : at + _SLICE]
            while rest:
                if self.whole:
                    self._stream = self._module.ZstdDecompressor().decompressobj()
                    self.whole = False
                try:
                    piece = self._stream.decompress(rest)
                except self._module.ZstdError as error:
                    raise zlib.error(str(error)) from None
                if piece:
                    yield piece
                self.whole = self._stream.eof
                rest = self._stream.unused_data if self.whole else b""


class Pieces(Closing):
    """A file's content in pieces, unpacked; to be closed, and iterated over once.

    `packed` says whether what is on the disk is something else (compressed, or parts), `cut` afterwards
    whether compressed data ended early.  Raises OSError when the file cannot be read, and zlib.error,
    while iterating, for compressed data that is damaged; InputError for parts that do not fit together.
    """

    def __init__(self, path: str) -> None:
        self._file = opened(path)
        self.cut = False
        try:
            self._head = _begin(self._file)
            self._unpacker = unpacker_of(self._head, path)
        except BaseException:
            self._file.close()
            raise
        self.packed = self._unpacker is not None or isinstance(self._file, _Joined)

    def __iter__(self) -> Iterator[bytes]:
        if self._unpacker is None:
            yield from self._read()
            return
        for data in self._read():
            yield from self._unpacker.feed(data)
        self.cut = not self._unpacker.whole

    def _read(self) -> Iterator[bytes]:
        data = self._head
        while data:
            yield data
            data = self._file.read(PIECE)

    def seek(self, at: int) -> None:
        """Begin with this byte, of a file that is not `packed`."""
        self._file.seek(at)
        self._head = self._file.read(PIECE)

    def tell(self) -> int:
        """Bytes of the file that were read, as they lie on the disk."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _begin(file: IO[bytes]) -> bytes:
    """The first bytes, enough of them to see whether the file is compressed."""
    data = file.read(PIECE)
    while data and len(data) < MAGIC and (more := file.read(PIECE)):
        data += more
    return data
