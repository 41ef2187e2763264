"""A section's lines as blocks: paragraphs, markers, list items, array headings, examples.

The grammar is that of ``qmp-commands.txt``: ``Arguments:``, ``Example:`` and their like begin a
part, ``- `` begins an item, which goes on to the next blank line, item or part.  What a block
means is not known here.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass

from qmpconf.schema.documents import examples
from qmpconf.schema.documents.lines import Line
from qmpconf.schema.documents.result import Example

_MARKER = re.compile(
    r"^\s*(?P<word>Arguments?|Examples?|Notes?|Warning)\b(?P<more>[^:\"{}]{0,100}):(?P<rest>.*)$"
)
_ITEM = re.compile(r"^\s*-\s+(?P<text>\S.*)$")
_ARRAY = re.compile(r"^\s*(?P<name>[\w-]+) array:$")


class Text:
    """Lines joined to one running text that still knows the line of each character."""

    def __init__(self, lines: Sequence[tuple[Line, str]]) -> None:
        self.text = ""
        self._starts: list[int] = []
        self._lines: list[Line] = []
        for line, words in lines:
            self._starts.append(len(self.text) + (1 if self.text else 0))
            self._lines.append(line)
            self.text += (" " if self.text else "") + " ".join(words.split())

    def __str__(self) -> str:
        return self.text

    @property
    def first(self) -> Line:
        """The line on which the text begins."""
        return self._lines[0]

    def line_at(self, offset: int) -> int:
        """The source's line of the character at `offset`."""
        return self._lines[max(0, bisect.bisect_right(self._starts, offset) - 1)].number


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: Text


@dataclass(frozen=True, slots=True)
class Marker:
    """The beginning of a part: ``Arguments``, ``Example``, ``Note`` or ``Warning``.

    `rest` is what stands behind it on its line.
    """

    word: str
    rest: str
    line: Line


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list; `apart` says that a blank line stands before it."""

    text: Text
    indent: int
    apart: bool


@dataclass(frozen=True, slots=True)
class ArrayHeading:
    """``NAME array:``, which the items of the array's elements follow."""

    name: str
    line: Line
    apart: bool

    @property
    def indent(self) -> int:
        """How far it is indented."""
        return self.line.indent


@dataclass(frozen=True, slots=True)
class Shown:
    """An example."""

    example: Example


Block = Paragraph | Marker | Item | ArrayHeading | Shown


def blocks_of(lines: Sequence[Line]) -> list[Block]:
    """The blocks of a section, in order."""
    found: list[Block] = []
    open_lines: list[tuple[Line, str]] = []
    item: tuple[int, bool] | None = None
    apart = True

    def close() -> None:
        nonlocal item
        if open_lines:
            text = Text(open_lines)
            found.append(Item(text, *item) if item else Paragraph(text))
        open_lines.clear()
        item = None

    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.blank:
            close()
            apart = True
            continue
        if examples.is_example(line):
            close()
            example, at = examples.gather(lines, at - 1)
            found.append(Shown(example))
        elif marker := _MARKER.match(line.text):
            close()
            found.append(Marker(marker["word"].rstrip("s"), marker["rest"].strip(), line))
        elif array := _ARRAY.match(line.text):
            close()
            found.append(ArrayHeading(array["name"], line, apart))
        elif entry := _ITEM.match(line.text):
            close()
            item = (line.indent, apart)
            open_lines.append((line, entry["text"]))
        else:
            open_lines.append((line, line.text))
        apart = False
    close()
    return found
