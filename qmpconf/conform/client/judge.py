"""From a scenario's trace, and the client's end, to a result.

The client has coped when it did what it does with a kind server: the same commands, the same exit
code, in time.  What the checker blames on the client counts as well, whatever the scenario.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.check.basis import Basis
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.check.run import findings
from qmpconf.conform.client.scenarios import PLAIN, Scenario
from qmpconf.conform.transcript import excerpt
from qmpconf.conform.verdicts import Breach, Result, Verdict, worst
from qmpconf.net.process import ended
from qmpconf.protocol.messages import Command, from_client
from qmpconf.trace.reader import Item, TraceReader

_MOST = 5


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a client did: the names of its commands, those sent out of band, and how it ended.

    `code` is None for one that had to be ended; `sessions` how often it connected, `last` the
    line of its last command in the trace.
    """

    commands: tuple[str, ...]
    oob: tuple[str, ...]
    code: int | None
    sessions: int
    last: int = 0

    @classmethod
    def of(cls, path: str, code: int | None, sessions: int) -> Behaviour:
        """Read it out of a trace."""
        names, oob, last = [], [], 0
        for item in TraceReader(path).items():
            if isinstance(item, Item) and item.sender == "client":
                message = from_client(item.frame.data)
                if isinstance(message, Command):
                    names.append(message.name)
                    last = item.line
                    if message.oob:
                        oob.append(message.name)
        return cls(tuple(names), tuple(oob), code, sessions, last)

    @property
    def end(self) -> str:
        """How it ended, in words."""
        return "no end in time" if self.code is None else ended(self.code)

    def lacks(self, need: str) -> str:
        """Why a scenario with this need is not about the client; empty if it is."""
        if need == "oob" and not self.oob:
            return "the client sends nothing out of band"
        if need == "quit" and "quit" not in self.commands:
            return "the client does not send quit"
        return ""


def judge(scenario: Scenario, path: str, basis: Basis, seen: Behaviour, plain: Behaviour) -> Result:
    """The result of a scenario; `plain` is what the client did with the kind server."""
    rule = scenario.requirement
    result = Result(scenario.id, (rule,), scenario.title, Verdict.PASS, trace=path)
    for breach in [*_differences(scenario, seen, plain), *_checked(path, basis)]:
        own = breach.requirement == rule
        where = result.breaches if own else result.foreign
        if sum(one.requirement == breach.requirement for one in where) < _MOST:
            where.append(breach)
    if result.breaches:
        result.verdict = worst([one.verdict for one in result.breaches])
        first = result.breaches[0]
        result.reason = f"expected {first.expected}; got {first.seen}"
    shown = result.breaches or result.foreign
    if shown:
        result.excerpt = excerpt(path, shown[0].line)
    return result


def _differences(scenario: Scenario, seen: Behaviour, plain: Behaviour) -> list[Breach]:
    found = []
    if scenario is PLAIN:
        if not seen.commands:
            found.append(("a command", "none"))
    elif seen.commands != plain.commands:
        found.append((_told(plain.commands), _told(seen.commands)))
    if seen.code is None:
        found.append(("the client to end, as with a kind server", seen.end))
    elif seen.code != plain.code:
        found.append((f"{plain.end}, as with a kind server", seen.end))
    rule = ALL_REQUIREMENTS[scenario.requirement]
    return [
        Breach(
            rule.id,
            rule.level.value,
            seen.last,
            rule.sentence,
            rule.source,
            expected,
            got,
            case=True,
        )
        for expected, got in found
    ]


def _told(commands: tuple[str, ...]) -> str:
    shown = ", ".join(commands[:12]) + (", ..." if len(commands) > 12 else "")
    return f"{len(commands)} commands: {shown}" if commands else "no command"


def _checked(path: str, basis: Basis) -> list[Breach]:
    """What the checker blames on the client."""

    def choose(*_: object) -> Basis | None:
        return basis

    return [
        Breach(
            one.requirement,
            one.level,
            one.line,
            ALL_REQUIREMENTS[one.requirement].sentence,
            one.source,
            one.expected,
            one.seen,
            one.pointer,
            one.subject,
        )
        for one in findings(TraceReader(path), choose)
        if one.blame == "client" and one.severity != "note"
    ]
