"""The text of a trace, to be read again at any place while one thread still reads it for the first time.

A plain file is its own text.  What is compressed, or in parts, is kept unpacked in a temporary file that has
no name.  One thread brings pieces; any other may read what has come.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections import deque
from typing import IO

from qmpconf.closing import Closing
from qmpconf.errors import InputError
from qmpconf.packed import opened
from qmpconf.trace.rows import LONGEST

_LINE_END = re.compile(rb"\n")
#: Bytes that are read for a line at first: most are shorter.
_FIRST = 4096


class Text(Closing):
    """The text of the trace `path`; `size` is how many bytes of it have come, `kept` whether it is a copy."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size = 0
        self.kept = False
        self._file: IO[bytes] | None = None
        self._one = threading.Lock()  # who reads goes to a place of the file first
        self._starts: deque[int] = deque()  # of lines that were not asked for yet
        self._first = 1  # the number of the first of them

    def begin(self, *, keep: bool) -> None:
        """It is read from its beginning; with `keep`, what comes is written down.  Raises OSError."""
        self.close()
        self.size, self.kept, self._first = 0, keep, 1
        self._starts = deque([0])
        self._file = tempfile.TemporaryFile() if keep else opened(self.path)  # noqa: SIM115 - `close` closes it

    def came(self, piece: bytes) -> None:
        """The next bytes.  Raises OSError."""
        if self.kept and self._file is not None:
            with self._one:
                self._file.seek(self.size)
                self._file.write(piece)
                self._file.flush()
        at = self.size
        self._starts.extend(at + found.end() for found in _LINE_END.finditer(piece))
        self.size += len(piece)

    def start_of(self, number: int) -> int:
        """Where line `number` begins; lines have to be asked for in their order."""
        while self._first < number and len(self._starts) > 1:
            self._starts.popleft()
            self._first += 1
        return self._starts[0]

    def line(self, place: int) -> bytes:
        """The line that begins at `place`, without its end.  Raises `InputError`."""
        size = _FIRST
        while True:
            data = self.read(place, size)
            end = data.find(b"\n")
            if end >= 0:
                return data[:end]
            if len(data) < size or size > LONGEST:
                return data
            size *= 16

    def read(self, place: int, size: int) -> bytes:
        """Up to so many bytes at a place.  Raises `InputError`."""
        try:
            with self._one:
                if self._file is None:
                    return b""
                self._file.seek(place, os.SEEK_SET)
                return self._file.read(size)
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Forget the copy."""
        with self._one:
            if self._file is not None:
                self._file.close()
                self._file = None
