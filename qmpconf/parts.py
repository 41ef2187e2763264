"""Recordings in parts: how their files are called, and how they read as one (qmpconf/trace/README.md, Parts).

``vm.qmptrace.gz`` names the whole; its parts are ``vm.0001.qmptrace.gz``, ``vm.0002.qmptrace.gz`` and
so on.  Where there is no file of that name, it stands for the parts that are there: the text of the
first one, and of each other one what it does not repeat.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import pairwise

import msgspec

from qmpconf.errors import InputError

#: The name of a trace: what comes before a part's number, and what behind it.
_NAME = re.compile(r"(.*?)((?:\.qmptrace)?(?:\.gz|\.zst)?)", re.DOTALL)
_PART = re.compile(r"(.*)\.(\d{4}|[1-9]\d{4,8})((?:\.qmptrace)?(?:\.gz|\.zst)?)", re.DOTALL)

#: Bytes of the longest line that is looked at, and of the longest footer.
_LONGEST, _FOOTER = 66 << 20, 1 << 10


def name_of(path: str, number: int) -> str:
    """The file of part `number` of the recording `path`."""
    stem, ending = _split(path)
    return f"{stem}.{number:04}{ending}"


def whole_of(path: str) -> str:
    """The recording that the file `path` is a part of, by its name; else an empty string."""
    found = _PART.fullmatch(path)
    return f"{found[1]}{found[3]}" if found else ""


def number_of(path: str) -> int:
    """Which part the file `path` is, by its name; 0 where it is none."""
    found = _PART.fullmatch(path)
    return int(found[2]) if found else 0


def numbers_of(path: str) -> list[int]:
    """The numbers of the parts of `path` that are there, in order."""
    folder, name = os.path.split(path)
    try:
        there = os.listdir(folder or ".")
    except (OSError, ValueError):
        return []
    parts = (_PART.fullmatch(one) for one in there if whole_of(one) == name)
    return sorted(int(found[2]) for found in parts if found)


def parts_of(path: str) -> list[str]:
    """The files that `path` stands for, in order: empty where it is a file itself, or nothing is there.

    Raises InputError where one between two others is missing.
    """
    if os.path.lexists(path):
        return []
    numbers = numbers_of(path)
    for before, after in pairwise(numbers):
        if after != before + 1:
            raise InputError(
                f"{path}: part {before + 1} is missing ({name_of(path, before + 1)}); the others "
                "can be read one by one"
            )
    return [name_of(path, number) for number in numbers]


class _Line(msgspec.Struct):
    """What of a line says how it stands to other parts."""

    qmptrace: int = 0
    started: str = ""
    part: int = 0
    repeated: bool = False
    finish: dict[str, int] | None = None


_decode = msgspec.json.Decoder(_Line).decode


def joined(path: str, open_part: Callable[[str], Iterable[bytes]]) -> Generator[bytes, None, None]:
    """The text of the recording `path` out of its parts, in pieces.

    `open_part` gives the pieces of one file, unpacked.  Raises InputError for a part that is missing,
    or belongs to another recording; besides that what `open_part` raises.
    """
    first: _Line | None = None
    parts = parts_of(path)
    for one in parts:
        text = Text(open_part(one))
        header = text.first
        if header is not None and first is not None:
            if header.part < 2 or header.started != first.started:
                raise InputError(f"{one} does not go on with {path}: it is of another recording")
            text.skip_repeated()
        first = first or header
        yield from text.rest(last=one == parts[-1])


def next_part(line: bytes) -> int:
    """The number of the part in which a recording goes on behind a line; 0: that does not end a part."""
    if b'"finish":' not in line[:_FOOTER]:
        return 0
    found = Text.parsed(line)
    return (found.finish or {}).get("next", 0) if found is not None else 0


class Text:
    """The text of one part, the beginning and end of which are looked at."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._head = bytearray()
        #: Its header; None if that is torn.
        self.first = self.parsed(self._line())

    def skip_repeated(self) -> None:
        """Leave out the header, and the lines behind it that an earlier part has."""
        line = self._line()
        while line:
            del self._head[: len(line)]
            line = self._line()
            found = self.parsed(line) if b'"repeated"' in line else None
            if found is None or not found.repeated:
                return

    def rest(self, *, last: bool) -> Iterator[bytes]:
        """What there is, without a footer that says that the recording goes on.

        What is torn, the recorder wrote while it went on to the next part, if it is not the `last`.
        """
        held = self._head
        whole = True  # what is held begins with a line
        for piece in self._pieces:
            held += piece
            if len(held) > 2 * _FOOTER:
                yield bytes(held[:-_FOOTER])
                del held[:-_FOOTER]
                whole = False
        end = held.rfind(b"\n") + 1
        begin = held.rfind(b"\n", 0, max(end - 1, 0)) + 1
        found = self.parsed(bytes(held[begin:end])) if begin or whole else None
        goes_on = found is not None and found.finish is not None and "next" in found.finish
        yield bytes(held[: begin if goes_on else len(held) if last else end])

    def _line(self) -> bytes:
        """The first line of what is there; empty for a torn one."""
        searched = 0
        while (end := self._head.find(b"\n", searched)) < 0:
            searched = len(self._head)
            piece = next(self._pieces, b"") if searched <= _LONGEST else b""
            if not piece:
                return b""
            self._head += piece
        return bytes(self._head[: end + 1])

    def pieces(self) -> Iterator[bytes]:
        """What there is, as it comes."""
        yield bytes(self._head)
        yield from self._pieces

    @staticmethod
    def parsed(line: bytes) -> _Line | None:
        """What a line says; None for a torn one."""
        try:
            return _decode(line)
        except (msgspec.MsgspecError, RecursionError):
            return None


def _split(path: str) -> tuple[str, str]:
    found = _NAME.fullmatch(path)
    return (found[1], found[2]) if found else (path, "")
