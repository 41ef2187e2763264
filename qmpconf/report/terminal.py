"""What a terminal can show: colours, and lines as long as it is wide."""

from __future__ import annotations

import io
import os
import shutil
import unicodedata
from collections.abc import Mapping
from typing import IO

#: Select Graphic Rendition, by the name of the style (as rich calls them).
_SGR = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
}


class Terminal:
    """How to write to `stream`.

    `is_one` says whether it is a terminal at all, `coloured` whether it shows colours: not if
    NO_COLOR is set (no-color.org), or TERM is ``dumb``.
    """

    def __init__(self, stream: IO[str], environment: Mapping[str, str] = os.environ) -> None:
        self.is_one = stream.isatty()
        self._environment = environment
        dull = environment.get("NO_COLOR") or environment.get("TERM", "") == "dumb"
        self.coloured = self.is_one and not dull

    def width(self, otherwise: int) -> int:
        """The columns of the terminal; if it is none, those of COLUMNS, or `otherwise`."""
        if self.is_one:
            return shutil.get_terminal_size((otherwise, 24)).columns
        columns = self._environment.get("COLUMNS", "")
        return int(columns) if columns.isdecimal() and int(columns[:9]) > 0 else otherwise

    def paint(self, text: str, style: str) -> str:
        """`text`, which must be printable, in a style such as ``bold red``, if that is possible."""
        if not (style and self.coloured):
            return text
        codes = ";".join(_SGR[word] for word in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m"


def tolerate(stream: IO[str]) -> None:
    """Let `stream` escape what its encoding lacks, rather than fail."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def cut(text: str, room: int) -> str:
    """`text` in at most `room` columns of a terminal; three dots say what is missing."""
    if len(text) * 2 <= room or columns(text) <= room:
        return text
    room -= 3
    kept = 0
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        kept += 1
    return text[:kept] + "..."


def columns(text: str) -> int:
    """How many columns a terminal takes for `text`, which must be printable."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
