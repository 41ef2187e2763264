"""The engine: the frames of a trace in, findings out, streaming.

The wire rules come from `qmpconf.protocol.session`, the rules of a catalog from
`qmpconf.check.rules`; this module brings the messages to them.  A command's arguments are judged
when it is sent; whether it is unknown, when it is answered, because only the server knows what it
has.

One `Checker` checks one trace.  It keeps the state of the open sessions and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from qmpconf.check.basis import NoSchema
from qmpconf.check.everywhere import Everywhere, Suspicions
from qmpconf.check.offers import Offers
from qmpconf.check.reporter import Reporter, answer_of
from qmpconf.check.rules import Rules
from qmpconf.check.unjudged import Lacks
from qmpconf.protocol.framing import HELD, Kind
from qmpconf.protocol.matching import MOST_BYTES, MOST_WAITING
from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Success, brief_pair
from qmpconf.protocol.phases import Phase
from qmpconf.protocol.places import pointer
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.protocol.steps import Step
from qmpconf.protocol.values import Object, Value
from qmpconf.trace.items import MOST_VALUES, Item
from qmpconf.trace.records import Close, Gap, Open, Shut
from qmpconf.trace.settle import MOST_OPEN, SETTLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qmpconf.check.basis import Basis
    from qmpconf.check.choice import Choose
    from qmpconf.check.offers import Offered
    from qmpconf.check.practice import Practice, Trace
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


#: What is said of the places of a converted text that nobody understood, and what to do.
_NOT_UNDERSTOOD = (
    "lines of the text that this trace was converted from were not understood, and may hold messages",
    "`qmpconf convert` shows them",
)

_TOO_LONG = (
    f"they are longer than {HELD >> 20} MiB, or have more than {MOST_VALUES:,} values",
    "",
)

#: What is said where answers are to come within a time, and the trace does not tell times.
_NO_TIMES = (
    "the trace has no times: no answer was held against --max-latency",
    "record the session, or convert a log that has times",
)

#: What is said of a trace without a message, and what to do.
_EMPTY = (
    "it holds no message",
    "was the recorder between the client and the server, and did the client connect?",
)


#: What is said of what was given up to stay within bounds, and what to do.
_SETTLED = (
    f"it was open, and silent for longest, while more than {MOST_OPEN:,} sessions were",
    "`qmpconf convert --session N` takes one out of the trace",
)
_WAITED = (
    f"they were given up, because too many waited at once ({MOST_WAITING:,} may, or {MOST_BYTES >> 20} MiB)",
    "",
)


#: Where in a schema reply its first entry stands.
_HEAD = 200
#: Findings about commands that wait for their answer are held back, for so many commands.
_MOST_HELD = 1000


class _Talk:
    """One session: the protocol's state, and the rules that were chosen for it, or why none."""

    __slots__ = (
        "_held",
        "asked",
        "conn",
        "lacks",
        "line",
        "observer",
        "offered",
        "reporter",
        "rules",
        "session",
        "settled",
        "suspicions",
        "watch",
        "why",
    )

    def __init__(
        self,
        path: str,
        conn: int,
        line: int,
        lacks: Lacks,
        asked: dict[str, None],
        practice: Trace | None,
        session: Session,
        observer: Observer | None,
    ) -> None:
        self.session = session
        self.observer = observer
        self.settled = 0  # as many commands have been given up
        self.asked = asked
        self.conn = conn
        self.line = line
        self.reporter = Reporter(path, conn)
        self.lacks = lacks
        self.watch = practice.watch(self.reporter) if practice else None
        self.rules: Rules | None = None
        self._held: dict[int, tuple[Pending, list[Finding]]] = {}  # by the command's identity
        self.why: NoSchema | None = None
        self.suspicions: Suspicions | None = None

    @property
    def basis(self) -> Basis | None:
        """What it is checked against."""
        return self.rules.basis if self.rules else None

    def take(self, basis: Basis | NoSchema | None, offered: Offered) -> None:
        """Check against `basis` from now on; `offered` is what its server has offered."""
        self.offered = offered
        self.why = basis if isinstance(basis, NoSchema) else None
        known = None if isinstance(basis, NoSchema) else basis
        if known is not self.basis:
            self.rules = (
                Rules(known, self.reporter, offered, self.lacks, self.asked) if known else None
            )
        elif self.rules is not None:
            self.rules.offered = offered

    def hold(self, waiting: Pending, found: list[Finding]) -> list[Finding]:
        """Keep errors of a command until it is answered; give what is to be said now."""
        if not any(one.severity == "error" for one in found):
            return found
        self._held[id(waiting)] = waiting, found
        if len(self._held) <= _MOST_HELD:
            return []
        return self._held.pop(next(iter(self._held)))[1]

    def settle(self, step: Step) -> list[Finding]:
        """What was held back about the command that is answered, with the server's own words."""
        if not self._held or step.answered is None:
            return []
        _, found = self._held.pop(id(step.answered), (None, []))
        return _answered(found, step.message) if type(step.message) is Failure else found

    def suspect(self, step: Step) -> list[Finding]:
        """What every shipped catalog has against a command that its server refused, too."""
        reply = step.message
        if self.suspicions is None or step.answered is None:
            return []
        if not isinstance(reply, Success | Failure):
            return []
        found = self.suspicions.answered(step.answered, reply)
        return _answered(found, reply) if isinstance(reply, Failure) else found

    def given_up(self) -> list[Finding]:
        """What was held back about commands that are not waited for any more: too many do at once."""
        self.settled = self.session.settled
        if self.watch is not None:
            self.watch.given_up()
        found = [one for _, several in self._held.values() for one in several]
        self._held.clear()
        return found

    def rest(self) -> Iterator[Finding]:
        """What was held back about commands that were never answered."""
        if self.suspicions is not None and self.why is not None:
            yield from self.suspicions.rest()
        for _, found in self._held.values():
            yield from found
        self._held.clear()


class Checker:
    """Checks the items of one trace.

    `choose` gives the catalog of a session, or None for wire rules alone; it is asked at the start
    of each session and at each greeting (`qmpconf.check.choice`).  `path` goes into
    the findings.  `observer` sees it, too; `practice` says which habits are looked for (None: none);
    `begin` gives the state of a new session (`TraceReader.begin`).
    With `grows`, the trace is being recorded, and `choose` knows more behind each schema reply.
    `messages` and `sessions` count what was checked, `lacks` what could not be judged, `asked` (its
    keys) what was asked besides the schemas.
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
    ) -> None:
        self._begin = begin
        self._grows = grows
        self._path = path
        self._choose = choose
        self._observer = observer
        self._practice = practice.begin() if practice else None
        self.messages = 0
        self.sessions = 0
        self.lacks = Lacks()
        self.asked: dict[str, None] = {}
        self._offers = Offers()
        self._products: dict[str, Everywhere] = {}
        self._elsewhere: dict[int, Blame] = {}  # by the session: what is found in another one

    def check(self, items: Iterable[Open | Item | Gap | Shut | Close]) -> Iterator[Finding]:
        """The findings, in the order in which they show.

        Where clients share a session with the server, what clients did is found in their own sessions, and
        what the server did in that one.
        """
        elsewhere = self._elsewhere
        for finding in self._all(items):
            if not elsewhere or elsewhere.get(finding.session) != finding.blame:
                yield finding

    def _all(self, items: Iterable[Open | Item | Gap | Shut | Close]) -> Iterator[Finding]:
        talks: dict[int, _Talk] = {}
        client, server = self._client, self._server
        item: Open | Item | Gap | Shut | Close | None = None
        for item in items:
            if type(item) is Item:
                talk = talks.get(item.conn)
                if talk is None:
                    talk = talks[item.conn] = self._start(item.conn, item.line)
                self.messages += item.frame.kind is not Kind.SPACE
                found = (client if item.sender == "client" else server)(talk, item)
                if found:
                    yield from found
            elif type(item) is Open:
                if item.conn in talks:  # its end was not recorded
                    yield from self._end(talks.pop(item.conn), None, item.t)
                talks[item.conn] = self._start(item.conn, item.line, shared=item.shared)
                if item.shared or item.through:
                    self._elsewhere[item.conn] = "client" if item.shared else "server"
            elif type(item) is Gap:
                talk = talks.get(item.conn)
                if talk is None:
                    talk = talks[item.conn] = self._start(item.conn, item.line)
                if item.too_long:
                    self._too_long(talk, item)
                else:
                    yield _gap(talk, item)
                if talk.watch is not None:
                    talk.watch.lost(talk.session, item.line, item.t)
                if item.lines:
                    self.lacks.add("line", *_NOT_UNDERSTOOD, item.line, item.lines)
            elif type(item) is Close and item.conn in talks:
                talk = talks.pop(item.conn)
                if item.error == SETTLED:
                    self.lacks.add("session", *_SETTLED, talk.line)
                    talk.watch = None
                yield from self._end(talk, Party(item.who), item.t, bool(item.error))
            elif type(item) is Shut and item.conn in talks:
                talk = talks[item.conn]
                talk.session.shut(Party(item.who))
                if talk.observer is not None:
                    talk.observer.shut(talk.session, Party(item.who))
        for talk in talks.values():
            yield from self._end(talk, None, item.t if item else 0.0)
        if self._practice is not None:
            yield from self._practice.finish()
            if self._practice.lacks_times:
                self.lacks.add("time", *_NO_TIMES)
        if not self.messages:
            self.lacks.add("trace", *_EMPTY)

    def _too_long(self, talk: _Talk, item: Gap) -> None:
        self.messages += 1
        talk.session.gap(Party(item.sender), item.messages)
        self.lacks.add("message", *_TOO_LONG, item.line)

    def _start(self, conn: int, line: int, *, shared: bool = False) -> _Talk:
        self.sessions += 1
        session = self._begin()
        # What clients do in a session that they share, they do in their own.
        practice, observer = (None, None) if shared else (self._practice, self._observer)
        talk = _Talk(self._path, conn, line, self.lacks, self.asked, practice, session, observer)
        talk.take(self._choose(conn, line, None), self._offers.latest)
        if talk.why is not None and talk.why.product:
            talk.suspicions = Suspicions(self._everywhere(talk.why.product), talk.reporter)
        return talk

    def _everywhere(self, product: str) -> Everywhere:
        """All catalogs of a product, which sessions of unknown servers share."""
        if product not in self._products:
            self._products[product] = Everywhere(product)
        return self._products[product]

    def _end(
        self, talk: _Talk, who: Party | None, t: float, failed: bool = False
    ) -> Iterator[Finding]:
        yield from talk.rest()
        if talk.why is not None and self.messages:
            self.lacks.add("schema", talk.why.text, talk.why.advice, talk.line)
        pending = talk.session.pending
        names = {one.mark: one.name for one in pending}
        breaches = talk.session.close(who, failed=failed)
        for breach in breaches:
            yield talk.reporter.breach(breach, names.get(breach.mark, ""))
        if talk.session.settled:
            self.lacks.add("response", *_WAITED, talk.line, talk.session.settled)
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

    def _client(self, talk: _Talk, item: Item) -> Sequence[Finding]:
        step = talk.session.client(item.frame, item.line)
        found = _breaches(talk, step) if step.breaches else []
        message = step.message
        if message is not None and message.duplicates:
            found += _duplicates(talk, item, step, Party.CLIENT)
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

    def _server(self, talk: _Talk, item: Item) -> Sequence[Finding]:
        step, found = self._judged(talk, item)
        if talk.watch is not None:
            explained = any(one.answer for one in found)
            found += talk.watch.received(item, step, explained=explained)
        return found

    def _judged(self, talk: _Talk, item: Item) -> tuple[Step, list[Finding]]:
        phase = talk.session.phase
        step = talk.session.server(item.frame, item.line)
        found = talk.settle(step)
        found += _breaches(talk, step) if step.breaches else ()
        message = step.message
        if message is not None and message.duplicates:
            found += _duplicates(talk, item, step, Party.SERVER)
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
                talk.offered.heard(command, message.result, item.line)
            elif type(message) is Failure:
                early = phase is not Phase.COMMANDS
                refused = rules.failure(command, sent, message, item.line, early=early)
                found += _answered(refused, message)
        return step, found


def _answered(found: Iterable[Finding], reply: Failure) -> list[Finding]:
    """Findings about a command, with the error that refused it."""
    answer = answer_of(reply)
    return [replace(one, answer=answer) for one in found]


def _gap(talk: _Talk, gap: Gap) -> Finding:
    """A note that bytes are missing; the session goes on without what they may have held."""
    talk.session.gap(Party(gap.sender), gap.messages)
    size = f"{gap.size:,} bytes" if gap.size else "an unknown number of bytes"
    if gap.messages:
        size = f"{gap.messages:,} message{'' if gap.messages == 1 else 's'}"
    what = "messages" if gap.messages else "bytes"
    return talk.reporter.finding(
        "trace.gap",
        gap.line,
        "",
        "",
        f"{what} of the {gap.sender} are missing: what they may hold was not judged",
        f"all that the {gap.sender} sent",
        f"{size} not recorded",
        "the trace",
    )


def _duplicates(talk: _Talk, item: Item, step: Step, blame: Party) -> list[Finding]:
    """Members that stand twice; without those that the wire rules have told already."""
    told = {breach.pointer for breach in step.breaches}
    return [
        talk.reporter.finding(
            "schema.member-once",
            item.line,
            where,
            getattr(step.message, "name", ""),
            f"member {name!r} stands twice",
            "each member once",
            seen,
            "spec 2.3",
            blame=blame,
        )
        for where, name, seen in _twice(step.message.value if step.message else None)
        if where not in told
    ]


def _twice(value: Value) -> Iterator[tuple[str, str, str]]:
    """Pointer, name, and the values for people, of every member that stands twice in `value`."""
    waiting: list[tuple[tuple[str | int, ...], Value]] = [((), value)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, Object):
            for name, earlier in one.duplicates:
                seen = "{}, and later {}".format(*brief_pair(earlier, one[name]))
                yield pointer((*path, name)), name, seen
        if isinstance(one, dict):
            waiting += [((*path, name), inner) for name, inner in one.items()]
        elif isinstance(one, list):
            waiting += [((*path, index), inner) for index, inner in enumerate(one)]


def _breaches(talk: _Talk, step: Step) -> list[Finding]:
    subject = step.answered.name if step.answered else getattr(step.message, "name", "")
    return [talk.reporter.breach(breach, subject) for breach in step.breaches]
