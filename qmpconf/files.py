"""What users give in small files: documents, catalogs, lists.  Plain or gzip, and not endless."""

from __future__ import annotations

import zlib
from pathlib import Path

from qmpconf.errors import InputError
from qmpconf.packed import Pieces

#: More than this is none of them; the longest document known has 0.9 MB.
LARGEST = 64 * 1024 * 1024


def read_bytes(path: str | Path) -> bytes:
    """What is in a file, unpacked.  Raises InputError, which names the file and what is wrong."""
    data = bytearray()
    try:
        with Pieces(str(path)) as pieces:
            for piece in pieces:
                data += piece
                if len(data) > LARGEST:
                    raise InputError(
                        f"{path}: is larger than {LARGEST >> 20} MiB: no document, schema or list is"
                    )
            if pieces.cut:
                raise InputError(f"{path}: damaged gzip file: it is cut off")
    except zlib.error as error:
        raise InputError(f"{path}: damaged gzip file: {error}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    return bytes(data)


def read_text(path: str | Path) -> str:
    """The same as text.  Raises InputError also for what is not UTF-8."""
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text: {error}") from None
