"""The file that a trace is written to: whole lines, each on the disk before `Sink.write` returns."""

from __future__ import annotations

import os
import stat
import sys
import zlib
from typing import Protocol

from qmpconf.errors import OutputError, UsageError
from qmpconf.outputs import existing, lock, takes_anything
from qmpconf.packed import zstd


class _Packer(Protocol):
    """Compresses what comes in, so that all of it can be read at once."""

    def __call__(self, lines: bytes, *, last: bool) -> bytes:
        """What stands for `lines` in the file; with `last`, nothing follows."""


class Sink:
    """An open trace file, locked for as long as it is written.

    `path` is created with mode 0600, compressed if it ends in ``.gz`` or ``.zst``; ``-`` is standard
    output.  An existing file is refused unless `overwrite`.  `batch` is the number of bytes that may
    wait.  `size` is how many are on the disk.  Raises `UsageError` for an existing file, `InputError`
    where what compresses is not installed, `OutputError` where it cannot be written; so do all methods.
    """

    def __init__(self, path: str, *, overwrite: bool = False, batch: int = 0) -> None:
        self.path = path
        self.size = 0
        self._pack = _packer(path)
        self._batch = batch
        self._waiting = bytearray()
        self._fd = _create(path, overwrite=overwrite)
        self._name = "the output" if path == "-" else path
        self._regular = path != "-" and stat.S_ISREG(os.fstat(self._fd).st_mode)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._fd < 0

    def put(self, lines: bytes, *, last: bool = False) -> None:
        """Write whole lines, or keep them for the next time if there may wait as many."""
        if not last and len(self._waiting) + len(lines) < self._batch:
            self._waiting += lines
        else:
            self.write(lines, last=last)

    def write(self, lines: bytes, *, last: bool = False) -> None:
        """Write whole lines, and what has waited; what did arrive of them is cut off if not all did."""
        if self._waiting:
            lines = bytes(self._waiting) + lines
            self._waiting.clear()
        if self._pack is not None:
            lines = self._pack(lines, last=last)
        try:
            done = os.write(self._fd, lines)
            while done < len(lines):
                done += os.write(self._fd, lines[done:])
        except OSError as error:
            if self._regular:
                os.ftruncate(self._fd, self.size)
            raise OutputError(
                f"cannot write {self._name}: {error.strerror}; what was recorded so far is in it"
            ) from error
        self.size += len(lines)

    def close(self) -> None:
        """Write what has waited, and close the file."""
        if self._fd >= 0:
            try:
                if self._waiting:
                    self.write(b"")
            finally:
                os.close(self._fd)
                self._fd = -1

    def discard(self) -> None:
        """Close the file and remove it: nothing was recorded, and it would be in the way."""
        self.close()
        if self._regular:
            os.unlink(self.path)


def _packer(path: str) -> _Packer | None:
    if path.endswith(".gz"):
        stream = zlib.compressobj(wbits=31)

        def gzip(lines: bytes, *, last: bool) -> bytes:
            mode = zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH
            return stream.compress(lines) + stream.flush(mode)

        return gzip
    return _zstd(path) if path.endswith(".zst") else None


def _zstd(path: str) -> _Packer:
    zstandard = zstd(path)
    stream = zstandard.ZstdCompressor().compressobj()
    ends = {
        False: zstandard.COMPRESSOBJ_FLUSH_BLOCK,
        True: zstandard.COMPRESSOBJ_FLUSH_FINISH,
    }

    def pack(lines: bytes, *, last: bool) -> bytes:
        return bytes(stream.compress(lines) + stream.flush(ends[last]))

    return pack


def _create(path: str, *, overwrite: bool) -> int:
    """Open the trace, locked for as long as it is written; what another one writes is left alone."""
    if path == "-":
        sys.stdout.flush()
        return os.dup(sys.stdout.fileno())
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        fd = os.open(path, flags | (0 if overwrite or takes_anything(path) else os.O_EXCL), 0o600)
    except FileExistsError:
        raise existing(path) from None
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    if stat.S_ISREG(os.fstat(fd).st_mode):
        if not lock(fd):
            os.close(fd)
            raise UsageError(f"{path} is being written by another recorder; choose another name")
        os.ftruncate(fd, 0)
        os.fchmod(fd, 0o600)
    return fd
