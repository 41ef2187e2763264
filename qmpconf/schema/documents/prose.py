"""One section of a document becomes one command.

Drives the other modules: parts of the section, lists to trees, trees to types.  Every list of the
section ends up in a type or in a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qmpconf.schema.documents import examples
from qmpconf.schema.documents.announce import stem
from qmpconf.schema.documents.build import Builder, Described, Scope
from qmpconf.schema.documents.nesting import Node, Tree, tree_of
from qmpconf.schema.documents.parts import List, Parts
from qmpconf.schema.documents.values import Value
from qmpconf.schema.model import Command, Facts, Object

_ALL_BOOLEANS = re.compile(r"\b[Aa]ll boolean arguments default to (?P<value>\w+)")
_ONE_DEFAULT = re.compile(
    r"\b[Tt]he \"?(?P<name>[\w-]+)\"? argument defaults to (?P<value>[\w-]+)"
    r"|\b[Tt]he default (?P<name2>[\w-]+), if not specified, is (?P<value2>[\w-]+)"
    r"|\b(?P<name3>[\w-]+) specifies [^.]*?, default is (?P<value3>[\w-]+)\."
)
_SAID_VALUE = r"['\"]?\b{name}\b['\"]?\s*(?:=|is)\s*['\"](?P<value>[\w-]+)['\"]"
_UNSTABLE = re.compile(
    r"\b[Tt]his command is (?:[\w ]+ and )?(?:is )?(?:considered )?experimental\b|\bnot a stable API\b"
)
_SINCE = re.compile(r"^Since:? (?P<version>\d+\.\d+(?:\.\d+)?)\b")
_DEPRECATED = re.compile(r"\b[Tt]his command is deprecated\b")


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a section from outside.

    The command's name, the heading's line, whether the form kept the indentation, the types of
    arguments that a second source says, the condition under which the command exists, and what its
    arguments are called in places (an event has data).
    """

    name: str
    line: int
    indented: bool
    table: Mapping[str, str]
    condition: str = ""
    place: str = "arguments"


def command_of(told: Told, parts: Parts, builder: Builder) -> Command:
    """Compile one section; its types, findings and open places go to `builder`."""
    return _Section(told, parts, builder).command()


class _Section:
    def __init__(self, told: Told, parts: Parts, builder: Builder) -> None:
        self.told, self.parts, self.builder = told, parts, builder
        self.shown = examples.shown(parts.examples, told.name)
        if len(self.shown.executes) == 1:  # possibly under a wrong name
            self.shown = examples.shown(parts.examples, self.shown.executes[0])
        self.scope = Scope(told.name, kinds=parts.kinds, table=told.table)
        #: The lists that became a type.
        self.taken: list[List] = []

    def command(self) -> Command:
        self.scope.described += [
            Described(one.subject, tree.nodes, tree.open, one.line)
            for one in self.parts.of("described")
            for tree in [self._tree(one, self.shown.returns)]
        ]
        arguments = self._arguments()
        returns = self._returns() if self.told.place == "arguments" else ""
        self._leftovers()
        self._doubts()
        features = [
            name
            for name, pattern in (("deprecated", _DEPRECATED), ("unstable", _UNSTABLE))
            if pattern.search(self.parts.text)
        ]
        since = _SINCE.match(self.parts.text)
        facts = Facts(
            self.told.line,
            since["version"] if since else "",
            tuple(features),
            self.told.condition,
        )
        return Command(self.told.name, arguments, returns, facts=facts)

    # ── arguments ────────────────────────────────────────────────────────────────────────────

    def _arguments(self) -> str:
        key, parts = f"{self.told.name}.{self.told.place}", self.parts
        lists = parts.of("arguments")
        if lists:
            tree = self._tree(lists[0], self.shown.arguments)
            self._add_said(tree.nodes)
            return self.builder.object(
                key, tree.nodes, self.scope, line=parts.arguments_line, more=tree.open
            )
        stray = [] if self._is_query() else parts.of("unannounced")
        line = parts.arguments_line or self.told.line
        if parts.arguments == "empty":
            self._find("document.arguments.empty", line, "nothing stands under 'Arguments:'")
        if stray:
            return self._unannounced(key, stray[0], self.shown.arguments)
        if self.shown.sends:
            sends = "an example sends arguments that the document does not describe"
            self._find("document.arguments.missing", self._sending_line(), sends)
            self.builder.leave(key, line, "only an example shows the arguments")
            self.builder.types[key] = Object(open=True, facts=Facts(line))
            return key
        return ""

    def _unannounced(
        self, key: str, stray: List, shown: Sequence[tuple[tuple[str, ...], frozenset[str]]]
    ) -> str:
        """A list that nothing announces: its members are taken, and nothing is demanded."""
        place = key.rpartition(".")[2]
        tree = self._tree(stray, shown)
        known = {name for _, names in shown for name in names}
        if known and known.isdisjoint(node.name for node in _walk(tree.nodes)):
            message = f"a list of values, which no sentence announces: the example has none as a member of {place!r}"
            self._find("document.list.unannounced", stray.line, message)
            self.builder.leave(key, stray.line, "only an example shows the members")
            self.builder.types[key] = Object(open=True, facts=Facts(stray.line))
            return key
        message = f"a list that no sentence announces; taken for members of {place!r}"
        self._find("document.list.unannounced", stray.line, message)
        for node in tree.nodes:
            node.entry.facts.optional = True
        self.builder.leave(key, stray.line, "the document does not say what this list describes")
        return self.builder.object(key, tree.nodes, self.scope, line=stray.line, more=True)

    def _sending_line(self) -> int:
        return next(
            (
                one.line
                for one in self.parts.examples
                if examples.command_of(one) == self.told.name and "arguments" in one.text
            ),
            self.told.line,
        )

    def _add_said(self, nodes: Sequence[Node]) -> None:
        """Add what the running text says of arguments: defaults, and values of named types."""
        text = self.parts.text
        everything = list(_walk(nodes))
        if found := _ALL_BOOLEANS.search(text):
            for node in everything:
                if node.entry.facts.kind == "bool" and not node.entry.facts.default:
                    node.entry.facts.default, node.entry.facts.optional = found["value"], True
        for found in _ONE_DEFAULT.finditer(text):
            groups = [one for one in found.groups() if one]
            for node in everything:
                if node.name == groups[0] and not node.entry.facts.default:
                    node.entry.facts.default, node.entry.facts.optional = groups[1], True
        words = " ".join((text, *(node.entry.words for node in everything)))
        for node in everything:
            if node.entry.facts.kind == "named":
                for found in re.finditer(_SAID_VALUE.format(name=re.escape(node.name)), words):
                    value = Value(found["value"], node.entry.line)
                    node.entry.facts.values.append(value)

    # ── the return value ─────────────────────────────────────────────────────────────────────

    def _returns(self) -> str:
        key, parts = f"{self.told.name}.return", self.parts
        line = parts.returns_line or self.told.line
        element = self._element(key)
        if element:
            if parts.shape == "object":
                return element
            return self.builder.array(key, element, line)
        main = parts.of("value")
        if main:
            tree = self._tree(main[0], self.shown.returns)
            return self.builder.object(
                key, tree.nodes, self.scope, line=main[0].line, more=tree.open
            )
        stray = parts.of("unannounced") if self._is_query() else []
        if stray:
            return self._unannounced(key, stray[0], self.shown.returns)
        if parts.named:
            return self.builder.array(key, self._named_object(line), line)
        if parts.shape == "array":
            reason = "the document does not say what the elements are"
            return self.builder.array(key, self.builder.leave(key + "[]", line, reason), line)
        if parts.shape == "object":
            self.builder.leave(key, line, "an object whose members the document does not list")
            self.builder.types[key] = Object(open=True, facts=Facts(line))
            return key
        return "" if parts.shape == "nothing" else self._unsaid(key)

    def _element(self, key: str) -> str:
        """The type of the elements of the returned array, where a list describes them."""
        lists = self.parts.of("element")
        if lists:
            tree = self._tree(lists[0], self.shown.returns)
            return self.builder.object(
                key, tree.nodes, self.scope, line=lists[0].line, more=tree.open
            )
        noun = stem(self.parts.element)
        for one in self.scope.described if noun else ():
            if stem(one.subject) == noun:
                return self.builder.describe(one, key, self.scope)
        return ""

    def _named_object(self, line: int) -> str:
        name = self.parts.named
        reason = f"the document names the type {name!r} without describing it"
        self.builder.leave(f"{self.told.name}.return[]", line, reason)
        self.builder.types[name] = Object(name=name, open=True, facts=Facts(line))
        return name

    def _unsaid(self, key: str) -> str:
        """Nothing is said of what is returned: the examples at most say that it is nothing."""
        replies = self.shown.replies
        if replies and all(one.kind == "object" and not one.members for one in replies):
            return ""
        reason = (
            "only an example shows what is returned"
            if replies
            else "nothing in the document says what is returned"
        )
        return self.builder.leave(key, self.told.line, reason)

    # ── helpers ──────────────────────────────────────────────────────────────────────────────

    def _is_query(self) -> bool:
        return self.told.name.startswith("query-")

    def _tree(self, one: List, shown: Sequence[tuple[tuple[str, ...], frozenset[str]]]) -> Tree:
        self.taken.append(one)
        return tree_of(one.items, shown, indented=self.told.indented)

    def _find(self, rule: str, line: int, message: str) -> None:
        self.builder.find(rule, line, self.told.name, message)

    def _leftovers(self) -> None:
        """Report what no type has taken up."""
        for one in self.scope.described:
            if not one.key and not self._is_repeated(one):
                message = f"nothing refers to the object {one.subject!r} that this list describes"
                self._find("document.list.unattached", one.line, message)
                self.builder.describe(
                    one, f"{self.told.name}.{'-'.join(stem(one.subject))}", self.scope
                )
        for left in self.parts.lists:
            if any(left is taken for taken in self.taken):
                continue
            tree = tree_of(left.items, (), indented=self.told.indented)
            if any(node.entry.facts.kind for node in _walk(tree.nodes)):
                message = "a list of members of which nothing says what they belong to"
                self._find("document.list.unattached", left.line, message)

    def _doubts(self) -> None:
        """Count the members whose place follows from the wording alone, as one open place."""
        if self.scope.doubtful:
            line, first = self.scope.doubtful[0]
            names = ", ".join(path.rpartition(".")[2] for _, path in self.scope.doubtful)
            reason = f"the indentation is lost, and only the wording shows the place of {names}"
            self.builder.leave(f"{self.told.name}.{first.rpartition('.')[0]}", line, reason)

    def _is_repeated(self, one: Described) -> bool:
        """Whether the list says again what a member of that name already has."""
        wanted = {node.name for node in one.nodes}
        for key, found in self.builder.types.items():
            command, _, rest = key.partition(".")
            if command != self.told.name or not isinstance(found, Object):
                continue
            if stem(rest.rpartition(".")[2]) == stem(one.subject):
                return {member.name for member in found.members} == wanted
        return False


def _walk(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children)
