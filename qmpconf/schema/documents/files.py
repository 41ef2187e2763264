"""A document's file as text.

The only module of the compilers that touches a file: plain or gzip, as manual pages are installed.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from qmpconf.errors import InputError

#: More than this is no document; the longest known has 0.9 MB.
LARGEST = 64 * 1024 * 1024

_GZIP = b"\x1f\x8b"


def read_document(path: Path) -> str:
    """The text of a document.  Raises InputError, which names the file and what is wrong."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if data.startswith(_GZIP):
            with gzip.open(path) as unpacked:
                data = unpacked.read(LARGEST + 1)
    except EOFError:
        raise InputError(f"{path}: damaged gzip file: it is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: damaged gzip file: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(data) > LARGEST:
        raise InputError(f"{path}: is larger than {LARGEST >> 20} MiB: no document of QEMU is")
    if b"\0" in data:
        raise InputError(f"{path}: is no text (it has NUL bytes); give the document as text")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: is no UTF-8 text (byte {error.start}: {data[error.start]:#04x}); "
            "convert it first, with iconv or the like"
        ) from None
    return text.replace("\r\n", "\n").removeprefix("\ufeff")
