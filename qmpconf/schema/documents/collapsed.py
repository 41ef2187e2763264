"""Finds the lines again of a document whose white space was collapsed.

Nothing but the document's grammar says where lines ended: a heading is as long as its underline,
an example ends with its last bracket, ``Arguments:``, ``- "name":`` and the sentences that
announce lists begin a line of their own.  The lines made here have the place of their first
character in the text as given.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

from qmpconf.schema.documents.announce import SENTENCE
from qmpconf.schema.documents.items import type_span
from qmpconf.schema.documents.lines import Line

#: A document of which so much stands on one line was collapsed.
LONG_LINE = 2000

_UNDERLINE = re.compile(r"(?<=\s)(?P<stroke>-{3,}|={3,})(?=\s|$)")
_ARROW = re.compile(r"(?<!\S)(?:->|<-)\s+(?=[{\[])")
_WORD = re.compile(r"(?<!\S)(?:Arguments|Examples?|Notes?|Warning)\b[^:\"{}]{0,100}:")
_DASH = re.compile(r"(?<=\s)- (?=\S)")
_ARRAY = re.compile(r"(?<=Arguments: )[\w-]+ array:(?=\s)")
_NAMED = re.compile(r'- (?:"[^"\s]+"|[a-z_][\w-]*)\s*:')
_SECTION = re.compile(r"(?<!\S)\d+\. (?:[A-Z]\w* ?)+$")
_TITLE = re.compile(r"^\w[^{}\[\]\"]*$")
_LAST_WORD = re.compile(r"\S+$")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')


def is_collapsed(text: str) -> bool:
    """Whether the document's line breaks are gone: underlines stand inside of long lines."""
    whole = "\n" not in text.strip()
    longest = max(text.split("\n"), key=len, default="")
    if not whole and len(longest) < LONG_LINE:
        return False
    return bool(_UNDERLINE.search(longest.strip()) and _ARROW.search(longest))


def restore(text: str) -> tuple[Line, ...]:
    """The lines of a collapsed document."""
    return _Restorer(text).lines()


class _Restorer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.breaks = [at for at, char in enumerate(text) if char == "\n"]
        self.found: list[Line] = []

    def lines(self) -> tuple[Line, ...]:
        at = 0
        for start, end in self._headings():
            title = self._title(at, start)
            self._body(at, title)
            self._blank(title)
            self._line(title, start)
            self._line(start, end)
            self._blank(end)
            at = end
        self._body(at, len(self.text))
        return tuple(self.found)

    # ── headings ─────────────────────────────────────────────────────────────────────────────

    def _headings(self) -> Iterator[tuple[int, int]]:
        for found in _UNDERLINE.finditer(self.text):
            yield found.start(), found.end()

    def _title(self, low: int, underline: int) -> int:
        """Where the heading over the underline begins, not before `low`.

        As long as the underline, if that is where a word begins; otherwise the underline is of
        the wrong length, and the heading is one word, or a numbered title.
        """
        before = self.text[low:underline].rstrip()
        end = low + len(before)
        stroke = _UNDERLINE.match(self.text, underline)
        length = len(stroke.group()) if stroke else 0
        start = end - length
        begins = start == low or (start > low and self.text[start - 1].isspace())
        if begins and _TITLE.match(self.text[start:end]):
            return start
        numbered = _SECTION.search(before) if self.text[underline] == "=" else None
        found = numbered or _LAST_WORD.search(before)
        return low + found.start() if found else low

    # ── what stands between headings ─────────────────────────────────────────────────────────

    def _body(self, at: int, end: int) -> None:
        while at < end:
            arrow = _ARROW.search(self.text, at, end)
            stop = arrow.start() if arrow else end
            self._prose(at, stop)
            if not arrow:
                return
            at = self._example_end(arrow.end(), end)
            self._line(stop, at)
            self._blank(at)

    def _example_end(self, start: int, end: int) -> int:
        """Where the value that begins at `start` is closed, with what is glued to it."""
        following = _ARROW.search(self.text, start, end)
        limit = following.start() if following else end
        depth = 0
        for found in _BRACKETS.finditer(self.text, start, limit):
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found.group(), 0)
            if depth == 0:
                glued = re.compile(r"\S*").match(self.text, found.end(), limit)
                return glued.end() if glued else found.end()
        return limit

    def _prose(self, start: int, end: int) -> None:
        marks = sorted(self._marks(start, end))
        bounds = [*marks, (end, False)]
        self._line(start, bounds[0][0])
        for (at, apart), (stop, _) in zip(marks, bounds[1:], strict=True):
            if apart:
                self._blank(at)
            self._item_or_line(at, stop)

    def _marks(self, start: int, end: int) -> Iterator[tuple[int, bool]]:
        """Where a line begins, and whether an empty line goes before it."""
        found = {one.start(): True for one in _WORD.finditer(self.text, start, end)}
        found |= {one.start(): False for one in _ARRAY.finditer(self.text, start, end)}
        found |= {one.start(): True for one in SENTENCE.finditer(self.text, start, end)}
        for one in _DASH.finditer(self.text, start, end):
            if not self._is_listed_value(one.start(), start, end):
                found[one.start()] = False
        yield from found.items()

    def _is_listed_value(self, dash: int, start: int, end: int) -> bool:
        """Whether the dash stands between a listed value and its meaning (``"debug" - it is``)."""
        quoted = self.text[max(start, dash - 2) : dash].endswith('" ')
        if not quoted or _NAMED.match(self.text, dash, end):
            return False
        names = [one.start() for one in _NAMED.finditer(self.text, start, dash)]
        return " following values " in self.text[names[-1] if names else start : dash]

    def _item_or_line(self, start: int, end: int) -> None:
        """A line; behind the type of an item, a new paragraph begins."""
        words = self.text[start:end]
        span = type_span(words) if words.startswith("- ") else -1
        behind = re.match(r"\.?\s+(?=[A-Z(])", words[span:]) if span > 0 else None
        cut = start + span + behind.end() if behind else end
        followed = self.text.startswith("- ", end)
        if cut < end and (not followed or self.text[cut:end].rstrip().endswith(":")):
            self._line(start, cut)
            self._blank(cut)
            self._line(cut, end)
        else:
            self._line(start, end)

    # ── lines ────────────────────────────────────────────────────────────────────────────────

    def _line(self, start: int, end: int) -> None:
        words = self.text[start:end]
        if words.strip():
            start += len(words) - len(words.lstrip())
            self.found.append(Line(*self._place(start, " ".join(words.split("\n")).strip())))

    def _blank(self, at: int) -> None:
        number, _, column = self._place(at, "")
        self.found.append(Line(number, "", column))

    def _place(self, at: int, words: str) -> tuple[int, str, int]:
        row = bisect.bisect_left(self.breaks, at)
        return row + 1, words, at - (self.breaks[row - 1] + 1 if row else 0) + 1
