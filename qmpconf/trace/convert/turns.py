"""Who answers what in a text: people leave commands, answers and whole parts of a session out.

A text is read in *turns*: commands, what answers them, events anywhere between.  A turn ends where
the next command begins, or where prose stands between two commands.

- As many answers as commands: they belong together, in order.
- More answers than commands: for each of the others a command is missing.
- Fewer answers: some are missing, and it is not known which; all are, where there is none.
- An id pairs what carries it.  An answer with an id that no command has answers a missing one.

What is missing is a gap that says how many messages it stands for (`qmpconf.trace.records.Gap`), so
that nobody is blamed for it, and the rest is judged.  A client that sends commands without ids
before it has read the answers looks as if its answers were shifted: where a turn with too few
answers is followed, without prose between, by one with too many, nothing of them is paired.

Sessions are told apart by their greetings; without one by a negotiation that succeeds once more, by
a heading, or by ids that begin again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qmpconf.protocol.messages import Failure, Success
from qmpconf.protocol.values import Value, dumps
from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.jsontext import compact, members
from qmpconf.trace.convert.pairing import Pairs, Part, Turn
from qmpconf.trace.convert.said import Lacking, Said
from qmpconf.trace.convert.texts import Sessions, one_line
from qmpconf.trace.records import Record, Side

LEFT_COMMAND = "an answer has no command in the text: a gap of the client stands for that"
LEFT_ANSWER = "a command has no answer in the text: a gap of the server stands for that"
LEFT_NEGOTIATION = "the negotiation is not in the text: gaps stand for it"
LEFT_PART = "the text says that something was left out: gaps of both sides stand for it"
SHIFTED = "answers come later than their commands, without ids: they are not paired"
LIBVIRT_ID = "a command has the id of its answer: libvirt gave it one when it sent it"

#: An open turn is read on in this many more, for the answers that it lacks.
_WINDOW = 16
#: Kinds of ids that are remembered.
_MOST_IDS = 1000

_NUMBER = re.compile(r"(.{0,40}?)([0-9]{1,15})\Z")

_KEY = ""


class Turns:
    """Makes records of the parts of a text, of one session after the other."""

    def __init__(self, notes: Notes, *, headings: bool = False, exact: bool = False) -> None:
        """With `headings`, each one ends a session.

        In an `exact` text nobody has left something out where a turn has as many answers as
        commands: an id that does not fit is then the server's.
        """
        self.sessions = Sessions(notes)
        self._notes = notes
        self._headings = headings
        self._exact = exact
        self._turn = Turn()
        self._window: list[Turn] = []  # turns before it, of which the first lacks answers
        self._prose = False  # since the latest message
        self._heading = False  # since the latest command
        self._forget()

    def _forget(self) -> None:
        """Another session begins."""
        self._greeted = False
        self._negotiated = False
        self._late: list[Value] = []  # ids of commands without an answer
        self._ids: dict[str, tuple[int, int]] = {}  # by what is before it: first and latest number

    # --- what stands in the text ---------------------------------------------------------------

    def prose(self) -> Iterator[Record]:
        """A line between the messages that is not a blank one."""
        self._prose = True
        yield from self._settle()

    def heading(self) -> Iterator[Record]:
        """A line that begins another part of the text."""
        self._heading = True
        yield from self.prose()

    def take(self, part: Part) -> Iterator[Record]:
        """A message, or a place where one may be."""
        kind = part.kind if isinstance(part, Said) else ""
        turn = self._turn
        if kind == "greeting":
            yield from self._greeting()
        elif part.side == "client":
            between = self._prose and bool(turn.commands())
            if turn.answered or between or kind == "negotiation" or turn.full:
                yield from self._next()
            if not self._turn.commands():
                self._turn.heading = self._heading
                self._heading = False
        elif turn.full:
            yield from self._next()
        if not self._turn.joins(part):
            self._turn.add(part)
        self._prose = False

    def finish(self, line: int) -> Iterator[Record]:
        """The text has ended."""
        yield from self._next()
        yield from self._settle()
        yield from self.sessions.wire.finish(line)

    def _greeting(self) -> Iterator[Record]:
        """A session begins: what was sent at once, before it was greeted, belongs to it."""
        held = self._turn.parts
        asked = self._turn.of_kind("command", "negotiation")
        at_once = asked and asked[0].kind == "negotiation" and not self._turn.answered
        only_events = not self._prose and all(
            isinstance(one, Said) and one.kind == "event" for one in held
        )
        fresh = not self.sessions.spoken(_KEY)
        if not at_once and not (held and only_events and fresh and not self._window):
            yield from self._next()
            yield from self._settle()
        if self.sessions.spoken(_KEY):
            yield from self._settle()
            yield from self._open(held[0].line if held else 0)
        self._greeted = True

    def _open(self, line: int) -> Iterator[Record]:
        yield from self.sessions.open(line, 0.0, _KEY)
        self._forget()

    # --- turns ---------------------------------------------------------------------------------

    def _next(self) -> Iterator[Record]:
        """The turn is over."""
        turn, self._turn = self._turn, Turn()
        if not turn.parts:
            return
        surplus = turn.surplus
        if self._window and surplus > 0:
            window, self._window = [*self._window, turn], []
            self._notes.lost(SHIFTED, window[0].parts[0].line)
            for one in window:
                yield from self._records(one, paired=False)
        elif self._window or surplus < 0:
            self._window.append(turn)
            if len(self._window) > _WINDOW:
                yield from self._settle()
        else:
            yield from self._records(turn)

    def _settle(self) -> Iterator[Record]:
        """Turns that lack answers will not find them any more."""
        window, self._window = self._window, []
        for one in window:
            yield from self._records(one)

    def _records(self, turn: Turn, *, paired: bool = True) -> Iterator[Record]:
        pairs = Pairs(turn, self._late, paired=paired, exact=self._exact)
        sessions = self.sessions.wire.sessions
        yield from self._boundary(turn, pairs)
        if self.sessions.wire.sessions > sessions:  # where nothing is late
            pairs = Pairs(turn, self._late, paired=paired, exact=self._exact)
        greeting = any(isinstance(one, Said) and one.kind == "greeting" for one in turn.parts)
        lacking = pairs.lacking
        for part in turn.parts:
            if isinstance(part, Lacking):
                yield from self._lacking(part, malformed=id(part) in pairs.answered)
                continue
            if not part.text:
                yield from self.sessions.begin(part.line, 0.0, _KEY)
                continue
            if part.kind == "response":
                if lacking:
                    yield from self._left_out(part.line, "server", lacking)
                    lacking = 0
                if id(part) in pairs.strays:
                    yield from self._left_out(part.line, "client", 1)
            yield from self._said(part, pairs, greeting=greeting)
        if lacking:
            yield from self._left_out(turn.parts[-1].line, "server", lacking)

    def _said(self, part: Said, pairs: Pairs, *, greeting: bool) -> Iterator[Record]:
        text, places = one_line(part.text, part.side, part.line, self._notes), part.places
        if part.kind in ("command", "negotiation"):
            given = pairs.ids.get(id(part))
            if given is not None:
                self._notes.lost(LIBVIRT_ID, part.line)
                text, places = _with_id(text, given), (*places, "/id")
            answer = pairs.answered.get(id(part))
            if part.kind == "negotiation":
                self._negotiated |= isinstance(answer, Success)
        yield from self.sessions.said(
            part.line, 0.0, _KEY, part.side, text, greeting=greeting, redacted=places
        )

    def _lacking(self, part: Lacking, *, malformed: bool) -> Iterator[Record]:
        line = part.line
        if malformed:
            self._notes.took()
            yield from self.sessions.said(line, 0.0, _KEY, "client", part.whole)
            return
        if part.whole:
            self._notes.missed(part.shown, line)
        elif part.cut:
            self._notes.lost(LEFT_PART, line)
        if not part.cut or self.sessions.spoken(_KEY):
            yield from self.sessions.lacking(
                line, 0.0, _KEY, part.side, part.begin, lines=part.lines
            )

    def _left_out(self, line: int, side: Side, messages: int) -> Iterator[Record]:
        self._notes.lost(LEFT_COMMAND if side == "client" else LEFT_ANSWER, line)
        yield from self.sessions.lacking(line, 0.0, _KEY, side, messages=messages)

    # --- sessions ------------------------------------------------------------------------------

    def _boundary(self, turn: Turn, pairs: Pairs) -> Iterator[Record]:
        """Whether a session begins with this turn, or its negotiation is missing."""
        asked = turn.of_kind("command", "negotiation")
        if not asked:
            return
        first = asked[0]
        answer = pairs.answered.get(id(first))
        again = first.kind == "negotiation" and self._negotiated and not isinstance(answer, Failure)
        below = turn.heading and (self._headings or not self._greeted)
        if self.sessions.spoken(_KEY) and (again or below or self._starts_again(first)):
            yield from self._open(first.line)
        self._count(first)
        if first.kind == "command" and self._greeted and not self._negotiated:
            self._negotiated = True
            if not (isinstance(answer, Failure) and answer.error_class == "CommandNotFound"):
                self._notes.lost(LEFT_NEGOTIATION, first.line)
                for side in ("client", "server"):
                    yield from self.sessions.lacking(first.line, 0.0, _KEY, side, messages=1)
        elif first.kind == "command" and isinstance(answer, Success):
            self._negotiated = True

    def _starts_again(self, command: Said) -> bool:
        """Whether a command's id is the first one of this session once more, after others."""
        found = _numbered(command)
        if self._greeted or found is None or found[0] not in self._ids:
            return False
        first, latest = self._ids[found[0]]
        return first < latest and found[1] <= first

    def _count(self, command: Said) -> None:
        found = _numbered(command)
        if found is not None and len(self._ids) < _MOST_IDS:
            before, number = found
            first, latest = self._ids.get(before, (number, number))
            self._ids[before] = first, max(latest, number)


def _numbered(command: Said) -> tuple[str, int] | None:
    """An id that counts: what stands before the number, and the number."""
    if isinstance(command.id, bool) or not isinstance(command.id, int | str):
        return None
    found = _NUMBER.match(str(command.id))
    return (found.group(1), int(found.group(2))) if found else None


def _with_id(text: bytes, given: bytes) -> bytes:
    parts = [(name, value) for name, value in members(text) or () if name != "id"]
    parts.append(("id", given))
    inner = b",".join(dumps(name) + b":" + compact(value, b",", b":") for name, value in parts)
    return b"{" + inner + b"}"
