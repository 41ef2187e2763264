"""A section's parts: its lists, each with what its announcement said of it, its notes, its examples.

Decides for each list whose members it holds; what a list means for a type is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from qmpconf.schema.documents.announce import Announcement, Shape, Target, announcement
from qmpconf.schema.documents.blocks import (
    ArrayHeading,
    Case,
    Item,
    Marker,
    Paragraph,
    Shown,
    blocks_of,
)
from qmpconf.schema.documents.lines import Line
from qmpconf.schema.documents.result import Example

#: What the section says of arguments: no word, "None", a list, or the word with nothing behind.
Arguments = Literal["", "none", "listed", "empty"]


@dataclass(slots=True)
class List:
    """The items of one list; `target` and `subject` as its announcement has them.

    ``unannounced`` marks one that no sentence announces, ``unknown`` one whose announcement is
    not understood.
    """

    target: Target | Literal["unannounced", "unknown"]
    subject: str = ""
    line: int = 0
    items: list[Item | ArrayHeading | Case] = field(default_factory=list)


@dataclass(slots=True)
class Parts:
    """All parts of one section.

    `text` is its running text (notes included), `element` what the elements of the returned array
    are called, `named` their documented type, `kinds` the kinds of something told apart, by its
    name.  `returns_line` is the line of the sentence about the return value (0: there is none).
    """

    arguments: Arguments = ""
    arguments_line: int = 0
    shape: Shape = ""
    returns_line: int = 0
    element: str = ""
    named: str = ""
    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lists: list[List] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    text: str = ""

    def of(self, target: str) -> list[List]:
        """The lists with that target."""
        return [one for one in self.lists if one.target == target]


def parts_of(lines: Sequence[Line]) -> Parts:
    """Take the lines of a section apart."""
    reader = _Reader()
    for block in blocks_of(lines):
        if isinstance(block, Marker):
            reader.marker(block)
        elif isinstance(block, Paragraph):
            reader.paragraph(block)
        elif isinstance(block, Shown):
            reader.parts.examples.append(block.example)
        else:
            reader.item(block)
    parts = reader.parts
    if parts.arguments == "listed" and not any(one.items for one in parts.of("arguments")):
        parts.arguments = "empty"
    parts.lists = [one for one in parts.lists if one.items]
    return parts


class _Reader:
    def __init__(self) -> None:
        self.parts = Parts()
        #: The list that items go into; None: an item begins a list that nothing announced.
        self.list: List | None = None

    def marker(self, block: Marker) -> None:
        parts = self.parts
        self.list = None
        self._say(block.rest)
        if block.word == "Argument":
            none = bool(re.match(r"^[Nn]one\b", block.rest))
            parts.arguments = "none" if none else "listed"
            parts.arguments_line = block.line.number
            self.list = self._begin(List("arguments", line=block.line.number))
        elif block.word in ("Note", "Warning"):
            self.list = self._begin(List("", line=block.line.number))

    def paragraph(self, block: Paragraph) -> None:
        text = str(block.text)
        self._say(text)
        line = block.text.first.number
        said = announcement(text)
        self._remember(said, line)
        if said.lists:
            self.list = self._begin(List(said.target or "unknown", said.subject, line))
        # Otherwise it may only interrupt a list: items behind it go on with that.

    def item(self, block: Item | ArrayHeading | Case) -> None:
        if self.list is None:
            self.list = self._begin(List("unannounced"))
        if not self.list.line:
            line = block.text.first if isinstance(block, Item) else block.line
            self.list.line = line.number
        self.list.items.append(block)

    def _begin(self, found: List) -> List:
        self.parts.lists.append(found)
        return found

    def _say(self, text: str) -> None:
        self.parts.text = f"{self.parts.text} {text}".strip()

    def _remember(self, said: Announcement, line: int) -> None:
        parts = self.parts
        if said.shape and not parts.shape:
            parts.shape, parts.returns_line = said.shape, line
        parts.element = parts.element or said.element
        parts.named = parts.named or said.named
        if said.kind_of:
            parts.kinds[said.kind_of] = said.alternatives
