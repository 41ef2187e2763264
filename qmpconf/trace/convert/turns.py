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
from dataclasses import dataclass, field

from qmpconf.protocol.messages import Failure, Success, from_server
from qmpconf.protocol.values import Value, dumps, same
from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.jsontext import compact, members
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
#: A turn of more parts, or of more bytes, ends where it is.
_MOST_PARTS = 5000
_MOST_BYTES = 1 << 24
#: Commands without an answer whose ids are remembered.
_MOST_LATE = 1000

#: What a server says of input that is no JSON.
_SYNTAX = re.compile(r"JSON|QMP input|syntax|pars|Expect", re.IGNORECASE)
_NUMBER = re.compile(r"(.{0,40}?)([0-9]{1,15})\Z")

_KEY = ""


Part = Said | Lacking


@dataclass(slots=True)
class _Turn:
    parts: list[Part] = field(default_factory=list)
    size: int = 0
    answered: bool = False
    heading: bool = False  # it stands below one

    def add(self, part: Part) -> None:
        """One more part."""
        self.parts.append(part)
        self.size += len(part.text) if isinstance(part, Said) else len(part.begin)
        self.answered |= _answers(part)

    def joins(self, part: Part) -> bool:
        """Whether `part` is more of what was not understood just before; then it is put there."""
        latest = self.parts[-1] if self.parts else None
        if not isinstance(part, Lacking) or not isinstance(latest, Lacking):
            return False
        same_kind = latest.side is part.side and latest.lines and part.lines
        if not same_kind or latest.whole or part.whole or latest.begin or part.begin:
            return False
        latest.lines += part.lines
        return True

    @property
    def full(self) -> bool:
        """Whether it has grown beyond all turns."""
        return len(self.parts) >= _MOST_PARTS or self.size >= _MOST_BYTES

    def commands(self) -> list[Said | Lacking]:
        """What the client said, or may have said."""
        return [one for one in self.parts if one.side == "client"]

    def of_kind(self, *kinds: str) -> list[Said]:
        """The messages of these kinds."""
        return [one for one in self.parts if isinstance(one, Said) and one.kind in kinds]

    def answers(self) -> list[Part]:
        """The responses, and what the server said that may be one."""
        return [one for one in self.parts if _answers(one)]

    @property
    def surplus(self) -> int:
        """How many answers without an id there are beyond the commands without one."""
        return sum(map(_is_plain, self.answers())) - sum(map(_is_plain, self.commands()))


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
        self._turn = _Turn()
        self._window: list[_Turn] = []  # turns before it, of which the first lacks answers
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
        """A line between the messages that is no blank one."""
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
        turn, self._turn = self._turn, _Turn()
        if not turn.parts:
            return
        surplus = turn.surplus
        if self._window and surplus > 0:
            window, self._window = [*self._window, turn], []
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

    def _records(self, turn: _Turn, *, paired: bool = True) -> Iterator[Record]:
        pairs = _Pairs(turn, self._late, paired=paired, exact=self._exact)
        sessions = self.sessions.wire.sessions
        yield from self._boundary(turn, pairs)
        if self.sessions.wire.sessions > sessions:  # where nothing is late
            pairs = _Pairs(turn, self._late, paired=paired, exact=self._exact)
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

    def _said(self, part: Said, pairs: _Pairs, *, greeting: bool) -> Iterator[Record]:
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

    def _boundary(self, turn: _Turn, pairs: _Pairs) -> Iterator[Record]:
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
        if found is not None and len(self._ids) < _MOST_LATE:
            before, number = found
            first, latest = self._ids.get(before, (number, number))
            self._ids[before] = first, max(latest, number)


class _Pairs:
    """Which response of a turn answers which command.

    `answered` has the answers by the command's identity, `strays` the responses that answer none
    that is there, `lacking` is how many answers are missing, `ids` what libvirt has added.
    """

    def __init__(self, turn: _Turn, late: list[Value], *, paired: bool, exact: bool) -> None:
        self.answered: dict[int, Success | Failure] = {}
        self.strays: set[int] = set()
        self.ids: dict[int, bytes] = {}
        asked, answers = turn.commands(), turn.answers()
        self.lacking = 0
        if exact and len(asked) == len(answers):
            for command, response in zip(asked, answers, strict=True):
                self._pair(command, response)
            return
        plain = [one for one in asked if _is_plain(one)]
        loose, known = self._by_id(asked, answers, late)
        pairs = list(zip(plain, loose, strict=False)) if len(plain) <= len(loose) else []
        if not paired or not _fit(pairs, known, asked, answers):
            self.strays |= {id(one) for one in loose}
            self.lacking = len(asked) - len(known)
            return
        for command, response in pairs:
            self._pair(command, response)
        self.strays |= {id(one) for one in loose[len(plain) :]}
        self.lacking = len(asked) - len(known) - min(len(plain), len(loose))

    def _by_id(
        self, asked: list[Part], answers: list[Part], late: list[Value]
    ) -> tuple[list[Part], list[tuple[Part, Part]]]:
        """The answers that no id pairs, and the commands and answers that one does.

        `late` are the ids of earlier commands without an answer; those of this turn are added.
        """
        waiting = [one for one in asked if isinstance(one, Said) and one.has_id]
        by_libvirt = any(isinstance(one, Said) and one.by_libvirt for one in asked)
        loose: list[Part] = []
        known: list[tuple[Part, Part]] = []
        for response in answers:
            if isinstance(response, Lacking) or not response.has_id:
                loose.append(response)
                continue
            by_id = next((one for one in waiting if same(one.id, response.id)), None)
            place = next((n for n, one in enumerate(late) if same(one, response.id)), None)
            if by_id is not None:
                waiting.remove(by_id)
                self._pair(by_id, response)
                known.append((by_id, response))
            elif place is not None:
                del late[place]
            elif by_libvirt:
                loose.append(response)
            else:
                self.strays.add(id(response))
        late += [one.id for one in waiting]
        del late[:-_MOST_LATE]
        return loose, known

    def _pair(self, command: Part, response: Part) -> None:
        if isinstance(response, Lacking):
            return
        message = from_server(response.text)
        if not isinstance(message, Success | Failure):
            return
        if isinstance(command, Said):
            self.answered[id(command)] = message
            if command.by_libvirt and response.has_id:
                self.ids[id(command)] = dumps(response.id)
        elif command.whole and _complains(message):
            self.answered[id(command)] = message  # it was sent as it stands


def _fit(
    pairs: list[tuple[Part, Part]],
    known: list[tuple[Part, Part]],
    asked: list[Part],
    answers: list[Part],
) -> bool:
    """Whether pairs that were made by their order fit those that ids have made."""
    for command, response in pairs:
        given = isinstance(response, Said) and response.has_id
        if given and not (isinstance(command, Said) and command.by_libvirt):
            return False
    if not pairs or not known:
        return True
    places = {id(one): place for place, one in enumerate(answers)}
    partner = {id(command): places[id(response)] for command, response in (*pairs, *known)}
    order = [partner[id(one)] for one in asked if id(one) in partner]
    return order == sorted(order)


def _answers(part: Part) -> bool:
    """Whether it is a response, or may be one."""
    return part.side == "server" and (isinstance(part, Lacking) or part.kind == "response")


def _complains(message: Success | Failure) -> bool:
    """Whether a server says so of input that is no command."""
    return isinstance(message, Failure) and _SYNTAX.search(message.description) is not None


def _is_plain(part: Part) -> bool:
    return isinstance(part, Lacking) or not part.has_id


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
