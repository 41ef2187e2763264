"""Types for the catalog, out of nested member lists.

A `Builder` collects what a whole document gives: types by key, the places left undetermined, the
findings.  Keys are paths (``query-block.return.inserted``); the array of such a type has the same
key with ``[]`` behind it.  A type that the document names without describing it
(``NewImageMode``) keeps its name as key, with the values that the document mentions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from qmpconf.findings import Finding
from qmpconf.schema.documents.announce import mentions, stem
from qmpconf.schema.documents.items import TextEntry
from qmpconf.schema.documents.nesting import Node
from qmpconf.schema.documents.result import Undetermined, defect
from qmpconf.schema.documents.values import Value, without_doubles
from qmpconf.schema.model import Array, Enum, EnumValue, Facts, Member, Object, Type

_SCALARS = frozenset({"str", "int", "number", "bool", "any"})


@dataclass(slots=True)
class Described:
    """A list under "The X json-object contains": `subject` is X.

    `key` is the type's, once something referred to it.
    """

    subject: str
    nodes: list[Node]
    open: bool
    line: int
    key: str = ""


@dataclass(slots=True)
class Scope:
    """What a section's members can refer to.

    `described` are the lists that stand apart; `kinds` says which of them are kinds of one
    thing (its name, and the subjects of the kinds); `enclosing` are the keys and names of the
    objects around, outermost first; `table` are types that a second source knows, by argument.
    `doubtful` collects the entries (line, path) that are where they are for want of anything
    better.
    """

    command: str
    described: list[Described] = field(default_factory=list)
    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    enclosing: list[tuple[str, str]] = field(default_factory=list)
    table: Mapping[str, str] = field(default_factory=dict)
    doubtful: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class Named:
    """A type that the document names: where first, and the values that it mentions."""

    line: int
    command: str
    values: list[Value] = field(default_factory=list)


class Builder:
    """Makes types; see the module's docstring."""

    def __init__(self) -> None:
        self.types: dict[str, Type] = {}
        self.undetermined: list[Undetermined] = []
        self.findings: list[Finding] = []
        self.named: dict[str, Named] = {}

    # ── reports ──────────────────────────────────────────────────────────────────────────────

    def find(
        self,
        rule: str,
        line: int,
        subject: str,
        message: str,
        pointer: str = "",
        column: int = 0,
    ) -> None:
        """Report a defect of the document."""
        self.findings.append(defect(rule, line, subject, message, pointer, column=column))

    def leave(self, key: str, line: int, reason: str) -> str:
        """Leave the place `key` undetermined; gives the type that it gets."""
        command, _, pointer = key.partition(".")
        self.undetermined.append(Undetermined(line, command, pointer, reason))
        return "any"

    # ── objects ──────────────────────────────────────────────────────────────────────────────

    def object(
        self,
        key: str,
        nodes: Sequence[Node],
        scope: Scope,
        *,
        line: int,
        name: str = "",
        more: bool = False,
    ) -> str:
        """Make an object type of a list; gives its key."""
        self.types[key] = Object()  # so that what refers back to it finds it
        scope.enclosing.append((key, name))
        members: list[Member] = []
        tag, variants = "", {}
        for node in nodes:
            tag_name, value = node.entry.facts.when
            if tag_name and any(one.name == tag_name for one in nodes):
                tag = tag_name
                only = self._members(f"{key}.{value}", [node], scope)
                variants[value] = f"{key}.{value}"
                self.types[variants[value]] = Object(only, facts=Facts(node.entry.line))
            else:
                members += self._members(key, [node], scope)
        scope.enclosing.pop()
        self.types[key] = Object(
            self._once(key, members), "", tag, variants, more, facts=Facts(line)
        )
        return key

    def _once(self, key: str, members: Sequence[Member]) -> tuple[Member, ...]:
        """The members, without those whose name the list has already had."""
        first: dict[str, Member] = {}
        for one in members:
            if first.setdefault(one.name, one) is not one:
                command, _, pointer = key.partition(".")
                message = f"the member {one.name!r} is listed twice"
                self.find("document.member.twice", one.facts.line, command, message, pointer)
        return tuple(first.values())

    def _members(self, owner: str, nodes: Sequence[Node], scope: Scope) -> tuple[Member, ...]:
        found: list[Member] = []
        for node in nodes:
            entries = node.entry.group or (node.entry,)
            told = [
                member
                for entry in entries
                for member in self._named_members(owner, node, entry, scope)
            ]
            # Two kinds of one group may have a member in common.
            found += (
                {one.name: one for one in reversed(told)}.values() if node.entry.group else told
            )
        return tuple(found)

    def _named_members(
        self, owner: str, node: Node, entry: TextEntry, scope: Scope
    ) -> list[Member]:
        facts = entry.facts
        command, _, pointer = owner.partition(".")
        for flaw in entry.flaws:
            self.findings.append(
                defect(
                    flaw.rule,
                    flaw.line,
                    command,
                    flaw.message,
                    f"{pointer}.{entry.names[0]}",
                    flaw.expected,
                    flaw.seen,
                )
            )
        if node.doubtful:
            scope.doubtful.append((entry.line, f"{pointer}.{entry.names[0]}"))
        about = Facts(entry.line, facts.since, facts.features)
        return [
            Member(
                name,
                self.type_of(replace_entry(node, entry), f"{owner}.{name}", scope),
                facts.optional,
                facts.default,
                about,
            )
            for name in entry.names
        ]

    # ── one member's type ────────────────────────────────────────────────────────────────────

    def type_of(self, node: Node, key: str, scope: Scope) -> str:
        """Make the type of one entry; gives its key."""
        facts, line = node.entry.facts, node.entry.line
        if facts.kind == "array":
            return self._array(node, key, scope)
        if node.children:
            return self.object(key, node.children, scope, line=line, name=node.name, more=node.open)
        if facts.kind == "named":
            return self._refer(facts.named, facts.values, line, scope)
        if facts.values and facts.kind == "str":
            return self.enum(key, facts.values, more=facts.more, line=line)
        if facts.kind in _SCALARS:
            return facts.kind
        if facts.kind == "object":
            return self._elsewhere(node, key, scope) or self._unlisted(key, line)
        known = scope.table.get(node.name, "any")
        if known != "any" and key == f"{scope.command}.arguments.{node.name}":
            return known
        return self.leave(key, line, "the document does not give its type")

    def _unlisted(self, key: str, line: int) -> str:
        self.leave(key, line, "an object whose members the document does not list")
        self.types[key] = Object(open=True, facts=Facts(line))
        return key

    def _array(self, node: Node, key: str, scope: Scope) -> str:
        facts, line = node.entry.facts, node.entry.line
        if node.is_said_again and len(node.children) == 1:
            return self._array(node.children[0], key, scope)
        if node.children:
            element = self.object(
                key, node.children, scope, line=line, name=node.name, more=node.open
            )
        elif facts.element in _SCALARS:
            element = facts.element
        else:
            element = self._elsewhere(node, key, scope) or (
                self._unlisted(key, line)
                if facts.element == "object"
                else self.leave(key + "[]", line, "the document does not give the elements' type")
            )
        return self.array(key, element, line)

    def array(self, key: str, element: str, line: int) -> str:
        """Make the array type of the place `key`; gives its key."""
        self.types[f"{key}[]"] = Array(element, facts=Facts(line))
        return f"{key}[]"

    def enum(self, key: str, values: Sequence[Value], *, more: bool, line: int) -> str:
        """Make an enumeration; gives its key."""
        once = tuple(EnumValue(one.name, Facts(one.line)) for one in without_doubles(values))
        self.types[key] = Enum(once, open=more, facts=Facts(line))
        return key

    def _refer(self, name: str, values: Sequence[Value], line: int, scope: Scope) -> str:
        self.named.setdefault(name, Named(line, scope.command)).values.extend(values)
        return name

    # ── members that are described elsewhere ─────────────────────────────────────────────────

    def _elsewhere(self, node: Node, key: str, scope: Scope) -> str:
        """The object type that an entry without a list of its own refers to; empty: none."""
        words = node.entry.words
        if "recursively" in words and scope.enclosing:
            return scope.enclosing[0][0]
        found = self._described_for(words, key, scope) or self._described_for(node.name, key, scope)
        if found:
            return found
        if "object" not in (node.entry.facts.kind, node.entry.facts.element):
            return ""
        for enclosing, name in reversed(scope.enclosing):
            # "backing-image", "the detail of the backing image", inside of "image".
            if name and stem(node.name)[-len(stem(name)) :] == stem(name) and mentions(words, name):
                return enclosing
        return ""

    def _described_for(self, words: str, key: str, scope: Scope) -> str:
        for kind, subjects in scope.kinds.items():
            if mentions(words, kind):
                return self._kinds(kind, subjects, key, scope)
        kinds = {one for subjects in scope.kinds.values() for one in subjects}
        for one in sorted(scope.described, key=lambda one: -len(one.subject)):
            if one.subject not in kinds and mentions(words, one.subject):
                return self.describe(one, key, scope)
        return ""

    def describe(self, one: Described, key: str, scope: Scope) -> str:
        """The type of a list that stands apart, made at its first use; gives its key."""
        if not one.key:
            one.key = key
            self.object(key, one.nodes, scope, line=one.line, name=one.subject, more=one.open)
        return one.key

    def _kinds(self, kind: str, subjects: Sequence[str], key: str, scope: Scope) -> str:
        """One of several kinds, told apart by a member whose value is fixed for each."""
        lists = {stem(one.subject): one for one in scope.described}
        known = [lists[stem(subject)] for subject in subjects if stem(subject) in lists]
        used = next((one.key for one in known if one.key), "")
        if used:
            return used.rpartition(".")[0]
        tags = [_fixed(one.nodes) for one in known]
        if not known or not all(tags) or len({tag.name for tag in tags if tag}) != 1:
            line = known[0].line if known else 0
            message = f"the kinds of {kind!r} cannot be told apart"
            self.find("document.list.kinds", line, scope.command, message)
            return ""
        values = [value for tag in tags if tag for value in tag.entry.facts.values]
        tag_name = next(tag.name for tag in tags if tag)
        enum = self.enum(f"{key}.{tag_name}", values, more=False, line=values[0].line)
        variants = {}
        for one, tag, value in zip(known, tags, values, strict=True):
            one.key = f"{key}.{value.name}"
            rest = [node for node in one.nodes if node is not tag]
            self.object(one.key, rest, scope, line=one.line, name=one.subject, more=one.open)
            variants[value.name] = one.key
        member = Member(tag_name, enum, facts=Facts(values[0].line))
        self.types[key] = Object((member,), "", tag_name, variants, facts=Facts(known[0].line))
        return key

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def finish(self) -> dict[str, Type]:
        """Every type, with the named ones made of what the document says of them."""
        for name, one in self.named.items():
            values = tuple(
                EnumValue(value.name, Facts(value.line)) for value in without_doubles(one.values)
            )
            reason = f"the document names the type {name!r} without describing it"
            if values:
                self.types[name] = Enum(values, name, open=True, facts=Facts(one.line))
                reason += "; it mentions some of its values"
            self.undetermined.append(Undetermined(one.line, one.command, name, reason))
        unknown = {name for name in self.named if name not in self.types}
        return {key: _without(one, unknown) for key, one in self.types.items()}


def _fixed(nodes: Sequence[Node]) -> Node | None:
    """The entry whose value is fixed, if there is one."""
    return next((node for node in nodes if len(node.entry.facts.values) == 1), None)


def _without(found: Type, unknown: set[str]) -> Type:
    """The type, with ``any`` for members of types that nothing is known of."""
    if not isinstance(found, Object):
        return found
    members = tuple(
        replace(one, type="any") if one.type in unknown else one for one in found.members
    )
    return replace(found, members=members)


def replace_entry(node: Node, entry: TextEntry) -> Node:
    """The same place in the list, for one entry of its group."""
    return node if entry is node.entry else Node(entry, [], node.open, node.doubtful)
