"""Logical blocks: what a manual page says, without how it was set.

The common ground of the two input forms of ``qemu-qmp-ref(7)``.  `qmpconf.schema.documents.roff`
and `qmpconf.schema.documents.rendered` undo their rendering and give the same blocks: chapter
and section headings, paragraphs and literal text, each with the column that it stands at and its
lines in the source.  What belongs to what follows from the columns alone: a block is a child of
the nearest block before it that stands further left.

It knows no QAPI; `qmpconf.schema.documents.manual_entries` reads meaning into blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

#: What man(7) macros indent by: the body of a section, a section heading, the body of a tag.
BODY = 7
SECTION = 3
TAG = 7

BULLET = "•"


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, tag, bullet or stretch of literal text.

    `indent` is the column (0-based) of its first character.  `text` has single spaces and no
    line breaks, but for ``literal`` text, which keeps both.  `line` and `last` are 1-based lines
    of the source.  A rendered line such as ``on     enabled`` can be a short tag with its text,
    or a sentence: `cut` is then the length of the tag, for who knows which of them to expect.
    """

    kind: Literal["chapter", "section", "text", "literal"]
    indent: int
    text: str
    line: int
    last: int
    cut: int = 0

    def split(self) -> tuple[Block, ...]:
        """The tag and its text, where the block can be both; else the block alone."""
        if not self.cut:
            return (self,)
        tag, rest = self.text[: self.cut], self.text[self.cut :].strip()
        return (
            Block(self.kind, self.indent, tag, self.line, self.line),
            Block(self.kind, self.indent + TAG, rest, self.line, self.last),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A manual page: its title line's facts and its blocks.

    `name` is the page's name in lower case ("qemu-qmp-ref"), `version` what its footer (or
    ``.TH``) says, both empty where there is none.
    """

    name: str
    version: str
    blocks: tuple[Block, ...]


@dataclass(slots=True)
class Node:
    """A block with the blocks that belong to it."""

    block: Block
    children: list[Node] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The block's own text."""
        return self.block.text

    @property
    def line(self) -> int:
        """The line at which the block begins."""
        return self.block.line

    def walk(self) -> Iterator[Node]:
        """The node and everything below it, in the order of the source."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)

    def body(self) -> str:
        """The text of everything below, literal text left out."""
        return prose(self.children)


def prose(nodes: Iterable[Node]) -> str:
    """The text of `nodes` and everything below them, literal text left out."""
    return " ".join(node.text for top in nodes for node in top.walk() if node.block.kind == "text")


def tree(blocks: Sequence[Block]) -> list[Node]:
    """The blocks by what belongs to what; headings must not be among them.

    Nothing belongs to a text that stands left of a section's body: it got there by damage.
    """
    roots: list[Node] = []
    path: list[Node] = []
    for block in blocks:
        while path and max(path[-1].block.indent, BODY) >= max(block.indent, BODY):
            path.pop()
        node = Node(block)
        (path[-1].children if path else roots).append(node)
        path.append(node)
    return roots
