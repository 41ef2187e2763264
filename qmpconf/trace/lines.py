"""The messages of a trace file by the number of their line, read from the file when they are needed.

For who needs them in another order than that of the file, and shall not hold them in memory: that
takes eight bytes a line.  A compressed file is unpacked into a temporary one, which is held in memory
only while it is small.
"""

from __future__ import annotations

import re
import tempfile
import zlib
from array import array
from typing import IO

from qmpconf.closing import Closing
from qmpconf.errors import InputError
from qmpconf.packed import PIECE, Pieces, opened
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader

#: Bytes of an unpacked file that are held in memory.
_SMALL = 16 << 20

_LINE_END = re.compile(rb"\n")


class Lines(Closing):
    """The lines of the trace that `reader` reads; to be closed.

    Raises `InputError` if the file cannot be read.  A file that is changed meanwhile gives other
    messages, or `InputError`.
    """

    def __init__(self, reader: TraceReader) -> None:
        self._reader = reader
        self._starts = array("Q", [0, 0])  # of each line, by its number; there is no line 0
        self._file = _unpacked(reader.path)
        try:
            at = 0
            while piece := self._file.read(PIECE):
                self._starts.extend(at + found.end() for found in _LINE_END.finditer(piece))
                at += len(piece)
        except OSError as error:
            self._file.close()
            raise InputError(f"cannot read {reader.path}: {error.strerror or error}") from error

    def holds(self, item: Item) -> bool:
        """Whether `item` can be had again from its line: that ends with all of it, verbatim."""
        return self._line(item.line).endswith(b'"msg":' + item.frame.data + b"}\n")

    def item(self, number: int) -> Item:
        """The message in line `number`, for which `holds` was true.  Raises `InputError`."""
        return self._reader.message(self._line(number), number)

    def _line(self, number: int) -> bytes:
        if number + 1 >= len(self._starts):
            return b""  # torn, where the file ends early
        start, end = self._starts[number : number + 2]
        try:
            self._file.seek(start)
            return self._file.read(end - start)
        except OSError as error:
            raise InputError(f"cannot read {self._reader.path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file; a temporary one goes."""
        self._file.close()


def _unpacked(path: str) -> IO[bytes]:
    """The file, or what it is unpacked; of one that ends early, as much as there is."""
    try:
        with Pieces(path) as pieces:
            if not pieces.packed:
                return opened(path)
            unpacked: IO[bytes] = tempfile.SpooledTemporaryFile(_SMALL)  # noqa: SIM115 - for the caller
            try:
                for piece in pieces:
                    unpacked.write(piece)
            except zlib.error:
                pass  # whoever reads the trace reports it
            except BaseException:
                unpacked.close()
                raise
        unpacked.seek(0)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return unpacked
