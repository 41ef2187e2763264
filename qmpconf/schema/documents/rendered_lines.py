"""The lines of a rendered manual page, with what setting and viewers did to them undone.

Letters that were struck twice or coloured, numbers that a viewer put before the lines, the lines
of tables; how the page was set, as its lines tell; and lines joined to what they were before a
page was filled with them.

Lines keep their places: line N stays line N of the file.  Knows nothing of what they say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from qmpconf.schema.documents.manual_blocks import BULLET

#: What breaks a word at the end of a line: the hyphen that groff puts there.
SOFT = "\u2010"
#: How a bullet comes out on devices that lack it; looked for where a page has none of its own.
POOR_BULLETS = ("\u00b7", "\u2219", "o", "*", "+")

_OVERSTRUCK = re.compile(r".\x08")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NUMBER = re.compile(r"\d{1,7}(?=\s|$)")
_HEAD = re.compile(r"[\w-]+$")
_WORD = re.compile(r"\w+(?:-+\w+)*")
#: Lines of tables, which can run through the text behind a table, are not words.
_BOXES = dict.fromkeys(range(0x2500, 0x2580), " ")
#: How many of a viewer's numbers may be missing between two lines: a heading and its empty lines.
_JUMP = 4
#: A page is set at least this wide.
_NARROWEST = 30
#: Where text is not justified, lines end within so many columns before the margin.
_RAGGED = 10
#: No word is longer.
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Setting:
    """How a page was set: the column of its right margin, and whether lines are stretched to it."""

    width: int
    justified: bool


def plain(line: str) -> str:
    """The line without overstriking, colours, and the lines of tables; tabs are spaces."""
    line = _COLOUR.sub("", line)
    while "\x08" in line:
        line, count = _OVERSTRUCK.subn("", line)
        if not count:
            line = line.replace("\x08", "")
    return line.translate(_BOXES).expandtabs().rstrip()


def unnumbered(lines: Sequence[str]) -> list[str]:
    """The lines without a viewer's numbers, if a viewer put any before them.

    It numbers every line but chapter headings, and the empty lines that it put around those; a
    page whose lines only sometimes begin with a digit was in no such viewer.
    """
    found = []
    begin = next((int(one[0]) for line in lines if (one := _NUMBER.match(line))), 1)
    expected = begin if begin > _JUMP else 1
    taken = 0
    for line in lines:
        for number in range(expected, expected + _JUMP):
            text = str(number)
            if line.startswith(text):
                found.append(line[len(text) :])
                expected = number + 1
                taken += 1
                break
        else:
            found.append(line)
    digits = sum(line[:1].isdigit() for line in lines)
    numbered = taken > _JUMP and taken * 10 >= 9 * digits and taken * 2 > len(lines)
    return found if numbered else list(lines)


def setting_of(lines: Iterable[str]) -> Setting:
    """How the page was set, as its lines tell: where most of them end is the right margin."""
    ends = Counter(len(line) for line in lines if len(line) > _NARROWEST and line[0] == " ")
    width = ends.most_common(1)[0][0] if ends else 0
    near = sum(number for end, number in ends.items() if width - _RAGGED <= end < width)
    return Setting(width, justified=ends[width] > near)


def bullet_of(lines: Sequence[str]) -> str:
    """What the page has as a bullet: groff's own, or the most frequent of the poor ones."""
    if any(BULLET in line for line in lines):
        return BULLET
    seen = Counter(line.lstrip()[:2] for line in lines)
    return max(POOR_BULLETS, key=lambda bullet: seen[f"{bullet} "])


def words_of(lines: Sequence[str]) -> Container[str]:
    """The unbroken words of a page that was set without soft hyphens; else none are needed."""
    if any(SOFT in line for line in lines):
        return frozenset()
    return frozenset(word for line in lines for word in _WORD.findall(line.removesuffix("-")))


def joined(lines: Iterable[str], known: Container[str] = ()) -> str:
    """The lines as one, as they were before they were set.

    A soft hyphen at the end of a line is taken away with the break; after any other hyphen the
    word goes on.  On a page that was set without soft hyphens, `known` has its unbroken words,
    which tell one kind from the other.  Elsewhere a break is a space.  Runs of spaces are one.
    """
    parts: list[str] = []
    for line in lines:
        words = " ".join(line.split())
        last = parts[-1] if parts else ""
        if last.endswith(SOFT) or _is_soft(last, words, known):
            parts[-1] = last[:-1]
        elif parts and not (last.endswith("-") and last[-2:-1].isalnum()):
            parts.append(" ")
        parts.append(words)
    return "".join(parts).replace(SOFT, "-")


def _is_soft(before: str, after: str, known: Container[str]) -> bool:
    """Whether the hyphen between a line and the next was put there to break the word."""
    if not known or not before.endswith("-") or before.endswith("--"):
        return False
    head, tail = _HEAD.search(before[-_LONGEST:]), _WORD.match(after)
    if not head or not tail:
        return False
    return head[0][:-1] + tail[0] in known or head[0] + tail[0] not in known
