"""What is sent next: one call, several in one write, or one ahead of those that wait.

A `Step` is sent at once, and answered as a whole before the next one begins.  Most have one call, often
with a step behind it that asks for what it did.  In some, several calls go out without waiting, about the same
thing where that can be: each as if the one before it had worked.  Where the session has out-of-band
execution, some end with a call that is executed ahead of them; one that may not be is a step beyond the
schema.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from qmpconf.conform.instances import Impossible
from qmpconf.explore.choosing import Guide
from qmpconf.explore.claims import SHOWN
from qmpconf.explore.making import Call, Maker
from qmpconf.explore.world import World, subject_of
from qmpconf.schema.model import Catalog

#: Calls that are sent in one write.
Step = tuple[Call, ...]

#: How often a call goes a step beyond what its schema allows.
_BEYOND = 0.12
#: How often the query follows that shows what a command did.
_SHOWN = 0.6
#: How often several calls are sent without waiting, and how many then.
_TOGETHER = 0.12
_SEVERAL = (2, 2, 2, 3, 4)
#: How often a step ends with a call out of band, where there is out-of-band execution.
_OOB = 0.08
#: How many calls it overtakes.
_OVERTAKEN = (0, 1, 1, 2)


class Steps:
    """Chooses steps by chance: which command, by `guide`; with which arguments, by `maker`."""

    def __init__(
        self, catalog: Catalog, guide: Guide, maker: Maker, world: World, random: Random
    ) -> None:
        self._guide = guide
        self._maker = maker
        self._world = world
        self._random = random
        self._urgent = [name for name in guide.names if catalog.commands[name].allow_oob]

    def first(self) -> Iterator[Step]:
        """What each life begins with: which types there are, where that is not known, and which devices."""
        if not self._world.of("devicetype") and "qom-list-types" in self._guide.names:
            for kind in ("device", "user-creatable"):
                yield (Call("qom-list-types", {"implements": kind, "abstract": False}),)
        if "qom-list" in self._guide.names:
            yield (Call("qom-list", {"path": "/machine/peripheral"}),)

    def next(self, *, oob: bool) -> Iterator[Step]:
        """The next step, and perhaps one that shows what it did; `oob` says what was negotiated."""
        chance = self._random.random()
        if oob and chance < _OOB:
            yield self._overtaking()
        elif chance > 1 - _TOGETHER:
            yield self._several(self._random.choice(_SEVERAL))
        else:
            yield from self._one()

    def _one(self) -> Iterator[Step]:
        call = self._call()
        if call is None:
            return
        lists = self._lacks_properties(call)
        if lists is not None:
            yield (lists,)
            call = self._made(call.name) or call
        yield (call,)
        query = SHOWN.get(call.name)
        if query and query[0] in self._guide.names and self._random.random() < _SHOWN:
            yield (Call(query[0], dict(query[1])),)

    def _several(self, many: int) -> Step:
        """Calls about the same thing, as if each of them worked."""
        before = self._world.focus
        calls = []
        for _ in range(many):
            call = self._call()
            if call is not None:
                calls.append(call)
                self._world.turn_to(call.name, call.arguments)
        self._world.focus = before
        return tuple(calls)

    def _overtaking(self) -> Step:
        """Calls in band, and one behind them that is executed ahead."""
        calls = self._several(self._random.choice(_OVERTAKEN))
        beyond = not self._urgent or self._random.random() < _BEYOND
        name = self._random.choice(self._guide.names if beyond else self._urgent)
        call = self._made(name)
        if call is None:
            return calls
        if name not in self._urgent:
            call = replace(call, beyond=call.beyond or "may not be executed out of band")
        return (*calls, replace(call, oob=True))

    def _call(self) -> Call | None:
        for _ in range(20):
            call = self._made(self._guide.next(self._world))
            if call is not None:
                return call
        return None

    def _made(self, name: str) -> Call | None:
        try:
            call = self._maker.call(name, beyond=self._random.random() < _BEYOND)
        except Impossible:
            return None
        subject = subject_of(name, call.arguments)
        return None if self._guide.avoids(name, subject) else call

    def _lacks_properties(self, call: Call) -> Call | None:
        """The query for the properties of what a call makes, where they are not known."""
        driver = call.arguments.get("driver") if call.name == "device_add" else None
        known = not isinstance(driver, str) or driver in self._world.properties
        if known or "device-list-properties" not in self._guide.names:
            return None
        if self._guide.avoids("device-list-properties", str(driver)):
            return None
        return Call("device-list-properties", {"typename": driver})
