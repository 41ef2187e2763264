"""Whole trace files, read and written at once: lines, compressed where the name says so.

For tools that make a trace out of another one.  A file is there as a whole or not at all: it is
written beside its place and moved there.  Recording, line by line, is `qmpconf.trace.writer`.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from qmpconf.errors import InputError, OutputError, UsageError

_GZIP = b"\x1f\x8b"


def read_lines(path: str) -> list[bytes]:
    """The lines of a trace, each with its line feed; of a torn file, those that are whole.

    Raises `InputError`.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if data.startswith(_GZIP):
        data = _unpacked(data, path)
    lines = io.BytesIO(data).readlines()
    return lines[:-1] if lines and not lines[-1].endswith(b"\n") else lines


def _unpacked(data: bytes, path: str) -> bytes:
    found = b""
    try:
        while data:
            unpacker = zlib.decompressobj(wbits=31)
            found += unpacker.decompress(data)
            data = unpacker.unused_data
    except zlib.error as error:
        raise InputError(f"{path}: the compressed data is damaged ({error})") from error
    return found


def write_lines(path: str, data: bytes, *, overwrite: bool = False) -> None:
    """Write a whole trace, with mode 0600, or with that of the file that is overwritten.

    The same lines give the same file, also compressed.  Raises `UsageError` for a file that
    exists, unless `overwrite`, and `OutputError`.
    """
    with written(path, overwrite=overwrite) as file:
        file.write(data)


@contextmanager
def written(path: str, *, overwrite: bool = False, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A new file that is moved to its place when the block ends; after an error there is none.

    As for `write_lines`.  What stands at `path` may be read meanwhile.  What is there and is no
    file (a pipe, a terminal) is written to, never replaced; so is what a link leads to.  `mode` is
    that of a new file, but for the umask.
    """
    if os.path.exists(path) and not overwrite:
        raise _existing(path)
    if os.path.exists(path) and not os.path.isfile(path):
        try:
            with open(path, "wb") as file:
                yield file
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        return
    if overwrite:
        path = os.path.realpath(path)
    temporary = f"{path}.new{os.getpid()}"
    try:
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with open(fd, "wb") as file:
                if path.endswith(".gz"):
                    with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                        yield cast("BinaryIO", packed)
                else:
                    yield file
            if overwrite:
                if os.path.exists(path):
                    shutil.copymode(path, temporary)
                os.replace(temporary, path)
            else:
                os.link(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
    except FileExistsError:
        raise _existing(path) from None
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _existing(path: str) -> UsageError:
    return UsageError(f"{path} exists; choose another name, or overwrite it (--force)")
