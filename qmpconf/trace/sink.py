"""The file that a trace is written to: whole lines, each on the disk before `Sink.write` returns."""

from __future__ import annotations

import os
import stat
import struct
import sys
import zlib
from contextlib import suppress
from typing import Protocol

from qmpconf.errors import OutputError, UsageError
from qmpconf.outputs import existing, lock, takes_anything
from qmpconf.packed import zstd


class _Packer(Protocol):
    """Compresses what comes in, so that all of it can be read at once."""

    def __call__(self, lines: bytes, *, last: bool) -> bytes:
        """What stands for `lines` in the file; with `last`, nothing follows."""

    def arrived(self, lines: bytes) -> None:
        """What stands for `lines` is in the file."""

    def tail(self) -> bytes:
        """What ends the compressed data behind all that has arrived."""


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
        self._broken = ""  # why a write has failed
        self._batch = batch
        self._waiting = bytearray()
        self._fd = _create(path, overwrite=overwrite)
        self._name = "the output" if path == "-" else path
        self._regular = path != "-" and stat.S_ISREG(os.fstat(self._fd).st_mode)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._fd < 0

    @property
    def plain_fd(self) -> int:
        """The open file, where lines are appended to it as they are; -1: they are not."""
        return self._fd if self._regular and self._pack is None and not self._batch else -1

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
        if self._pack is None:
            self._append(lines)
            return
        self._append(self._pack(lines, last=last))
        self._pack.arrived(lines)

    def mend(self) -> None:
        """Go on behind what has arrived, where a write has failed before."""
        if not self._broken:
            return
        if not self._regular:
            raise OutputError(f"cannot go on in {self._name}: it is not a file")
        try:
            os.ftruncate(self._fd, self.size)  # which may have failed then
        except OSError as error:
            raise OutputError(f"cannot go on in {self._name}: {error.strerror}") from error
        self._broken = ""
        if self._pack is not None and self.size:
            self._append(self._pack.tail())
        self._pack = _packer(self.path)

    def _append(self, data: bytes) -> None:
        if self._broken:  # what was compressed since is not in it
            raise OutputError(
                f"cannot write {self._name}: an earlier write has failed: {self._broken}"
            )
        try:
            done = os.write(self._fd, data)
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError as error:
            self._broken = error.strerror or str(error)
            if self._regular:
                with suppress(
                    OSError
                ):  # then its last line is torn, as that of any recording that was cut off
                    os.ftruncate(self._fd, self.size)
            rest = "; what was recorded so far is in it" if self.size else ""
            raise OutputError(f"cannot write {self._name}: {error.strerror}{rest}") from error
        self.size += len(data)

    def close(self) -> None:
        """Write what has waited, and close the file."""
        if self._fd >= 0:
            try:
                if self._waiting and not self._broken:
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
        return _Gzip()
    return _Zstd(path) if path.endswith(".zst") else None


class _Gzip:
    """One member of a gzip file (RFC 1952)."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(wbits=31)
        self._sum = self._size = 0  # of what has arrived

    def __call__(self, lines: bytes, *, last: bool) -> bytes:
        """Compress; all of it can be read behind each call."""
        mode = zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH
        return self._stream.compress(lines) + self._stream.flush(mode)

    def arrived(self, lines: bytes) -> None:
        """Count what the trailer says."""
        self._sum = zlib.crc32(lines, self._sum)
        self._size += len(lines)

    def tail(self) -> bytes:
        """An empty last block, which may follow any flush, and the trailer."""
        if not self._size:
            return b""  # not even a header has arrived
        return b"\x03\x00" + struct.pack("<II", self._sum, self._size & 0xFFFFFFFF)


class _Zstd:
    """One frame of a zstd file (RFC 8878), without a checksum."""

    def __init__(self, path: str) -> None:
        zstandard = zstd(path)
        self._stream = zstandard.ZstdCompressor().compressobj()
        self._ends = {
            False: zstandard.COMPRESSOBJ_FLUSH_BLOCK,
            True: zstandard.COMPRESSOBJ_FLUSH_FINISH,
        }
        self._begun = False

    def __call__(self, lines: bytes, *, last: bool) -> bytes:
        """Compress; all of it can be read behind each call."""
        return bytes(self._stream.compress(lines) + self._stream.flush(self._ends[last]))

    def arrived(self, _: bytes) -> None:
        """There is a frame."""
        self._begun = True

    def tail(self) -> bytes:
        """An empty last block, which may follow any flush."""
        return b"\x01\x00\x00" if self._begun else b""


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
