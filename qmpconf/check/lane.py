"""The fast lane: lines of a trace whose message is plain, and was seen before, pass without being read.

Most of a recording is commands that are right and their successes, one after the other.  Where a session is
calm (`Session.calm`), nothing is judged in such a pair but the two texts, whether the ids fit, and what practice
looks at.  The lane takes the line of such a message before it is parsed, knows its text again
(`qmpconf.check.seen`), and does the rest.  Everything else is left to the checker, for which `rejoin`
brings the session to where it stands then: what waits for its answer is given to it as if nothing had been.

The findings are the same, in the same order; tests hold the two ways against each other.
"""

from __future__ import annotations

import re
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from qmpconf.check.practice.watch import Answer, Call
from qmpconf.check.reporter import answered
from qmpconf.check.seen import LONG, Sent, key_of
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.matching import Pending
from qmpconf.protocol.messages import Success, from_client, from_server
from qmpconf.trace.items import MANY, Flow

if TYPE_CHECKING:
    from qmpconf.check.basis import Basis
    from qmpconf.check.checker import LaneObserver
    from qmpconf.check.offers import Offers
    from qmpconf.check.seen import Seen
    from qmpconf.check.talk import Talk
    from qmpconf.findings import Finding

#: How the line of a message begins that stands alone: when, in which session, from whom.
_BEGIN = re.compile(
    rb'\{"t":((?:0|[1-9][0-9]{0,11})\.[0-9]{1,9}),'
    rb'("conn":(0|[1-9][0-9]{0,11}),"from":"(client|server)",(?:"end":"(?:\\n)?",)?)"msg":(?=\{)'
).match

#: An id as the last member of a message, and the end of the line; and how many bytes are looked at for one.
_ID = re.compile(rb'"id": ?("[ !#-\[\]-~]*"|0|-?[1-9][0-9]{0,17})\}\}').fullmatch
_FAR = 80

#: An id as the first member of an error.
_ID_FIRST = re.compile(rb'\{"id": ?("[ !#-\[\]-~]*"|0|-?[1-9][0-9]{0,17}), ?(?="error": ?\{)').match

#: How an event begins.
_STAMP = re.compile(
    rb'\{"timestamp": ?\{"seconds": ?(?:0|[1-9][0-9]{0,17}), ?"microseconds": ?(?:0|[1-9][0-9]{0,5})\}, ?'
).match

#: Commands of a session that wait here; ways that are remembered; findings that are kept.
_MOST_HELD, _MOST_WAYS, _MOST_FOUND = 100, 4096, 1000

_CRLF = b"\r\n"


class Passing:
    """What passes in one session.

    It is `calm` while the lane may take its events, and while it is `idle` as well commands and what answers
    them.  `held` are commands that wait: each with its id,
    its line, that line's number, where its message begins, and the call that practice knows.
    """

    __slots__ = ("basis", "calm", "end", "held", "idle", "latest", "observer", "seen", "wants_id")

    def __init__(self) -> None:
        self.calm = self.idle = False
        self.basis: Basis
        self.seen: Seen
        self.observer: LaneObserver | None = None
        self.wants_id = False
        self.held: deque[tuple[Sent, bytes, bytes, int, int, Call | None]] = deque()
        self.end = 0  # the line of the latest message of the server
        self.latest: tuple[bytes, int, int] | None = None  # the latest command that was answered


class Lane:
    """Takes lines of one trace, whose sessions the checker keeps in `talks`; `observer` sees what passes.

    `messages` is how many were taken, `last` when the latest one came, in seconds, until somebody clears it; `found` are
    findings that show in them, until somebody takes these.
    """

    def __init__(
        self, talks: dict[int, Talk], offers: Offers, observer: LaneObserver | None = None
    ) -> None:
        self._talks = talks
        self._observer = observer
        self._offers = offers
        self._flow = Flow()
        self._ways: dict[bytes, tuple[int, bool, bool]] = {}
        self.last = b""
        self.messages = 0
        self.found: list[Finding] = []

    def begin(self, flow: Flow) -> None:
        """Take note of the sessions as the reader knows them."""
        self._flow = flow

    def takes(self, line: bytes, number: int) -> bool:
        """Look at a line; false where it is for the checker."""
        begin = _BEGIN(line)
        if begin is None:
            return False
        way = self._ways.get(begin[2])
        if way is None:
            way = self._way(begin)
        conn, is_client, usual = way
        talk = self._talks.get(conn)
        if talk is None or len(line) > MANY:
            return False
        passing = talk.passing
        if not (passing.calm or self._calms(talk)):
            return False
        flow = self._flow
        if (conn != flow.settler.latest or flow.split) and not flow.passes(conn):
            return False
        start = begin.end()
        at = line.rfind(b'"id":', -_FAR)
        last = _ID(line, at) if at >= 0 else None
        if last is not None:
            key, ident = line[start:at], last[1]
        elif line.endswith(b"}}"):
            key, ident = line[start:-1], b""
        else:
            return False
        if is_client:
            taken = self._command(talk, key, ident, line, start, number, begin[1])
        elif not usual:
            return False
        elif line.startswith(b'{"return"', start):
            taken = self._reply(talk, key, ident, line, start, number, begin[1])
        elif line.startswith(b'{"timestamp"', start):
            taken = not ident and self._event(talk, line, start, number)
        elif line.startswith(b'{"error"', start):
            taken = self._failure(talk, key, ident, line, start, number, begin[1])
        else:
            first = None if ident else _ID_FIRST(line, start)
            if first is None:
                return False
            key = line[first.end() : -1]
            taken = self._failure(talk, key, first[1], line, start, number, begin[1])
        if taken:
            self.messages += 1
            self.last = begin[1]
            if len(self.found) > _MOST_FOUND:
                self.rejoin(talk)
        return taken

    def _way(self, begin: re.Match[bytes]) -> tuple[int, bool, bool]:
        """Session, whether it is the client's side, and whether CR LF stands behind the message."""
        way = int(begin[3]), begin[4] == b"client", b'"end"' not in begin[2]
        if len(self._ways) >= _MOST_WAYS:
            self._ways.clear()
        self._ways[begin[2]] = way
        return way

    def _calms(self, talk: Talk) -> bool:
        """Whether the messages of a session may be taken from here on."""
        rules, passing = talk.rules, talk.passing
        if rules is None or rules.basis.on_purpose:
            return False
        if talk.observer is not None and talk.observer is not self._observer:
            return False
        if not talk.session.calm or len(self.found) > _MOST_FOUND:
            return False
        passing.basis, passing.seen = rules.basis, rules.basis.seen
        passing.observer = None if talk.observer is None else self._observer
        passing.idle = talk.session.idle
        passing.wants_id = "oob" in talk.session.enabled
        passing.calm = True
        return True

    def _command(
        self, talk: Talk, key: bytes, ident: bytes, line: bytes, start: int, number: int, t: bytes
    ) -> bool:
        passing = talk.passing
        if len(key) > LONG:
            key = key_of(key)
        sent = passing.seen.commands.get(key)
        if not sent:
            sent = passing.seen.command(key, line[start:-1], ident) if sent is None else None
            if sent is None:
                return False
        held = passing.held
        if not passing.idle or (passing.wants_id and not ident) or len(held) >= _MOST_HELD:
            return False
        call = None
        if talk.watch is not None:
            call, found = talk.watch.asked(sent.command, number, float(t))
            if found:
                self.found += found
        if passing.observer is not None:
            passing.observer.usual_command(
                talk.session, passing.basis, sent.command, behind=bool(held)
            )
        held.append((sent, ident, line, start, number, call))
        return True

    def _reply(
        self, talk: Talk, key: bytes, ident: bytes, line: bytes, start: int, number: int, t: bytes
    ) -> bool:
        passing = talk.passing
        held = passing.held
        if not held or held[0][1] != ident:
            return False
        sent, _, asked, begins, place, call = held[0]
        if len(key) > LONG:
            key = key_of(key)
        reply = sent.replies.get(key)
        if not reply:
            data = line[start:-1]
            reply = passing.seen.reply(sent, key, data, ident) if reply is None else None
            if reply is None:
                return False
        held.popleft()
        passing.end, passing.latest = number, (asked, begins, place)
        if passing.observer is not None:
            uses = reply.uses
            if uses is None:
                result = (reply.message or _success(line[start:-1])).result
                uses = passing.basis.places.uses(sent.command.name, result)
                passing.seen.keep_uses(reply, uses)
            passing.observer.usual_success(
                talk.session, passing.basis, sent.command, uses, has_id=bool(ident)
            )
        if sent.listened:
            self._offers.counts(talk.offered, place, number)
            talk.offered.heard_text(sent.command, line[start:-1], reply.fact, number, reply)
        if call is not None and talk.watch is not None and talk.watch.looks_at(sent.command):
            message = reply.message or _success(line[start:-1])
            found = talk.watch.answered(call, Answer(message, number, float(t)))
            if found:
                self.found += found
        return True

    def _failure(
        self, talk: Talk, key: bytes, ident: bytes, line: bytes, start: int, number: int, t: bytes
    ) -> bool:
        passing, rules = talk.passing, talk.rules
        held = passing.held
        if not held or held[0][1] != ident or rules is None:
            return False
        if len(key) > LONG:
            key = key_of(key)
        failure = passing.seen.failures.get(key)
        if not failure:
            data = line[start:-1]
            failure = passing.seen.failure(key, data, ident) if failure is None else None
            if failure is None:
                return False
        sent, _, asked, begins, place, call = held.popleft()
        passing.end, passing.latest = number, (asked, begins, place)
        refused = rules.failure(sent.command, place, failure, number, early=False)
        found = answered(refused, failure)
        if passing.observer is not None:
            passing.observer.usual_failure(
                talk.session, passing.basis, sent.command, has_id=bool(ident)
            )
        if call is not None and talk.watch is not None:
            explained = any(one.answer for one in found)
            found += talk.watch.answered(call, Answer(failure, number, float(t), explained))
        self.found += found
        return True

    def _event(self, talk: Talk, line: bytes, start: int, number: int) -> bool:
        stamp = _STAMP(line, start)
        if stamp is None:
            return False
        passing = talk.passing
        key = line[stamp.end() : -1]
        if len(key) > LONG:
            key = key_of(key)
        event = passing.seen.events.get(key)
        if not event:
            event = passing.seen.event(key, line[start:-1]) if event is None else None
            if event is None:
                return False
        passing.end = number
        if passing.observer is not None:
            passing.observer.usual_event(talk.session, passing.basis, event)
        if talk.watch is not None:
            found = talk.watch.happened(event, number)
            if found:
                self.found += found
        return True

    def rejoin(self, talk: Talk) -> None:
        """Bring a session, and practice, to where the lane has come; it takes no more until all is calm again."""
        passing = talk.passing
        passing.calm = False
        if passing.end:
            answered = None if passing.latest is None else partial(_pending, *passing.latest)
            talk.session.passed(_CRLF, passing.end, answered)
            passing.end, passing.latest = 0, None
        for _, _, line, start, number, call in passing.held:
            step = talk.session.client(Frame(Kind.VALUE, line[start:-1], _CRLF, plain=True), number)
            if call is not None and talk.watch is not None and step.waiting is not None:
                talk.watch.waits(step.waiting, call)
        passing.held.clear()

    def take(self) -> list[Finding]:
        """The findings so far."""
        found, self.found = self.found, []
        return found


def _pending(line: bytes, start: int, number: int) -> Pending:
    """A command that was answered."""
    return Pending(from_client(line[start:-1]), number)


def _success(data: bytes) -> Success:
    """A message that is known to be a success."""
    message = from_server(data)
    if not isinstance(message, Success):
        raise TypeError(data)
    return message
