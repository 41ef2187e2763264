"""What readers and writers of formats are given, and what a reader gives.

- `Source`: the file to be read, unpacked, with its first bytes to look at.
- `Options`: what the user asked for.
- `Notes`: what a format cannot hold, and what is wrong with the input.
- `Reading`: what was read, records behind a header.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.text import counted
from qmpconf.trace.records import Header, Record
from qmpconf.trace.redaction import Redactor


def nothing(_: int) -> None:
    """Do nothing with a number: for callers that want no news."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for.

    `port` is the server's in a capture, 0 where it is not known.  Of logs, `pattern` finds the
    messages (its groups are ``message`` and perhaps ``time``, ``session`` and ``side``), and
    `session_by` are the fields that tell sessions apart.  `format` is the name of the format,
    `source` that of the file.  `lines` takes of each line of a trace that is written the line of the
    source that it was made of, by its number.
    """

    port: int = 0
    pattern: re.Pattern[bytes] | None = None
    session_by: tuple[str, ...] = ()
    format: str = ""
    source: str = ""
    lines: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A header and the records behind it.

    A `Finish` comes last if the input was read to its end, and counts what it held.
    """

    header: Header
    records: Iterator[Record]


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read.

    `name` is how messages call it, `path` where it is (empty: no file that can be opened again,
    or one that is compressed).  `file` gives its bytes, unpacked, once.  `head` are the first of
    them.  Whoever reads `path` in place of `file` says `advance` how many bytes that were.
    """

    name: str
    path: str
    file: BinaryIO
    head: bytes
    advance: Callable[[int], object] = nothing

    def lines(self, longest: int = 1 << 28) -> Iterator[tuple[int, bytes]]:
        """The lines with their numbers, from 1; one beyond `longest` bytes comes in pieces."""
        number = 0
        new = True
        while line := self.file.readline(longest):
            number += new
            new = line.endswith(b"\n")
            yield number, line


#: How many lines that were not understood are shown, and how much of each (bytes).
FIRST_MISSES = 5
_SHOWN = 160


class Notes:
    """Collects what is to be said about a conversion; each kind is said once, with a count.

    `unit` is what the input's numbers count: ``line``, or what its reader sets (``packet``).
    Every line of a text is accounted for: it was `read` as a message or a part of one, or is
    `prose` (passed over by a rule), or one of the `misses` (not understood), of which
    `missed_lines` has the first few with their numbers.
    """

    def __init__(self) -> None:
        self.unit = "line"
        self.read = 0
        self.prose = 0
        self.misses = 0
        self.missed_lines: list[tuple[int, str]] = []
        self._lost: Counter[str] = Counter()
        self._damage: Counter[str] = Counter()
        self._lines: dict[str, int] = {}

    @property
    def damaged(self) -> bool:
        """Whether some of the input could not be read."""
        return bool(self._damage)

    def lost(self, text: str, line: int = 0) -> None:
        """Tell what the new format does not hold, or what was made up because the old one did not.

        `text` is the same for all of one kind; `line` the line of the input, 0 if that
        concerns more than one line.
        """
        self._lost[text] += 1
        self._lines.setdefault(text, line)

    def damage(self, text: str, line: int = 0) -> None:
        """Tell what is wrong with the input, and was passed over."""
        self._damage[text] += 1
        self._lines.setdefault(text, line)

    def took(self, count: int = 1) -> None:
        """Count lines that are messages, or parts of them."""
        self.read += count

    def passed(self, count: int = 1) -> None:
        """Count lines that a rule of the format takes for prose: nothing is missing there."""
        self.prose += count

    def missed(self, text: bytes, line: int) -> None:
        """Count a line that may hold a message, and was not understood; the first ones are kept."""
        self.misses += 1
        if len(self.missed_lines) < FIRST_MISSES:
            # It is shown on a terminal, or in the log of a CI job: without secrets.
            frame, *_ = Redactor()(1, "client", Frame(Kind.MALFORMED, text[:_SHOWN]))
            self.missed_lines.append((line, frame.data.decode("utf-8", "replace").strip()))

    def told(self) -> Iterator[tuple[bool, int, str]]:
        """What was noted: whether it is damage, the first line (or 0), and the text."""
        for is_damage, kinds in ((True, self._damage), (False, self._lost)):
            for text, count in kinds.items():
                times = f" ({counted(count, 'time')})" if count > 1 else ""
                yield is_damage, self._lines[text], text + times
