"""What a catalog says about one message: the judgements of one session, as findings.

Who is to blame: arguments that break the schema are the client's fault, also when the server
refused them as it should; that it took them is the server's fault too, when the catalog is of the
very build.  What a server adds to a catalog that is not of the very build is a note.

Each method gives the findings of one message, and an empty sequence, at little cost, for a message
in which nothing is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmpconf.check.findings import Blame, Finding, Severity
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.protocol.requirements import Level, Party
from qmpconf.protocol.values import pointer
from qmpconf.schema.problems import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qmpconf.check.basis import Basis
    from qmpconf.protocol.messages import Command, Event, Failure, Success
    from qmpconf.protocol.session import Breach
    from qmpconf.schema.problems import Problem

#: How bad it is to break a requirement of each level.
SEVERITIES: dict[Level, Severity] = {
    Level.MUST: "error",
    Level.SHOULD: "warning",
    Level.MAY: "note",
}
_BLAMES: dict[Party, Blame] = {
    Party.CLIENT: "client",
    Party.SERVER: "server",
    Party.RECORDER: "recorder",
    Party.DOCUMENT: "document",
}

#: The protocol itself defines this command; the schema replies of QEMU 2.5 to 2.7 leave it out.
NEGOTIATION = "qmp_capabilities"

#: Problems that a server of another build may give without breaking the catalog.
_ADDITIONS = frozenset({"unknown", "value"})

_NOTHING: tuple[Finding, ...] = ()
_NONE: tuple[None, None] = (None, None)


class Reporter:
    """Makes the findings of one session: fills in what is the same for all of them."""

    def __init__(self, path: str, conn: int) -> None:
        self._path = path
        self._conn = conn

    def finding(
        self,
        requirement: str,
        line: int,
        where: str,
        subject: str,
        message: str,
        expected: str,
        seen: str,
        source: str,
        hint: str = "",
        blame: Party | None = None,
    ) -> Finding:
        """One finding; level, severity and blame are those of the register unless given."""
        rule = ALL_REQUIREMENTS[requirement]
        return Finding(
            requirement,
            rule.level.value,
            SEVERITIES[rule.level],
            _BLAMES[blame or rule.binds],
            self._path,
            line,
            self._conn,
            where,
            subject,
            message,
            expected,
            seen,
            source,
            hint,
        )

    def breach(self, breach: Breach, subject: str) -> Finding:
        """The finding of a breach of the wire protocol."""
        rule = ALL_REQUIREMENTS[breach.requirement]
        return self.finding(
            breach.requirement,
            breach.mark,
            breach.pointer,
            subject,
            rule.sentence.rstrip("."),
            breach.expected,
            breach.seen,
            rule.source,
            blame=breach.blame,
        )


class Rules:
    """The catalog's rules for the messages of one session."""

    def __init__(self, basis: Basis, reporter: Reporter) -> None:
        self.basis = basis
        self._catalog = basis.catalog
        self._report = reporter.finding
        # Commands that wait, by identity, and what breaks them.
        self._bad: dict[int, tuple[Command, Problem]] = {}
        self._quick = basis.validator.quick
        self._plain = basis.plain

    def command(
        self, command: Command, line: int, breaches: Sequence[Breach], redacted: Sequence[str]
    ) -> Sequence[Finding]:
        """A command as it is sent.  One that is unknown is judged by its answer."""
        name = command.name
        known = self._catalog.commands.get(name)
        if known is None:
            return _NOTHING
        right = self._quick.arguments(name, command.arguments)
        if right and name in self._plain and not command.oob:
            return _NOTHING
        problems = [] if right else self.basis.validator.arguments(name, command.arguments)
        found = []
        breached = {breach.pointer for breach in breaches}
        if not command.problems:
            found += self._problems(
                "schema.arguments",
                "arguments",
                problems,
                line,
                name,
                self.basis.cite(known),
                breached,
                redacted,
            )
            if found and problems:
                self._bad[id(command)] = (command, problems[0])
        forbidden = self.basis.tells_oob and not known.allow_oob
        if command.oob and forbidden and "/exec-oob" not in breached:
            found.append(
                self._report(
                    "schema.oob-allowed",
                    line,
                    "/exec-oob",
                    name,
                    f"{name!r} does not allow out-of-band execution",
                    "execute",
                    "exec-oob",
                    self.basis.cite(known),
                )
            )
        return found + self._uses(command, line)

    def _uses(self, command: Command, line: int) -> list[Finding]:
        """A warning for everything deprecated or unstable that the command uses."""
        name, features = command.name, self.basis.features
        known = self._catalog.commands[name]
        marked = [
            (_member(command), f"the command {name!r}", mark, known.facts)
            for mark in features.of_command(name)
        ]
        for use in features.used(known.arguments, command.arguments):
            where = pointer(("arguments", *use.path))
            marked.append((where, use.what, use.feature, use.facts))
        return [
            self._report(
                f"compat.{feature}",
                line,
                where,
                name,
                f"{what} is {feature}",
                f"nothing that is {feature}",
                what,
                self.basis.cite(known, facts),
            )
            for where, what, feature, facts in marked
        ]

    def success(
        self, command: Command, sent: int, reply: Success, line: int, redacted: Sequence[str]
    ) -> Sequence[Finding]:
        """A success; `sent` is the line of the command that it answers."""
        name = command.name
        _, bad = self._bad.pop(id(command), _NONE) if self._bad else _NONE
        known = self._catalog.commands.get(name)
        if known and bad is None and not command.oob and self._quick.returned(name, reply.result):
            return _NOTHING
        if known is None:
            if command.problems or name == NEGOTIATION:
                return _NOTHING
            return (self._undocumented_command(command, sent, line),)
        found: list[Finding] = []
        problems = self.basis.validator.returned(name, reply.result)
        if problems:
            found = self._problems(
                "schema.return" if known.returns else "response.void",
                "return",
                problems,
                line,
                name,
                self.basis.cite(known),
                (),
                redacted,
            )
        if bad is not None and self.basis.very_build:
            found.append(self._taken(command, bad, sent, line))
        if command.oob and self.basis.very_build and not known.allow_oob:
            found.append(
                self._report(
                    "oob.allowed-only",
                    line,
                    "",
                    name,
                    f"{name!r} was carried out of band, which its schema does not allow",
                    "GenericError",
                    "success",
                    self.basis.cite(known),
                )
            )
        return found

    def failure(self, command: Command, sent: int, reply: Failure, line: int) -> Sequence[Finding]:
        """An error in command mode; `sent` is the line of the command that it answers."""
        name = command.name
        refused = reply.error_class == "CommandNotFound"
        self._bad.pop(id(command), None)
        if command.problems or (command.oob and not refused):
            return _NOTHING  # refused for its shape, before anyone looked at its name
        if name not in self._catalog.commands:
            if name == NEGOTIATION:
                return _NOTHING
            unknown = self._unknown_command if refused else self._undocumented_command
            return (unknown(command, sent, line),)
        if refused and not self.basis.very_build and name != NEGOTIATION:
            known = self._catalog.commands[name]
            return (
                self._report(
                    "schema.not-yet" if self.basis.server_older else "schema.command-offered",
                    line,
                    "/error/class",
                    name,
                    f"the command {name!r} is in the schema, but not in the server",
                    "the command",
                    "CommandNotFound",
                    self.basis.cite(known),
                ),
            )
        return _NOTHING

    def unanswered(self, command: Command, sent: int) -> Sequence[Finding]:
        """A command that was never answered: unknown, if the catalog is sure of that."""
        known = command.name in self._catalog.commands or command.name == NEGOTIATION
        judged = command.problems or known
        if judged or not self.basis.very_build:
            return _NOTHING
        return (self._unknown_command(command, sent, sent),)

    def event(self, event: Event, line: int, redacted: Sequence[str]) -> Sequence[Finding]:
        """An event; one that breaks the protocol's own shape is left to its rules."""
        data = {} if event.data is None else event.data
        if not event.name or not isinstance(data, dict):
            return _NOTHING
        known = self._catalog.events.get(event.name)
        if known is None:
            if not self._catalog.events:
                return _NOTHING  # a document of commands: it says nothing about events
            added = not self.basis.very_build
            return (
                self._report(
                    "schema.additions" if added else "schema.event-known",
                    line,
                    "/event",
                    event.name,
                    f"the event {event.name!r} is not in the schema",
                    f"one of the {len(self._catalog.events)} events of {self._catalog.name}",
                    event.name,
                    self._catalog.name,
                    "" if added else suggest(event.name, self._catalog.events),
                ),
            )
        if self._quick.data(event.name, data):
            return _NOTHING
        return self._problems(
            "schema.event-data",
            "data",
            self.basis.validator.data(event.name, data),
            line,
            event.name,
            self.basis.cite(known),
            (),
            redacted,
        )

    # ── findings ─────────────────────────────────────────────────────────────────────────────

    def _unknown_command(self, command: Command, sent: int, _line: int) -> Finding:
        """The client sent a command that neither the catalog nor the server knows."""
        return self._report(
            "schema.command-known",
            sent,
            _member(command),
            command.name,
            f"the command {command.name!r} is unknown",
            f"one of the {len(self._catalog.commands)} commands of {self._catalog.name}",
            command.name,
            self._catalog.name,
            suggest(command.name, self._catalog.commands),
        )

    def _undocumented_command(self, command: Command, _sent: int, line: int) -> Finding:
        """The server has a command that the catalog does not know."""
        return self._report(
            "request.unknown-command" if self.basis.very_build else "schema.additions",
            line,
            "",
            command.name,
            f"the server has the command {command.name!r}, which is not in the schema",
            "CommandNotFound",
            "another answer",
            self._catalog.name,
        )

    def _taken(self, command: Command, problem: Problem, sent: int, line: int) -> Finding:
        """The server took arguments that its own schema forbids."""
        where = pointer(("arguments", *problem.path))
        return self._report(
            "request.strict-arguments",
            line,
            "",
            command.name,
            f"arguments that break the schema were taken: {where}: {problem.message}",
            f"an error: {problem.expected}",
            f"success; the command stands in line {sent}",
            self.basis.cite(self._catalog.commands[command.name]),
        )

    def _problems(
        self,
        requirement: str,
        member: str,
        problems: Iterable[Problem],
        line: int,
        subject: str,
        source: str,
        known: Iterable[str],
        redacted: Sequence[str],
    ) -> list[Finding]:
        """Problems of a payload; without those at `known` places and in `redacted` values."""
        found = []
        for problem in problems:
            where = pointer((member, *problem.path))
            if where in known or any(_inside(where, one) for one in redacted):
                continue
            rule = requirement
            if member != "arguments" and not self.basis.very_build:
                rule = self._tolerant(problem) or requirement
            found.append(
                self._report(
                    rule,
                    line,
                    where,
                    subject,
                    problem.message,
                    problem.expected,
                    problem.seen,
                    source,
                    problem.hint if rule == requirement else "",
                )
            )
        return found

    def _tolerant(self, problem: Problem) -> str:
        """The milder requirement, if a server of another version may well differ so."""
        if problem.kind in _ADDITIONS:
            return "schema.additions"
        return "schema.not-yet" if problem.kind == "missing" and self.basis.server_older else ""


def _member(command: Command) -> str:
    return "/exec-oob" if command.oob else "/execute"


def _inside(where: str, outer: str) -> bool:
    return where == outer or where.startswith(f"{outer}/")
