"""The sections of a document: its headings, and the lines that stand under each.

A heading is a line with an underline of ``-`` or ``=``, of whatever length; or, once commands have
begun, one that stands alone and is a single word, as a command's name is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qmpconf.schema.documents import examples
from qmpconf.schema.documents.lines import Line

_UNDERLINE = re.compile(r"^\s*(?P<stroke>-{3,}|={3,})$")
_ALONE = re.compile(r"^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$")
_NAME = re.compile(r"^[A-Za-z][\w.-]*$")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (its text and place; empty and 0 for what stands before the first) and its lines.

    `stroke` is what it is underlined with: ``-``, ``=`` or nothing.
    """

    title: str
    line: int
    stroke: str
    lines: tuple[Line, ...]
    column: int = 0

    @property
    def is_name(self) -> bool:
        """Whether the heading is one word, as a command's name is."""
        return self.stroke != "=" and bool(_NAME.match(self.title))


def split(lines: Sequence[Line]) -> list[Section]:
    """Every section of the document, in order."""
    starts = _headings(lines)
    bounds = [*(start for start, _, _ in starts), len(lines)]
    found = [Section("", 0, "", tuple(lines[: bounds[0]]))]
    for (start, body, stroke), end in zip(starts, bounds[1:], strict=True):
        heading = lines[start]
        under = tuple(lines[body:end])
        found.append(Section(heading.words, heading.number, stroke, under, heading.column))
    return found


def _headings(lines: Sequence[Line]) -> list[tuple[int, int, str]]:
    """Index of each heading, of the first line under it, and its stroke."""
    found: list[tuple[int, int, str]] = []
    at = 0
    looked, commands = 0, False  # whether one of them, but for the first, is a command's
    while at < len(lines):
        line = lines[at]
        if examples.is_example(line):
            _, at = examples.gather(lines, at)
            continue
        below = lines[at + 1] if at + 1 < len(lines) else None
        underline = _UNDERLINE.match(below.text) if below else None
        if underline and not line.blank and not _UNDERLINE.match(line.text):
            found.append((at, at + 2, underline["stroke"][0]))
            at += 2
            continue
        while looked < len(found):
            commands = commands or (looked > 0 and found[looked][2] == "-")
            looked += 1
        if commands and _stands_alone(lines, at):
            found.append((at, at + 1, ""))
        at += 1
    return found


def _stands_alone(lines: Sequence[Line], at: int) -> bool:
    before = lines[at - 1] if at else None
    below = lines[at + 1] if at + 1 < len(lines) else None
    alone = (before is None or before.blank) and (below is None or below.blank)
    return alone and bool(_ALONE.match(lines[at].text))
