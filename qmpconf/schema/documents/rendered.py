"""Manual pages as rendered text, to logical blocks.

Takes what ``man`` prints, at any width, ragged or justified: with or without overstruck and
coloured letters, with or without the line numbers that a viewer put before each line, and with
page headers and footers in the middle.  Undoes what setting did to the words: justified spaces,
words broken with a hyphen at the end of a line, tags that stand on the line of their text.

A viewer's numbers count the lines of the page, not of the file, and jump over chapter headings;
they are taken off, and blocks carry lines of the file.

It knows no QAPI, and draws no conclusion from any word but those of a title line.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Literal

from qmpconf.schema.documents.manual_blocks import BULLET, SECTION, TAG, Block, Page
from qmpconf.schema.documents.rendered_lines import (
    SOFT,
    Setting,
    bullet_of,
    joined,
    plain,
    setting_of,
    unnumbered,
    words_of,
)

_TITLE = re.compile(r"(?P<name>[\w.+-]+)\(\d\w*\)(?:\s.*)?\s(?P=name)\(\d\w*\)")
#: A title too long for its line, which loses its left part; its end is all that is sure.
_SQUEEZED = re.compile(r"[A-Z0-9.+-]+\(\d\w*\)")
_FOOTER = re.compile(
    r"(?:(?P<left>\S.*?)\s{2,})?\S.*?\s+(?:(?P<name>[\w.+-]+)\(\d\w*\)|(?<=\s\s)\d+)"
)
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")
_ARROW = re.compile(r"(?:->|<-)(?:(?P<json>\s*[{\[])|\s|$)")
#: What a tag can be that is short enough to stand on the line of its text.
_SHORT = re.compile(r"[^\s:]+|[^\s:]+: \S+")
#: What a line of a table begins with, where there are no lines to draw with.
_FRAME = "|+"
#: How a line of an example that goes on after an empty line may begin.
_GOES_ON = ("->", "<-", "{", "}", "[", "]", '"', "'", "...")
#: No page is set wider.
_WIDEST = 500


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the page: its number in the file, its column, its words."""

    number: int
    indent: int
    words: str


def _is_heading(words: str, below: str) -> bool:
    """Whether a line at the left edge is a chapter heading.

    It is in capitals, or its text begins on the line `below` it.
    """
    capitals = not any(map(str.islower, words)) and any(map(str.isalpha, words))
    return capitals or below.startswith(" " * SECTION)


def _literally(lines: Sequence[_Line]) -> str:
    """The lines as they stand on the page; line N of the text is line N of the file from the first."""
    rows = [""] * (lines[-1].number - lines[0].number + 1)
    for line in lines:
        rows[line.number - lines[0].number] = " " * (line.indent - lines[0].indent) + line.words
    return "\n".join(rows)


class _Reader:
    """Reads lines from the top to the bottom, and collects blocks."""

    def __init__(self, page: Setting, bullet: str, known: Container[str]) -> None:
        self._page = page
        self._known = known
        self._bullet = bullet
        self._label = re.compile(rf"(?:{re.escape(bullet)} |\d{{1,2}}\. +)(?=\S)")
        self.blocks: list[Block] = []
        self.name = ""
        self.version = ""
        self._paragraph: list[_Line] = []
        self._literal: list[_Line] = []
        self._blanks = 0
        self._noise = False

    # ── one line ────────────────────────────────────────────────────────────────────────────

    def line(self, number: int, text: str, below: str) -> None:
        """Read one line; `below` is the next."""
        words = text.strip()
        if not words:
            self._blanks += 1
            return
        indent = len(text) - len(text.lstrip())
        if indent == 0 and len(words) < _WIDEST and self._is_noise(words):
            self._noise = True
            return
        one = _Line(number, indent, words)
        if self._noise:
            self._noise = False
            if self._blanks and self._continues(one):
                self._blanks = 0
        self._place(one, below)
        self._blanks = 0

    def _is_noise(self, words: str) -> bool:
        title = _TITLE.fullmatch(words)
        footer = _FOOTER.fullmatch(words)
        found = title or footer
        if found and found["name"]:
            self.name = self.name or found["name"].lower()
        version = _VERSION.search(footer["left"] or "") if footer and not title else None
        if version:
            self.version = version[0]
        return bool(found or _SQUEEZED.fullmatch(words))

    def _continues(self, line: _Line) -> bool:
        """Whether the paragraph before a page's break goes on after it."""
        if not self._paragraph or self._paragraph[-1].indent != line.indent:
            return False
        return not self._ends(self._paragraph[-1], line.words)

    def _place(self, line: _Line, below: str = "") -> None:
        if self._goes_on_literally(line):
            self._literal.append(line)
            return
        self._end_literal()
        if self._blanks:
            self.pause()
        if line.indent == 0 and _is_heading(line.words, below):
            self._heading("chapter", line)
        elif line.indent == SECTION and line.words[0] not in _FRAME:
            self._section(line)
        elif (arrow := _ARROW.match(line.words)) and (arrow["json"] or not self._paragraph):
            self.pause()
            self._literal = [line]
        else:
            last = self._paragraph[-1] if self._paragraph else line
            if last.indent != line.indent:
                self._turn(line)
            elif self._paragraph and self._ends(last, line.words):
                self.pause()
            if self._label.match(line.words):
                self.pause()
            self._paragraph.append(line)

    def _goes_on_literally(self, line: _Line) -> bool:
        if not self._literal or line.indent < self._literal[0].indent:
            return False
        return not self._blanks or (
            line.indent > self._literal[0].indent or line.words.startswith(_GOES_ON)
        )

    # ── headings ────────────────────────────────────────────────────────────────────────────

    def _heading(self, kind: Literal["chapter", "section"], line: _Line) -> None:
        self.pause()
        text = joined([line.words])
        self.blocks.append(Block(kind, line.indent, text, line.number, line.number))

    def _section(self, line: _Line) -> None:
        """A section heading; one that was broken before its last word is put together."""
        before = self.blocks[-1] if self.blocks else None
        if (
            before
            and before.kind == "section"
            and before.last == line.number - 1
            and not self._paragraph
            and not self._blanks
            and re.fullmatch(r"\([A-Z][a-z]+\)", line.words)
            and " " not in before.text
        ):
            text = f"{before.text} {line.words}"
            self.blocks[-1] = Block("section", SECTION, text, before.line, line.number)
        else:
            self._heading("section", line)

    # ── paragraphs ──────────────────────────────────────────────────────────────────────────

    def _turn(self, line: _Line) -> None:
        """The column changes inside a run of lines: either a tag's text begins, or something new."""
        first = self._paragraph[0]
        label = self._label.match(first.words)
        width = label.end() if label else TAG
        if (
            len(self._paragraph) == 1
            and line.indent == first.indent + width
            and self._tag_of(first, width)
            and not self._ends(first, line.words)
        ):
            self._split(width)
        else:
            self.pause(whole=line.indent > first.indent)

    def _ends(self, line: _Line, words: str) -> bool:
        """Whether a break after `line`, before `words`, was not made to fill the page.

        A filled line has no room for the next word; justified, it ends at the margin.
        """
        if line.words.endswith((SOFT, "-")):
            return False
        room = self._page.width - line.indent - len(line.words)
        gaps = " " in self._label.sub("", line.words, count=1)
        short = self._page.justified and room > 0 and gaps
        return short or 1 + len(words.split(maxsplit=1)[0]) <= room

    def _tag_of(self, line: _Line, width: int) -> str:
        """The tag that stands on the same line as its text, which begins `width` further right."""
        words = line.words
        if len(words) <= width or words[width] == " " or words[width - 1] != " ":
            return ""
        tag = words[:width].rstrip()
        return tag if _SHORT.fullmatch(tag) else ""

    def _split(self, width: int) -> None:
        """Put the tag of the paragraph's first line into a block of its own."""
        first = self._paragraph.pop(0)
        tag = self._tag_of(first, width)
        if tag == self._bullet:
            tag = BULLET
        self.blocks.append(Block("text", first.indent, joined([tag]), first.number, first.number))
        rest = _Line(first.number, first.indent + width, first.words[width:])
        if _ARROW.match(rest.words):
            self._place(rest)
        else:
            self._paragraph.insert(0, rest)

    def pause(self, *, whole: bool = False) -> None:
        """The paragraph ends here.  `whole`: what follows shows that its line is not a tag with text."""
        if self._paragraph and self._is_labelled_tag(self._paragraph[0]):
            self._split(TAG)
        label = self._label.match(self._paragraph[0].words) if self._paragraph else None
        if label:
            self._split(label.end())
        if self._paragraph:
            self._emit(whole=whole)

    def _is_labelled_tag(self, line: _Line) -> bool:
        """Whether the line is a short tag, and the text behind it begins with a bullet."""
        return bool(self._tag_of(line, TAG) and self._label.match(line.words[TAG:]))

    def _emit(self, *, whole: bool) -> None:
        lines, self._paragraph = self._paragraph, []
        first, last = lines[0], lines[-1]
        text = joined((line.words for line in lines), self._known)
        cut = len(self._tag_of(first, TAG)) if first is last and not whole else 0
        self.blocks.append(Block("text", first.indent, text, first.number, last.number, cut))

    def _end_literal(self) -> None:
        lines, self._literal = self._literal, []
        if not lines:
            return
        indent = lines[0].indent
        if any(line.words.endswith(SOFT) for line in lines):
            text = joined((line.words for line in lines), self._known)  # it was set as a paragraph
        else:
            text = _literally(lines)
        self.blocks.append(Block("literal", indent, text, lines[0].number, lines[-1].number))

    def finish(self) -> Page:
        self._end_literal()
        self.pause()
        return Page(self.name, self.version, tuple(self.blocks))


def read_rendered(text: str) -> Page:
    """The logical blocks of a rendered manual page.

    Any text gives a page: what cannot be placed is a paragraph.
    """
    lines = [plain(line) for line in re.split(r"\r\n|[\n\r\f\v]", text)]
    lines = unnumbered(lines)
    reader = _Reader(setting_of(lines), bullet_of(lines), words_of(lines))
    for number, (line, below) in enumerate(itertools.pairwise([*lines, ""]), 1):
        reader.line(number, line, below)
    return reader.finish()
