"""The document audit: every example of a document against the catalog of the same document.

An example is read as its writer meant it (`qmpconf.schema.documents.tolerant`); where it is not
JSON is a finding, and what it says is validated all the same.  What a document only shortens
(``...``) is not a defect.  Each finding has the line of the very member that it is about.

Pure: takes a `Compilation`, knows no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qmpconf.findings import Finding
from qmpconf.schema.documents import examples as shown
from qmpconf.schema.documents import tolerant
from qmpconf.schema.documents.audit_values import Flaw, flaws_of
from qmpconf.schema.documents.result import Compilation, Example, defect
from qmpconf.schema.documents.tolerant import Node
from qmpconf.schema.model import Catalog, Command, Event
from qmpconf.schema.problems import Problem
from qmpconf.schema.validator import Validator

#: Members that a command may have on the wire, besides the one that names it.
_OF_COMMAND = frozenset({"arguments", "id", "control"})
_EXECUTE = ("execute", "exec-oob")


def audit(compilation: Compilation) -> tuple[Finding, ...]:
    """Every defect of the document: what compiling found, and what its examples show."""
    found = [*compilation.findings, *_Audit(compilation).findings()]
    return tuple(sorted(found, key=lambda one: (one.path, one.line, one.column)))


@dataclass(frozen=True, slots=True)
class Held:
    """A payload that an example shows, held against the type `key` of the same document.

    `entry` is the command or event that it belongs to; `whole` what it is called.
    """

    example: Example
    entry: Command | Event
    key: str
    node: Node
    problems: Sequence[Problem]
    whole: str


def held(compilation: Compilation) -> list[Held]:
    """Every payload of the document's examples in which something breaks the document."""
    found = _Audit(compilation)
    for _ in found.findings():
        pass
    return found.held


@dataclass(frozen=True, slots=True)
class Group:
    """Equal findings: the first, and the places of all.

    `places` are lines; in a document of one line, its columns.
    """

    first: Finding
    places: tuple[str, ...]


def grouped(findings: Sequence[Finding]) -> tuple[Group, ...]:
    """The findings, equal ones as one, in the order of their first places."""
    groups: dict[str, list[Finding]] = {}
    for one in findings:
        groups.setdefault(one.fingerprint, []).append(one)
    return tuple(
        Group(members[0], tuple(dict.fromkeys(map(place_of, members))))
        for members in groups.values()
    )


def place_of(one: Finding) -> str:
    """Where a finding is: its line, with the column where the line alone says little."""
    return f"{one.line}:{one.column}" if one.line == 1 and one.column else str(one.line)


class _Audit:
    def __init__(self, compilation: Compilation) -> None:
        self.catalog: Catalog = compilation.catalog
        self.examples = compilation.examples
        self.validator = Validator(compilation.catalog)
        self.held: list[Held] = []
        #: Commands that their own section shows.
        self.shown = {(one.subject, shown.command_of(one)) for one in self.examples}

    def findings(self) -> Iterator[Finding]:
        pending: Example | None = None
        for example in self.examples:
            if pending and (example.direction == "->" or example.subject != pending.subject):
                yield self._no_reply(pending)
                pending = None
            reading = tolerant.read(example.text)
            for flaw in reading.flaws:
                yield _finding(
                    example, Flaw("example.not-json", flaw.at, "is not JSON: " + flaw.message)
                )
            if example.direction == "<-" and reading.single_quotes:
                message = "is not JSON: single quotes, which a server never writes"
                yield _finding(example, Flaw("example.not-json", reading.single_quotes[0], message))
            node = reading.node
            if node is None or node.kind != "object":
                message = "is not a JSON object, as every message is"
                yield _finding(example, Flaw("example.not-a-message", 0, message))
                pending = None
            elif example.direction == "->":
                yield from self._command(example, node)
                pending = example
            else:
                yield from self._answer(example, node, pending)
                pending = None if node.get("event") is None else pending
        if pending:
            yield self._no_reply(pending)

    def _no_reply(self, example: Example) -> Finding:
        message = "the example has no reply"
        return _finding(_whole(example), Flaw("example.no-reply", 0, message))

    # ── the client's side ────────────────────────────────────────────────────────────────────

    def _command(self, example: Example, node: Node) -> Iterator[Finding]:
        named = [(name, at, one) for name, at, one in node.members if name in _EXECUTE]
        if not named:
            message = "names no command: there is no member 'execute'"
            yield _finding(example, Flaw("example.not-a-message", node.start, message))
            return
        name = str(named[0][2].value)
        for member, at, _ in node.members:
            if member not in _OF_COMMAND and member not in _EXECUTE:
                yield _finding(example, self._misplaced(name, member, at))
        if name not in self.catalog.commands:
            if (example.subject, example.subject) not in self.shown:
                message = f"executes {name!r}, which the document does not describe"
                yield _finding(example, Flaw("example.unknown-command", named[0][2].start, message))
            return
        sent = node.get("arguments") or Node("object", node.start, node.end)
        beside = {member for member, _, _ in node.members}
        problems = [
            one
            for one in self.validator.arguments(name, sent.plain())
            if not (one.kind == "missing" and one.member in beside)
        ]
        command = self.catalog.commands[name]
        told = Held(example, command, command.arguments, sent, problems, "the arguments")
        yield from self._flaws(told)

    def _flaws(self, one: Held) -> Iterator[Finding]:
        if one.problems:
            self.held.append(one)
        for flaw in flaws_of(self.catalog, one.key, one.node, one.problems, one.whole):
            yield _finding(one.example, flaw)

    def _misplaced(self, name: str, member: str, at: int) -> Flaw:
        command = self.catalog.commands.get(name)
        found = self.catalog.types.get(command.arguments) if command else None
        known = {one.name for one in getattr(found, "members", ())}
        if member in known:
            message = f"the argument {member!r} stands beside 'arguments', not inside"
            return Flaw("example.misplaced-member", at, message, member)
        message = f"the member {member!r} belongs to no command on the wire"
        return Flaw("example.undocumented-member", at, message, member)

    # ── the server's side ────────────────────────────────────────────────────────────────────

    def _answer(self, example: Example, node: Node, pending: Example | None) -> Iterator[Finding]:
        event = node.get("event")
        if event is not None:
            yield from self._event(example, node, str(event.value), event.start)
            return
        returned = node.get("return")
        if returned is None:
            if node.get("error") is None and node.get("QMP") is None:
                message = "is neither a reply nor an event"
                yield _finding(example, Flaw("example.not-a-message", node.start, message))
            return
        name = shown.command_of(pending) if pending else ""
        if not pending:
            message = "a reply without a command before it"
            yield _finding(example, Flaw("example.no-command", node.start, message))
        elif (example.subject, example.subject) not in self.shown:
            name = example.subject  # the command's name is wrong, and was reported
        if name in self.catalog.commands:
            problems = self.validator.returned(name, returned.plain())
            command = self.catalog.commands[name]
            told = Held(example, command, command.returns, returned, problems, "the return value")
            yield from self._flaws(told)

    def _event(self, example: Example, node: Node, name: str, at: int) -> Iterator[Finding]:
        if name not in self.catalog.events:
            if not self.catalog.events:
                return  # events are described in a document of their own
            message = f"shows the event {name!r}, which the document does not describe"
            yield _finding(example, Flaw("example.unknown-event", at, message))
            return
        data = node.get("data") or Node("object", node.start, node.end)
        problems = self.validator.data(name, data.plain())
        known = self.catalog.events[name]
        yield from self._flaws(Held(example, known, known.data, data, problems, "the event's data"))
        if node.get("timestamp") is None and not node.elided:
            message = "the event has no 'timestamp'"
            yield _finding(
                example, Flaw("example.missing-member", node.start, message, "timestamp")
            )


def _whole(example: Example) -> Example:
    """The example, with its beginning as the place of everything that is said of it."""
    return replace(example, lines=(example.line,))


def _finding(example: Example, flaw: Flaw) -> Finding:
    line, column = line_at(example, flaw.at)
    found = defect(
        f"document.{flaw.rule}",
        line,
        example.subject,
        flaw.message,
        flaw.pointer,
        flaw.expected,
        flaw.seen,
        column,
    )
    return replace(found, path=example.file) if example.file else found


def line_at(example: Example, at: int) -> tuple[int, int]:
    """Line and column of the offset `at` in an example's text."""
    row = example.text.count("\n", 0, at)
    lines = example.lines or range(example.line, example.line + row + 1)
    line = lines[min(row, len(lines) - 1)]
    column = example.column + at if row == 0 and example.column else 0
    return line, column
