"""Texinfo's output as text or as an Info file, to logical blocks.

A heading is underlined; a definition (``-- Kind: NAME``) stands one column from the left, all that
belongs to it five; each list inside goes five further.  makeinfo fills paragraphs, but never the line of
a definition or of a tag.  In an Info file nodes begin with a line of their own, behind a control character.

Draws no conclusion from any word but those that the layout has in front of lists
(`qmpconf.schema.documents.manual_texi`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from qmpconf.schema.documents.manual_blocks import BODY, Block, Page
from qmpconf.schema.documents.manual_entries import KINDS, NAME

_DEFINITION = re.compile(rf"^ -- (?:{KINDS}): {NAME}[ \t]*$", re.MULTILINE)
_UNDERLINE = re.compile(r"\*{3,}|={3,}|-{3,}|\.{3,}")
_HEAD = re.compile(r"[A-Z][A-Za-z ]*:(?: |$)")
_TAG = re.compile(
    r"[\"'`\u2018][^\"'`\u2018\u2019]+[\"'\u2019](?: \(optional\))?(?: when \S+ is \S+)?(?: \(If: .*\))?"
    r"|[Tt]he members of \S+(?: when \S+ is .*)?"
)
_BULLET = re.compile(r"[*\u2022] |\d{1,2}\. ")
_ARROW = re.compile(r"(?:->|<-)(?:\s|$)|\{")
_NODE = re.compile(r"File: (?P<file>[^,]+),  Node: [^,]+(?:,.*)?")
_MENU = re.compile(r"\* .*:.*")
#: The column at which the body of a definition stands.
_INSIDE = 5
_ENOUGH = 3


def is_makeinfo(text: str) -> bool:
    """Whether `text` is makeinfo's output, and describes commands, events or types."""
    return len(_DEFINITION.findall(text)) >= _ENOUGH


def read_makeinfo(text: str) -> Page:
    """The logical blocks of makeinfo's text or Info file.  Any text gives a page."""
    reader = _Reader()
    lines = [line.rstrip().expandtabs() for line in text.split("\n")]
    for at, line in enumerate(lines):
        below = lines[at + 1] if at + 1 < len(lines) else ""
        reader.line(at + 1, line, below)
    reader.pause()
    name = next((found["file"] for line in lines if (found := _NODE.match(line))), "")
    title = next((line.strip() for line in lines if line.strip()), "")
    return Page(name.removesuffix(".info") or title, "", tuple(reader.blocks))


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._paragraph: list[tuple[int, str]] = []
        self._literal = False
        self._blanks = 0
        self._skip = False

    def line(self, number: int, line: str, below: str) -> None:
        """Read one line; `below` is the next."""
        words = line.strip()
        if words.startswith("\x1f") or _NODE.match(words):
            self.pause()
            return
        if not words:
            self._blanks += 1
            return
        indent = len(line) - len(line.lstrip())
        if indent == 0 and (_UNDERLINE.fullmatch(words) or _UNDERLINE.fullmatch(below)):
            if _UNDERLINE.fullmatch(below) and not _UNDERLINE.fullmatch(words):
                self.pause()
                self.blocks.append(Block("chapter", 0, words, number, number))
        elif self._goes_on(indent, words):
            self._paragraph.append((number, line))
        else:
            self.pause()
            self._paragraph = [(number, line)]
            self._literal = indent > _INSIDE and bool(_ARROW.match(words))
        self._blanks = 0

    def _goes_on(self, indent: int, words: str) -> bool:
        """Whether the line belongs to the paragraph, or literal text, before it."""
        if not self._paragraph:
            return False
        first = self._paragraph[0][1]
        begun = len(first) - len(first.lstrip())
        if self._literal:
            return indent >= begun
        if self._blanks or indent != begun or _DEFINITION.match(" " * indent + words):
            return False
        if indent == 0 and _MENU.fullmatch(words):
            return False
        if _BULLET.match(words):
            return False
        if indent == _INSIDE and (_TAG.fullmatch(words) or _TAG.fullmatch(first.strip())):
            return False
        return not _HEAD.fullmatch(first.strip())

    def pause(self) -> None:
        """The paragraph ends here."""
        lines, self._paragraph = self._paragraph, []
        if not lines:
            return
        indent = len(lines[0][1]) - len(lines[0][1].lstrip())
        first, last = lines[0][0], lines[-1][0]
        column = indent + BODY - _INSIDE if indent >= _INSIDE else indent
        if self._literal:
            self.blocks.append(Block("literal", column, _literally(lines, indent), first, last))
        else:
            text = " ".join(" ".join(line.split()) for _, line in lines)
            self.blocks.append(Block("text", column, text, first, last))
        self._literal = False


def _literally(lines: Sequence[tuple[int, str]], indent: int) -> str:
    """The lines as they stand; line N of the text is line N of the file from the first."""
    rows = [""] * (lines[-1][0] - lines[0][0] + 1)
    for number, line in lines:
        rows[number - lines[0][0]] = line[indent:]
    return "\n".join(rows)
