"""A trace that is still being recorded: its reader waits for what comes.

The recorder writes whole lines, and flushes the compressor behind each write, so that a ``.gz`` can
be followed just as well.  The end is the recorder's ``finish`` line.  A recorder that dies writes
none, but lets go of its file (`FollowingReader.is_written`): whoever follows it decides how long to wait.
Where it did not even write the header, and at two looks in a row nobody holds the file, which does not grow, it
is read as it is.

A recording in parts is followed from one part into the next (`qmpconf.parts`): from the earliest that is there,
where its own name is given, else from the part that is named.  A part without a last line is over when
nobody writes it any more, and the next one is there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Generator, Iterator

from qmpconf.errors import InputError, UsageError
from qmpconf.outputs import is_locked
from qmpconf.packed import MAGIC, PIECE, Pieces, unpacker_of
from qmpconf.parts import Text, name_of, next_part, number_of, parts_of, whole_of
from qmpconf.trace.reader import TraceReader

#: What is said where nobody writes the file any more.
GONE = "its recorder has gone, without a last line"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ADDRESS = re.compile(r"(?:unix|tcp|fd):")


class FollowingReader(TraceReader):
    """Reads a trace file that grows, up to its ``finish`` line; `GONE` says that none will come.

    `wait` is called when there is nothing to read, and may take its time.  Raises `InputError`,
    besides what a `TraceReader` does, when the file is removed, replaced or made shorter; what it
    held until then has been given; and `UsageError` for what is not a file.
    """

    def __init__(self, path: str, wait: Callable[[], None], protocol: str = "") -> None:
        self._wait = wait
        self._growing: _Growing | None = None
        self._begun = False  # the header was read
        self._left = -1  # bytes of it at the latest look, if nobody was there to write it
        _expect_file(path)
        super().__init__(path, protocol)
        self._begun = True

    @property
    def is_written(self) -> bool:
        """Whether a recorder still holds the file that is read, which it locks."""
        return self._growing is not None and is_locked(self._growing.path)

    @property
    def file(self) -> str:
        """The file that is read: of a recording in parts, that of the part."""
        return self.path if self._growing is None else self._growing.path

    def _opened(self) -> Pieces:
        try:
            self._growing = _Growing(self.path, self._is_over, self._wait)
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error
        return self._growing

    def _is_over(self) -> bool:
        """Whether nothing more comes, where all there is was read: behind the last line, or without the first one."""
        if self._begun or self._growing is None:
            return self.finished
        before, self._left = self._left, -1 if self.is_written else self._growing.size
        return self._left >= 0 and self._left == before


def _expect_file(path: str) -> None:
    """Raise `UsageError` for what is not a file, and cannot grow as one does."""
    if _URL.match(path):
        raise UsageError(
            f"{path} is a URL, and a recording is followed as its file grows on this host: follow the "
            f"file where the recorder writes it; 'qmpconf check {path}' reads it as it is"
        )
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        mode = 0
    if stat.S_ISSOCK(mode) or (not mode and _ADDRESS.match(path)):
        raise UsageError(
            f"{path} is a monitor's address, not a recording: 'qmpconf record --server {path} --listen "
            "ADDR -o FILE' makes one, and FILE can be followed"
        )
    if mode and not stat.S_ISREG(mode):
        what = "a folder: name one recording in it" if stat.S_ISDIR(mode) else "not a file"
        raise UsageError(f"{path} is {what}; a recording is followed as its file grows")


class _Growing(Pieces):
    """The pieces of a recording, perhaps compressed or in parts, as it grows; waits for more unless `over`."""

    def __init__(self, path: str, over: Callable[[], bool], wait: Callable[[], None]) -> None:
        parts = parts_of(path)
        self._whole = path if parts else whole_of(path)
        self.path = parts[0] if parts else path
        self._over = over
        self._wait = wait
        self._before = 0  # bytes of parts that were read
        self._left = 0  # the next part, where the one that is read has no end
        self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115 - `close` closes it
        self.cut = False
        self.packed = False

    def __iter__(self) -> Iterator[bytes]:
        first = None
        pieces = self._unpacked()
        if self._whole:
            text = Text(pieces)
            first, pieces = text.first, text.pieces()
        goes_on = yield from self._until_next(pieces)
        while goes_on:
            self._turn(goes_on)
            text = Text(self._unpacked())
            is_of_it = first is None or text.first is None or text.first.started == first.started
            if text.first is None or text.first.part != goes_on or not is_of_it:
                raise InputError(f"{self.path} does not go on with {self._whole}")
            text.skip_repeated()
            goes_on = yield from self._until_next(text.pieces())

    def tell(self) -> int:
        """Bytes that were read, of all parts."""
        return self._before + self._file.tell()

    @property
    def size(self) -> int:
        """Bytes of the file that is read."""
        return os.fstat(self._file.fileno()).st_size

    def _turn(self, number: int) -> None:
        """Go on in the next part, which was begun before the one until now ended."""
        path = name_of(self._whole, number)
        try:
            opened = open(path, "rb", buffering=0)  # noqa: SIM115 - `close` closes it
        except OSError as error:
            raise InputError(
                f"cannot read {path}, in which the recording goes on: {error.strerror}"
            ) from error
        self._before += self._file.tell()
        self._left = 0
        self._file.close()
        self.path, self._file = path, opened

    def _until_next(self, pieces: Iterator[bytes]) -> Generator[bytes, None, int]:
        """What there is, up to the footer that says in which part it goes on; returns that part."""
        begun = bytearray()  # of a line that has not ended
        for piece in pieces:
            end = piece.rfind(b"\n") + 1
            if not end:
                begun += piece
                continue
            text = bytes(begun) + piece[:end] if begun else piece[:end]
            begun = bytearray(piece[end:])
            last = text.rfind(b"\n", 0, len(text) - 1) + 1
            goes_on = next_part(text[last:]) if self._whole else 0
            yield text[:last] if goes_on else text
            if goes_on:
                return goes_on
        if begun and not self._left:
            yield bytes(begun)
        return self._left

    def _unpacked(self) -> Iterator[bytes]:
        data = b""
        while len(data) < MAGIC and (piece := self._more()):
            data += piece  # which says whether the file is compressed
        unpacker = unpacker_of(data, self.path)
        self.packed = unpacker is not None
        while data:
            if unpacker is None:
                yield data
            else:
                yield from unpacker.feed(data)
            data = self._more()

    def _more(self) -> bytes:
        """What came; waits for it.  Nothing at the end."""
        while not (piece := self._file.read(PIECE)) and not self._over():
            self._look()
            if left := self._abandoned():
                piece = self._file.read(PIECE)  # what its recorder wrote last
                self._left = 0 if piece else left
                break
            self._wait()
        return piece

    def _abandoned(self) -> int:
        """The next part, if it is there and nobody writes this one any more; else 0."""
        number = number_of(self.path) if self._whole else 0
        if not number or not os.path.exists(name_of(self._whole, number + 1)):
            return 0
        return 0 if is_locked(self.path) else number + 1

    def _look(self) -> None:
        """See whether this is still the file."""
        mine = os.fstat(self._file.fileno())
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            self._lost("removed")
        if (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino):
            self._lost("replaced by another file")
        if mine.st_size < self._file.tell():
            self._lost("made shorter")

    def _lost(self, what: str) -> None:
        raise InputError(
            f"{self.path} was {what} while it was followed; what it held until then was shown"
        )
