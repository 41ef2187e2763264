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
    if path.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    temporary = f"{path}.new{os.getpid()}"
    try:
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(fd, "wb") as file:
                file.write(data)
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
        raise UsageError(f"{path} exists; choose another name, or overwrite it (--force)") from None
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
