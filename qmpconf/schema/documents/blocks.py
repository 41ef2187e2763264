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
_CASE = re.compile(r'^\s*When "(?P<tag>[\w-]+)" is "(?P<value>[^"\s]+)":$')


class Text:
    """Lines joined to one running text that still knows the line of each character."""

    def __init__(self, lines: Sequence[tuple[Line, str]]) -> None:
        pieces: list[str] = []
        length = 0
        self._starts: list[int] = []
        self._lines: list[Line] = []
        for line, words in lines:
            self._starts.append(length + (1 if length else 0))
            self._lines.append(line)
            pieces.append((" " if length else "") + " ".join(words.split()))
            length += len(pieces[-1])
        self.text = "".join(pieces)

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
class Case:
    """``When "TAG" is "VALUE":``, which the items follow that hold only then."""

    tag: str
    value: str
    line: Line

    @property
    def indent(self) -> int:
        """How far it is indented."""
        return self.line.indent


@dataclass(frozen=True, slots=True)
class Shown:
    """An example."""

    example: Example


Block = Paragraph | Marker | Item | ArrayHeading | Case | Shown


def blocks_of(lines: Sequence[Line]) -> list[Block]:
    """The blocks of a section, in order."""
    return _Reader(lines).blocks()


class _Reader:
    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.found: list[Block] = []
        #: Lines of the paragraph or item that is being read; of an item, `dash` is its line.
        self.text: list[tuple[Line, str]] = []
        self.dash: Line | None = None
        self.apart = self.item_apart = True

    def blocks(self) -> list[Block]:
        at = 0
        while at < len(self.lines):
            line = self.lines[at]
            at += 1
            if line.blank:
                self.apart = True
            elif examples.is_example(line):
                self._close()
                example, at = examples.gather(self.lines, at - 1)
                self.found.append(Shown(example))
            else:
                self._read(line)
            self.apart = line.blank
        self._close()
        return self.found

    def _read(self, line: Line) -> None:
        if marker := _MARKER.match(line.text):
            self._close()
            self.found.append(Marker(marker["word"].rstrip("s"), marker["rest"].strip(), line))
        elif array := _ARRAY.match(line.text):
            self._close()
            self.found.append(ArrayHeading(array["name"], line, self.apart))
        elif entry := _ITEM.match(line.text):
            self._close()
            self.dash, self.item_apart = line, self.apart
            self.text.append((line, entry["text"]))
        elif (case := _CASE.match(line.text)) and self.dash:
            self._close()
            self.found.append(Case(case["tag"], case["value"], line))
        else:
            # Behind an empty line, an item goes on only as far as it is indented more than it.
            if self.apart and not (self.dash and line.indent > self.dash.indent):
                self._close()
            self.text.append((line, line.text))

    def _close(self) -> None:
        if self.text:
            text = Text(self.text)
            self.found.append(
                Item(text, self.dash.indent, self.item_apart) if self.dash else Paragraph(text)
            )
        self.text = []
        self.dash = None
