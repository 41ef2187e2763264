"""Calls out of a catalog and of what a server is known to have: valid ones, and ones a step beyond.

A value is made as its type says.  A string is a name of the kind that its member names
(`qmpconf.explore.world`), mostly one that the server has given; a number is plausible or extreme;
optional members, values and branches that nothing has exercised yet are chosen more often (`Wanted`).
What goes a step beyond the schema is in `qmpconf.explore.beyond`.

Everything is chosen by one generator of random numbers, so that a seed and a server's answers decide.
Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from qmpconf.conform.instances import NOWHERE, Impossible, instance
from qmpconf.explore.beyond import Made, step_beyond
from qmpconf.explore.bounds import never
from qmpconf.explore.world import World, kind_of
from qmpconf.schema.model import (
    INTEGER_BOUNDS,
    Alternate,
    Array,
    Catalog,
    Enum,
    Member,
    Object,
)
from qmpconf.schema.walk import shape_of

#: Kinds of names that are the server's own, and always the same: the least used goes first.
_TYPES = frozenset({"type", "devicetype", "usertype"})
#: How often a link leads nowhere.
_NO_LINK = 0.2

#: How often a device is put on a bus that is known.
_ON_BUS = 0.6

#: How often a name is that of the thing that the command before was about.
_SAME = 0.75

#: How deep a made value nests; below, it is the smallest one.
_DEEPEST = 6
#: Elements of an array.
_ELEMENTS = (0, 1, 1, 1, 2, 3)

_INTEGERS = (0, 1, 2, 3, 7, 64, 512, 4096, 65536, 1 << 20, 1 << 20)
_EXTREMES = (
    *(-1, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1),
    *(2**63, 2**64 - 1, -(2**31), -(2**63), 511, 513),
)
_STRINGS = (
    NOWHERE,
    "",
    "a",
    "0",
    "on",
    "off",
    "1M",
    "raw",
    "qcow2",
    "x" * 300,
    "\u00e9\u4e2d",
    "a,b=c",
)

#: Kinds of names that stand for a number in a string.
_OF_PROPERTIES = {
    "bool": (True, False),
    "OnOffAuto": ("on", "off", "auto"),
    "OnOffSplit": ("on", "off", "split"),
}
#: Properties of devices (globs are not needed): what they name.
_DEVICE_NAMES = {
    "drive": "node",
    "chardev": "chardev",
    "netdev": "netdev",
    "iothread": "object",
    "memdev": "object",
    "bmc": "device",
    "hostmem": "object",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A command to be sent, with `oob` out of band; `beyond` says how it is not valid (empty: it is)."""

    name: str
    arguments: dict[str, Any]
    beyond: str = ""
    oob: bool = False


@dataclass(slots=True)
class Wanted:
    """Places that nothing has exercised yet, by command (`qmpconf.check.universe`)."""

    missing: dict[str, frozenset[str]] = field(default_factory=dict)

    def has(self, command: str, place: str) -> bool:
        """Whether the place of a command is one of them."""
        return place in self.missing.get(command, ())


class Maker:
    """Makes calls for one server: its `catalog`, what it is known to have, chance, what is wanted."""

    def __init__(self, catalog: Catalog, world: World, random: Random, wanted: Wanted) -> None:
        self._catalog = catalog
        self._world = world
        self._random = random
        self._wanted = wanted
        self._command = ""
        self._objects: list[Made] = []
        self._used: Counter[tuple[str, str]] = Counter()

    def call(self, name: str, *, beyond: bool = False) -> Call:
        """A call of a command; `beyond` asks for one that its schema does not allow.

        Raises Impossible where no call can be made.
        """
        command = self._catalog.commands[name]
        self._command = name
        self._objects = []
        made: dict[str, Any] = {}
        if command.arguments:
            made = self._object(command.arguments, "/arguments", 0)
        else:
            self._objects.append((made, (), False))
        if name in ("device_add", "object-add"):
            self._open_ended(name, made)
        how = step_beyond(self._catalog, self._objects, self._random) if beyond else ""
        return Call(name, made, how)

    # --- by type -----------------------------------------------------------------------------

    def _value(self, key: str, member: str, place: str, depth: int) -> Any:
        if depth > _DEEPEST:
            return instance(self._catalog, key, member)
        if key in INTEGER_BOUNDS:
            return self._integer(key)
        if key == "str":
            return self._string(member)
        if key == "bool":
            return not never(member, value=True) and self._random.random() < 0.5
        if key == "null":
            return None
        if key == "number":
            return self._random.choice((0.5, 1, 0, -1.5, 1e308))
        if key == "any":
            return self._anything(member)
        found = self._catalog.types.get(key)
        if isinstance(found, Enum):
            return self._enum(found, member, place)
        if isinstance(found, Array):
            return [
                self._value(found.element, member, f"{place}/*", depth + 1)
                for _ in range(self._random.choice(_ELEMENTS))
            ]
        if isinstance(found, Alternate):
            return self._alternate(found, member, place, depth)
        if isinstance(found, Object):
            return self._object(key, place, depth)
        raise Impossible(key)

    def _object(self, key: str, place: str, depth: int) -> dict[str, Any]:
        shape = shape_of(self._catalog, key)
        made: dict[str, Any] = {}
        members = list(shape.members.values())
        self._objects.append((made, members, shape.open))
        for one in members:
            at = f"{place}/{one.name}"
            if one.name == shape.tag:
                tag = self._tag(shape.variants, one, place)
                if tag or not one.optional:
                    made[one.name] = tag
            elif not one.optional or self._takes(one, at, depth):
                made[one.name] = self._value(one.type, one.name, at, depth + 1)
        variant = shape.variants.get(str(made.get(shape.tag))) if shape.tag else None
        if variant:
            at = f"{place}[{shape.tag}={made[shape.tag]}]"
            number = len(self._objects)
            inner = self._object(variant, at, depth)
            _, more, is_open = self._objects.pop(number)
            # The variant's members stand in the same object.
            self._objects = [
                (value, [*known, *more], opened or is_open)
                if value is made
                else (value, known, opened)
                for value, known, opened in self._objects
            ]
            made.update({name: value for name, value in inner.items() if name not in made})
        return made

    def _takes(self, member: Member, place: str, depth: int) -> bool:
        """Whether an optional member is set."""
        if never(member.name):
            return False
        if kind_of(self._command, member.name).startswith("+"):
            return self._random.random() < 0.9
        likely = 0.5 if self._wanted.has(self._command, place) else 0.25
        return self._random.random() < likely / (1 + depth // 2)

    def _tag(self, variants: Mapping[str, str], member: Member, place: str) -> str:
        found = self._catalog.types.get(member.type)
        values = [one.name for one in found.values] if isinstance(found, Enum) else list(variants)
        return self._chosen(values, member.name, lambda value: f"{place}[{member.name}={value}]")

    def _enum(self, found: Enum, member: str, place: str) -> str:
        return self._chosen(
            [one.name for one in found.values], member, lambda value: f"{place}={value}"
        )

    def _chosen(self, values: Sequence[str], member: str, place: Callable[[str], str]) -> str:
        allowed = [one for one in values if not never(member, one)]
        if not allowed:
            raise Impossible(member)
        weights = [4 if self._wanted.has(self._command, place(one)) else 1 for one in allowed]
        return self._random.choices(allowed, weights)[0]

    def _alternate(self, found: Alternate, member: str, place: str, depth: int) -> Any:
        # A name, where there is one to give: nodes inside of nodes are for the rest.
        names = [one for one in found.branches if one == "str"]
        branches = [
            one for one in found.branches if depth < _DEEPEST - 2 or one not in self._catalog.types
        ]
        named = names and self._random.random() < 0.7
        branch = self._random.choice(names if named else branches or list(found.branches))
        kind = self._catalog.types[branch].kind if branch in self._catalog.types else branch
        return self._value(branch, member, f"{place}({kind})", depth + 1)

    def _integer(self, key: str) -> int:
        least, most = INTEGER_BOUNDS[key]
        pool = _EXTREMES if self._random.random() < 0.2 else _INTEGERS
        return min(most, max(least, self._random.choice(pool)))

    def _string(self, member: str) -> str:
        kind = kind_of(self._command, member)
        if kind in ("host", "port", "uri", "protocol", "line", "file"):
            return self._random.choice(self._world.of(kind))  # never anything else
        focus, latest = self._world.focus
        spurned = self._world.spurned
        is_near = kind and kind == focus and (self._command, latest) not in spurned
        if is_near and self._random.random() < _SAME:
            return latest
        if kind.startswith("+") and self._random.random() < 0.85:
            return self._world.fresh(kind[1:])
        known = self._world.of(kind.lstrip("+")) if kind else []
        if kind == "property":
            known = self._properties()
        allowed = [one for one in known if not never(member, one)]
        if self._random.random() < 0.8:
            allowed = [one for one in allowed if (self._command, one) not in spurned] or allowed
        if allowed and kind in _TYPES:
            some = [self._random.choice(allowed) for _ in range(3)]
            chosen = min(some, key=lambda one: self._used[self._command, one])
            self._used[self._command, chosen] += 1
            return chosen
        if allowed and self._random.random() < 0.93:
            # What is new has been tried least.
            return self._random.choice(allowed[-6:] if self._random.random() < 0.6 else allowed)
        if not kind and self._random.random() < 0.4:
            every = [name for names in self._world.names.values() for name in list(names)[-3:]]
            return self._random.choice(every)
        return self._random.choice(_STRINGS)

    def _anything(self, member: str) -> Any:
        choices: tuple[Any, ...] = (0, 1, -1, True, False, None, "", "a", [], {}, 2**63, 0.5)
        return self._string(member) if self._random.random() < 0.3 else self._random.choice(choices)

    # --- what schemas leave open ----------------------------------------------------------------

    def _properties(self) -> list[str]:
        """Properties of the path that the call is about."""
        path = self._objects[0][0].get("path") if self._objects else None
        return list(self._world.properties.get(str(path), ()))

    def _open_ended(self, command: str, made: dict[str, Any]) -> None:
        """Some properties of the device or object, as the server has listed them."""
        of = made.get("driver" if command == "device_add" else "qom-type")
        known = self._world.properties.get(str(of), {})
        free = [name for name in known if name not in made and name != "type" and not never(name)]
        if command == "object-add" and not isinstance(made.get("props", {}), dict):
            made.pop("props", None)
        takes_any = shape_of(self._catalog, self._catalog.commands[command].arguments)
        place = made
        if command == "object-add":
            if "props" in takes_any.members:
                place = made.setdefault("props", {})
            elif not takes_any.open:
                return  # its schema has them all
        for name in self._random.sample(free, min(len(free), self._random.choice((0, 1, 1, 2, 4)))):
            if not known[name].startswith(("child<", "struct")):
                place[name] = self._property(name, known[name])
        # A port has the name of its device; most other buses take nothing while the machine runs.
        buses = [*self._world.of("bus"), *self._world.of("device")]
        if command == "device_add" and buses and self._random.random() < _ON_BUS:
            made["bus"] = self._random.choice(buses)
        for name in ("drive", "netdev", "chardev", "bmc"):
            if name in known and name not in place and self._random.random() < 0.6:
                place[name] = self._property(name, known[name])

    def _property(self, name: str, of: str) -> Any:
        if of in _OF_PROPERTIES:
            return self._random.choice(_OF_PROPERTIES[of])
        if of.startswith(("int", "uint", "size")):
            return self._integer("int")
        kind = _DEVICE_NAMES.get(name) or kind_of("", name)
        if of.startswith("link<") and self._random.random() < _NO_LINK:
            return ""
        if of.startswith("link<"):
            kind = "object" if "iothread" in of or "memory-backend" in of else kind or "device"
        if kind:
            names = self._world.of(kind)
            if kind in ("host", "port", "file") or (names and self._random.random() < 0.9):
                return self._random.choice(names[-6:])
        return self._random.choice((*_STRINGS, "on", "off", 0, 1))
