"""Which session a message of a log belongs to; what was logged twice; what is missing.

A log has no sessions: it has lines that say this or that about whom they concern.  A message
belongs to the session that agrees with its line in something and contradicts it in nothing, the
latest one if there are several; what its line says more is true of the session from then on.  The
process that has written a line counts only where the line says nothing else.

A session begins with the greeting, or with a negotiation after one that has succeeded.  What a
program logged twice is read once: a command that is pending under the same id, and an answer or an
event that just came, with its id or its time.  An answer without its command, and what a program
never logs, are gaps: nobody is to blame for them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field

from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.logs.messages import members
from qmpconf.trace.convert.logs.styles import Silent
from qmpconf.trace.convert.texts import Sessions, is_negotiation
from qmpconf.trace.records import Descriptor, Record, Side

#: More sessions at a time are not kept apart: the one that was silent for longest ends.
MOST = 1024
#: How many messages of a session are remembered, to see what was logged twice.
_RECENT = 16
#: How many commands of a session are remembered, to see which answer has none.
_PENDING = 512

#: Who has written a line: perhaps a program that passes on what others have logged.
_WRITER = "process"

TWICE = "a message is logged twice, and read once"
NO_COMMAND = "an answer has no command: a gap of the client stands for it"
ONE_SIDED = "the log has no answer at all: a gap of the server stands for them"
NOT_LOGGED = "such logs leave answers out: a gap of the server stands for each"
TOO_MANY = "more sessions at a time than are kept apart: the one that was silent for longest ends"


@dataclass(slots=True)
class Talk:
    """One session.  `key` is its name in `Sessions`, `fields` what is known of it."""

    key: str
    fields: dict[str, str]
    pending: deque[tuple[bytes | None, bytes]] = field(
        default_factory=lambda: deque(maxlen=_PENDING)
    )
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=_RECENT))
    silent: Silent = ""
    used: int = 0  # when it was used last: a count
    negotiating: bool = False
    negotiated: bool = False
    heard: bool = False  # whether the server has said something
    answered: bool = False  # whether it has answered a command


class Conversations:
    """Makes records of messages, sessions and gaps."""

    def __init__(self, notes: Notes, keys: Collection[str]) -> None:
        self.sessions = Sessions(notes)
        self.found = 0  # messages, and parts of messages
        self._notes = notes
        self._keys = keys
        self._talks: OrderedDict[str, Talk] = OrderedDict()  # the latest one last
        self._known: dict[tuple[tuple[str, str], ...], str] = {}
        self._by_field: dict[tuple[str, str], set[str]] = {}  # the sessions of which it is known
        self._unknown: set[str] = (
            set()
        )  # sessions of which nothing is known but who has logged them
        self._count = 0
        self._uses = 0

    @property
    def latest(self) -> float:
        """The time of the latest record, in seconds of the trace."""
        return self.sessions.wire.latest

    def talk(self, fields: Mapping[str, str]) -> Talk | None:
        """The session that a line with these fields belongs to, if it has begun."""
        told = self._told(fields)
        key = self._known.get(tuple(sorted(told.items())))
        if key is not None and key in self._talks:
            return self._talks[key]
        if not told:
            return next(reversed(self._talks.values()), None)
        alike = set(self._unknown)
        for pair in told.items():
            alike.update(self._by_field.get(pair, ()))
        agreeing = [one for key in alike if _agree((one := self._talks[key]).fields, told)]
        return max(agreeing, key=lambda one: one.used, default=None)

    def begin(
        self, line: int, t: float, fields: Mapping[str, str]
    ) -> Generator[Record, None, Talk]:
        """A session begins, and is given; the one with the same fields ends."""
        old = self.talk(fields)
        if old is not None:
            yield from self.end(line, t, old)
        elif len(self._talks) >= MOST:
            self._notes.lost(TOO_MANY, line)
            yield from self.end(line, t, next(iter(self._talks.values())))
        self._count += 1
        told = self._told(fields)
        talk = Talk(f"{self._count}", {})
        self._talks[talk.key] = talk
        self._unknown.add(talk.key)
        self._join(talk, told)
        label = " ".join(f"{name} {value}" for name, value in told.items())
        yield from self.sessions.open(line, t, talk.key, server=label)
        return talk

    def end(self, line: int, t: float, talk: Talk) -> Iterator[Record]:
        """A session ends."""
        yield from self._unanswered(line, t, talk)
        yield from self.sessions.close(line, t, talk.key)
        del self._talks[talk.key]
        self._unknown.discard(talk.key)
        for pair in talk.fields.items():
            self._by_field[pair].discard(talk.key)
            if not self._by_field[pair]:
                del self._by_field[pair]
        if len(self._known) > 2 * MOST:
            self._known = {name: key for name, key in self._known.items() if key in self._talks}

    def said(
        self,
        line: int,
        t: float,
        fields: Mapping[str, str],
        sender: Side,
        text: bytes,
        fds: tuple[Descriptor, ...] = (),
        *,
        silent: Silent = "",
        ungreeted: bool = False,
    ) -> Iterator[Record]:
        """A message; `silent` says what the program that logged it leaves out.

        With `ungreeted`, nobody greets in such a session.
        """
        self.found += 1
        parts = members(text)
        greeting = sender == "server" and "QMP" in parts
        negotiation = sender == "client" and is_negotiation(text)
        talk = self.talk(fields)
        if talk is not None and self._is_twice(talk, sender, text, parts):
            self._notes.lost(TWICE, line)
            return
        if talk is None or (greeting and self._is_over(talk)):
            talk = yield from self.begin(line, t, fields)
        elif negotiation and talk.negotiated:
            talk = yield from self.begin(line, t, talk.fields)
        self._join(talk, fields)
        talk.silent = talk.silent or silent
        yield from self._expected(line, t, talk, sender, parts)
        if sender == "client" and text.startswith(b"{"):
            talk.pending.append((parts.get("id"), text))
            talk.negotiating = negotiation
        elif "return" in parts and talk.negotiating:
            talk.negotiating, talk.negotiated = False, True
        talk.heard |= sender == "server"
        talk.answered |= not parts.keys().isdisjoint(("return", "error"))
        talk.recent.append(hash((sender, text)))
        yield from self.sessions.said(
            line, t, talk.key, sender, text, fds, greeting=greeting or ungreeted
        )

    def _is_over(self, talk: Talk) -> bool:
        """Whether a greeting begins another session: who sends all at once does that before it is greeted."""
        at_once = not talk.heard and bool(talk.pending) and is_negotiation(talk.pending[0][1])
        return self.sessions.spoken(talk.key) and not at_once

    def missed(
        self,
        line: int,
        t: float,
        fields: Mapping[str, str],
        text: bytes,
        sender: Side | None = None,
    ) -> Iterator[Record]:
        """A line was not understood."""
        talk = self.talk(fields)
        if talk is not None and sender != "server":
            talk.pending.clear()
        if talk is not None:
            talk.answered |= sender != "client"
        yield from self.sessions.missed(line, t, talk.key if talk else "", text, sender)

    def broken(
        self, line: int, t: float, fields: Mapping[str, str], sender: Side, text: bytes, lines: int
    ) -> Iterator[Record]:
        """The beginning of a message, of which the rest is missing."""
        self.found += 1
        talk = self.talk(fields)
        if talk is None:
            talk = yield from self.begin(line, t, fields)
        self._join(talk, fields)
        talk.pending.clear()
        talk.answered |= sender == "server"  # as far as anybody can see
        yield from self.sessions.broken(line, t, talk.key, sender, text, lines)

    def finish(self, line: int, t: float) -> Iterator[Record]:
        """The log has ended."""
        for talk in list(self._talks.values()):
            yield from self._unanswered(line, t, talk)
        yield from self.sessions.wire.finish(line)

    def end_all(self, line: int, t: float) -> Iterator[Record]:
        """Whoever had all these sessions is gone."""
        for talk in list(self._talks.values()):
            yield from self.end(line, t, talk)

    def _told(self, fields: Mapping[str, str]) -> dict[str, str]:
        return {name: fields[name] for name in self._keys if name in fields}

    def _join(self, talk: Talk, fields: Mapping[str, str]) -> None:
        told = self._told(fields)
        for pair in told.items():
            if pair[0] not in talk.fields:
                self._by_field.setdefault(pair, set()).add(talk.key)
        talk.fields = {**told, **talk.fields}
        if _strong(talk.fields):
            self._unknown.discard(talk.key)
        self._uses += 1
        talk.used = self._uses
        if len(told) == len(talk.fields) > 0:
            self._known[tuple(sorted(told.items()))] = talk.key
        self._talks.move_to_end(talk.key)

    def _is_twice(self, talk: Talk, sender: Side, text: bytes, parts: Mapping[str, bytes]) -> bool:
        name = parts.get("id")
        if sender == "client":
            return name is not None and any(one == (name, text) for one in talk.pending)
        if hash((sender, text)) not in talk.recent:
            return False
        if "event" in parts:
            return "timestamp" in parts
        return name is not None and all(one[0] != name for one in talk.pending)

    def _expected(
        self, line: int, t: float, talk: Talk, sender: Side, parts: Mapping[str, bytes]
    ) -> Iterator[Record]:
        """The gaps before a message: for the command of an answer, for answers to commands."""
        name = parts.get("id")
        if sender == "client":
            nameless = any(one[0] is None for one in talk.pending)
            if talk.silent == "answers" or (talk.silent == "errors" and nameless):
                yield from self._unanswered(line, t, talk)
            return
        if not parts.keys() & {"return", "error"}:
            return
        for place, one in enumerate(talk.pending):
            if name is not None and one[0] != name:
                continue
            del talk.pending[place]
            if place and talk.silent:
                yield from self._unanswered(line, t, talk)
            return
        if self.sessions.asked(talk.key) and (
            talk.pending or name is not None or "return" in parts
        ):
            self._notes.lost(NO_COMMAND, line)
            yield from self.sessions.gap(line, t, talk.key, "client")

    def _unanswered(self, line: int, t: float, talk: Talk) -> Iterator[Record]:
        one_sided = not talk.answered and len(talk.pending) > 1
        if (talk.silent or one_sided) and talk.pending:
            self._notes.lost(NOT_LOGGED if talk.silent else ONE_SIDED, line)
            yield from self.sessions.gap(line, t, talk.key, "server")
            talk.pending.clear()


def _agree(known: Mapping[str, str], told: Mapping[str, str]) -> bool:
    """Whether what a line says may concern a session of which this is known."""
    shared = [name for name in told if name in known and name != _WRITER]
    if shared:
        return all(told[name] == known[name] for name in shared)
    if _WRITER in told and _WRITER in known:
        return told[_WRITER] == known[_WRITER] and not (_strong(told) and _strong(known))
    return not _strong(told) or not _strong(known)


def _strong(fields: Mapping[str, str]) -> bool:
    return any(name != _WRITER for name in fields)
