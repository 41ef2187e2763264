"""Who says what in a log: the messages of a conversation, with their sides, their times, and their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.logs import fields as about
from qmpconf.trace.convert.logs.context import Context
from qmpconf.trace.convert.logs.conversations import Conversations
from qmpconf.trace.convert.logs.messages import Held, members
from qmpconf.trace.convert.logs.objects import Found, extent
from qmpconf.trace.convert.logs.styles import Silent
from qmpconf.trace.convert.texts import BROKEN, likely_sender, one_line, sender_of
from qmpconf.trace.records import Record, Side

_NOTATIONS = {
    "literal": "a message stands there in another language's notation: it was made of that",
    "latin-1": "a message is not UTF-8 in the log: it was read as Latin-1",
}
_TYPED = "virsh adds an id to a command that has none: it was taken from the answer"
_NO_SIDE = "neither the line nor its members show who says a message: it is taken for the server's"


@dataclass(slots=True)
class _Typed:
    """A command as it was typed; what was sent has an id, which the answer says."""

    line: int
    t: float
    fields: Mapping[str, str]
    text: bytes
    silent: Silent


class Speech:
    """Says the messages of one log.

    `begin` is the time of the first one, `t` that of the latest in seconds of the trace, `hint`
    what a line before said of the next one; `ends_unknown` is whether there was one of which the log omits the end.
    """

    def __init__(self, talks: Conversations, notes: Notes) -> None:
        self.begin: datetime | None = None
        self.t = 0.0
        self.hint: Mapping[str, str] = {}
        self.ends_unknown = False
        self._talks = talks
        self._notes = notes
        self._words = about.Words()
        self._begun = 0.0  # `begin`, in seconds of the trace
        self._typed: _Typed | None = None

    def message(self, one: Found, context: Context, *, silent: Silent = "") -> Iterator[Record]:
        """One message, said by whom its line or its members name."""
        found = frozenset(members(one.text))
        side = self._side(found, context)
        if one.how in _NOTATIONS:
            self._notes.lost(_NOTATIONS[one.how], context.line)
        fields = self._fields(context)
        t = self.at(context.when)
        self.ends_unknown = True
        text = one_line(one.text, side, context.line, self._notes)
        yield from self.send_typed(side, text)
        yield from self._talks.said(context.line, t, fields, side, text, silent=silent)

    def _side(self, found: frozenset[str], context: Context) -> Side:
        """Who says a message: whom the line names, or else whom its members tell."""
        told = sender_of(found)
        if context.side is not None:
            return context.side
        if told is not None:
            if not context.explicit:
                self._words.learn(context.before, told)
            return told
        self._notes.lost(_NO_SIDE, context.line)
        return "server"

    def _fields(self, context: Context) -> Mapping[str, str]:
        return context.fields or self.hint

    def at(self, when: datetime | None) -> float:
        """When that is in the trace.  Threads write when they come to it: time stands still then."""
        if when is None:
            return self.t
        if self.begin is None:
            self.begin, self._begun = when, self.t
        self.t = max(self.t, self._begun + (when - self.begin).total_seconds())
        return self.t

    def not_understood(self, part: Held, context: Context) -> Iterator[Record]:
        """What looks like a message and is none, or not all of one."""
        text = part.found.text.rstrip()
        side = context.side or self._words.guess(context.before)
        if part.kind == "broken" and extent(text, 0) <= 0:
            self._notes.missed(context.before[-40:] + text, context.line)
            self._notes.damage(BROKEN, context.line)
            yield from self.send_typed()
            yield from self._talks.broken(
                context.line,
                self.at(context.when),
                self._fields(context),
                side or likely_sender(text),
                text,
                1,
            )
        else:
            yield from self.miss(context.line, text, self._fields(context), side)

    def miss(
        self, number: int, text: bytes, fields: Mapping[str, str], side: Side | None
    ) -> Iterator[Record]:
        """A text that may be a message and was not understood."""
        yield from self.send_typed()
        yield from self._talks.missed(number, self.t, fields, text, side)

    def typed_in(self, one: Found, context: Context, silent: Silent) -> Iterator[Record]:
        """A command that somebody has typed: what was sent waits for its answer, which has the id."""
        yield from self.send_typed()
        text = one_line(one.text, "client", context.line, self._notes)
        t = self.at(context.when)
        self._typed = _Typed(context.line, t, self._fields(context), text, silent)
        self._talks.found += 1  # so that its line counts as read

    def send_typed(self, side: Side = "client", text: bytes = b"") -> Iterator[Record]:
        """What was typed was sent, with the id of the answer if this is one."""
        typed, self._typed = self._typed, None
        if typed is None:
            return
        sent, answer = typed.text, members(text) if side == "server" else {}
        if "id" in answer and not answer.keys() & {"event", "QMP"} and "id" not in members(sent):
            self._notes.lost(_TYPED, typed.line)
            sent = sent.rstrip().removesuffix(b"}") + b',"id":' + answer["id"] + b"}"
        self._talks.found -= 1
        yield from self._talks.said(
            typed.line, typed.t, typed.fields, "client", sent, silent=typed.silent
        )
