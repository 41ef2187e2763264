"""What users give in small files: documents, catalogs, lists.  Plain or gzip, and not endless."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from qmpconf.errors import InputError

#: More than this is none of them; the longest document known has 0.9 MB.
LARGEST = 64 * 1024 * 1024

_GZIP = b"\x1f\x8b"


def read_bytes(path: str | Path) -> bytes:
    """What is in a file, unpacked.  Raises InputError, which names the file and what is wrong."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
        if data.startswith(_GZIP):
            with gzip.open(path) as unpacked:
                data = unpacked.read(LARGEST + 1)
    except EOFError:
        raise InputError(f"{path}: damaged gzip file: it is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: damaged gzip file: {error}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) > LARGEST:
        raise InputError(
            f"{path}: is larger than {LARGEST >> 20} MiB: no document, schema or list is"
        )
    return data


def read_text(path: str | Path) -> str:
    """The same as text.  Raises InputError also for what is no UTF-8."""
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text: {error}") from None
