"""The messages of a trace that pass a filter, each call as a whole.

What a call says is known once it is answered, and its command stands before that.  `Selector` takes a trace
once, as it grows, and says of a command whether it passes when that is known.  `choose` reads a trace
for what passes, and `selected` gives it in the order of the trace: it reads twice where it must.

A command that waits while `MOST_HELD` others do, or `MOST_BYTES` of them, counts as one that is not answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from qmpconf.protocol.framing import Kind
from qmpconf.protocol.session import Session
from qmpconf.trace.filter.meaning import Facts, test_of
from qmpconf.trace.filter.syntax import Filter, is_late
from qmpconf.trace.items import Item
from qmpconf.trace.records import Close, Gap, Open, Shut
from qmpconf.trace.summary import Summable, Summaries, Summary

MOST_HELD, MOST_BYTES = 10_000, 64 << 20
_RESPONSES = frozenset({"return", "error"})


class Decided(NamedTuple):
    """A message, its number among all (from 0), and whether it passes."""

    number: int
    summary: Summary
    item: Summable
    passes: bool


class Selector:
    """Takes the items of a trace in their order, and says which pass.

    `begin` gives the state of a new session (`TraceReader.begin`).
    """

    def __init__(self, wanted: Filter, begin: Callable[[], Session] = Session) -> None:
        self._test = test_of(wanted)
        self._late = is_late(wanted)
        self._summaries = Summaries(begin)
        self._openings: dict[int, Open] = {}
        self._held: dict[int, tuple[Summary, Item]] = {}  # commands that wait, by their numbers
        self._bytes = 0

    def take(self, item: Summable) -> list[Decided]:
        """What is known with the next item: of itself, and of commands before it."""
        found: list[Decided] = []
        if isinstance(item, Open):
            found += self._given_up(item.conn)
            self._openings[item.conn] = item
        own = self._summaries.take(item)
        if own is None:
            return found
        number, asked = self._summaries.number, self._summaries.answered
        opening = self._openings.get(own.conn)
        if own.kind == "command" and isinstance(item, Item):
            self._held[number] = own, item
            self._bytes += own.size
            if not self._late:
                facts = Facts(own, item, command=item, opening=opening)
                found.append(Decided(number, own, item, self._test(facts)))
            return found + self._bound()
        command: Summable | None = None
        if own.kind in _RESPONSES and asked in self._held:
            summary, command = self._let_go(asked)
            if self._late:
                facts = Facts(
                    summary, command, command=command, answer=own, replied=item, opening=opening
                )
                found.append(Decided(asked, summary, command, self._test(facts)))
        answer = own if own.kind in _RESPONSES else None
        facts = Facts(own, item, command=command, answer=answer, replied=item, opening=opening)
        found.append(Decided(number, own, item, self._test(facts)))
        if isinstance(item, Close):
            found = self._given_up(item.conn) + found
            self._openings.pop(item.conn, None)
        return found

    def end(self) -> list[Decided]:
        """What is known at the end: of commands without a response."""
        return self._given_up(None)

    def _let_go(self, number: int) -> tuple[Summary, Item]:
        one = self._held.pop(number)
        self._bytes -= one[0].size
        return one

    def _given_up(self, conn: int | None) -> list[Decided]:
        waiting = [at for at, (one, _) in self._held.items() if conn in (None, one.conn)]
        return [found for at in waiting for found in self._unanswered(at)]

    def _bound(self) -> list[Decided]:
        found: list[Decided] = []
        while len(self._held) > MOST_HELD or (self._bytes > MOST_BYTES and len(self._held) > 1):
            found += self._unanswered(next(iter(self._held)))
        return found

    def _unanswered(self, number: int) -> list[Decided]:
        summary, item = self._let_go(number)
        if not self._late:
            return []
        facts = Facts(summary, item, command=item, opening=self._openings.get(item.conn))
        return [Decided(number, summary, item, self._test(facts))]


@dataclass(slots=True)
class Chosen:
    """What passes in a trace: by the messages' numbers, by their lines, and their sessions.

    `selected` messages pass, of `messages` in all; what happens to sessions, and gaps, count in neither.
    """

    numbers: bytearray = field(default_factory=bytearray)
    lines: bytearray = field(default_factory=bytearray)
    sessions: set[int] = field(default_factory=set)
    selected: int = 0
    messages: int = 0

    def add(self, one: Decided) -> None:
        """Take note of a message."""
        is_message = is_one(one.item)
        self.messages += is_message
        if one.passes:
            _mark(self.numbers, one.number)
            _mark(self.lines, one.summary.line)
            if is_message:
                self.selected += 1
                self.sessions.add(one.summary.conn)

    def passes(self, number: int) -> bool:
        """Whether the message with this number does."""
        return number < len(self.numbers) and bool(self.numbers[number])

    def has_line(self, line: int) -> bool:
        """Whether a message that ends on this line does."""
        return line < len(self.lines) and bool(self.lines[line])


def is_one(item: Summable) -> bool:
    """Whether it is a message, and not what happens to a session."""
    if isinstance(item, Item):
        return item.frame.kind is not Kind.SPACE
    return isinstance(item, Gap) and item.too_long


def _mark(marks: bytearray, at: int) -> None:
    if at >= len(marks):
        marks.extend(bytes(max(at + 1, 2 * len(marks)) - len(marks)))
    marks[at] = 1


def choose(
    wanted: Filter, items: Iterable[Summable], begin: Callable[[], Session] = Session
) -> Chosen:
    """What of a trace passes."""
    chosen = Chosen()
    selector = Selector(wanted, begin)
    for item in items:
        for one in selector.take(item):
            chosen.add(one)
    for one in selector.end():
        chosen.add(one)
    return chosen


def selected(
    wanted: Filter,
    read: Callable[[], Iterable[Summable]],
    begin: Callable[[], Session] = Session,
) -> Iterator[tuple[Summary, Summable]]:
    """What of a trace passes, in its order; `read` gives the items from the beginning."""
    if is_late(wanted):
        chosen = choose(wanted, read(), begin)
        summaries = Summaries(begin)
        for item in read():
            summary = summaries.take(item)
            if summary is not None and chosen.passes(summaries.number):
                yield summary, item
        return
    selector = Selector(wanted, begin)
    for item in read():
        for one in selector.take(item):
            if one.passes:
                yield one.summary, one.item


def of_sessions(
    chosen: Chosen, items: Iterable[Summable], begin: Callable[[], Session] = Session
) -> Iterator[tuple[Summary | None, Summable, bool]]:
    """Every item and whether it passes; so does, of a session in which something does, what happens to it.

    White space between messages has no summary, and does not pass.
    """
    summaries = Summaries(begin)
    for item in items:
        summary = summaries.take(item)
        fate = isinstance(item, Open | Shut | Close) and item.conn in chosen.sessions
        passes = summary is not None and chosen.passes(summaries.number)
        yield summary, item, fate or passes
