"""The messages around lines of a trace: which they are, and as text for people; one pass for all.

A line of an excerpt is `qmpconf.trace.wording.line` behind a mark: ``>`` for the message in
question, which shows itself, while the others show the members that say most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from qmpconf.errors import InputError
from qmpconf.text import printable
from qmpconf.trace import wording
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.summary import Summable, Summaries, Summary

#: Messages that are shown before and behind a line.
BEFORE, BEHIND = 4, 2
#: Characters of what a message says, and of the one in question.
_WIDTH, _FULL = 120, 400

#: Kinds whose few words do not say what was sent.
ODD = frozenset({"malformed", "other"})

T = TypeVar("T")


class Near(Generic[T]):
    """Keeps what stands near wanted lines, in `found`, as `make` makes it of a message.

    Each session's messages are counted apart, unless they are `together`.
    """

    def __init__(
        self,
        lines: Iterable[int],
        before: int,
        behind: int,
        make: Callable[[Summary, Summable], T],
        *,
        together: bool = False,
    ) -> None:
        self.found: list[T] = []
        self._make = make
        self._wanted = frozenset(lines)
        self._missing = set(self._wanted)
        self._together = together
        self._most, self._behind = before, behind
        self._before: dict[int, deque[tuple[Summary, Summable]]] = {}
        self._after: dict[int, int] = {}

    @property
    def complete(self) -> bool:
        """Whether nothing more is to be kept, but for more messages of the same lines."""
        return not self._missing and not any(self._after.values())

    def add(self, summary: Summary, item: Summable) -> None:
        """Take the next message."""
        key = 0 if self._together else summary.conn
        kept = self._before.setdefault(key, deque(maxlen=self._most))
        if summary.line in self._wanted:
            self._missing.discard(summary.line)
            self.found += [self._make(*one) for one in kept]
            kept.clear()
            self._after[key] = self._behind + 1
        if self._after.get(key, 0):
            self._after[key] -= 1
            self.found.append(self._make(summary, item))
        else:
            kept.append((summary, item))
        if summary.kind == "close" and not self._together:
            self._before.pop(key, None)
            self._after.pop(key, None)


def around(path: str, places: Iterable[tuple[int, int]]) -> Mapping[tuple[int, int], list[str]]:
    """The messages around each place of `places`, a session's number and a line, as lines.

    A file that cannot be read to its end gives what there is up to there.
    """
    places = set(places)
    near = Near((line for _, line in places), BEFORE, BEHIND, _pair)
    for summary, item in _messages(path):
        near.add(summary, item)
        if near.complete:
            break
    sessions: dict[int, list[tuple[Summary, Summable]]] = {}
    for one in near.found:
        sessions.setdefault(one[0].conn, []).append(one)
    return {
        (conn, line): shown
        for conn, line in places
        if (shown := _excerpt(sessions.get(conn, ()), line))
    }


def excerpt(path: str, line: int) -> str:
    """The messages of all sessions around `line`, each with its text; the trace's end for line 0."""
    near = Near((line,), BEFORE, BEHIND, _pair, together=True)
    last: deque[tuple[Summary, Summable]] = deque(maxlen=BEFORE + BEHIND + 1)
    for summary, item in _messages(path):
        near.add(summary, item)
        last.append((summary, item))
        if line and near.complete:
            break
    found = _excerpt(near.found, line, texts=True)
    return "\n".join(found or (_line(*one, texts=True) for one in last))


def latest(path: str, most: int) -> tuple[list[str], int]:
    """The last `most` messages of a trace, and how many stand before them."""
    kept: deque[tuple[Summary, Summable]] = deque(maxlen=most)
    count = 0
    many = False
    for summary, item in _messages(path):
        if summary.kind not in {"open", "shut"}:
            count += 1
            many = many or summary.conn > 1
            kept.append((summary, item))
    lines = [f"{f'{one[0].conn}  ' if many else ''}{_line(*one)[2:]}" for one in kept]
    return lines, count - len(kept)


def body(item: Summable, most: int) -> str:
    """The first `most` characters of a message as text, and an ellipsis where there are more."""
    if not isinstance(item, Item):
        return ""
    text = item.frame.data[: 4 * most + 4].decode("utf-8", "backslashreplace")
    return text if len(text) <= most else f"{text[:most]}…"


def _pair(summary: Summary, item: Summable) -> tuple[Summary, Summable]:
    return summary, item


def _messages(path: str) -> Iterator[tuple[Summary, Summable]]:
    """Every message, and every fate of a session, with its summary."""
    try:
        reader = TraceReader(path)
        summaries = Summaries(reader.begin)
        for item in reader.items():
            summary = summaries.take(item)
            if summary is not None:
                yield summary, item
    except InputError:
        return  # the file's damage is said elsewhere


def _excerpt(
    found: Iterable[tuple[Summary, Summable]], line: int, *, texts: bool = False
) -> list[str]:
    """The first message of `line`, marked, and those before and behind it."""
    found = list(found)
    at = next((at for at, one in enumerate(found) if one[0].line == line), None)
    if at is None:
        return []
    return [
        _line(*one, texts=texts, here=place == at)
        for place, one in enumerate(found[: at + BEHIND + 1])
        if place >= at - BEFORE
    ]


def _line(summary: Summary, item: Summable, *, texts: bool = False, here: bool = False) -> str:
    width = _FULL if here else _WIDTH
    shown = body(item, width) if here or texts or summary.kind in ODD else ""
    return f"{'>' if here else ' '} {printable(wording.line(summary, shown, width))}"
