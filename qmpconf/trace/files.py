"""Whole trace files, read and written at once: lines, compressed where the name says so.

For tools that make a trace out of another one.  Recording, line by line, is `qmpconf.trace.writer`.
"""

from __future__ import annotations

import io
import zlib

from qmpconf.errors import InputError
from qmpconf.outputs import written

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
