"""A document's file as text.

The only module of the compilers that touches a file.
"""

from __future__ import annotations

from pathlib import Path

from qmpconf.errors import InputError
from qmpconf.files import read_bytes

#: What marks an index in an Info file, in characters that no text has.
_INDEX = b"\0\x08[index\0\x08]"


def read_document(path: Path) -> str:
    """The text of a document.  Raises InputError, which names the file and what is wrong."""
    data = read_bytes(path).replace(_INDEX, b"")
    if b"\0" in data:
        raise InputError(f"{path}: is not text (it has NUL bytes); give the document as text")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: is not UTF-8 text (byte {error.start}: {data[error.start]:#04x}); "
            "convert it first, with iconv or the like"
        ) from None
    return text.replace("\r\n", "\n").removeprefix("\ufeff")
