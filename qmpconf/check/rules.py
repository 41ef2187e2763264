"""What a catalog says about one message: the judgements of one session, as findings.

What a client sends is judged by `qmpconf.check.calls`; here it is decided whose fault it is.  Where
the user *named* the catalog, whatever it has against a call is an error of the client, unless the
client was offered it (then the call is conditional, a note or warning) or the catalog proves nothing
(then it is not judged).

Where the catalog was found (`auto`), it stands for the recorded server.  Arguments that break the
schema are the client's fault, also when the server refused them as it should; that it took them is
the server's fault too, when the catalog is of the very build.  What a server adds to a catalog that
is not of the very build is a note: a command, argument or value that it took, though the catalog
does not have it, is such an addition.

Each method gives the findings of one message, and an empty sequence, at little cost, for a message
in which nothing is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmpconf.check.calls import (
    NEGOTIATION,
    REFUSED,
    Flaw,
    Judge,
    Standing,
    Used,
)
from qmpconf.check.wordings import ADDITIONS, Wordings
from qmpconf.protocol.dialect import of_product
from qmpconf.schema.features import CONDITIONAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qmpconf.check.basis import Basis
    from qmpconf.check.offers import Offered
    from qmpconf.check.reporter import Reporter
    from qmpconf.check.unjudged import Lacks
    from qmpconf.findings import Finding
    from qmpconf.protocol.messages import Command, Event, Failure, Success
    from qmpconf.protocol.steps import Breach
    from qmpconf.trace.order import Noted

#: So many commands wait to be judged when they are answered; others are judged at once.
_MOST_LATE = 1000
#: Commands that wait, in which something is wrong, and that are remembered; flaws of one call for
#: which other releases are looked at.
_MOST_BAD, _EXPLAINED = 1000, 20

#: What says that something conditional is used; all other marks have a rule of their name.
_MARKED = {CONDITIONAL: "schema.built-in"}

_NOTHING: tuple[Finding, ...] = ()


class _Sent:
    """A command that waits, and in which something is wrong; `line` is where it stands."""

    __slots__ = ("command", "flaws", "line", "taken")

    def __init__(
        self, command: Command, line: int, flaws: Sequence[Flaw], taken: Sequence[Flaw]
    ) -> None:
        self.command = command  # keeps its identity from being used again
        self.line = line
        self.flaws = flaws
        #: Flaws that are none of the client's, if the server takes them.
        self.taken = taken


class Rules:
    """The catalog's rules for the messages of one session.

    `offered` is what its server has offered so far; what is not judged is added to `lacks`, and what
    was asked besides the catalog to `asked`.
    """

    def __init__(
        self,
        basis: Basis,
        reporter: Reporter,
        offered: Offered,
        lacks: Lacks,
        asked: Noted,
    ) -> None:
        self.basis = basis
        self._asked = asked
        self._lacks = lacks
        self._catalog = basis.catalog
        self._report = reporter.finding
        self._words = Wordings(basis, reporter, offered, lacks)
        self._judge = Judge(basis)
        # Commands that wait, by identity, in which something is wrong.
        self._bad: dict[int, _Sent] = {}
        # The same that are judged when they are answered, with places that are not judged.
        self._late: dict[int, tuple[Command, set[str], Sequence[str]]] = {}
        self._quick = basis.validator.quick
        self._plain = basis.plain
        self._dialect = of_product(basis.catalog.source.product)
        #: What every monitor has, whether or not its catalog says so.
        self._negotiation = NEGOTIATION if self._dialect.greets else ""

    @property
    def offered(self) -> Offered:
        """What the server has offered so far."""
        return self._words.offered

    @offered.setter
    def offered(self, offered: Offered) -> None:
        self._words.offered = offered

    def command(
        self, command: Command, line: int, breaches: Sequence[Breach], redacted: Sequence[str]
    ) -> Sequence[Finding]:
        """A command as it is sent.

        One that a catalog does not know which nobody named is judged by its answer, and so are
        arguments and values that only a catalog of another build lacks.  One whose arguments are
        open is judged when it is answered: by then, the server may have listed the properties for
        which a client asked in the same breath.
        """
        name = command.name
        if name not in self._catalog.commands:
            if command.problems or not self.basis.named:
                return _NOTHING
        elif (
            name in self._plain
            and not command.oob
            and self._quick.arguments(name, command.arguments)
        ):
            return _NOTHING
        breached = {breach.pointer for breach in breaches}
        waits = name in self.basis.open_ended and not self.basis.named
        if (waits or self.basis.on_purpose) and len(self._late) < _MOST_LATE:
            self._late[id(command)] = command, breached, redacted
            return _NOTHING
        return self._judged(command, line, breached, redacted)

    def _judged(
        self, command: Command, line: int, breached: set[str], redacted: Sequence[str]
    ) -> list[Finding]:
        """What is wrong with a command, but for what the server's answer decides."""
        name = command.name
        verdict = self._judge.judge(command, self.offered, breached, redacted)
        if verdict.properties:
            self._asked.note(verdict.properties)
        flaws = verdict.flaws
        if command.problems:  # its shape is wrong: what its arguments are meant to be is not sure
            flaws = tuple(one for one in flaws if one.standing is Standing.OOB_REFUSED)
        found = [
            self._report(
                _MARKED.get(use.feature, f"compat.{use.feature}"),
                line,
                use.pointer,
                name,
                use.sentence,
                use.expected or f"nothing that is {use.feature}",
                use.seen or use.what,
                use.source,
                more=self._instead(use, command),
            )
            for use in verdict.uses
        ]
        if not flaws:
            return found
        taken: list[Flaw] = []
        now: list[Flaw] = []
        for flaw in flaws:
            late = not flaw.disputed and self._may_be_an_addition(flaw)
            (taken if late else now).append(flaw)
        self._bad[id(command)] = _Sent(command, line, flaws, taken)
        return [*self._given_up(), *self._told(now, command, line), *found]

    def _given_up(self) -> list[Finding]:
        """What was held back of the command that waits for longest, while too many do."""
        if len(self._bad) <= _MOST_BAD:
            return []
        return self._refused(self._bad.pop(next(iter(self._bad))))

    def _told(self, flaws: Sequence[Flaw], command: Command, line: int) -> Iterable[Finding]:
        """The findings of a call; of one with many flaws, only the first look at other releases."""
        for number, flaw in enumerate(flaws):
            yield from self._words.flaw(flaw, command, line, brief=number >= _EXPLAINED)

    def _instead(self, use: Used, command: Command) -> tuple[tuple[str, str], ...]:
        """What to use in place of something deprecated, where a manual says so."""
        if use.feature != "deprecated":
            return ()
        names = self.basis.history.instead(command, use.path)
        return (("instead", names),) if names else ()

    def _at_last(self, command: Command, sent: int) -> list[Finding] | None:
        """What is wrong with a command that was not judged when it was sent; None: it was."""
        late = self._late.pop(id(command), None)
        return None if late is None else self._judged(command, sent, *late[1:])

    def _not_taken(self, command: Command, sent: int) -> list[Finding]:
        """The same with one that the server did not carry out, unless it was wrong on purpose."""
        if self.basis.on_purpose:
            self._late.pop(id(command), None)
        return self._at_last(command, sent) or []

    def _may_be_an_addition(self, flaw: Flaw) -> bool:
        """Whether it is the catalog that is short of something, if the server takes it."""
        if flaw.of_property:
            return flaw.doubt
        found = self.basis.named or self.basis.very_build
        return not found and flaw.problem is not None and flaw.problem.kind in ADDITIONS

    def success(
        self, command: Command, sent: int, reply: Success, line: int, redacted: Sequence[str]
    ) -> Sequence[Finding]:
        """A success; `sent` is the line of the command that it answers."""
        name = command.name
        late = self._at_last(command, sent) if self._late else None
        bad = self._bad.pop(id(command), None) if self._bad else None
        known = self._catalog.commands.get(name)
        if (
            known
            and late is None
            and bad is None
            and not command.oob
            and self._quick.returned(name, reply.result)
        ):
            return _NOTHING
        if known is None:
            told = command.problems or (self.basis.named and not self.basis.very_build)
            if told or name == self._negotiation:
                return _NOTHING
            return (self._words.undocumented_command(command, sent, line),)
        found = late or []
        taken = bad.taken if bad else ()
        found += [self._words.addition(one, command, sent) for one in taken if not one.probable]
        told = "return" in reply.value  # else its lack is a finding already
        problems = self.basis.validator.returned(name, reply.result) if told else ()
        if problems:
            rule = "schema.return" if known.returns else "response.void"
            payload = ("return", known, known.returns, reply.result)
            found += self._words.problems(rule, payload, problems, line, redacted)
        if bad is not None and self.basis.very_build:
            wrong = [one.problem for one in bad.flaws if one.problem and not one.of_property]
            found += [self._words.taken(command, one, sent, line) for one in wrong[:1]]
        if command.oob and self.basis.very_build and not known.allow_oob:
            found.append(self._words.out_of_band(command, line))
        return found

    def failure(
        self, command: Command, sent: int, reply: Failure, line: int, *, early: bool
    ) -> Sequence[Finding]:
        """An error; `sent` is the line of the command that it answers.

        It is `early` when capabilities were still to be negotiated: then it is not about the
        command, whatever it says.
        """
        name = command.name
        refused = reply.error_class == "CommandNotFound"
        found = self._not_taken(command, sent)
        bad = self._bad.pop(id(command), None)
        if self.basis.named:
            if not (command.problems or bad):
                self._lacks.add("call", f"{name} ({REFUSED})", line=sent)
            return _NOTHING
        found += self._refused(bad, reply.description)
        # Without its id, what was refused was probably not read as a command.
        unread = not refused and (command.oob or (command.has_id and not reply.has_id))
        if early or command.problems or unread:
            return found  # refused for its shape, before anyone looked at its name
        if name not in self._catalog.commands:
            if name == self._negotiation:
                return found
            unknown = self._words.unknown_command if refused else self._words.undocumented_command
            return [*found, unknown(command, sent, line)]
        lacks = refused and not self._dialect.disables
        if lacks and not self.basis.very_build and name != self._negotiation:
            return [*found, self._words.not_offered(command, line)]
        return found

    def _refused(self, bad: _Sent | None, why: str = "") -> list[Finding]:
        """What was held back until the answer came, now that the server did not take it.

        What it had offered itself is its addition all the same.  A property that a catalog does not
        list may be there in another build: it is not, if the server says so in `why`.
        """
        found: list[Finding] = []
        if bad is None:
            return found
        for flaw in bad.taken:
            if flaw.of_property and flaw.problem and flaw.problem.member not in why:
                continue
            if flaw.offer is not None:
                found.append(self._words.addition(flaw, bad.command, bad.line))
            else:
                found += self._words.flaw(flaw, bad.command, bad.line)
        return found

    def unanswered(self, command: Command, sent: int, *, certain: bool) -> Sequence[Finding]:
        """A command that was never answered: unknown, if the catalog is sure of that.

        It is not `certain` where the answer may not have been recorded.
        """
        found = self._not_taken(command, sent)
        found += self._refused(self._bad.pop(id(command), None))
        known = command.name in self._catalog.commands or command.name == self._negotiation
        judged = command.problems or known or self.basis.named
        if judged or not certain or not self.basis.very_build:
            return found
        return [*found, self._words.unknown_command(command, sent, sent)]

    def event(self, event: Event, line: int, redacted: Sequence[str]) -> Sequence[Finding]:
        """An event; one that breaks the protocol's own shape is left to its rules."""
        data = {} if event.data is None else event.data
        if not event.name or not isinstance(data, dict):
            return _NOTHING
        known = self._catalog.events.get(event.name)
        if known is None:
            partial = self._catalog.source.partial
            if partial or not self._catalog.events:  # it need not describe events
                why = f" ({partial})" if partial else ""
                text = f"{self._catalog.name} does not describe {event.name}{why}"
                self._lacks.add("event", text, line=line)
                return _NOTHING
            return (self._words.unknown_event(event, line),)
        if self._quick.data(event.name, data):
            return _NOTHING
        problems = self.basis.validator.data(event.name, data)
        payload = ("data", known, known.data, data)
        return self._words.problems("schema.event-data", payload, problems, line, redacted)
