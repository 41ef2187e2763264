"""The engine: the frames of a trace in, findings out, streaming.

The wire rules come from `qmpconf.protocol.session`, the rules of a catalog from
`qmpconf.check.rules`; this module brings the messages to them.  A command's arguments are judged
when it is sent; whether it is unknown, when it is answered, because only the server knows what it
has.

One `Checker` checks one trace.  It keeps the state of the open sessions and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qmpconf.check import basics, unjudged
from qmpconf.check.everywhere import Suspicions, everywhere
from qmpconf.check.lane import Lane
from qmpconf.check.offers import LISTENED, Offers
from qmpconf.check.reporter import answered
from qmpconf.check.talk import Talk
from qmpconf.check.unjudged import Lacks
from qmpconf.errors import InputError
from qmpconf.protocol.framing import MESSAGES, Kind
from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Success
from qmpconf.protocol.phases import Phase
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.protocol.steps import Step
from qmpconf.trace.items import Item
from qmpconf.trace.order import Noted, Where
from qmpconf.trace.records import Close, Gap, Open, Shut
from qmpconf.trace.settle import SETTLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qmpconf.check.basis import Basis
    from qmpconf.check.choice import Choose
    from qmpconf.check.coverage import Uses
    from qmpconf.check.practice import Practice
    from qmpconf.findings import Blame, Finding
    from qmpconf.protocol.matching import Pending


class Observer(Protocol):
    """Sees what the checker sees, step by step.

    `basis` is what the session is checked against by then (None: wire rules alone).
    """

    def sent(
        self, session: Session, basis: Basis | None, item: Item, step: Step, found: list[Finding]
    ) -> None:
        """A frame of the client, and what was found in it."""

    def received(
        self, session: Session, basis: Basis | None, item: Item, step: Step, phase: Phase
    ) -> None:
        """A frame of the server; `phase` is that in which it came."""

    def shut(self, session: Session, who: Party) -> None:
        """`who` has closed its sending direction."""

    def ended(
        self, session: Session, basis: Basis | None, pending: Sequence[Pending], who: Party | None
    ) -> None:
        """The session ended, by `who` (None: unknown); `pending` still waited."""


@runtime_checkable
class LaneObserver(Observer, Protocol):
    """Sees as well what passes on the fast lane (`qmpconf.check.lane`), and by what it is held against.

    All of it is without a fault.  Who counts them counts each message once: here, or in `Observer`.
    """

    def usual_command(
        self, session: Session, basis: Basis, command: Command, *, behind: bool
    ) -> None:
        """A command; whether it is sent while another one waits."""

    def usual_success(
        self, session: Session, basis: Basis, command: Command, uses: Uses, *, has_id: bool
    ) -> None:
        """Its success, which uses so much of the catalog's places (`qmpconf.check.coverage`)."""

    def usual_failure(
        self, session: Session, basis: Basis, command: Command, *, has_id: bool
    ) -> None:
        """Its refusal."""

    def usual_event(self, session: Session, basis: Basis, event: Event) -> None:
        """An event."""


#: Where in a schema reply its first entry stands.
_HEAD = 200


class Checker:
    """Checks the items of one trace.

    `choose` gives the catalog of a session, or None for wire rules alone; it is asked at the start
    of each session and at each greeting (`qmpconf.check.choice`).  `path` goes into
    the findings.  `observer` sees it, too; `practice` says which habits are looked for (None: none);
    `begin` gives the state of a new session (`TraceReader.begin`).
    With `grows`, the trace is being recorded, and `choose` knows more behind each schema reply.
    `messages` and `sessions` count what was checked, `lacks` what could not be judged, `asked` (its
    keys) what was asked besides the schemas.  `where` says where in the trace the items are, and `offers`
    keeps what its servers offered, for who looks at some sessions only (`qmpconf.check.share`); `last` is then when the trace ends, in seconds.
    """

    def __init__(
        self,
        path: str,
        choose: Choose,
        observer: Observer | None = None,
        practice: Practice | None = None,
        begin: Callable[[], Session] = Session,
        *,
        grows: bool = False,
        where: Where | None = None,
        offers: Offers | None = None,
        last: float | None = None,
    ) -> None:
        self._last = last
        self._where = where or Where()
        self._begin = begin
        self._grows = grows
        self._path = path
        self._choose = choose
        self._observer = observer
        #: What is watched over all sessions (None: nothing).
        self.practice = practice.begin(self._where) if practice else None
        self.messages = 0
        self.sessions = 0
        self.lacks = Lacks(self._where)
        self.asked = Noted(self._where)
        self._offers = offers or Offers()
        self._talks: dict[int, Talk] = {}
        #: Takes plain messages for itself, if the reader of the trace is given it.
        self.lane = Lane(
            self._talks, self._offers, observer if isinstance(observer, LaneObserver) else None
        )
        #: By the session, what is found in another one.
        self.elsewhere: dict[int, Blame] = {}

    def check(self, items: Iterable[Open | Item | Gap | Shut | Close]) -> Iterator[Finding]:
        """The findings, in the order in which they show.

        Where clients share a session with the server, what clients did is found in their own sessions, and
        what the server did in that one.
        """
        yield from self.of_sessions(items)
        elsewhere = self.elsewhere
        for finding in self.practice.finish() if self.practice is not None else ():
            if elsewhere.get(finding.session) != finding.blame:
                yield finding
        self._offers.close()
        untimed = self.practice is not None and self.practice.lacks_times
        no_more(self.lacks, untimed=untimed, empty=not self.messages)

    def of_sessions(self, items: Iterable[Open | Item | Gap | Shut | Close]) -> Iterator[Finding]:
        """The same, without what shows only when all sessions of the trace have been seen."""
        elsewhere = self.elsewhere
        for finding in self._found(items):
            if not elsewhere or elsewhere.get(finding.session) != finding.blame:
                yield finding

    def _found(self, items: Iterable[Open | Item | Gap | Shut | Close]) -> Iterator[Finding]:
        """All of them, also those before the place where a trace cannot be read."""
        try:
            yield from self._all(items)
        except InputError:
            yield from self.lane.take()
            raise

    def _all(self, items: Iterable[Open | Item | Gap | Shut | Close]) -> Iterator[Finding]:
        talks, lane = self._talks, self.lane
        client, server = self._client, self._server
        item: Open | Item | Gap | Shut | Close | None = None
        for item in items:
            if lane.found:
                yield from lane.take()
            lane.last = b""
            if type(item) is Item:
                talk = talks.get(item.conn)
                if talk is None:
                    talk = talks[item.conn] = self._start(item.conn, item.line)
                elif talk.passing.calm:
                    lane.rejoin(talk)
                if item.frame.kind is not Kind.SPACE:
                    self.messages += item.frame.kind in MESSAGES
                    talk.said = True
                found = (client if item.sender == "client" else server)(talk, item)
                if found:
                    yield from found
            elif type(item) is Open:
                if item.conn in talks:  # its end was not recorded
                    yield from self._end(talks.pop(item.conn), None, item.t)
                talks[item.conn] = self._start(item.conn, item.line, shared=item.shared)
                if item.shared or item.through:
                    self.elsewhere[item.conn] = "client" if item.shared else "server"
            elif type(item) is Gap:
                yield from self._gap(item)
            elif type(item) is Close and item.conn in talks:
                talk = talks.pop(item.conn)
                if item.error == SETTLED:
                    self.lacks.add("session", *unjudged.GIVEN_UP, talk.line)
                    lane.rejoin(talk)
                    talk.watch = None
                yield from self._end(talk, Party(item.who), item.t, bool(item.error))
            elif type(item) is Shut and item.conn in talks:
                talk = talks[item.conn]
                lane.rejoin(talk)
                talk.session.shut(Party(item.who))
                if talk.observer is not None:
                    talk.observer.shut(talk.session, Party(item.who))
        yield from lane.take()
        last = float(lane.last or (item.t if item is not None else 0.0))
        last = last if self._last is None else self._last
        self.messages += lane.messages
        for talk in talks.values():
            self._where.ending = talk.line
            yield from self._end(talk, None, last)

    def _gap(self, item: Gap) -> Iterator[Finding]:
        talk = self._talks.get(item.conn)
        if talk is None:
            talk = self._talks[item.conn] = self._start(item.conn, item.line)
        self.lane.rejoin(talk)
        if item.too_long:
            self._too_long(talk, item)
        else:
            talk.session.gap(Party(item.sender), item.messages)
            yield basics.gap(talk.reporter, item)
        if talk.watch is not None:
            talk.watch.lost(talk.session, item.line, item.t)
        if item.lines:
            self.lacks.add("line", *unjudged.NOT_UNDERSTOOD, item.line, item.lines)

    def _too_long(self, talk: Talk, item: Gap) -> None:
        self.messages += 1
        talk.said = True
        talk.session.gap(Party(item.sender), item.messages)
        self.lacks.add("message", *unjudged.TOO_LONG, item.line)

    def _start(self, conn: int, line: int, *, shared: bool = False) -> Talk:
        self.sessions += 1
        session = self._begin()
        # What clients do in a session that they share, they do in their own.
        practice, observer = (None, None) if shared else (self.practice, self._observer)
        talk = Talk(self._path, conn, line, self.lacks, self.asked, practice, session, observer)
        talk.take(self._choose(conn, line, None), self._offers.latest)
        if talk.why is not None and talk.why.product:
            talk.suspicions = Suspicions(everywhere(talk.why.product), talk.reporter)
        return talk

    def _end(
        self, talk: Talk, who: Party | None, t: float, failed: bool = False
    ) -> Iterator[Finding]:
        self.lane.rejoin(talk)
        yield from talk.rest()
        if talk.why is not None and talk.said:
            self.lacks.add("schema", talk.why.text, talk.why.advice, talk.line)
        pending = talk.session.pending
        names = {one.mark: one.name for one in pending}
        breaches = talk.session.close(who, failed=failed)
        for breach in breaches:
            yield talk.reporter.breach(breach, names.get(breach.mark, ""))
        if talk.session.settled:
            self.lacks.add("response", *unjudged.NOT_WAITED_FOR, talk.line, talk.session.settled)
        certain = talk.session.certain
        if talk.watch is not None:
            blamed = frozenset(breach.mark for breach in breaches)
            yield from talk.watch.ended(
                talk.session.quitting, pending, who, t, blamed, certain=certain
            )
        if talk.observer is not None:
            talk.observer.ended(talk.session, talk.basis, pending, who)
        for one in pending:
            if talk.rules and isinstance(one.message, Command):
                yield from talk.rules.unanswered(one.message, one.mark, certain=certain)

    def _client(self, talk: Talk, item: Item) -> Sequence[Finding]:
        step = talk.session.client(item.frame, item.line)
        found = basics.breaches(talk.reporter, step) if step.breaches else []
        message = step.message
        if message is not None and message.duplicates:
            found += basics.twice(talk.reporter, step, item.line, Party.CLIENT)
        if talk.rules is not None and type(message) is Command:
            found += talk.rules.command(message, item.line, step.breaches, item.redacted)
        elif talk.why is not None and talk.suspicions is not None and step.waiting is not None:
            talk.suspicions.sent(step.waiting, item.line, item.redacted)
        if talk.observer is not None:
            talk.observer.sent(talk.session, talk.basis, item, step, found)
        given_up = talk.given_up() if talk.session.settled != talk.settled else []
        found = talk.hold(step.waiting, found) if found and step.waiting else found
        if given_up:
            found = given_up + found
        if talk.watch is not None:
            found += talk.watch.sent(item, step)
        return found

    def _server(self, talk: Talk, item: Item) -> Sequence[Finding]:
        step, found = self._judged(talk, item)
        if talk.watch is not None:
            explained = any(one.answer for one in found)
            found += talk.watch.received(item, step, explained=explained)
        return found

    def _judged(self, talk: Talk, item: Item) -> tuple[Step, list[Finding]]:
        phase = talk.session.phase
        step = talk.session.server(item.frame, item.line)
        found = talk.settle(step)
        found += basics.breaches(talk.reporter, step) if step.breaches else ()
        message = step.message
        if message is not None and message.duplicates:
            found += basics.twice(talk.reporter, step, item.line, Party.SERVER)
        if type(message) is Greeting:
            offered = self._offers.greeted(message, item.line)
            talk.take(self._choose(talk.conn, item.line, message), offered)
        if talk.observer is not None:
            talk.observer.received(talk.session, talk.basis, item, step, phase)
        if self._grows and b"meta-type" in item.frame.data[:_HEAD]:
            talk.take(self._choose(talk.conn, item.line, None), self._offers.latest)
        rules = talk.rules
        if rules is None:
            found += talk.suspect(step)
            return step, found
        if type(message) is Event:
            found += rules.event(message, item.line, item.redacted)
        elif step.answered is not None and type(step.answered.message) is Command:
            command, sent = step.answered.message, step.answered.mark
            if type(message) is Success:
                found += rules.success(command, sent, message, item.line, item.redacted)
                size = len(item.frame.data)
                if command.name in LISTENED:
                    self._offers.counts(talk.offered, sent, item.line)
                talk.offered.heard(command, message.result, item.line, size)
            elif type(message) is Failure:
                early = phase is not Phase.COMMANDS and not _is_of(message, command, phase)
                refused = rules.failure(command, sent, message, item.line, early=early)
                found += answered(refused, message)
        return step, found


def no_more(lacks: Lacks, *, untimed: bool, empty: bool) -> None:
    """Add what is lacking of a whole trace: times that answers are held against, or any message."""
    if untimed:
        lacks.add("time", *unjudged.NO_TIMES)
    if empty:
        lacks.add("trace", *unjudged.NO_MESSAGE)


def _is_of(reply: Failure, command: Command, phase: Phase) -> bool:
    """Whether an error is about its very command, where the session's beginning was not recorded.

    It names the command then; one that capabilities were still to be negotiated for names none.
    """
    return phase is Phase.GREETING and f"command {command.name} " in reply.description
