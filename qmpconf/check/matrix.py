"""Which server can serve this client: the calls of a trace, held against many catalogs.

A *call* is a command that a client sent, whatever it was answered.  `qmpconf.check.calls` gives it a
`Standing` in each catalog, as `qmpconf check --schema NAME` has it; that of a command or of a trace is
the worst of its calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qmpconf.check.calls import Judge, Standing, Verdict
from qmpconf.check.offers import Offers
from qmpconf.protocol.messages import Command, Failure, Greeting, Success
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.trace.items import Item
from qmpconf.trace.records import Close, Gap, Open, Shut

if TYPE_CHECKING:
    from qmpconf.check.basis import Basis
    from qmpconf.check.offers import Offer, Offered


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a command or a trace stands as it does: the first of the worst calls.

    `path` and `line` (1-based) are the trace's, `subject` the command, `pointer` the place in its
    message, `what` the words, `source` the catalog's; `offer` the reply that had offered it.
    """

    path: str
    line: int
    subject: str
    pointer: str
    what: str
    source: str
    offer: Offer | None = None


@dataclass(slots=True)
class Row:
    """One command or one trace: its calls, and for each catalog the worst standing and why.

    `refused` counts the calls that the recorded server refused.
    """

    subject: str
    calls: int = 0
    refused: int = 0
    cells: dict[str, tuple[Standing, Cause | None]] = field(default_factory=dict)

    @property
    def served(self) -> bool:
        """Whether the recorded server carried out any of the calls, or did not answer it."""
        return self.calls > self.refused

    def standing(self, catalog: str) -> Standing:
        """The worst standing in `catalog`."""
        return self.cells[catalog][0]


@dataclass(slots=True)
class Matrix:
    """Rows by command and by trace; columns are the names of catalogs, in the order given.

    Beyond `MOST_ROWS` commands, the rest share the row `OTHERS`.
    `refused` counts the calls that the recorded server refused.
    """

    catalogs: tuple[str, ...]
    commands: dict[str, Row] = field(default_factory=dict)
    traces: dict[str, Row] = field(default_factory=dict)
    refused: int = 0

    def standing(self, catalog: str) -> Standing:
        """The worst standing of any call in `catalog`."""
        found = (row.standing(catalog) for row in self.commands.values())
        return max(found, default=Standing.WORKS)

    def cause(self, catalog: str) -> Cause | None:
        """Why the calls stand in `catalog` as they do, all together.

        Of the commands with that answer the worst, and a command that the recorded server carried
        out before one that it always refused: the client lived with that.
        """
        answer = self.standing(catalog).answer
        rows = [one for one in self.commands.values() if one.standing(catalog).answer == answer]
        if not rows:
            return None
        worst = max(rows, key=lambda row: (row.served, row.standing(catalog)))
        return worst.cells[catalog][1]


#: Commands that have a row of their own; a client can make up any number of names.
MOST_ROWS = 2_000
#: What the row of all others is called.
OTHERS = "(others)"

#: Commands that wait, and of which places are remembered that are not judged.
_MOST_ODD = 1_000


@dataclass(frozen=True, slots=True)
class Call:
    """A command and what each catalog has to say to it, by the catalog's name.

    One that the recorded server refused comes twice: as it is sent, and as `refused`.
    """

    command: Command
    line: int
    verdicts: Mapping[str, Verdict]
    refused: bool = False


#: What a trace holds.
Items = Iterable[Open | Item | Gap | Shut | Close]


class _Talk:
    """One session, and what its server has offered so far."""

    def __init__(self, offered: Offered, session: Session) -> None:
        self.session = session
        self.offered = offered
        # Commands that wait, by identity, with places that are not judged (there are few).
        self.odd: dict[int, tuple[Command, frozenset[str], Sequence[str]]] = {}


class Judges:
    """A judge for each of a set of catalogs, which count as named by the user."""

    def __init__(self, bases: Mapping[str, Basis]) -> None:
        self._judges = {name: Judge(basis) for name, basis in bases.items()}

    def matrix(
        self, traces: Mapping[str, Items], begins: Mapping[str, Callable[[], Session]] | None = None
    ) -> Matrix:
        """Judge every call of every trace; `begins` has what gives the state of its sessions."""
        found = Matrix(tuple(self._judges))
        for path, items in traces.items():
            row = found.traces.setdefault(path, Row(path))
            row.cells = dict.fromkeys(self._judges, (Standing.WORKS, None))
            for call in self.calls(items, (begins or {}).get(path, Session)):
                found.refused += call.refused
                name = call.command.name
                if name not in found.commands and len(found.commands) >= MOST_ROWS:
                    name = OTHERS
                _add(call, path, row)
                _add(call, path, found.commands.setdefault(name, Row(name)))
        return found

    def calls(self, items: Items, begin: Callable[[], Session] = Session) -> Iterator[Call]:
        """The calls of one trace, as they are sent, and once more where they are refused."""
        offers = Offers()
        talks: dict[int, _Talk] = {}
        for item in items:
            if isinstance(item, Open | Close):
                talks.pop(item.conn, None)
            elif isinstance(item, Item | Gap):
                talk = talks.get(item.conn)
                if talk is None:
                    talk = talks[item.conn] = _Talk(offers.latest, begin())
                if isinstance(item, Gap):
                    talk.session.gap(Party(item.sender), item.messages)
                elif item.sender == "client":
                    yield from self._sent(talk, item)
                else:
                    yield from self._received(talk, item, offers)

    def _sent(self, talk: _Talk, item: Item) -> Iterator[Call]:
        step = talk.session.client(item.frame, item.line)
        message = step.message
        if isinstance(message, Command) and not message.problems:
            breached = frozenset(breach.pointer for breach in step.breaches)
            if breached or item.redacted:
                talk.odd[id(message)] = message, breached, item.redacted
                if len(talk.odd) > _MOST_ODD:
                    del talk.odd[next(iter(talk.odd))]
            yield self._call(talk, message, item.line, breached, item.redacted)

    def _received(self, talk: _Talk, item: Item, offers: Offers) -> Iterator[Call]:
        step = talk.session.server(item.frame, item.line)
        message = step.message
        if isinstance(message, Greeting):
            talk.offered = offers.greeted(message, item.line)
        if step.answered is None or not isinstance(step.answered.message, Command):
            return
        command = step.answered.message
        _, breached, redacted = talk.odd.pop(id(command), (command, frozenset(), ()))
        if isinstance(message, Success):
            talk.offered.heard(command, message.result, item.line, len(item.frame.data))
        elif isinstance(message, Failure) and not command.problems:
            yield self._call(talk, command, step.answered.mark, breached, redacted, refused=True)

    def _call(
        self,
        talk: _Talk,
        command: Command,
        line: int,
        breached: frozenset[str],
        redacted: Sequence[str],
        *,
        refused: bool = False,
    ) -> Call:
        verdicts = {
            name: judge.judge(command, talk.offered, breached, redacted)
            for name, judge in self._judges.items()
        }
        return Call(command, line, verdicts, refused)


def _add(call: Call, path: str, row: Row) -> None:
    row.calls += not call.refused
    row.refused += call.refused
    for name, verdict in call.verdicts.items():
        standing, reason = verdict.stands(refused=call.refused)
        if name not in row.cells or standing > row.cells[name][0]:
            cause = None
            if reason is not None:
                words = (reason.pointer, reason.what, reason.source, reason.offer)
                cause = Cause(path, call.line, call.command.name, *words)
            row.cells[name] = (standing, cause)
