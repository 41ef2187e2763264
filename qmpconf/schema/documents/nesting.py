"""Which item of a list belongs under which.

Where the form kept the indentation, that says.  Where a viewer lost it, the text has to: an item
that ends with a colon opens a list of its own, and where that list ends is read from the
examples (a name that is shown beside the container is not a member of it), from repeated names, from
blank lines, and from containers that are worded alike.  What none of these says is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from qmpconf.schema.documents.announce import stem
from qmpconf.schema.documents.blocks import ArrayHeading, Case, Item
from qmpconf.schema.documents.items import Facts, TextEntry, attach, understand

#: No list is nested deeper than this (the deepest known has 5 levels): what seems to be is taken
#: for a member of the deepest.
MOST_LEVELS = 30

#: An object in an example: the names that lead to it, and the names in it.
ShownObject = tuple[tuple[str, ...], frozenset[str]]


@dataclass(slots=True)
class Node:
    """An entry with the entries that belong under it.

    `open` says that the list under it names further members in general ("device options").
    `doubtful` marks an entry whose place nothing in the document determines.
    """

    entry: TextEntry
    children: list[Node] = field(default_factory=list)
    open: bool = False
    doubtful: bool = False

    @property
    def name(self) -> str:
        """The entry's only or first name."""
        return self.entry.names[0] if self.entry.names else ""

    @property
    def is_said_again(self) -> bool:
        """Whether its first item is the array itself: "keys array:" with "key", an array."""
        first = self.children[0] if self.entry.words == ":" and self.children else None
        return (
            first is not None
            and first.entry.facts.kind == "array"
            and stem(first.name) == stem(self.name)
        )


@dataclass(slots=True)
class Tree:
    """A whole list: its entries at the top, whether it is open, and the notes under no entry."""

    nodes: list[Node] = field(default_factory=list)
    open: bool = False
    notes: list[TextEntry] = field(default_factory=list)

    def named(self) -> bool:
        """Whether the list has any member at all."""
        return bool(self.nodes) or self.open


def tree_of(
    entries: Sequence[Item | ArrayHeading | Case], shown: Iterable[ShownObject], *, indented: bool
) -> Tree:
    """Nest the items of one list; `shown` are the objects in the section's examples."""
    tree, root = Tree(), Node(TextEntry("member", (), "", Facts(), 0))
    understood = [_entry(one) for one in entries]
    stack: _Indented | _Cued
    stack = _Indented(root) if indented else _Cued(root, understood, tuple(shown))
    last: Node | None = None
    for index, (one, entry) in enumerate(zip(entries, understood, strict=True)):
        if entry.role in ("values", "note"):
            if last is not None:
                attach(last.entry, entry)
            else:
                tree.notes.append(entry)
        elif isinstance(one, Case):
            stack.case(one)
        elif entry.role == "open":
            stack.parent(index, one).open = True
        else:
            parent = stack.parent(index, one)
            last = Node(entry, doubtful=stack.doubtful)
            parent.children.append(last)
            stack.opened(index, one, last)
    tree.nodes, tree.open = root.children, root.open
    return tree


def _entry(one: Item | ArrayHeading | Case) -> TextEntry:
    if isinstance(one, Item):
        return understand(one.text)
    if isinstance(one, Case):
        return TextEntry("case", (), "", Facts(), one.line.number)
    return TextEntry("member", (one.name,), ":", Facts("array", "object"), one.line.number)


class _Indented:
    """By indentation: an item belongs under the last one that is indented less."""

    doubtful = False

    def __init__(self, root: Node) -> None:
        self._stack = [(-1, root)]

    def parent(self, _index: int, one: Item | ArrayHeading) -> Node:
        while len(self._stack) > 1 and self._stack[-1][0] >= one.indent:
            self._stack.pop()
        return self._stack[-1][1]

    def opened(self, _index: int, one: Item | ArrayHeading, node: Node) -> None:
        if len(self._stack) < MOST_LEVELS:
            self._stack.append((one.indent, node))

    def case(self, one: Case) -> None:
        """Begin another case of the entry that the line stands under."""
        while len(self._stack) > 1 and self._stack[-1][0] >= one.indent:
            self._stack.pop()
        indent, node = self._stack.pop()
        if not self._stack:  # it stands under no entry: nothing depends on it
            self._stack.append((indent, node))
            return
        other = _other_case(node, one)
        self._stack[-1][1].children.append(other)
        self._stack.append((indent, other))


class _Cued:
    """By the text: see the module's docstring.  The last node of the stack is the deepest list."""

    def __init__(
        self, root: Node, entries: Sequence[TextEntry], shown: tuple[ShownObject, ...]
    ) -> None:
        self.doubtful = False
        self._entries = entries
        self._shown = shown
        self._stack = [root]
        #: Of each open list: the last index of which an example shows that it belongs inside.
        self._reach = [len(entries)]

    def opened(self, index: int, _one: Item | ArrayHeading, node: Node) -> None:
        announces = node.entry.words.endswith(":") and node.entry.role == "member"
        if announces and len(self._stack) < MOST_LEVELS:
            self._stack.append(node)
            self._reach.append(self._reach_of(index, node.name))

    def case(self, one: Case) -> None:
        """Begin another case of the deepest entry that depends on the tag."""
        for level in range(len(self._stack) - 1, 0, -1):
            node = self._stack[level]
            if node.entry.facts.when[0] == one.tag:
                del self._stack[level:]
                del self._reach[level:]
                other = _other_case(node, one)
                self._stack[-1].children.append(other)
                self._stack.append(other)
                self._reach.append(-1)
                return

    def _reach_of(self, index: int, container: str) -> int:
        reach, seen = -1, set[str]()
        before = {name for entry in self._entries[:index] for name in entry.names}
        for at in range(index + 1, len(self._entries)):
            names = self._entries[at].names
            inside = [name for name in names if self._inside(container, name)]
            if inside and not seen.isdisjoint(inside):
                break
            beside = [name for name in names if self._beside(name, {container})]
            if not inside and not before.issuperset(beside):
                break
            seen.update(inside)
            reach = at if inside else reach
        return reach

    def parent(self, index: int, one: Item | ArrayHeading) -> Node:
        level = self._level(index, one)
        del self._stack[level + 1 :]
        del self._reach[level + 1 :]
        return self._stack[level]

    def _level(self, index: int, one: Item | ArrayHeading) -> int:
        """Index in the stack of the list that the item belongs to."""
        self.doubtful = False
        entry, deepest = self._entries[index], len(self._stack) - 1
        if deepest == 0 or not self._stack[deepest].children:
            return deepest  # a list that was announced has a first item
        for level in range(deepest, 0, -1):
            if index <= self._reach[level]:
                return level
        for level in range(deepest, -1, -1):
            if not self._has(level, entry.names) and self._is_shown(level, entry.names):
                return level
        if one.apart:
            return 0
        allowed = [
            level
            for level in range(deepest + 1)
            if level == 0 or not self._is_closed(level, entry)
            if not self._has(level, entry.names)
        ]
        self.doubtful = len(allowed) > 1
        return allowed[-1] if allowed else 0

    def _children(self, level: int) -> set[str]:
        return {name for child in self._stack[level].children for name in child.entry.names}

    def _has(self, level: int, names: Sequence[str]) -> bool:
        return not self._children(level).isdisjoint(names)

    def _is_shown(self, level: int, names: Sequence[str]) -> bool:
        """Whether an example shows one of `names` where the list at `level` stands."""
        container, known = self._stack[level].name, self._children(level)
        for other in range(len(self._stack)):
            if other != level:
                known = known - self._children(other)  # a name of both levels says nothing
        return any(
            (container and self._inside(container, name)) or self._beside(name, known - {name})
            for name in names
        )

    def _inside(self, container: str, name: str) -> bool:
        return any(path[-1:] == (container,) and name in members for path, members in self._shown)

    def _beside(self, name: str, others: set[str]) -> bool:
        return any(name in members and not members.isdisjoint(others) for _, members in self._shown)

    def _is_closed(self, level: int, entry: TextEntry) -> bool:
        """Whether other lists, worded alike, or its own first item say that it is complete."""
        node, siblings = self._stack[level], self._stack[level - 1].children
        if _are_alike(entry, node.entry) or node.is_said_again:
            return True
        names = [child.entry.names for child in node.children]
        return any(
            other is not node
            and _are_alike(other.entry, node.entry)
            and [child.entry.names for child in other.children] == names
            for other in siblings
        )


def _other_case(node: Node, one: Case) -> Node:
    """The same entry, for another value of the tag."""
    facts = replace(node.entry.facts, when=(one.tag, one.value))
    entry = replace(node.entry, facts=facts, flaws=[], line=one.line.number)
    return Node(entry, doubtful=node.doubtful)


def _are_alike(one: TextEntry, other: TextEntry) -> bool:
    """Whether two entries open lists in the same words, under names of the same kind."""
    if not (one.names and other.names and one.words.endswith(":")):
        return False
    kinds = [re.split(r"[-_]", entry.names[0])[-1] for entry in (one, other)]
    return one.words.split()[-4:] == other.words.split()[-4:] and kinds[0] == kinds[1]
