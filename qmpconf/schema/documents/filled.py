"""Places that a document leaves open, filled with what it shows, misspells, or has nothing else for.

In this order, for what a command takes or returns:

1. *spelling*: the text names a type that is not described, and one that is described has nearly that name;
2. *example*: the values in the examples fit one described type best, whose name has words of the command's;
3. *rest*: there is no word and no example, and the type described last before the command is used by
   nothing else (where another command stands between them, its name must have a word of the command's).
   Where there are words that name no type, but speak of a list, it is a list of the type described right
   before the command; without a list, that type has to be used by nothing else, and to have the command's words;
4. *example*: no type is described that fits; then the type is what the examples show, with all members
   optional, and open for more.

A member whose type is not given has the type that the examples show (4).  All of that is softer than a
stated fact: it is marked as a `Conclusion` of the entry, or by the strength ``example`` of the member.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from qmpconf.schema.documents import tolerant
from qmpconf.schema.documents.examples import Seen, seen_by_entry
from qmpconf.schema.documents.manual_returns import NO_SINGLE_TYPE, NO_TYPE
from qmpconf.schema.documents.result import Compilation, Undetermined
from qmpconf.schema.model import (
    Alternate,
    Array,
    Command,
    Conclusion,
    Enum,
    Event,
    Facts,
    Member,
    Object,
    Type,
)
from qmpconf.schema.walk import references_of

#: Why something is open of which the document has no word.
_SILENT = "does not say what is returned"
#: How alike two names are, one of which is misspelled.
_ALIKE = 0.85
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_LISTED = re.compile(r"\b(?:list|array) of\b", re.IGNORECASE)
#: Nothing is nested deeper.
_DEEPEST = 12


def filled(compilation: Compilation) -> Compilation:
    """The same, with as little left open as the document itself allows."""
    return _Filler(compilation).run() if compilation.undetermined else compilation


class _Filler:
    def __init__(self, compilation: Compilation) -> None:
        self.before = compilation
        catalog = compilation.catalog
        self.commands: dict[str, Command] = dict(catalog.commands)
        self.events: dict[str, Event] = dict(catalog.events)
        self.types: dict[str, Type] = dict(catalog.types)
        self.shown = seen_by_entry(compilation.examples)
        self.named = {
            key: found
            for key, found in catalog.types.items()
            if isinstance(found, Object) and found.name == key and not found.open
        }
        used = {key for _, key in references_of(catalog)}
        self.unused = set(self.named) - used
        self.open = {(one.subject, one.pointer): one for one in compilation.undetermined}
        self.done: set[Undetermined] = set()
        #: Names without a type that the text has for what is returned.
        self.misspelled = {
            one.subject: one.seen
            for one in compilation.findings
            if one.requirement == "document.type.unknown" and one.pointer == "return"
        }
        self.colon = "." if catalog.source.form.startswith(("qmp-commands", "qmp-events")) else ":"

    def run(self) -> Compilation:
        for name in list(self.commands):
            self._command(name)
        for name, event in self.events.items():
            self._members(name, event.data, self.shown[name].data)
        found = self.before
        catalog = replace(
            found.catalog, commands=self.commands, events=self.events, types=self.types
        )
        left = tuple(one for one in found.undetermined if one not in self.done)
        return replace(found, catalog=catalog, undetermined=left)

    def _command(self, name: str) -> None:
        shown = self.shown.get(name, Seen())
        command = self.commands[name]
        if (
            (name, "arguments") in self.open
            and shown.arguments
            and self._is_empty(command.arguments)
        ):
            self._fill(name, "arguments", shown.arguments)
        if (name, "return") in self.open and self._is_empty(command.returns):
            self._fill(name, "return", shown.returned)
        command = self.commands[name]
        self._members(name, command.arguments, shown.arguments)
        self._members(name, command.returns, shown.returned)

    def _is_empty(self, key: str) -> bool:
        """Whether nothing is known of the type."""
        found = self.types.get(key)
        return key in {"", "any"} or (
            isinstance(found, Object) and found.open and not found.members
        )

    # ── what a command takes or returns ──────────────────────────────────────────────────────

    def _fill(
        self,
        name: str,
        place: Literal["arguments", "return"],
        values: Sequence[tuple[tolerant.Node, int]],
    ) -> None:
        command, place_open = self.commands[name], self.open[name, place]
        nodes = [node for node, _ in values]
        line = values[0][1] if values else place_open.line
        key, how = self._spelled(name, nodes) if place == "return" else "", "spelling"
        if not key and nodes:
            key, how = self._fitting(name, nodes), "example"
        if not key and not nodes and place == "return":
            key, how = self._left_over(command, place_open.reason), "rest"
        if not key and nodes:
            empty = all(
                one.kind == "object" and not one.members and not one.elided for one in nodes
            )
            own = f"{name}{self.colon}{place}"
            key = "" if empty else self._typed(own, values)
            if key == "any" or (empty and self._is_query(name)):
                return
        elif not key:
            return
        conclusion = Conclusion("example" if how == "example" else _sure(how), key, line)
        facts = replace(command.facts, concluded=(*command.facts.concluded, conclusion))
        self.commands[name] = (
            replace(command, arguments=key, facts=facts)
            if place == "arguments"
            else replace(command, returns=key, facts=facts)
        )
        self.done.add(place_open)
        inside = f"{place}."
        self.done |= {
            one for (who, at), one in self.open.items() if who == name and at.startswith(inside)
        }

    def _is_query(self, name: str) -> bool:
        return "query-" in name

    def _spelled(self, name: str, nodes: Sequence[tolerant.Node]) -> str:
        """The described type with nearly the name that the text has."""
        wrong = self.misspelled.get(name, "")
        near = [key for key in self.named if wrong and _is_slip(wrong, key)]
        if len(near) != 1 or not all(self._fits_any(near[0], node) for node in nodes):
            return ""
        listed = any(one.kind == "array" for one in nodes)
        listed = listed or (not nodes and bool(_LISTED.search(self.open[name, "return"].reason)))
        return self._array(near[0]) if listed else near[0]

    def _fitting(self, name: str, nodes: Sequence[tolerant.Node]) -> str:
        """The described type that the examples fit best; none where two fit as well."""
        kinds = {one.kind for one in nodes}
        inside = [one for node in nodes for one in (node.items if node.kind == "array" else [node])]
        if len(kinds) != 1 or not inside or any(one.kind != "object" for one in inside):
            return ""
        ranked = sorted(
            (self._rank(name, key, inside), key)
            for key in self.named
            if all(self._fits(key, one, 0) for one in inside) and _shared(name, key)
        )
        if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
            return ""
        return self._array(ranked[0][1]) if kinds == {"array"} else ranked[0][1]

    def _rank(self, name: str, key: str, nodes: Sequence[tolerant.Node]) -> tuple[bool, int, int]:
        """How well a type that fits belongs to the command; the lowest is the best."""
        same = "".join(name.split("-")).lower() == key.lower()
        unseen = len(self._all_members(key)) - len(
            {one for node in nodes for one, _, _ in node.members}
        )
        return (not same, unseen - 2 * (key in self.unused), -_shared(name, key))

    def _left_over(self, command: Command, reason: str) -> str:
        """The type that stands before the command, where the document has no type for what is returned."""
        if _SILENT in reason:
            return self._rest(command)
        if not reason.startswith((NO_TYPE, NO_SINGLE_TYPE)):
            return ""
        last, between = self._before(command)
        if last is None or between:
            return ""
        if _LISTED.search(reason):
            return self._array(last.name)
        words = [one for one in re.split(r"[-_]", command.name) if len(one) > 2 and one != "get"]
        own = last.name in self.unused and _shared(command.name, last.name) >= max(2, len(words))
        return last.name if own else ""

    def _before(self, command: Command) -> tuple[Object | None, int]:
        """The structure described last before a command, and how many entries stand between them."""
        types = [one for one in self.types.values() if not isinstance(one, Array) and one.name]
        before = [one for one in types if one.facts.line < command.facts.line]
        last = max(before, key=lambda one: one.facts.line, default=None)
        if not isinstance(last, Object):
            return None, 0
        entries: list[Command | Event] = [*self.commands.values(), *self.events.values()]
        return last, sum(last.facts.line < one.facts.line < command.facts.line for one in entries)

    def _rest(self, command: Command) -> str:
        """The type right before the command, where nothing uses it."""
        last, between = self._before(command)
        if last is None or last.name not in self.unused:
            return ""
        if between > 1 or (between and not _shared(command.name, last.name)):
            return ""
        plural = re.sub(r".*[-_]", "", command.name)
        listed = plural.endswith("s") and last.name.lower().endswith(plural[:-1].lower())
        return self._array(last.name) if listed else last.name

    def _array(self, key: str) -> str:
        listed = f"[{key}]"
        self.types.setdefault(listed, Array(key))
        return listed

    # ── does a value fit a described type ────────────────────────────────────────────────────

    def _fits_any(self, key: str, node: tolerant.Node) -> bool:
        nodes = node.items if node.kind == "array" else [node]
        return all(self._fits(key, one, 0) for one in nodes)

    def _fits(self, key: str, node: tolerant.Node, depth: int) -> bool:
        found = self.types.get(key)
        if depth > _DEEPEST or key == "any":
            return True
        if isinstance(found, Array):
            return node.kind == "array" and all(
                self._fits(found.element, one, depth + 1) for one in node.items
            )
        if isinstance(found, Object):
            return node.kind == "object" and self._fits_object(key, node, depth)
        if isinstance(found, Enum):
            return isinstance(node.value, str) and (
                found.open or node.value in {one.name for one in found.values}
            )
        if isinstance(found, Alternate):
            return any(self._fits(one, node, depth + 1) for one in found.branches)
        return node.kind == "scalar" and _builtin(node.value) in _taken(key)

    def _fits_object(self, key: str, node: tolerant.Node, depth: int) -> bool:
        members = self._members_of(key, node)
        seen = {name for name, _, _ in node.members}
        if not seen <= set(members):
            return False
        own = self.types[key]
        required = {one.name for one in getattr(own, "members", ()) if not one.optional}
        if not node.elided and not required <= seen:
            return False
        return all(self._fits(members[name].type, one, depth + 1) for name, _, one in node.members)

    def _members_of(self, key: str, node: tolerant.Node, depth: int = 0) -> dict[str, Member]:
        """The members that a value has, which of the branches it chooses included."""
        found = self.types.get(key)
        if not isinstance(found, Object) or depth > _DEEPEST:
            return {}
        members = self._members_of(found.base, node, depth + 1) if found.base else {}
        chosen = node.get(found.tag) if found.tag else None
        if chosen is not None and isinstance(chosen.value, str) and chosen.value in found.variants:
            members |= self._members_of(found.variants[chosen.value], node, depth + 1)
        return members | {one.name: one for one in found.members}

    def _all_members(self, key: str, depth: int = 0) -> dict[str, Member]:
        found = self.types.get(key)
        if not isinstance(found, Object) or depth > _DEEPEST:
            return {}
        members: dict[str, Member] = {}
        for other in (found.base, *found.variants.values()):
            members |= self._all_members(other, depth + 1)
        return members | {one.name: one for one in found.members}

    # ── members without a type, and types that only examples show ────────────────────────────

    def _members(self, name: str, key: str, values: Sequence[tuple[tolerant.Node, int]]) -> None:
        """Give types to the members below `key` that the document leaves open."""
        seen: set[str] = set()
        waiting = [(key, list(values))]
        while waiting:
            key, values = waiting.pop()
            found = self.types.get(key)
            if key in seen or not values or not any(one == name for one, _ in self.open):
                continue
            seen.add(key)
            if isinstance(found, Array):
                items = [(one, line) for node, line in values for one in node.items]
                if self._is_empty(found.element) and (element := self._element(name, key, items)):
                    found = replace(found, element=element)
                    self.types[key] = found
                waiting.append((found.element, items))
            elif isinstance(found, Object):
                members = []
                for member in found.members:
                    below = _below(values, member.name)
                    members.append(self._member(name, key, member, below))
                    waiting.append((members[-1].type, below))
                self.types[key] = replace(found, members=tuple(members))

    def _member(
        self, name: str, key: str, member: Member, values: Sequence[tuple[tolerant.Node, int]]
    ) -> Member:
        place = self._place(name, f"{key}.{member.name}") or self.open.get((name, member.name))
        if member.type != "any" or not values or place is None:
            return member
        kind = self._typed(f"{key}.{member.name}", values)
        if kind == "any":
            return member
        self.done.add(place)
        facts = replace(member.facts, strength="example")
        return replace(member, type=kind, facts=facts)

    def _element(self, name: str, key: str, values: Sequence[tuple[tolerant.Node, int]]) -> str:
        place = self._place(name, key if key.endswith("[]") else f"{key}[]")
        if place is None or not values:
            return ""
        kind = self._typed(f"{key}[]", values)
        if kind == "any":
            return ""
        self.done.add(place)
        return kind

    def _place(self, name: str, path: str) -> Undetermined | None:
        """The open place at `path`, which begins with the entry's name."""
        return self.open.get((name, path.removeprefix(f"{name}.")))

    def _typed(self, key: str, values: Sequence[tuple[tolerant.Node, int]], depth: int = 0) -> str:
        """The key of the type that all `values` have; `any` where they have none in common."""
        kinds = {node.kind for node, _ in values}
        if len(kinds) != 1 or depth > _DEEPEST:
            return "any"
        line = values[0][1]
        if kinds == {"array"}:
            items = [(one, at) for node, at in values for one in node.items]
            element = self._typed(f"{key}[]", items, depth + 1) if items else "any"
            self.types[key] = Array(element, facts=Facts(line, strength="example"))
            return key
        if kinds == {"object"}:
            names = dict.fromkeys(name for node, _ in values for name, _, _ in node.members)
            members = tuple(
                Member(
                    name,
                    self._typed(f"{key}.{name}", below, depth + 1),
                    optional=True,
                    facts=Facts(below[0][1], strength="example"),
                )
                for name in names
                for below in [_below(values, name)]
            )
            self.types[key] = Object(members, open=True, facts=Facts(line, strength="example"))
            return key
        found = {_builtin(node.value) for node, _ in values}
        return found.pop() if len(found) == 1 else "number" if found == {"int", "number"} else "any"


def _below(
    values: Iterable[tuple[tolerant.Node, int]], name: str
) -> list[tuple[tolerant.Node, int]]:
    """The members of that name in all values."""
    return [(one, line) for node, line in values if (one := node.get(name)) is not None]


def _sure(how: str) -> Literal["spelling", "rest"]:
    return "spelling" if how == "spelling" else "rest"


def _builtin(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "number"
    return "str" if isinstance(value, str) else "any"


def _taken(key: str) -> set[str]:
    """What values of a builtin type can be."""
    if key in {"str", "bool"}:
        return {key}
    return {"int", "number"} if key == "number" else {"any"} if key == "null" else {"int"}


def _is_slip(wrong: str, name: str) -> bool:
    """Whether `wrong` is `name`, misspelled or with its words cut short."""
    if difflib.SequenceMatcher(None, wrong, name).ratio() >= _ALIKE:
        return True
    short, whole = _WORD.findall(wrong), _WORD.findall(name)
    return len(short) == len(whole) > 1 and all(
        long.startswith(one) for one, long in zip(short, whole, strict=True)
    )


def _shared(name: str, key: str) -> int:
    """How many words of a command's name a type's name has."""
    words = {word.rstrip("s") for word in re.split(r"[-_]", name) if len(word) > 2}
    return sum(word in key.lower() for word in words)
