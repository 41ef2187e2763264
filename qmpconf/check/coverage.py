"""Which places of a catalog traces exercise: counting, and the figures as plain data.

A command that succeeded exercises its places (`qmpconf.check.universe`), and its result does; one
that was refused, or never answered, only tries them.  An event exercises its places.

`Coverage` counts while a trace is read, in memory that depends on the catalog alone.
`CoverageData` is what comes out of it: data for every view, which can be written, read and merged
without the catalog, in any order, with the same outcome.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, count
from typing import Literal

import msgspec

from qmpconf.check.universe import KINDS, Kind, Marks, Payload, kind_of
from qmpconf.protocol.messages import Command, Event
from qmpconf.protocol.values import Value
from qmpconf.schema import model
from qmpconf.schema.features import Features
from qmpconf.text import naturally


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What was exercised of one command or event.

    `calls` counts successes (of an event: how often it came), `refused` errors, `unanswered` what
    had no answer when its session ended.  `places` were exercised, `tried` were not, but stood in
    calls without success; both say how often.  `missing` are all that were not exercised.  A
    place is named without what is in front of it, ``command NAME``; they are sorted.

    `bare` says that a command needs no arguments, `marks` whether it is ``deprecated`` or
    ``unstable``, and `marked` which of the missing places are.
    """

    kind: Literal["command", "event"]
    name: str
    calls: int = 0
    refused: int = 0
    unanswered: int = 0
    places: dict[str, int] = {}
    tried: dict[str, int] = {}
    missing: tuple[str, ...] = ()
    bare: bool = False
    marks: Marks = ()
    marked: dict[str, Marks] = {}

    @property
    def was_tried(self) -> bool:
        """Whether the command was sent at all, or the event came."""
        return bool(self.calls or self.refused or self.unanswered)

    def all(self) -> Iterator[str]:
        """Every place of it."""
        yield from self.places
        yield from self.missing


class Total(msgspec.Struct, frozen=True):
    """The figures of one kind of place: how many there are, were tried, were exercised."""

    kind: str
    exercised: int
    tried: int
    all: int

    @property
    def percent(self) -> float:
        """From 0 to 100; 100 of nothing."""
        return 100 * self.exercised / self.all if self.all else 100.0


class CoverageData(msgspec.Struct, frozen=True, kw_only=True):
    """The coverage of one catalog; `digest` tells equal catalogs from others of the same name.

    `traces` is how many traces were held against it.  `unknown` counts the commands that were sent
    and the events that came without being in the catalog.
    """

    catalog: str
    digest: str
    traces: int = 1
    unknown: int = 0
    records: tuple[Record, ...] = ()

    def totals(self) -> list[Total]:
        """The figures of each kind, in the order of `KINDS`."""
        return totals(self.records)


def totals(records: Iterable[Record]) -> list[Total]:
    """The figures of some records, of each kind, in the order of `KINDS`."""
    exercised: Counter[Kind] = Counter()
    tried: Counter[Kind] = Counter()
    missing: Counter[Kind] = Counter()
    for one in records:
        own: Kind = "commands" if one.kind == "command" else "events"
        (exercised if one.calls else missing)[own] += 1
        tried[own] += bool(one.was_tried and not one.calls)
        exercised.update(map(kind_of, one.places))
        tried.update(map(kind_of, one.tried))
        missing.update(map(kind_of, one.missing))
    return [
        Total(kind, exercised[kind], exercised[kind] + tried[kind], exercised[kind] + missing[kind])
        for kind in KINDS
    ]


#: How often places of a payload are used: each by its number.
Uses = tuple[tuple[int, int], ...]


class Places:
    """The places of one catalog, for all that is held against it; each payload's are made when first asked for."""

    def __init__(self, catalog: model.Catalog) -> None:
        self.catalog = catalog
        self._features = Features(catalog)
        self._payloads: dict[tuple[Literal["command", "event"], str], tuple[Payload, ...]] = {}

    def of(self, known: model.Command | model.Event) -> tuple[Payload, ...]:
        """The payloads of a command (arguments, result) or event (data)."""
        key = _kind(known), known.name
        found = self._payloads.get(key)
        if found is None:
            found = self._payloads[key] = tuple(self._made(known))
        return found

    def _made(self, known: model.Command | model.Event) -> Iterator[Payload]:
        if isinstance(known, model.Event):
            yield Payload(self.catalog, self._features, "/data", known.data)
        else:
            yield Payload(self.catalog, self._features, "/arguments", known.arguments)
            yield Payload(self.catalog, self._features, "/return", known.returns)

    def uses(self, command: str, result: Value) -> Uses:
        """What the result of a command uses of its places; nothing where the command is not known."""
        known = self.catalog.commands.get(command)
        if known is None:
            return ()
        payload = self.of(known)[1]
        counts = [0] * len(payload.places)
        if counts:
            payload.count(result, counts)
        return tuple((number, times) for number, times in enumerate(counts) if times)

    @cached_property
    def untouched(self) -> tuple[Record, ...]:
        """The records of a trace that uses nothing: all commands, then all events, by name."""
        commands = (one for _, one in sorted(self.catalog.commands.items()))
        events = (one for _, one in sorted(self.catalog.events.items()))
        known: Iterator[model.Command | model.Event] = chain(commands, events)
        return tuple(self.record(one, _Entry(*self.of(one))) for one in known)

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits, the same for catalogs with the same places."""
        return _digest(self.untouched)

    def record(self, known: model.Command | model.Event, entry: _Entry) -> Record:
        """What was counted of one command or event."""
        places: dict[str, int] = {}
        tried: dict[str, int] = {}
        missing: list[str] = []
        marked: dict[str, Marks] = {}
        for tally in entry.tallies:
            for place, number in sorted(zip(tally.payload.places, count(), strict=False)):
                if tally.good[number]:
                    places[place] = tally.good[number]
                    continue
                missing.append(place)
                if tally.bad and tally.bad[number]:
                    tried[place] = tally.bad[number]
                if place in tally.payload.marks:
                    marked[place] = tally.payload.marks[place]
        return Record(
            kind=_kind(known),
            name=known.name,
            calls=entry.calls,
            refused=entry.refused,
            unanswered=entry.unanswered,
            places=places,
            tried=tried,
            missing=tuple(missing),
            bare=isinstance(known, model.Command) and self._is_bare(known),
            marks=self._features.marks(known.name, known.facts),
            marked=marked,
        )

    def _is_bare(self, command: model.Command) -> bool:
        members = self.catalog.object_members(command.arguments) if command.arguments else ()
        return all(one.optional for one in members)


def _kind(known: model.Command | model.Event) -> Literal["command", "event"]:
    return "event" if isinstance(known, model.Event) else "command"


class _Tally:
    """The numbers of one payload."""

    __slots__ = ("bad", "good", "payload")

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.good = [0] * len(payload.places)
        self.bad: list[int] = []  # made when needed

    def exercise(self, value: Value) -> None:
        if self.good:
            self.payload.count(value, self.good)

    def add(self, uses: Uses) -> None:
        good = self.good
        for number, times in uses:
            good[number] += times

    def attempt(self, value: Value) -> None:
        self.bad = self.bad or [0] * len(self.good)
        self.payload.count(value, self.bad)


class _Entry:
    """One command or event: its numbers, and those of its payloads."""

    __slots__ = ("calls", "refused", "tallies", "unanswered")

    def __init__(self, *payloads: Payload) -> None:
        self.calls = self.refused = self.unanswered = 0
        self.tallies = [_Tally(one) for one in payloads]


class Coverage:
    """Counts what is exercised of one catalog, whose `places` may be those of other traces, too."""

    def __init__(self, catalog: model.Catalog, places: Places | None = None) -> None:
        self._catalog = catalog
        self._places = places or Places(catalog)
        self._commands: dict[str, _Entry] = {}
        self._events: dict[str, _Entry] = {}
        self._unknown = 0

    def success(self, command: Command, result: Value) -> None:
        """A command that was answered with a result."""
        entry = self._succeeded(command)
        if entry is not None:
            entry.tallies[1].exercise(result)

    def success_using(self, command: Command, uses: Uses) -> None:
        """The same, of a result that uses so much (`Places.uses`)."""
        entry = self._succeeded(command)
        if entry is not None:
            entry.tallies[1].add(uses)

    def _succeeded(self, command: Command) -> _Entry | None:
        entry = self._commands.get(command.name) or self._command(command.name)
        if entry is not None:
            entry.calls += 1
            if command.arguments:
                entry.tallies[0].exercise(command.arguments)
        return entry

    def failure(self, command: Command) -> None:
        """A command that was refused."""
        entry = self._commands.get(command.name) or self._command(command.name)
        if entry is not None:
            entry.refused += 1
            entry.tallies[0].attempt(command.arguments)

    def unanswered(self, command: Command) -> None:
        """A command that still waits when its session ends."""
        entry = self._commands.get(command.name) or self._command(command.name)
        if entry is not None:
            entry.unanswered += 1
            entry.tallies[0].attempt(command.arguments)

    def event(self, event: Event) -> None:
        """An event."""
        entry = self._events.get(event.name)
        if entry is None:
            known = self._catalog.events.get(event.name)
            if known is None:
                self._unknown += 1
                return
            entry = self._events[event.name] = _Entry(*self._places.of(known))
        entry.calls += 1
        if event.data is not None:
            entry.tallies[0].exercise(event.data)

    def data(self) -> CoverageData:
        """What was counted, as plain data."""
        places = self._places
        return CoverageData(
            catalog=self._catalog.name,
            digest=places.digest,
            unknown=self._unknown,
            records=tuple(map(self._record, places.untouched)),
        )

    def _record(self, untouched: Record) -> Record:
        """What was counted where that record says that nothing was."""
        name = untouched.name
        if untouched.kind == "command" and (entry := self._commands.get(name)) is not None:
            return self._places.record(self._catalog.commands[name], entry)
        if untouched.kind == "event" and (entry := self._events.get(name)) is not None:
            return self._places.record(self._catalog.events[name], entry)
        return untouched

    def _command(self, name: str) -> _Entry | None:
        known = self._catalog.commands.get(name)
        if known is None:
            self._unknown += 1
            return None
        entry = self._commands[name] = _Entry(*self._places.of(known))
        return entry


def _digest(records: Iterable[Record]) -> str:
    told = hashlib.sha256()
    for one in records:
        told.update(f"{one.kind} {one.name} {one.bare} {one.marks}\n".encode())
        for place in sorted(one.all()):
            told.update(f"{place}\n".encode())
    return told.hexdigest()[:16]


def merge(parts: Iterable[CoverageData]) -> list[CoverageData]:
    """Coverages of several traces as one for each catalog, sorted by name and version."""
    merged: dict[tuple[str, str], CoverageData] = {}
    for part in parts:
        key = (part.catalog, part.digest)
        merged[key] = _both(merged[key], part) if key in merged else part
    return [merged[key] for key in sorted(merged, key=lambda key: (naturally(key[0]), key[1]))]


def _both(one: CoverageData, other: CoverageData) -> CoverageData:
    return CoverageData(
        catalog=one.catalog,
        digest=one.digest,
        traces=one.traces + other.traces,
        unknown=one.unknown + other.unknown,
        records=tuple(
            _joined(left, right) if right.was_tried else left
            for left, right in zip(one.records, other.records, strict=True)
        ),
    )


def _joined(one: Record, other: Record) -> Record:
    places = _sum(one.places, other.places)
    tried = _sum(one.tried, other.tried)
    missing = tuple(place for place in one.missing if place not in other.places)
    return Record(
        kind=one.kind,
        name=one.name,
        calls=one.calls + other.calls,
        refused=one.refused + other.refused,
        unanswered=one.unanswered + other.unanswered,
        places=places,
        tried={place: tried[place] for place in tried if place not in places},
        missing=missing,
        bare=one.bare,
        marks=one.marks,
        marked={place: one.marked[place] for place in missing if place in one.marked},
    )


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """Both added, and sorted."""
    counts = Counter(one) + Counter(other)
    return {place: counts[place] for place in sorted(counts)}
