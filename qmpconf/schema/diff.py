"""What changes for a client when one catalog takes the place of another.

Commands and events are found by name; from each, arguments, result and data are walked in both
catalogs in parallel, so that type names, which introspection masks, play no part.  Direction
matters: what a client sends must still be accepted, what it receives must still be what it knows.

Each `Change` has a level:

- ``breaks``: a client that keeps to the first catalog can fail: something that it may send is
  refused, or something that it may rely on is missing;
- ``risk``: it can meet something that it does not know, or that means something else;
- ``deprecated``: it uses what will go away;
- ``unknown``: one of the catalogs does not say what the other does;
- ``compatible``: it need not care.

A change inside a type that several commands and events share is one change: it stands at the
first place, and `Change.also` names the other commands and events.  What `schema diff` finds wrong
with them is said in `qmpconf.schema.changes`.

Pure: knows no file, and no wording of a report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from qmpconf.schema.model import (
    BUILTINS,
    NO_FACTS,
    Alternate,
    Array,
    Catalog,
    Command,
    Enum,
    Event,
    Facts,
    Member,
)
from qmpconf.schema.walk import Shape, is_builtin, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Level = Literal["breaks", "risk", "deprecated", "unknown", "compatible"]
LEVELS: tuple[Level, ...] = get_args(Level)
What = Literal["removed", "added", "changed", "deprecated", "undetermined"]

#: Who writes the value: the client ("in"), or the server ("out").
_Way = Literal["in", "out"]

_FLAGS = {"deprecated", "unstable"}
_EMPTY = Shape({}, "", {}, open=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    `place` is ``command NAME/arguments/MEMBER``, ``event NAME/data/...=VALUE``.  `before` and
    `after` are what the two catalogs say there, `facts_before` and `facts_after` what else they know
    of it.
    """

    level: Level
    what: What
    place: str
    message: str
    before: str = ""
    after: str = ""
    facts_before: Facts = NO_FACTS
    facts_after: Facts = NO_FACTS
    also: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """The condition of what is missing, when its catalog gives one: it may only not be built."""
        return self.facts_before.condition if self.what == "removed" else ""


def diff(before: Catalog, after: Catalog) -> list[Change]:
    """The changes from `before` to `after`, what breaks a client first."""
    found = _Diff(before, after).run()
    return sorted(found, key=lambda change: (LEVELS.index(change.level), change.place))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two types that meet at a place."""

    before: str
    after: str
    way: _Way


class _Diff:
    def __init__(self, before: Catalog, after: Catalog) -> None:
        self._before = before
        self._after = after
        self._both_qapi = before.source.kind == after.source.kind == "qapi"
        self._both_exact = before.source.is_exact and after.source.is_exact
        self._both_mark_unstable = _marks_unstable(before) and _marks_unstable(after)
        self._changes: dict[tuple[object, ...], Change] = {}
        self._root = ""

    def run(self) -> list[Change]:
        before, after = self._before, self._after
        for name in sorted(before.commands.keys() | after.commands.keys()):
            self._command(name, before.commands.get(name), after.commands.get(name))
        for name in sorted(before.events.keys() | after.events.keys()):
            self._event(name, before.events.get(name), after.events.get(name))
        return list(self._changes.values())

    def _note(self, key: tuple[object, ...], change: Change) -> None:
        known = self._changes.get(key)
        if known is None:
            self._changes[key] = change
        elif self._root not in {known.place.split("/")[0].split("=")[0], *known.also}:
            self._changes[key] = replace(known, also=(*known.also, self._root))

    # ── commands and events ─────────────────────────────────────────────────────────────────

    def _command(self, name: str, before: Command | None, after: Command | None) -> None:
        self._root = root = f"command {name}"
        if not (before and after):
            self._came_or_went(root, "command", before, after)
            return
        self._facts(root, "the command", before.facts, after.facts, (root,))
        if self._both_exact and before.allow_oob and not after.allow_oob:
            message = "can no longer be executed out-of-band"
            self._note((root, "oob"), Change("breaks", "changed", root, message))
        self._payload(f"{root}/arguments", before.arguments, after.arguments, "in", after.facts)
        self._payload(f"{root}/return", before.returns, after.returns, "out", after.facts)

    def _event(self, name: str, before: Event | None, after: Event | None) -> None:
        self._root = root = f"event {name}"
        if not (before and after):
            self._came_or_went(root, "event", before, after)
            return
        self._facts(root, "the event", before.facts, after.facts, (root,))
        self._payload(f"{root}/data", before.data, after.data, "out", after.facts)

    def _came_or_went(
        self, root: str, kind: str, before: Command | Event | None, after: Command | Event | None
    ) -> None:
        if before:
            change = Change(
                "breaks",
                "removed",
                root,
                f"the {kind} is gone{_warned(before.facts)}",
                facts_before=before.facts,
            )
        else:
            facts = after.facts if after else NO_FACTS
            change = Change("compatible", "added", root, f"the {kind} is new", facts_after=facts)
        self._note((root,), change)

    def _facts(
        self, place: str, what: str, before: Facts, after: Facts, key: tuple[object, ...]
    ) -> None:
        """Changes of features, and of what something depends on."""
        if self._both_qapi and before.condition != after.condition:
            self._condition(place, what, before, after, key)
        old, new = set(before.features), set(after.features)
        by_name = what.rsplit(maxsplit=1)[-1].startswith("x-") or place.rsplit(maxsplit=1)[
            -1
        ].startswith("x-")
        for feature in sorted(old ^ new):
            if feature == "unstable" and by_name and not self._both_mark_unstable:
                continue  # the name says so in both
            came = feature in new
            level: Level = "compatible"
            kind: What = "changed"
            if feature == "deprecated" and came:
                level, kind = "deprecated", "deprecated"
            elif (feature == "unstable") == came:
                level = "risk"  # it became unstable, or a promise is withdrawn
            message = (
                f"{what} is {'now' if came else 'no longer'} {feature}"
                if feature in _FLAGS
                else f"{what} {'has now' if came else 'no longer has'} the feature {feature}"
            )
            change = Change(level, kind, place, message, facts_before=before, facts_after=after)
            self._note((*key, "feature", feature), change)

    def _condition(
        self, place: str, what: str, before: Facts, after: Facts, key: tuple[object, ...]
    ) -> None:
        """A change of what something depends on; only QAPI source says it of all things alike."""
        message = f"{what} is no longer there in all builds: it needs {after.condition}"
        if not after.condition:
            message = f"{what} is now there in all builds"
        elif before.condition:
            message = f"{what} depends on other settings of the build now"
        change = Change(
            "risk" if after.condition else "compatible",
            "changed",
            place,
            message,
            before.condition,
            after.condition,
            before,
            after,
        )
        self._note((*key, "condition"), change)

    # ── types ───────────────────────────────────────────────────────────────────────────────

    def _payload(self, place: str, before: str, after: str, way: _Way, facts: Facts) -> None:
        """Compare two types and everything below them; each pair once."""
        waiting = [(place, before, after, facts)]
        seen: set[_Pair] = set()
        while waiting:
            at, old, new, about = waiting.pop(0)
            pair = _Pair(old, new, way)
            if pair in seen:
                continue
            if not (is_builtin(old) and is_builtin(new)):
                seen.add(pair)
            waiting += self._types(at, pair, about)

    def _types(
        self, place: str, pair: _Pair, facts: Facts
    ) -> Iterator[tuple[str, str, str, Facts]]:
        old, new = self._kind(self._before, pair.before), self._kind(self._after, pair.after)
        if old != new and not {old, new} <= {"object", "nothing"}:
            self._kinds(place, pair, old, new, facts)
            return
        before = self._before.types.get(pair.before)
        after = self._after.types.get(pair.after)
        if isinstance(before, Array) and isinstance(after, Array):
            yield f"{place}/*", before.element, after.element, facts
        elif isinstance(before, Enum) and isinstance(after, Enum):
            self._enum(place, pair, before, after)
        elif isinstance(before, Alternate) and isinstance(after, Alternate):
            yield from self._alternate(place, pair, before, after, facts)
        elif {old, new} <= {"object", "nothing"}:
            shapes = self._shape(self._before, pair.before), self._shape(self._after, pair.after)
            yield from self._object(place, pair, *shapes)

    def _kind(self, catalog: Catalog, key: str) -> str:
        if not key:
            return "nothing"
        if is_builtin(key):
            return key if key in BUILTINS else "int"
        return catalog.types[key].kind

    def _shape(self, catalog: Catalog, key: str) -> Shape:
        return shape_of(catalog, key) if key else _EMPTY

    def _kinds(self, place: str, pair: _Pair, old: str, new: str, facts: Facts) -> None:
        """The two types are of different kinds."""
        level: Level = "breaks"
        what: What = "changed"
        message = f"the type changed from {old} to {new}"
        if "any" in {old, new}:
            level, what = "unknown", "undetermined"
            message = f"one gives no type, the other {new if old == 'any' else old}"
        elif self._wider(self._after, pair.after, new, old):
            level = "compatible" if pair.way == "in" else "risk"
        elif self._wider(self._before, pair.before, old, new):
            level = "compatible" if pair.way == "out" else "breaks"
            level = "risk" if (old, new, pair.way) == ("str", "enum", "in") else level
        key: tuple[object, ...] = (place,) if is_builtin(pair.before) else (pair, "kind")
        change = Change(level, what, place, message, old, new, facts_after=facts)
        self._note((*key, old, new), change)

    def _wider(self, catalog: Catalog, key: str, wide: str, narrow: str) -> bool:
        """Whether every value of the kind `narrow` is one of the type `key` of the kind `wide`."""
        found = catalog.types.get(key)
        if isinstance(found, Alternate):
            return narrow in {self._kind(catalog, branch) for branch in found.branches}
        return (narrow, wide) in {("int", "number"), ("enum", "str")}

    def _enum(self, place: str, pair: _Pair, before: Enum, after: Enum) -> None:
        old = {value.name: value.facts for value in before.values}
        new = {value.name: value.facts for value in after.values}
        for name in sorted(old.keys() | new.keys()):
            at = f"{place}={name}"
            if name in old and name in new:
                self._facts(at, f"the value {name}", old[name], new[name], (pair, name))
            elif name in old:
                taken = pair.way == "in"
                change = Change(
                    "breaks" if taken and not after.open else "compatible",
                    "removed",
                    at,
                    f"the value is no longer {'accepted' if taken else 'sent'}{_warned(old[name])}",
                    facts_before=old[name],
                )
                self._note((pair, name), change)
            else:
                change = Change(
                    "compatible" if pair.way == "in" else "risk",
                    "added",
                    at,
                    f"the value is new{'' if pair.way == 'in' else ', and can be received'}",
                    facts_after=new[name],
                )
                self._note((pair, name), change)

    def _alternate(
        self, place: str, pair: _Pair, before: Alternate, after: Alternate, facts: Facts
    ) -> Iterator[tuple[str, str, str, Facts]]:
        old = {self._kind(self._before, key): key for key in before.branches}
        new = {self._kind(self._after, key): key for key in after.branches}
        for kind in sorted(old.keys() | new.keys()):
            if kind in old and kind in new:
                yield f"{place}({kind})", old[kind], new[kind], facts
            elif kind in old:
                level: Level = "breaks" if pair.way == "in" else "compatible"
                change = Change(level, "removed", f"{place}({kind})", f"can no longer be {kind}")
                self._note((pair, kind), change)
            else:
                level = "compatible" if pair.way == "in" else "risk"
                change = Change(level, "added", f"{place}({kind})", f"can now be {kind} as well")
                self._note((pair, kind), change)

    # ── objects ─────────────────────────────────────────────────────────────────────────────

    def _object(
        self, place: str, pair: _Pair, before: Shape, after: Shape
    ) -> Iterator[tuple[str, str, str, Facts]]:
        if _untold(before) != _untold(after):
            words = "only one of the two says which members there are"
            self._note((pair, "untold"), Change("unknown", "undetermined", place, words))
            return
        for name in sorted(before.members.keys() | after.members.keys()):
            old, new = before.members.get(name), after.members.get(name)
            at = f"{place}/{name}"
            if old and new:
                self._facts(at, f"the member {name}", old.facts, new.facts, (pair, name))
                self._optional(at, pair, old, new)
                self._default(at, pair, old, new)
                yield at, old.type, new.type, new.facts
            elif old:
                self._member_went(at, pair, old, after)
            elif new:
                self._member_came(at, pair, new, before)
        if before.open and not after.open and pair.way == "in":
            change = Change("risk", "changed", place, "further members are no longer accepted")
            self._note((pair, "closed"), change)
        yield from self._variants(place, before, after)

    def _optional(self, place: str, pair: _Pair, before: Member, after: Member) -> None:
        if before.optional == after.optional:
            return
        if pair.way == "in":
            level: Level = "compatible" if after.optional else "breaks"
            message = "can now be left out" if after.optional else "must now be given"
        else:
            level = "breaks" if after.optional else "compatible"
            message = "can now be missing" if after.optional else "is now always there"
        words = ["optional" if one.optional else "mandatory" for one in (before, after)]
        change = Change(
            level,
            "changed",
            place,
            message,
            words[0],
            words[1],
            before.facts,
            after.facts,
        )
        self._note((pair, before.name, "optional"), change)

    def _default(self, place: str, pair: _Pair, before: Member, after: Member) -> None:
        """What leaving the member out means; only documents give it."""
        old, new = (one.default.strip("'\"") for one in (before, after))
        if not (old and new) or old == new or pair.way == "out":
            return
        change = Change(
            "risk",
            "changed",
            place,
            f"the default changed from {old} to {new}",
            old,
            new,
            before.facts,
            after.facts,
        )
        self._note((pair, before.name, "default"), change)

    def _member_went(self, place: str, pair: _Pair, member: Member, after: Shape) -> None:
        level: Level = "breaks"
        if pair.way == "in" and after.open:
            level = "unknown"
        elif pair.way == "out" and member.optional:
            level = "risk"
        change = Change(
            level,
            "removed",
            place,
            f"is no longer {'accepted' if pair.way == 'in' else 'sent'}{_warned(member.facts)}",
            facts_before=member.facts,
        )
        self._note((pair, member.name), change)

    def _member_came(self, place: str, pair: _Pair, member: Member, before: Shape) -> None:
        must = pair.way == "in" and not member.optional
        level: Level = "breaks" if must else "compatible"
        if before.open:
            level = "unknown"
        message = "is new, and must be given" if must else "is new"
        change = Change(level, "added", place, message, facts_after=member.facts)
        self._note((pair, member.name), change)

    def _variants(
        self, place: str, before: Shape, after: Shape
    ) -> Iterator[tuple[str, str, str, Facts]]:
        """Branches by the value of the tag; a value without a branch adds no members."""
        tag = before.tag or after.tag
        old = self._values(self._before, before)
        new = self._values(self._after, after)
        for case in sorted(before.variants.keys() | after.variants.keys()):
            if (old is not None and case not in old) or (new is not None and case not in new):
                continue  # the value itself came or went, which the tag's enumeration says
            if (before.open and not before.tag) or (after.open and not after.tag):
                continue  # one says branches where the other takes anything
            at = f"{place}[{tag}={case}]"
            yield at, before.variants.get(case, ""), after.variants.get(case, ""), NO_FACTS

    def _values(self, catalog: Catalog, shape: Shape) -> set[str] | None:
        """Values of the tag, where both catalogs have one."""
        member = shape.members.get(shape.tag)
        found = catalog.types.get(member.type) if member else None
        return {value.name for value in found.values} if isinstance(found, Enum) else None


def _untold(shape: Shape) -> bool:
    """Whether nothing is known of the object but that it is one."""
    return shape.open and not shape.members and not shape.tag


def _warned(facts: Facts) -> str:
    return " (it was deprecated)" if "deprecated" in facts.features else ""


def _marks_unstable(catalog: Catalog) -> bool:
    """Whether the catalog knows the feature ``unstable`` (QEMU 6.2) at all."""
    entries: list[Command | Event] = [*catalog.commands.values(), *catalog.events.values()]
    return any("unstable" in entry.facts.features for entry in entries)
