"""Whole trace files, read and written at once: lines, compressed where the name says so.

For tools that make a trace out of another one.  Recording, line by line, is `qmpconf.trace.writer`.
"""

from __future__ import annotations

import io
import zlib

from qmpconf.errors import InputError
from qmpconf.outputs import written
from qmpconf.packed import Pieces

#: Bytes of a trace that is read at once: a recording that answers in place of a server.
LARGEST = 64 << 20


def read_lines(path: str) -> list[bytes]:
    """The lines of a trace, each with its line feed; of a torn file, those that are whole.

    Raises `InputError`, also for one that is larger than `LARGEST`.
    """
    data = bytearray()
    try:
        with Pieces(path) as pieces:
            for piece in pieces:
                data += piece
                if len(data) > LARGEST:
                    raise InputError(
                        f"{path} is larger than {LARGEST >> 20} MiB: too large to be read at once"
                    )
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except zlib.error as error:
        raise InputError(f"{path}: the compressed data is damaged ({error})") from error
    lines = io.BytesIO(data).readlines()
    return lines[:-1] if lines and not lines[-1].endswith(b"\n") else lines


def write_lines(path: str, data: bytes, *, overwrite: bool = False) -> None:
    """Write a whole trace, with mode 0600, or with that of the file that is overwritten.

    The same lines give the same file, also compressed.  Raises `UsageError` for a file that
    exists, unless `overwrite`, and `OutputError`.
    """
    with written(path, overwrite=overwrite) as file:
        file.write(data)
