"""The findings about a catalog: which requirement each breaks, where, and in which words.

Whether there is anything to find is decided in `qmpconf.check.rules`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qmpconf.check.calls import LACKING, Flaw, Standing, is_hidden, member_of
from qmpconf.check.properties import ADVICE
from qmpconf.protocol.places import pointer
from qmpconf.schema.problems import suggest
from qmpconf.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qmpconf.check.basis import Basis
    from qmpconf.check.offers import Offered
    from qmpconf.check.reporter import Reporter
    from qmpconf.check.unjudged import Lacks
    from qmpconf.findings import Finding
    from qmpconf.protocol.messages import Command, Event
    from qmpconf.schema.model import Command as KnownCommand
    from qmpconf.schema.model import Event as KnownEvent
    from qmpconf.schema.problems import Problem

#: Problems that a server of another build may give without breaking the catalog.
ADDITIONS = LACKING

#: What a flaw of each standing breaks; all others break `schema.arguments`.
_BROKEN = {
    Standing.COMMAND_UNKNOWN: "schema.command-known",
    Standing.OOB_REFUSED: "schema.oob-allowed",
}


_NOTHING: tuple[Finding, ...] = ()

#: A value of the server: the member that holds it, whose it is, the type's key, the value itself.
Payload = tuple[str, "KnownCommand | KnownEvent", str, Any]


class Wordings:
    """The findings of one session about a catalog.

    `offered` is what its server has offered so far; what is not judged is added to `lacks`.
    """

    def __init__(self, basis: Basis, reporter: Reporter, offered: Offered, lacks: Lacks) -> None:
        self._basis = basis
        self.offered = offered
        self._lacks = lacks
        self._catalog = basis.catalog
        self._report = reporter.finding

    def flaw(
        self, flaw: Flaw, command: Command, line: int, *, brief: bool = False
    ) -> Sequence[Finding]:
        """What is wrong with a call, as a finding; or that it is not judged."""
        if flaw.disputed:
            return (self._disputed(flaw, command, line),)
        rule = "schema.property-type"
        if not flaw.probable:
            if flaw.standing is Standing.NOT_JUDGED:
                self._not_judged(command, flaw, line)
                return _NOTHING
            rule = _BROKEN.get(flaw.standing, "schema.arguments")
        message = flaw.message
        more = dict(self._more(flaw, command, brief=brief)) if self._basis.named else {}
        # What another release has is not a typing error, whatever resembles it.
        hint = "" if "elsewhere" in more else flaw.hint
        if flaw.standing is Standing.CONDITIONAL and flaw.offer is not None:
            rule = "schema.looked-up" if flaw.offer.whole else "schema.conditional"
            hint = ""
            message += (
                "; conditional if the client reads the schema, which had offered it"
                if flaw.offer.whole
                else f"; conditional: {flaw.offer.reply} had offered it"
            )
        return (
            self._report(
                rule,
                line,
                flaw.pointer,
                command.name,
                message,
                flaw.expected,
                flaw.seen,
                flaw.source,
                hint,
                more=tuple(more.items()),
            ),
        )

    def _more(self, flaw: Flaw, command: Command, *, brief: bool) -> Iterable[tuple[str, str]]:
        """Who else has it, and which reply had offered it or may have."""
        if flaw.standing is not Standing.OOB_REFUSED and not brief:
            told = self._basis.history.tell(command, flaw.problem)
            yield from ((name, text) for name, text in told._asdict().items() if text)
        asked = self.offered.schema_line
        if flaw.offer is not None:
            yield "offered", f"{flaw.offer.reply}, line {flaw.offer.line}"
        elif asked and flaw.problem is not None and flaw.problem.kind in LACKING:
            yield "unless", f"the client looks it up in the schema (the reply in line {asked})"

    def _not_judged(self, command: Command, flaw: Flaw, line: int) -> None:
        if flaw.of_property:
            self._lacks.add("property", f"{command.name}: {flaw.message}", ADVICE, line)
            return
        where = flaw.pointer
        place = "" if where in ("", member_of(command)) else f" {where}"
        self._lacks.add("call", f"{command.name}{place} ({flaw.message})", line=line)

    def unknown_command(self, command: Command, sent: int, _line: int) -> Finding:
        """The client sent a command that neither the catalog nor the server knows."""
        return self._report(
            "schema.command-known",
            sent,
            member_of(command),
            command.name,
            f"the command {command.name!r} is unknown",
            f"one of the {counted(len(self._catalog.commands), 'command')} of {self._catalog.name}",
            command.name,
            self._catalog.name,
            suggest(command.name, self._catalog.commands),
        )

    def undocumented_command(self, command: Command, _sent: int, line: int) -> Finding:
        """The server has a command that the catalog does not know."""
        return self._report(
            "request.unknown-command" if self._basis.very_build else "schema.additions",
            line,
            "",
            command.name,
            f"the server has the command {command.name!r}, which is not in the schema",
            "CommandNotFound",
            "another answer",
            self._catalog.name,
        )

    def unknown_event(self, event: Event, line: int) -> Finding:
        """The server emits an event that the catalog does not know."""
        added = not self._basis.very_build
        return self._report(
            "schema.additions" if added else "schema.event-known",
            line,
            "/event",
            event.name,
            f"the event {event.name!r} is not in the schema",
            f"one of the {counted(len(self._catalog.events), 'event')} of {self._catalog.name}",
            event.name,
            self._catalog.name,
            "" if added else suggest(event.name, self._catalog.events),
        )

    def not_offered(self, command: Command, line: int) -> Finding:
        """The server lacks a command of the catalog."""
        return self._report(
            "schema.not-yet" if self._basis.server_older else "schema.command-offered",
            line,
            "/error/class",
            command.name,
            f"the command {command.name!r} is in the schema, but not in the server",
            "the command",
            "CommandNotFound",
            self._basis.cite(self._catalog.commands[command.name]),
        )

    def out_of_band(self, command: Command, line: int) -> Finding:
        """The server carried out of band what its schema does not allow there."""
        return self._report(
            "oob.allowed-only",
            line,
            "",
            command.name,
            f"{command.name!r} was carried out of band, which its schema does not allow",
            "GenericError",
            "success",
            self._basis.cite(self._catalog.commands[command.name]),
        )

    def addition(self, flaw: Flaw, command: Command, sent: int) -> Finding:
        """The server has an argument or value that the catalog of another build does not know."""
        return self._report(
            "schema.additions",
            sent,
            flaw.pointer,
            command.name,
            f"the server takes what is not in the schema: {flaw.message}",
            flaw.expected,
            flaw.seen,
            flaw.source,
        )

    def taken(self, command: Command, problem: Problem, sent: int, line: int) -> Finding:
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
            self._basis.cite(self._catalog.commands[command.name]),
        )

    def _disputed(self, flaw: Flaw, command: Command, line: int) -> Finding:
        """What the document itself is not sure of: nobody is to blame but the document."""
        texts = (flaw.message, flaw.expected, flaw.seen, flaw.source)
        return self._report("schema.document", line, flaw.pointer, command.name, *texts)

    def problems(
        self,
        requirement: str,
        payload: Payload,
        problems: Iterable[Problem],
        line: int,
        redacted: Sequence[str],
    ) -> list[Finding]:
        """Problems of a payload of the server; without those in `redacted` values."""
        member, entry, key, value = payload
        subject, source = entry.name, self._basis.cite(entry)
        found = []
        for problem in problems:
            where = pointer((member, *problem.path))
            if is_hidden(problem, where, redacted):
                continue
            doubt = self._basis.doubt(entry, key, value, problem)
            if doubt is not None:
                message = f"{problem.message}; {doubt.text}"
                texts = (message, problem.expected, problem.seen, doubt.source)
                found.append(self._report("schema.document", line, where, subject, *texts))
                continue
            rule = requirement
            if not self._basis.very_build:
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
        if problem.kind in ADDITIONS:
            return "schema.additions"
        return "schema.not-yet" if problem.kind == "missing" and self._basis.server_older else ""
