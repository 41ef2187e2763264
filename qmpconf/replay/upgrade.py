"""A replay against another version: what a difference means for an upgrade.

Where the recording's greeting and the target's tell two releases, each difference is held against
the catalogs of both:

- ``design``: the newer server says more than the client knew, as its schema says: new members, new
  events, new entries of inventories, another version, other words of an error.  A client must bear
  all that; such a difference is a note;
- ``broke``: the client loses something: a command is gone, an argument refused, an error has another
  class, a member, an event or a reply is missing;
- ``changed``: everything else, a value that is another one above all.

`Upgrade` also says what the difference of the schemas announces for the commands and events of
the session, whether it was seen or not.  Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from qmpconf.protocol.messages import Event, Failure, Success, type_name
from qmpconf.protocol.values import Value
from qmpconf.replay.compare import Comparison, Mismatch
from qmpconf.replay.difference import Effect
from qmpconf.replay.difference import Kind as Differs
from qmpconf.replay.masks import BUILT_IN, Masks
from qmpconf.replay.places import Lookup, look_up
from qmpconf.replay.said import Said
from qmpconf.schema.diff import Change, diff
from qmpconf.schema.model import Catalog

#: Levels of the schemas' difference that matter to a client which worked before.
ANNOUNCED = ("breaks", "risk", "deprecated")

#: Commands that say what the server is; another version says something else.
_ABOUT_ITSELF = frozenset({"query-version", "query-qmp-schema"})

#: Lists of what a server offers: more in them is more on offer.
_INVENTORIES = Masks(mask for mask in BUILT_IN if mask.kind == "set")

#: Kinds of messages that are counted apart; a server can make up any number of events.
_MOST = 5_000

_QUOTED = re.compile(r"'([\w.-]+)'")
#: How an error says that an argument has to be given; nested ones have a path.
_MISSING = re.compile(r"Parameter '(?:[^']*\.)?([^'.]+)' is missing")


Path = tuple[str | int, ...]


class Judgement(NamedTuple):
    """What a difference means, and why."""

    effect: Effect
    words: str = ""


Judge = Callable[[Differs, Said | None, Said | None, Mismatch | None], Judgement]


@dataclass(slots=True)
class Behaved:
    """How often a kind of message came, and how often it was the same."""

    times: int = 0
    same: int = 0


class Announced(NamedTuple):
    """One change of the schema, and whether a difference of this replay is about it."""

    change: Change
    seen: bool


@dataclass
class Upgrade:
    """From one release to another; a catalog is None where none is shipped for that release."""

    before: str
    after: str
    old: Catalog | None
    new: Catalog | None
    behaved: dict[str, Behaved] = field(default_factory=dict)
    #: Names of all commands that the clients of the recording send, and of all events in it; None
    #: where that was not looked for.
    uses: Callable[[], Collection[str]] | None = None
    #: Commands and events of the session, and those of them that differed, as the schema's
    #: difference names them.
    used: Counter[str] = field(default_factory=Counter)
    _differed: set[tuple[str, str]] = field(default_factory=set)

    # --- what happens --------------------------------------------------------------------------

    def paired(self, expected: Said, found: Comparison) -> None:
        """Count a recorded message that something stands for."""
        self._use(expected)
        behaved = self.behaved.get(expected.subject)
        if behaved is None:
            if len(self.behaved) >= _MOST:
                return
            behaved = self.behaved[expected.subject] = Behaved()
        behaved.times += 1
        behaved.same += not found.mismatches

    def judge(
        self, kind: Differs, expected: Said | None, got: Said | None, mismatch: Mismatch | None
    ) -> Judgement:
        """What one difference means."""
        said = expected or got
        if said is None:
            return Judgement("broke")
        if expected is not None:
            self._use(expected)
        path = mismatch.path if mismatch else ()
        self._differed.add((_root(said), _last(path)))
        if said.kind == "greeting":
            return Judgement("design", "another version greets otherwise")
        if said.of in _ABOUT_ITSELF and mismatch is not None and path:
            return Judgement("design", "it says which version this is")
        if kind == "moved":
            return Judgement("changed", "the order is another one")
        if expected is None or got is None:
            return self._whole(kind, said)
        if mismatch is None:
            return Judgement("changed")
        if not path:
            return self._answer(expected, got)
        if kind == "extra":
            return self._extra(said, mismatch)
        if kind == "missing":
            return self._missing(said, mismatch)
        new_value = self._only(self.new, self.old, said, mismatch.path, mismatch.got)
        if new_value:
            return Judgement("changed", f"the value {new_value} is new in {self.after}")
        return _value(mismatch)

    # --- what it means -------------------------------------------------------------------------

    def _whole(self, kind: Differs, said: Said) -> Judgement:
        """A message that only one side has."""
        if not isinstance(said.message, Event):
            return Judgement("broke" if kind == "missing" else "changed")
        known = [one is not None and said.of in one.events for one in (self.old, self.new)]
        if kind == "missing":
            gone = self.new is not None and not known[1]
            return Judgement("broke", f"{self.after} has no such event" if gone else "")
        if self.old is not None and not known[0] and known[1]:
            return Judgement("design", f"the event is new in {self.after}")
        return Judgement("changed", "the event came now, and did not before")

    def _answer(self, expected: Said, got: Said) -> Judgement:
        """Success in place of an error, or the other way round."""
        name = expected.of
        old, new = (one is not None and name in one.commands for one in (self.old, self.new))
        if isinstance(expected.message, Failure) and isinstance(got.message, Success):
            if self.old is not None and new and not old:
                return Judgement("design", f"the command is new in {self.after}")
            missed = _missed(expected.message.value)
            if missed and self._announces(name, missed, "optional"):
                words = f"the argument {missed} can be left out: the schema of {self.after} says so"
                return Judgement("design", words)
            return Judgement("changed", "it was refused before, and is accepted now")
        if not isinstance(got.message, Failure):
            return Judgement("changed")
        if got.message.error_class == "CommandNotFound":
            told = "its schema says so" if self.new and not new else "its schema does not say so"
            return Judgement(
                "broke", f"{self.after} has no such command; {told}{self._warned(name)}"
            )
        refused = self._refused(name, got.message.value)
        return Judgement("broke", refused or "it is refused now; no schema announces it")

    def _refused(self, command: str, value: Value) -> str:
        """Which argument that the error names the newer schema asks for, or does not have."""
        missed = _missed(value)
        if missed:
            told = self._announces(command, missed, "mandatory")
            so = f"the schema of {self.after} asks for it" if told else "no schema announces it"
            return f"the argument {missed} has to be given now: {so}"
        for name in _QUOTED.findall(_desc(value)) if self.new is not None else ():
            places = [one and self._at(one, command, name) for one in (self.old, self.new)]
            if places[0] is not False and places[1] is False:
                self._differed.add((f"command {command}", name))
                return f"the argument {name} is refused: the schema of {self.after} has none"
        return ""

    def _announces(self, command: str, name: str, now: Literal["optional", "mandatory"]) -> bool:
        """Whether an argument of that name is optional or mandatory only in the newer schema."""
        root = f"command {command}"
        for change in self.changes:
            path = change.place.split("/")
            of_it = (path[0] == root or root in change.also) and "arguments" in path[1:2]
            must_come = change.what == "added" and change.level == "breaks"
            is_now = "mandatory" if must_come else change.after
            if of_it and path[-1] == name and is_now == now:
                self._differed.add((root, name))
                return True
        return False

    def _at(self, catalog: Catalog, command: str, name: str) -> bool:
        """Whether the command takes an argument of that name, on top or further down."""
        places = (("arguments", name), ("arguments", "*", name), ("arguments", "*", "*", name))
        return any(
            found is not None and found.kinds != frozenset()
            for found in (look_up(catalog, "command", command, place) for place in places)
        )

    def _extra(self, said: Said, mismatch: Mismatch) -> Judgement:
        in_list = isinstance(mismatch.path[-1], int)
        new_value = in_list and self._only(self.new, self.old, said, mismatch.path, mismatch.got)
        if new_value:
            return Judgement("design", f"{new_value} is new in {self.after}")
        if said.kind == "reply" and _INVENTORIES.covering("reply", said.of, mismatch.path[:-1]):
            return Judgement("design", f"{self.after} offers more")
        old, new = self._has(self.old, said, mismatch), self._has(self.new, said, mismatch)
        if old is False and new is not False:
            return Judgement("design", f"the member is new in {self.after}")
        if in_list:
            return Judgement("changed", "the list has more elements")
        known = "both schemas have it" if old and new else "no schema announces it"
        return Judgement("changed", f"the member was not there before; {known}")

    def _missing(self, said: Said, mismatch: Mismatch) -> Judgement:
        new = self._has(self.new, said, mismatch)
        if said.of in ("query-commands", "query-events"):
            words = f"{self.after} no longer has it{self._named(mismatch)}"
            if self.uses is not None and _name_in(mismatch.expected) not in self.uses():
                return Judgement("design", f"{words}; the session never used it")
            return Judgement("broke", words)
        gone = self._only(self.old, self.new, said, mismatch.path, mismatch.expected)
        if gone:
            return Judgement("broke", f"the schema of {self.after} has no {gone} any more")
        if isinstance(mismatch.path[-1], int):
            offers = _INVENTORIES.covering("reply", said.of, mismatch.path[:-1])
            words = f"{self.after} no longer offers it" if offers else "the list has fewer elements"
            return Judgement("changed", words)
        if new is False:
            return Judgement("broke", f"the schema of {self.after} has no such member")
        words = f"it is missing, though the schema of {self.after} still has it"
        return Judgement("broke", words if new else "")

    # --- helpers -------------------------------------------------------------------------------

    def _has(self, catalog: Catalog | None, said: Said, mismatch: Mismatch) -> bool | None:
        """Whether the catalog has that place; None if it does not tell."""
        if catalog is None or said.kind == "greeting":
            return None
        found = look_up(catalog, said.kind, said.of, mismatch.path)
        if found is None or found.kinds is None:
            return None
        return found.kinds != frozenset()

    def _only(
        self, one: Catalog | None, other: Catalog | None, said: Said, path: Path, value: Value
    ) -> str:
        """A value of an enumeration, here or one member below, that only `one` of two knows."""
        if one is None or other is None or said.kind == "greeting":
            return ""
        inner = value.items() if isinstance(value, dict) else ()
        places = [(path, value), *(((*path, name), member) for name, member in inner)]
        for place, text in places:
            if isinstance(text, str):
                both = [look_up(catalog, said.kind, said.of, place) for catalog in (one, other)]
                if all(both) and _knows(both[0], text) and not _knows(both[1], text):
                    return text
        return ""

    def _warned(self, command: str) -> str:
        known = self.old.commands.get(command) if self.old else None
        deprecated = known is not None and "deprecated" in known.facts.features
        return f"; {self.before} had it deprecated" if deprecated else ""

    def _named(self, mismatch: Mismatch) -> str:
        name = _name_in(mismatch.expected)
        return self._warned(name) if name else ""

    def _use(self, said: Said) -> None:
        root = _root(said)
        if root and (root in self.used or len(self.used) < _MOST):
            self.used[root] += 1

    # --- what the schemas announce -------------------------------------------------------------

    @cached_property
    def changes(self) -> list[Change]:
        """All changes from the one schema to the other."""
        return diff(self.old, self.new) if self.old and self.new else []

    def announced(self) -> Iterator[Announced]:
        """What the schemas announce for the session's commands and events, the worst first."""
        for change in self.changes:
            roots = {change.place.split("/")[0].split("=")[0], *change.also}
            if change.level in ANNOUNCED and roots & self.used.keys():
                last = re.split(r"[/=]", change.place)[-1]
                names = {"", last} if change.place in roots else {last}
                seen = any((root, name) in self._differed for root in roots for name in names)
                yield Announced(change, seen)


def _root(said: Said) -> str:
    """The command or event, as a schema's difference names it."""
    kind: Literal["event", "command"] = "event" if said.kind == "event" else "command"
    return f"{kind} {said.of}" if said.of else ""


def _name_in(value: Value) -> str:
    """The name of an entry of query-commands or query-events."""
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else ""


def _desc(value: Value) -> str:
    """The text of an error."""
    error = value.get("error") if isinstance(value, dict) else None
    desc = error.get("desc") if isinstance(error, dict) else None
    return desc if isinstance(desc, str) else ""


def _missed(value: Value) -> str:
    """The argument that an error says is missing."""
    found = _MISSING.match(_desc(value))
    return found.group(1) if found else ""


def _last(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _knows(found: Lookup | None, value: str) -> bool:
    """Whether a value can stand there; an unknown place takes anything."""
    return found is None or found.kinds != frozenset({"enum"}) or value in found.values


def _value(mismatch: Mismatch) -> Judgement:
    one, other = mismatch.expected, mismatch.got
    if mismatch.path == ("error", "desc"):
        return Judgement("design", "an error's text is for people")
    if mismatch.path == ("error", "class"):
        return Judgement("broke", "the error has another class")
    if type_name(one) != type_name(other):
        return Judgement("broke", "the value has another type")
    if mismatch.path[-1] in ("help", "description"):
        return Judgement("design", "a help text is for people")
    return Judgement("changed", "no schema says values")
