"""How one call stands in one catalog: the one judgement behind findings and behind the matrix.

A *call* is a command as a client sent it.  A `Judge` holds it against a catalog and against what the
recorded server had offered before (`qmpconf.check.offers`), and gives a `Verdict`: its `Flaw`s, and the
deprecated and unstable parts that it uses.  Where the user named the catalog, the question is whether
that server would serve this call, and the recorded answer does not decide it:

- a command, argument or value that the catalog lacks is a *no*: it fails there, also if the recorded
  server took it, and also if that one had refused it;
- the same, when a reply of the recorded server had listed it, is *conditional*: the client sent
  what it was offered, and a server that does not offer it will not be sent it.  That reply is named.
  The whole schema is a weak offer of a command, and none of an argument or value;
- what the catalog's own document contradicts elsewhere is a *doubt*, and not judged: its example leaves
  out a member that it calls mandatory;
- what the catalog has under a condition of the build (QAPI source) is *conditional* too: there only
  where it was built in;
- what the catalog does not describe, and need not describe, is *not judged*: what is missing in a
  catalog of a part of what a server has, or in a document that was written by hand (such as
  ``qmp-commands.txt``, which leaves out commands and arguments that its servers take);
- where the schema leaves arguments open (``device_add``), `qmpconf.check.properties` judges them, by the
  same standings; what nobody knows the type of is *not judged*;
- a call that the recorded server had refused, and that the catalog has nothing against, is *not
  judged* either: the recording does not show how it goes on where the call succeeds.

A missing mandatory argument, and a value that is not accepted, have no offer: no reply is the cause.

Who is to blame, and for what, when the catalog is that of the recorded server itself, is a matter of
`qmpconf.check.rules`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from qmpconf.check.properties import judge as judge_properties
from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import dumps
from qmpconf.schema.features import CONDITIONAL, said
from qmpconf.schema.model import NO_FACTS
from qmpconf.schema.problems import Problem, suggest
from qmpconf.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qmpconf.check.basis import Basis, Doubt
    from qmpconf.check.offers import Offer, Offered
    from qmpconf.check.properties import Wrong
    from qmpconf.check.property_source import Source
    from qmpconf.protocol.messages import Command
    from qmpconf.schema.model import Facts
    from qmpconf.schema.problems import Path, Problem


class Standing(IntEnum):
    """How a call stands in a catalog, from good to bad."""

    WORKS = 0
    DEPRECATED = 1
    UNSTABLE = 2
    BUILT_IN = 3
    CONDITIONAL = 4
    NOT_JUDGED = 5
    VALUE_REFUSED = 6
    ARGUMENT_MISSING = 7
    ARGUMENT_UNKNOWN = 8
    OOB_REFUSED = 9
    COMMAND_UNKNOWN = 10

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]

    @property
    def answer(self) -> str:
        """Whether such a server can serve the call: yes, conditional, not judged or no."""
        if self > Standing.NOT_JUDGED:
            return "no"
        return _ANSWERS.get(self, "yes")


_ANSWERS = {
    Standing.BUILT_IN: "conditional",
    Standing.CONDITIONAL: "conditional",
    Standing.NOT_JUDGED: "not judged",
}

_WORDS = {
    Standing.WORKS: "works as documented",
    Standing.DEPRECATED: "deprecated",
    Standing.UNSTABLE: "unstable",
    Standing.BUILT_IN: "there only where it was built in",
    Standing.CONDITIONAL: "unknown there, but used because a reply had offered it",
    Standing.NOT_JUDGED: "not judged",
    Standing.VALUE_REFUSED: "value not accepted there",
    Standing.ARGUMENT_MISSING: "mandatory argument missing",
    Standing.ARGUMENT_UNKNOWN: "argument unknown there",
    Standing.OOB_REFUSED: "not out of band there",
    Standing.COMMAND_UNKNOWN: "command unknown there",
}

_MARKS = {
    "deprecated": Standing.DEPRECATED,
    "unstable": Standing.UNSTABLE,
    CONDITIONAL: Standing.BUILT_IN,
}

#: Kinds of problems, and how they stand; all others are about a value.
_KINDS = {
    "unknown": Standing.ARGUMENT_UNKNOWN,
    "missing": Standing.ARGUMENT_MISSING,
}

#: How many different calls with problems are remembered, to be explained once; none that has more
#: bytes of arguments, or more problems, than these.
_REMEMBERED, _MOST_BYTES, _MOST_PROBLEMS = 512, 2048, 8


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that a catalog lacks, or does not accept, in a call.

    `standing` is how the call stands for it alone; `pointer` leads to it in the message; `message`,
    `expected`, `seen` and `hint` are as in a `Finding`.  `offer` is the reply that had offered it,
    `problem` what the schema says (None where the command itself is unknown or must not be out of
    band).  `of_property` says that it is about a property of a type, which no schema lists; `doubt`
    that the recorded server may differ there from the catalog; `probable` that it is a guess.
    `disputed` says why the catalog's own document is not sure of it, or is empty.
    """

    standing: Standing
    pointer: str
    message: str
    expected: str
    seen: str
    source: str
    hint: str = ""
    offer: Offer | None = None
    problem: Problem | None = None
    of_property: bool = False
    doubt: bool = False
    probable: bool = False
    disputed: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """A deprecated, unstable or conditional part that is used: where, what, which mark, who says so.

    `path` leads to it in the arguments, and is None for the command itself; `expected` and `seen`
    are both sides, where there is more to say than that; `facts` are its own.
    """

    path: Path | None
    pointer: str
    what: str
    feature: str
    source: str
    expected: str = ""
    seen: str = ""
    facts: Facts = NO_FACTS

    @property
    def sentence(self) -> str:
        """What is said about it."""
        return said(self.what, self.feature, self.facts)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a call stands as it does: the place in the message, in words, the catalog's source."""

    pointer: str
    what: str
    source: str
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a catalog has against a call, and what of it is deprecated or unstable.

    `properties` says which property catalog was asked, if any.
    """

    flaws: tuple[Flaw, ...] = ()
    uses: tuple[Used, ...] = ()
    properties: str = ""

    def stands(self, *, refused: bool = False) -> tuple[Standing, Reason | None]:
        """How the call stands, and why; `refused` says that the recorded server refused it."""
        if self.flaws:
            worst = max(self.flaws, key=lambda flaw: flaw.standing)
            told = Reason(worst.pointer, worst.message, worst.source, worst.offer)
            return worst.standing, told
        if refused:
            return Standing.NOT_JUDGED, Reason("", REFUSED, "")
        if self.uses:
            marked = max(self.uses, key=lambda use: _MARKS[use.feature])
            told = Reason(marked.pointer, marked.sentence, marked.source)
            return _MARKS[marked.feature], told
        return Standing.WORKS, None


#: The protocol itself defines this command; the schema replies of QEMU 2.5 to 2.7 leave it out.
NEGOTIATION = "qmp_capabilities"

#: What a flaw is that only the names of properties suggest.
_GUESSED: Mapping[str, Any] = {"standing": Standing.NOT_JUDGED, "probable": True}

#: Why a call that the recorded server refused is not judged.
REFUSED = "refused when recorded"

_FINE = Verdict()


class Judge:
    """Judges calls by one catalog."""

    def __init__(self, basis: Basis) -> None:
        self.basis = basis
        self._catalog = basis.catalog
        self._quick = basis.validator.quick
        self._plain = basis.plain
        source = basis.catalog.source
        # A document that was written by hand is all there is to say about an old server itself.
        self._describes = source.lists_all if basis.named else not source.partial
        self._problems: dict[tuple[str, bytes], Sequence[Problem]] = {}

    def judge(
        self,
        command: Command,
        offered: Offered,
        breached: Iterable[str] = (),
        redacted: Sequence[str] = (),
    ) -> Verdict:
        """The verdict on a command whose shape is right (`Command.problems` is empty).

        `offered` is what the server had offered when it was sent.  Nothing is said about places in
        `breached`, for which the protocol's own rules have a finding, and in `redacted` values.
        """
        name = command.name
        known = self._catalog.commands.get(name)
        if known is None and name == NEGOTIATION:
            return _FINE
        if known is None:
            return Verdict((self._unknown(command, offered),))
        right = self._quick.arguments(name, command.arguments)
        if right and name in self._plain and not command.oob:
            return _FINE
        flaws = [] if right else self._flaws(command, offered, set(breached), redacted)
        if command.oob and self.basis.tells_oob and not known.allow_oob:
            flaws += [] if "/exec-oob" in breached else [self._in_band(command)]
        uses = list(self._uses(command))
        if name not in self.basis.open_ended:
            return Verdict(tuple(flaws), tuple(uses))
        there = {flaw.pointer for flaw in flaws} | set(breached)
        more = self._properties(command, offered)
        flaws += [one for one in more.flaws if _is_new(one.pointer, there, redacted)]
        uses += [one for one in more.uses if _is_new(one.pointer, there, redacted)]
        return Verdict(tuple(flaws), tuple(uses), more.properties)

    def _unknown(self, command: Command, offered: Offered) -> Flaw:
        name = command.name
        return self._weighed(
            Flaw(
                Standing.COMMAND_UNKNOWN,
                member_of(command),
                f"the command {name!r} is unknown",
                f"one of the {counted(len(self._catalog.commands), 'command')} of {self._catalog.name}",
                name,
                self._catalog.name,
                suggest(name, self._catalog.commands),
            ),
            offered.command(name),
            proven=self._describes,
        )

    def _flaws(
        self, command: Command, offered: Offered, breached: set[str], redacted: Sequence[str]
    ) -> list[Flaw]:
        known = self._catalog.commands[command.name]
        source = self.basis.cite(known)
        found = []
        for problem in self._explained(command):
            where = pointer(("arguments", *problem.path))
            if where in breached or is_hidden(problem, where, redacted):
                continue
            doubt = self.basis.doubt(known, known.arguments, command.arguments, problem)
            if doubt is not None:
                found.append(self._disputed(problem, where, doubt))
                continue
            standing = _KINDS.get(problem.kind, Standing.VALUE_REFUSED)
            texts = (problem.message, problem.expected, problem.seen, source, problem.hint)
            flaw = Flaw(standing, where, *texts, problem=problem)
            lacking = problem.kind in LACKING
            offer = _offer(offered, command, problem.kind, problem.path) if lacking else None
            proven = not lacking or self._describes
            found.append(self._weighed(flaw, offer, proven=proven))
        return found

    def _properties(self, command: Command, offered: Offered) -> Verdict:
        """The verdict on what the schema leaves open."""
        basis, source = self.basis, self.basis.properties
        another = basis.named and not basis.very_build
        told = offered.told.elsewhere() if another else offered.told
        found = judge_properties(command, told, source, basis.version)
        flaws = [self._of_property(one, command, offered) for one in found.refused]
        flaws += [
            replace(self._of_property(one, command, offered), **_GUESSED) for one in found.probable
        ]
        flaws += [
            Flaw(
                Standing.NOT_JUDGED,
                pointer(("arguments", *gap.path)),
                gap.text,
                "",
                "",
                "",
                of_property=True,
            )
            for gap in found.unjudged
        ]
        uses = [
            Used(
                one.path,
                pointer(("arguments", *one.path)),
                one.what,
                "deprecated",
                one.source,
                one.expected,
                one.seen,
            )
            for one in found.deprecated
        ]
        return Verdict(tuple(flaws), tuple(uses), self._asked(source) if found.used else "")

    def _asked(self, source: Source | None) -> str:
        """Which property catalog was asked; why that one, where it is not the schema's own."""
        if source is None:
            return ""
        name = source.catalog.name
        return f"properties of {name if name == self._catalog.name else source.sentence}"

    def _of_property(self, wrong: Wrong, command: Command, offered: Offered) -> Flaw:
        problem = wrong.problem
        flaw = Flaw(
            _KINDS.get(problem.kind, Standing.VALUE_REFUSED),
            pointer(("arguments", *problem.path)),
            problem.message,
            problem.expected,
            problem.seen,
            wrong.source,
            problem.hint,
            problem=problem,
            of_property=True,
            doubt=not (wrong.told or self.basis.named),
        )
        unknown = problem.kind == "unknown"
        offer = _offer(offered, command, problem.kind, problem.path) if unknown else None
        return self._weighed(flaw, offer, proven=True)

    @staticmethod
    def _disputed(problem: Problem, where: str, doubt: Doubt) -> Flaw:
        """A flaw of which the catalog's own document is not sure."""
        return Flaw(
            Standing.NOT_JUDGED,
            where,
            f"{problem.message}; {doubt.text}",
            problem.expected,
            problem.seen,
            doubt.source,
            problem=problem,
            disputed=doubt.text,
        )

    def _explained(self, command: Command) -> Sequence[Problem]:
        key = command.name, dumps(command.arguments)
        known = self._problems.get(key)
        if known is not None:
            return known
        problems = self.basis.validator.arguments(command.name, command.arguments)
        if len(key[1]) <= _MOST_BYTES and len(problems) <= _MOST_PROBLEMS:
            if len(self._problems) >= _REMEMBERED:
                self._problems.clear()
            self._problems[key] = problems
        return problems

    def _weighed(self, flaw: Flaw, offer: Offer | None, *, proven: bool) -> Flaw:
        """The flaw, if the catalog proves it; else how far it goes."""
        if not proven:
            return replace(flaw, standing=Standing.NOT_JUDGED, message=self._undescribed())
        if offer is not None and self.basis.named:
            return replace(flaw, standing=Standing.CONDITIONAL, offer=offer)
        return replace(flaw, offer=offer)

    def _undescribed(self) -> str:
        partial = self._catalog.source.partial
        why = f": {partial}" if partial else ""
        return f"{self._catalog.name} does not describe it{why}"

    def _in_band(self, command: Command) -> Flaw:
        return Flaw(
            Standing.OOB_REFUSED,
            "/exec-oob",
            f"{command.name!r} does not allow out-of-band execution",
            "execute",
            "exec-oob",
            self.basis.cite(self._catalog.commands[command.name]),
        )

    def _uses(self, command: Command) -> Iterable[Used]:
        """Everything deprecated or unstable that the command uses."""
        name, features = command.name, self.basis.features
        known = self._catalog.commands[name]
        for mark in features.of_command(name):
            cited = self.basis.cite(known)
            what = f"the command {name!r}"
            yield Used(None, member_of(command), what, mark, cited, facts=known.facts)
        for use in features.used(known.arguments, command.arguments):
            where = pointer(("arguments", *use.path))
            cited = self.basis.cite(known, use.facts)
            yield Used(use.path, where, use.what, use.feature, cited, facts=use.facts)


#: Kinds of problems that say that a catalog lacks something, rather than that it forbids it.
LACKING = frozenset({"unknown", "value"})


def _offer(offered: Offered, command: Command, kind: str, path: Path) -> Offer | None:
    """The reply that offered the member or value at `path`."""
    find = offered.member if kind == "unknown" else offered.value
    return find(command, path)


def _is_new(where: str, there: Iterable[str], redacted: Iterable[str]) -> bool:
    """Whether a place is none of those that have a flaw already, and in no redacted value."""
    return where not in there and not any(inside(where, one) for one in redacted)


def member_of(command: Command) -> str:
    """A pointer to the member that names the command."""
    return "/exec-oob" if command.oob else "/execute"


def is_hidden(problem: Problem, where: str, redacted: Iterable[str]) -> bool:
    """Whether a problem, at the JSON pointer `where`, is about a redacted value.

    That a member is unknown shows by its name, which is there.
    """
    named = problem.kind == "unknown"
    return any(inside(where, one) and not (named and where == one) for one in redacted)


def inside(where: str, outer: str) -> bool:
    """Whether the place `where` is `outer`, or inside of it; both are JSON pointers."""
    return where == outer or where.startswith(f"{outer}/")
