"""Manual pages as rendered text, to logical blocks.

Takes what ``man`` prints, at any width: with or without overstruck and coloured letters, with or
without the line numbers that a viewer put before each line, and with page headers and footers in
the middle.  Undoes what setting did to the words: justified spaces, words broken with a hyphen at
the end of a line, tags that stand on the line of their text.

A viewer's numbers count the lines of the page, not of the file, and jump over chapter headings;
they are taken off, and blocks carry lines of the file.

It knows no QAPI, and draws no conclusion from any word but those of a title line.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from qmpconf.schema.documents.manual_blocks import BULLET, SECTION, TAG, Block, Page

#: What breaks a word at the end of a line: the hyphen that groff puts there.
SOFT = "\u2010"
#: How a bullet comes out on devices that lack it; looked for where a page has none of its own.
POOR_BULLETS = ("\u00b7", "\u2219", "o", "*", "+")

_OVERSTRUCK = re.compile(r".\x08")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TITLE = re.compile(r"(?P<name>[\w.+-]+)\(\d\w*\)(?:\s.*)?\s(?P=name)\(\d\w*\)")
_FOOTER = re.compile(r"(?P<left>\S.*?)?\s{2,}\S.*?\s{2,}(?:[\w.+-]+\(\d\w*\)|\d+)")
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")
_ARROW = re.compile(r"(?:->|<-)(?:\s|$)")
#: What a tag can be that is short enough to stand on the line of its text.
_SHORT = re.compile(r"[^\s:]+|[^\s:]+: \S+")
#: How a line of an example that goes on after an empty line may begin.
_GOES_ON = ("->", "<-", "{", "}", "[", "]", '"', "'", "...")
#: How many of a viewer's numbers may be missing between two lines: a heading and its empty lines.
_JUMP = 4
#: A page is set at least and at most this wide.
_NARROWEST = 30
_WIDEST = 500


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the page: its number in the file, its column, its words."""

    number: int
    indent: int
    words: str


def _plain(line: str) -> str:
    line = _COLOUR.sub("", line)
    while "\x08" in line:
        line, count = _OVERSTRUCK.subn("", line)
        if not count:
            line = line.replace("\x08", "")
    return line.expandtabs().rstrip()


def _is_numbered(lines: Sequence[str]) -> bool:
    """Whether a viewer put numbers before the lines: nine of ten follow the one before."""
    numbers = [int(found[0]) for line in lines if (found := re.match(r"\d{1,7}", line))]
    steps = sum(after == before + 1 for before, after in itertools.pairwise(numbers))
    return len(numbers) > 3 and steps * 10 >= 9 * (len(numbers) - 1)


def _unnumbered(lines: Sequence[str]) -> list[str]:
    """The lines without a viewer's numbers; a chapter heading, which it left alone, stays."""
    found = []
    expected = 1
    for line in lines:
        for number in range(expected, expected + _JUMP):
            text = str(number)
            if line.startswith(text):
                found.append(line[len(text) :])
                expected = number + 1
                break
        else:
            found.append(line)
    return found


def _width_of(lines: Iterable[str]) -> int:
    """The column at which most lines end: the right margin, where text is justified."""
    ends = Counter(len(line) for line in lines if len(line) > _NARROWEST)
    return ends.most_common(1)[0][0] if ends else 0


def _bullet_of(lines: Sequence[str]) -> str:
    """What the page has as a bullet: groff's own, or the most frequent of the poor ones."""
    if any(BULLET in line for line in lines):
        return BULLET
    seen = Counter(words[0] for line in lines if (words := line.split(" "))[1:] and words[0])
    return max(POOR_BULLETS, key=lambda bullet: seen[bullet])


def _is_heading(words: str) -> bool:
    """Whether a line at the left edge can be a chapter heading, which is in capitals."""
    return bool(words) and not any(map(str.islower, words)) and any(map(str.isalpha, words))


def joined(lines: Iterable[str]) -> str:
    """The lines as one, as they were before they were set.

    A soft hyphen at the end of a line is taken away with the break; after any other hyphen the
    word goes on; elsewhere a break is a space.  Runs of spaces are one.
    """
    text = ""
    for line in lines:
        words = " ".join(line.split())
        if text.endswith(SOFT):
            text = text[:-1] + words
        elif text.endswith("-") and text[-2:-1].isalnum():
            text += words
        else:
            text += f" {words}" if text else words
    return text.replace(SOFT, "-")


class _Reader:
    """Reads lines from the top to the bottom, and collects blocks."""

    def __init__(self, width: int, bullet: str) -> None:
        self._width = width
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

    def line(self, number: int, text: str) -> None:
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
        self._place(one)
        self._blanks = 0

    def _is_noise(self, words: str) -> bool:
        title = _TITLE.fullmatch(words)
        if title:
            self.name = self.name or title["name"].lower()
            return True
        footer = _FOOTER.fullmatch(words)
        if not footer:
            return False
        version = _VERSION.search(footer["left"] or "")
        if version:
            self.version = version[0]
        return True

    def _continues(self, line: _Line) -> bool:
        """Whether the paragraph before a page's break goes on after it."""
        return bool(self._paragraph) and self._paragraph[-1].indent == line.indent

    def _place(self, line: _Line) -> None:
        if self._goes_on_literally(line):
            self._literal.append(line)
            return
        self._end_literal()
        if self._blanks:
            self.pause()
        if line.indent == 0 and _is_heading(line.words):
            self._heading("chapter", line)
        elif line.indent == SECTION:
            self._section(line)
        elif _ARROW.match(line.words):
            self.pause()
            self._literal = [line]
        else:
            last = self._paragraph[-1] if self._paragraph else line
            if last.indent != line.indent:
                self._turn(line)
            elif self._paragraph and self._fits(line.words, last):
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
            and not self._fits(line.words, first)
        ):
            self._split(width)
        else:
            self.pause(whole=line.indent > first.indent)

    def _fits(self, words: str, line: _Line) -> bool:
        """Whether the first of `words` would have had room on `line`: then a break was forced."""
        room = self._width - line.indent - len(line.words)
        return not line.words.endswith((SOFT, "-")) and 1 + len(words.split(maxsplit=1)[0]) <= room

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
        if self._label.match(rest.words) or _ARROW.match(rest.words):
            self._place(rest)
        else:
            self._paragraph = [rest]

    def pause(self, *, whole: bool = False) -> None:
        """The paragraph ends here.  `whole`: what follows shows that its line is no tag with text."""
        while self._paragraph:
            first = self._paragraph[0]
            label = self._label.match(first.words)
            if label:
                self._split(label.end())
            elif self._tag_of(first, TAG) and self._label.match(first.words[TAG:]):
                self._split(TAG)
            else:
                self._emit(whole=whole)

    def _emit(self, *, whole: bool) -> None:
        lines, self._paragraph = self._paragraph, []
        first, last = lines[0], lines[-1]
        text = joined(line.words for line in lines)
        cut = len(self._tag_of(first, TAG)) if first is last and not whole else 0
        self.blocks.append(Block("text", first.indent, text, first.number, last.number, cut))

    def _end_literal(self) -> None:
        lines, self._literal = self._literal, []
        if not lines:
            return
        indent = lines[0].indent
        if any(line.words.endswith(SOFT) for line in lines):
            text = joined(line.words for line in lines)  # it was set as a paragraph
        else:
            text = "\n".join(" " * (line.indent - indent) + line.words for line in lines)
        self.blocks.append(Block("literal", indent, text, lines[0].number, lines[-1].number))

    def finish(self) -> Page:
        self._end_literal()
        self.pause()
        return Page(self.name, self.version, tuple(self.blocks))


def read_rendered(text: str) -> Page:
    """The logical blocks of a rendered manual page.

    Any text gives a page: what cannot be placed is a paragraph.
    """
    lines = [_plain(line) for line in re.split(r"\r\n|[\n\r\f\v]", text)]
    if _is_numbered(lines):
        lines = _unnumbered(lines)
    reader = _Reader(_width_of(lines), _bullet_of(lines))
    for number, line in enumerate(lines, 1):
        reader.line(number, line)
    return reader.finish()
