"""Which command comes next: those that nothing has exercised yet, and those that make something.

A command's weight falls with each success and each refusal, and grows with what of it coverage
(`qmpconf.check.coverage`) still misses.  While a server has little, what makes things comes more often, for
their names open all other commands.  After a crash the same call is avoided: it would only be found
again.  Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from random import Random

from qmpconf.check.coverage import CoverageData
from qmpconf.explore.bounds import left_out
from qmpconf.explore.making import Wanted
from qmpconf.explore.world import World, kind_of
from qmpconf.schema.model import Catalog

#: How much more often commands are chosen that make something, or lead to it.
_LEADING = {
    "blockdev-add": 12.0,
    "object-add": 6.0,
    "chardev-add": 4.0,
    "device_add": 10.0,
    "netdev_add": 3.0,
    "qom-list": 3.0,
    "qom-list-types": 2.0,
    "device-list-properties": 4.0,
    "qom-set": 3.0,
    "qom-get": 2.0,
    "block-dirty-bitmap-add": 3.0,
    "blockdev-backup": 3.0,
    "blockdev-mirror": 3.0,
    "block-commit": 2.0,
    "block-stream": 2.0,
    "blockdev-snapshot": 2.0,
    "blockdev-reopen": 2.0,
    "blockdev-create": 3.0,
    "transaction": 3.0,
    "block-export-add": 3.0,
    "nbd-server-start": 2.0,
    "blockdev-del": 3.0,
    "object-del": 2.0,
    "device_del": 2.0,
    "human-monitor-command": 0.3,
}
#: What a call costs of a weight after each crash (or hang) that it led to, and how many of these count.
_SPOILED, _MOST_SPOILED = 12.0, 20

#: How often the next command is about the same kind of thing as the one before.
_NEAR = 0.6
#: After so many commands about one thing, half as often.
_LASTS = 12


class Guide:
    """Chooses commands of one catalog, by chance and by what is missing."""

    def __init__(self, catalog: Catalog, listed: frozenset[str], random: Random) -> None:
        self._random = random
        self.names = sorted(
            name
            for name in catalog.commands
            if name in listed and not left_out(name) and name != "quit"
        )
        self._about: dict[str, list[str]] = {}
        self._makes: dict[str, str] = {}
        for name in self.names:
            for kind in _kinds(catalog, name):
                if kind.startswith("+"):
                    self._makes[name] = kind[1:]
                else:
                    self._about.setdefault(kind, []).append(name)
        #: How often each command was about each thing, in this life.
        self._tried: Counter[tuple[str, str, str]] = Counter()
        self._spent: Counter[tuple[str, str]] = Counter()
        self.wanted = Wanted()
        self._missing: dict[str, int] = {}
        self._worked: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._spoiled: Counter[str] = Counter()
        self._subjects: Counter[tuple[str, str]] = Counter()

    def learn(self, data: CoverageData) -> None:
        """What all lives have exercised so far."""
        records = [one for one in data.records if one.kind == "command"]
        self.wanted.missing = {one.name: frozenset(one.missing) for one in records}
        self._missing = {
            one.name: sum(place.startswith("/arguments") for place in one.missing)
            for one in records
        }

    def next(self, world: World) -> str:
        """The name of the next command; often of one that is about the same thing as the latest one."""
        kind, thing = world.focus
        near = self._about.get(kind)
        spent = self._spent[kind, thing]
        if near and self._random.random() < _NEAR / (1 + spent / _LASTS):
            self._spent[kind, thing] += 1
            weights = [1 / (1 + self._tried[name, kind, thing]) ** 2 for name in near]
            chosen = self._random.choices(near, weights)[0]
            self._tried[chosen, kind, thing] += 1
            return chosen
        weights = [self._weight(name, world) for name in self.names]
        return self._random.choices(self.names, weights)[0]

    def renew(self) -> None:
        """The server is a new one."""
        self._tried.clear()
        self._spent.clear()

    def answered(self, name: str, *, worked: bool) -> None:
        """A command was answered."""
        (self._worked if worked else self._refused)[name] += 1

    def spoils(self, name: str, subject: str) -> None:
        """A call has ended the server."""
        if subject:
            self._subjects[name, subject] += 1
        else:
            self._spoiled[name] += 1

    def avoids(self, name: str, subject: str) -> bool:
        """Whether a call is left out this time, for it has ended a server before."""
        known = self._subjects[name, subject] if subject else 0
        return bool(known) and self._random.random() < 1 - 1 / (1 + known * _SPOILED)

    def _weight(self, name: str, world: World) -> float:
        calls: float = self._worked[name] + 0.3 * self._refused[name]
        open_places = 1 + math.log1p(self._missing.get(name, 0))
        spoiled = _SPOILED ** min(self._spoiled[name], _MOST_SPOILED)
        there = len(world.names.get(self._makes.get(name, ""), ()))
        leads = 1 + (_LEADING.get(name, 1.0) - 1) / (1 + there / 3)
        return leads * open_places / float((1 + calls) ** 0.6) / float(spoiled)


def _kinds(catalog: Catalog, name: str) -> set[str]:
    """The kinds of things that the arguments of a command name."""
    key = catalog.commands[name].arguments
    members = catalog.object_members(key) if key else ()
    return {kind_of(name, one.name) for one in members}
