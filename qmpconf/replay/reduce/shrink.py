"""Reduction: which commands of a failing replay are needed to show its difference.  Pure.

A recording is cut into `Unit`s: one message of a client, with what the server said upon it.  A
unit has causes, without which it means something else, and that stay as long as it does:

- the negotiation of its session;
- the unit that gave the name which it uses: a command that made the thing (``node-name``, ``id``,
  ...), or one whose result chose it (a descriptor's number, a generated name, a path);
- the latest command that set the state which it asks for (`STATE`).

`shrink` is delta debugging over whole units (Zeller, Hildebrandt 2002): it takes away ever smaller
groups of them, each with what depends on it, as long as the difference stays.

What is in memory is about 450 bytes a message, and the names that the recording knows; the messages
themselves stay in the file (`Records`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from qmpconf.protocol.messages import Event, Success, from_server
from qmpconf.protocol.session import Session
from qmpconf.protocol.values import Value
from qmpconf.replay.serve.script import Shelf, asked, read_script
from qmpconf.trace.items import Item
from qmpconf.trace.records import Close, Gap, Open, Shut

Record = Open | Item | Gap | Shut | Close

NEGOTIATION = "qmp_capabilities"

#: Members of a command's arguments with which the client names what the command makes.
NAMING = frozenset(
    {"id", "node-name", "job-id", "fdname", "fdset-id", "name", "snapshot-node-name", "tag"}
)

#: Commands whose results list names of the program, not of things in it: none is a cause.
LISTS = frozenset(
    {
        "query-qmp-schema",
        "query-commands",
        "query-command-line-options",
        "query-machines",
        "query-cpu-definitions",
        "qom-list-types",
        "qom-list-properties",
        "device-list-properties",
    }
)

#: A query, and the commands that set what it says.
STATE: Mapping[str, frozenset[str]] = {
    "query-status": frozenset({"stop", "cont", "system_reset", "migrate", "migrate-incoming"}),
    "query-migrate": frozenset({"migrate", "migrate_cancel", "migrate-incoming"}),
    "query-migrate-parameters": frozenset({"migrate-set-parameters"}),
    "query-migrate-capabilities": frozenset({"migrate-set-capabilities"}),
    "query-balloon": frozenset({"balloon"}),
    "query-vnc": frozenset({"set_password", "expire_password", "change-vnc-password"}),
    "query-block-jobs": frozenset({"block-job-set-speed", "block-job-pause", "block-job-resume"}),
}

#: Members whose value is a number that names something.
_NUMBERS = frozenset({"fd", "fdset-id"})

#: A string that somebody made up: with a number in it, or a path.
_CHOSEN = re.compile(r"[^\s]*(?:\d|/.)[^\s]*")


@dataclass(slots=True)
class Unit:
    """One message of a client, and what belongs to it.

    `name` is the command's (empty: it is none), `records` are positions in the recording; `causes`
    are positions of units.
    """

    conn: int
    name: str
    records: list[int] = field(default_factory=list)
    causes: frozenset[int] = frozenset()


@dataclass(slots=True)
class Recording:
    """All of a recording, cut up."""

    records: Sequence[Record]
    units: list[Unit]

    def pick(self, kept: frozenset[int]) -> Iterator[Record]:
        """The records of the units `kept`, with the frame of their sessions.

        A session of which the last unit has gone was not ended by the server.
        """
        conns = {self.units[index].conn for index in kept}
        last = {unit.conn: index for index, unit in enumerate(self.units)}
        owned = {at: index for index, unit in enumerate(self.units) for at in unit.records}
        for at, record in enumerate(self.records):
            if record.conn not in conns or (at in owned and owned[at] not in kept):
                continue
            if (
                isinstance(record, Close)
                and record.who == "server"
                and last[record.conn] not in kept
            ):
                yield Close(record.line, record.t, record.conn, "client")
            else:
                yield record

    def unit_at(self, line: int) -> int | None:
        """The unit to which a line of the file belongs."""
        at = next((at for at, record in enumerate(self.records) if record.line == line), None)
        return next((index for index, unit in enumerate(self.units) if at in unit.records), None)

    def with_causes(self, kept: frozenset[int]) -> frozenset[int]:
        """`kept`, and all that they need."""
        found = set(kept)
        waiting = list(kept)
        while waiting:
            new = self.units[waiting.pop()].causes - found
            found |= new
            waiting += new
        return frozenset(found)

    def without(self, kept: frozenset[int], taken: frozenset[int]) -> frozenset[int]:
        """`kept` without `taken`, and without all that needs any of it."""
        gone = set(taken)
        for index in sorted(kept):
            if self.units[index].causes & gone:
                gone.add(index)
        return kept - gone


class Records(Sequence[Record]):
    """Records of which the messages are read from their shelf when they are needed."""

    def __init__(self, records: Iterable[Record], shelf: Shelf) -> None:
        self._shelf = shelf
        self._kept: list[Record | int] = [
            record.line if isinstance(record, Item) and shelf.holds(record) else record
            for record in records
        ]

    def __len__(self) -> int:
        return len(self._kept)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Record]: ...
    def __getitem__(self, at: int | slice) -> Record | Sequence[Record]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self._kept)))]
        kept = self._kept[at]
        return self._shelf.item(kept) if isinstance(kept, int) else kept


def cut_up(
    records: Sequence[Record], shelf: Shelf | None = None, begin: Callable[[], Session] = Session
) -> Recording:
    """The units of a recording, in the order in which the client sent them; `begin` gives the state of a session."""
    units: list[Unit] = []
    sent: list[int] = []  # of each unit, the record of the client's message
    numbered: dict[tuple[int, int], int] = {}  # (session, cue): unit
    owner: dict[int, tuple[int, int]] = {}
    for scene in read_script(records, shelf, begin):
        # Of several messages on one line, which go together, the last one stands for all.
        last = {cue.line: cue.number for cue in scene.cues}
        stands = {cue.number: last[cue.line] for cue in scene.cues}
        for line in scene.lines:
            owner[line.line] = (scene.conn, stands.get(line.owner, line.owner))
        for cue in scene.cues:
            owner[cue.line] = (scene.conn, stands[cue.number])
    early: dict[int, list[int]] = {}  # what a client sent before the message that it belongs to
    for at, record in enumerate(records):
        if not isinstance(record, Item):
            continue
        key = owner.get(record.line)
        if key is None and record.sender == "client":
            early.setdefault(record.conn, []).append(at)
            continue
        if key is None or key[1] == 0:
            continue  # it came with the connection itself
        if record.sender == "client" and key not in numbered:
            numbered[key] = len(units)
            name = sys.intern(asked(record.frame).name)
            units.append(Unit(record.conn, name, early.pop(record.conn, [])))
            sent.append(at)
        units[numbered[key]].records.append(at)
    _find_causes(records, units, sent)
    return Recording(records, units)


def _find_causes(records: Sequence[Record], units: list[Unit], sent: Sequence[int]) -> None:
    makers: dict[Value, int] = {}  # a name: the unit that made or chose it
    states: dict[str, int] = {}
    negotiations: dict[int, set[int]] = {}
    for index, unit in enumerate(units):
        message = records[sent[index]]
        value = asked(message.frame).value if isinstance(message, Item) else None
        arguments = (value or {}).get("arguments", {})
        named = {leaf for name, leaf in _leaves(arguments) if name in NAMING}
        negotiated = negotiations.setdefault(unit.conn, set())
        causes = set(negotiated)
        for name, leaf in _leaves(arguments):
            if isinstance(leaf, str) or name in _NUMBERS:
                causes.update(makers[part] for part in _parts(leaf) if part in makers)
        setters = STATE.get(unit.name, frozenset()) & states.keys()
        if setters:
            causes.add(max(states[name] for name in setters))
        unit.causes = frozenset(causes)
        worked, said = _said(records, unit)
        if unit.name == NEGOTIATION:
            negotiated.add(index)
        if worked:
            states[unit.name] = index
            if not _is_query(unit.name):
                makers.update(dict.fromkeys(named, index))
        if unit.name not in LISTS:
            for name, leaf in said:
                chosen = isinstance(leaf, str) and _CHOSEN.fullmatch(leaf)
                if chosen or (isinstance(leaf, int) and name in _NUMBERS):
                    makers.setdefault(leaf, index)


def _is_query(name: str) -> bool:
    return name.startswith(("query-", "qom-list", "qom-get", "device-list"))


def _said(records: Sequence[Record], unit: Unit) -> tuple[bool, list[tuple[str, Value]]]:
    """Whether the command worked, and the values in what the server said upon it."""
    worked = False
    found: list[tuple[str, Value]] = []
    for at in unit.records:
        record = records[at]
        if isinstance(record, Item) and record.sender == "server":
            message = from_server(record.frame.data)
            worked = worked or isinstance(message, Success)
            if isinstance(message, Success):
                found += _leaves(message.result)
            elif isinstance(message, Event):
                found += _leaves(message.data)
    return worked, found


def _leaves(value: Value) -> list[tuple[str, Value]]:
    """The strings and integers in a value, each with the name of the member that holds it."""
    found: list[tuple[str, Value]] = []
    waiting: list[tuple[str, Value]] = [("", value)]
    while waiting:
        name, one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.items()
        elif isinstance(one, list):
            waiting += [(name, item) for item in one]
        elif (isinstance(one, str) and len(one) > 1) or type(one) is int:
            found.append((name, one))
    return found


def _parts(leaf: Value) -> Iterator[Value]:
    """A value, and the names in it where it is a path (``/machine/peripheral/dev0``)."""
    yield leaf
    if isinstance(leaf, str) and "/" in leaf:
        yield from (part for part in leaf.split("/") if len(part) > 1)


def shrink(
    recording: Recording,
    needed: frozenset[int],
    shows: Callable[[frozenset[int]], bool],
) -> frozenset[int]:
    """The fewest units that were found to show the difference; `needed` stay in any case.

    `shows` tries a set of units.  What it raises ends the search.
    """
    core = recording.with_causes(needed)
    current = frozenset(range(len(recording.units)))
    guesses = [core] if core else []
    if needed:
        guesses.append(recording.with_causes(frozenset(range(max(needed) + 1))))
    for guess in guesses:
        if guess and guess < current and shows(guess):
            current = guess
            break
    return fewest(current, core, recording.without, shows)


def fewest(
    current: frozenset[int],
    core: frozenset[int],
    without: Callable[[frozenset[int], frozenset[int]], frozenset[int]],
    shows: Callable[[frozenset[int]], bool],
) -> frozenset[int]:
    """The fewest of `current` that still show it: delta debugging; `core` stays in any case.

    `without` takes a group out of a set, with what depends on it; `shows` tries a set.
    """
    size = max(1, len(current - core) // 2)
    while True:
        before = current
        free = sorted(current - core, reverse=True)
        for start in range(0, len(free), size):
            group = frozenset(free[start : start + size]) & current
            if not group:
                continue
            candidate = without(current, group)
            if candidate and shows(candidate):
                current = candidate
        if size == 1 and current == before:
            return current
        size = max(1, size // 2)
