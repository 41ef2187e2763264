"""Which server can serve this client: the calls of a trace, held against many catalogs.

A *call* is a command that the recorded server answered with success: what it refused, it need not
refuse elsewhere, and the client lived with it.  Each call has a `Standing` in each catalog; that of
a command or of a trace is the worst of its calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from qmpconf.check.basis import Basis
from qmpconf.protocol.messages import Command, Success
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from qmpconf.protocol.values import dumps, pointer
from qmpconf.trace.reader import Item
from qmpconf.trace.records import Close, Gap, Open, Shut


class Standing(IntEnum):
    """How a call stands in a catalog, from good to bad."""

    WORKS = 0
    DEPRECATED = 1
    UNSTABLE = 2
    ARGUMENT_UNKNOWN = 3
    COMMAND_UNKNOWN = 4

    @property
    def words(self) -> str:
        """For people."""
        return {
            Standing.WORKS: "works as documented",
            Standing.DEPRECATED: "deprecated",
            Standing.UNSTABLE: "unstable",
            Standing.ARGUMENT_UNKNOWN: "argument unknown there",
            Standing.COMMAND_UNKNOWN: "command unknown there",
        }[self]


_MARKS = {"deprecated": Standing.DEPRECATED, "unstable": Standing.UNSTABLE}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a call stands as it does: what was used, at which place and line of the trace."""

    path: str
    line: int
    pointer: str
    what: str
    source: str


@dataclass(slots=True)
class Row:
    """One command or one trace: its calls, and for each catalog the worst standing and why."""

    subject: str
    calls: int = 0
    cells: dict[str, tuple[Standing, Reason | None]] = field(default_factory=dict)

    def standing(self, catalog: str) -> Standing:
        """The worst standing in `catalog`."""
        return self.cells[catalog][0]


@dataclass(slots=True)
class Matrix:
    """Rows by command and by trace; columns are the names of catalogs, in the order given.

    `refused` counts the commands that were left out because the recorded server refused them.
    """

    catalogs: tuple[str, ...]
    commands: dict[str, Row] = field(default_factory=dict)
    traces: dict[str, Row] = field(default_factory=dict)
    refused: int = 0


class Judge:
    """Finds the standing of calls in a set of catalogs; the same call is judged once."""

    def __init__(self, bases: Mapping[str, Basis]) -> None:
        self._bases = bases
        self._known: dict[tuple[str, str, bytes], tuple[Standing, str, str, str]] = {}

    def matrix(self, traces: Mapping[str, Iterable[Open | Item | Gap | Shut | Close]]) -> Matrix:
        """Judge every call of every trace."""
        found = Matrix(tuple(self._bases))
        for path, items in traces.items():
            row = found.traces.setdefault(path, Row(path))
            for command, line in _calls(items, found):
                self._judge(command, path, line, row)
                named = found.commands.setdefault(command.name, Row(command.name))
                self._judge(command, path, line, named)
        return found

    def _judge(self, command: Command, path: str, line: int, row: Row) -> None:
        row.calls += 1
        text = dumps(command.arguments)
        for name, basis in self._bases.items():
            key = (name, command.name, text)
            judged = self._known.get(key)
            if judged is None:
                judged = self._known[key] = _standing(basis, command)
            standing, where, what, source = judged
            if name not in row.cells or standing > row.cells[name][0]:
                bad = standing is not Standing.WORKS
                row.cells[name] = (
                    standing,
                    Reason(path, line, where, what, source) if bad else None,
                )


def _calls(
    items: Iterable[Open | Item | Gap | Shut | Close], matrix: Matrix
) -> Iterator[tuple[Command, int]]:
    """The commands that were answered with success, and the lines on which they stand."""
    sessions: dict[int, Session] = {}
    for item in items:
        if not isinstance(item, Item):
            if isinstance(item, Close):
                sessions.pop(item.conn, None)
            elif isinstance(item, Gap):
                sessions.setdefault(item.conn, Session()).gap(Party(item.sender), item.messages)
            continue
        session = sessions.setdefault(item.conn, Session())
        if item.sender == "client":
            session.client(item.frame, item.line)
            continue
        step = session.server(item.frame, item.line)
        if step.answered is None or not isinstance(step.answered.message, Command):
            continue
        if isinstance(step.message, Success):
            yield step.answered.message, step.answered.mark
        else:
            matrix.refused += 1


def _standing(basis: Basis, command: Command) -> tuple[Standing, str, str, str]:
    """How one call stands: its standing, the place, what it is about, and the source."""
    known = basis.catalog.commands.get(command.name)
    if known is None:
        return Standing.COMMAND_UNKNOWN, "/execute", f"{command.name!r} is unknown", ""
    problems = basis.validator.arguments(command.name, command.arguments)
    if problems:
        first = problems[0]
        where = pointer(("arguments", *first.path))
        return Standing.ARGUMENT_UNKNOWN, where, first.message, basis.cite(known)
    worst = (Standing.WORKS, "", "", "")
    for mark in basis.features.of_command(command.name):
        found = (_MARKS[mark], "/execute", f"the command is {mark}", basis.cite(known))
        worst = max(worst, found)
    for use in basis.features.used(known.arguments, command.arguments):
        where = pointer(("arguments", *use.path))
        source = basis.cite(known, use.facts)
        worst = max(worst, (_MARKS[use.feature], where, f"{use.what} is {use.feature}", source))
    return worst
