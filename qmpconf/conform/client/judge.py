"""From a scenario's trace, what the client printed, and its end, to a result.

With a legal server, the client has coped when it did what it does with a kind one: the same
commands, the same exit code, the same lines, in time.  With a server that fails, it may fail as
well: what counts is that it ends, that no signal ends it, that it does not end as if all were well,
and that it takes no message for another.  What the checker blames on the client counts in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qmpconf.check.basis import Basis
from qmpconf.check.checking import findings
from qmpconf.check.reporter import Reporter
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.conform.client.behaviour import Behaviour
from qmpconf.conform.client.failures import Failure
from qmpconf.conform.client.kind import Kind
from qmpconf.conform.client.output import missing
from qmpconf.conform.client.scenarios import PLAIN, Scenario
from qmpconf.conform.client.testee import Mismatch, compare
from qmpconf.conform.frozen import CURRENT, RequirementSet
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.findings import Finding
from qmpconf.protocol.messages import from_server
from qmpconf.protocol.requirements import Party
from qmpconf.text import counted
from qmpconf.trace.around import excerpt
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader

_OWN = "response.own"

#: Rules of the client that are judged in every scenario, by what they are judged from.
HABITS = {
    "request.id-in-flight": "every scenario of conform-client",
    "session.after-quit": "every scenario of conform-client",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the client should have done otherwise, said in `message`.

    `rule` is another requirement than the scenario's, or empty.
    """

    message: str
    expected: str
    seen: str
    line: int = 0
    rule: str = ""


def judge(
    scenario: Scenario,
    path: str,
    basis: Basis,
    seen: Behaviour,
    kind: Kind,
    output: str,
    frozen: RequirementSet = CURRENT,
) -> CaseResult:
    """The result of a scenario; `output` says what of stdout is compared (`suite.OUTPUTS`)."""
    rule = scenario.requirement
    result = CaseResult(scenario.id, (rule,), scenario.title, Verdict.PASS, trace=path)
    differences = [*_differences(scenario, seen, kind, output, path), *_habits(seen)]
    reporter = Reporter(path, 0)
    for one in differences:
        source = ALL_REQUIREMENTS[one.rule or rule].source
        finding = reporter.finding(
            one.rule or rule,
            one.line or seen.last,
            "",
            "",
            f"{scenario.title}: {one.message}",
            one.expected,
            one.seen,
            source,
            blame=Party.CLIENT,
        )
        result.add(frozen.judged(finding))
    for finding in _checked(path, basis):
        result.add(frozen.judged(finding))
    result.decide()
    shown = result.breaches or result.foreign
    if shown:
        result.excerpt = excerpt(path, shown[0].line)
    return result


def _differences(
    scenario: Scenario, seen: Behaviour, kind: Kind, output: str, path: str
) -> Iterator[Difference]:
    if scenario is PLAIN:
        if not seen.commands:
            yield Difference("the client sends nothing", "a command", "none")
    elif scenario.fails:
        yield from _failing(seen, kind, output)
    else:
        yield from _legal(scenario, seen, kind, output)
    if kind.depth == 0 and scenario.failure is not Failure.SILENT:
        early = [one for one in seen.sent if one.unanswered and not one.oob]
        if early and scenario is not PLAIN:
            got = f"{early[0].name}, with {counted(early[0].unanswered, 'response')} still to come"
            what = "the client goes on as if it had its response"
            wanted = "the response to a command before the next one"
            yield Difference(what, wanted, got, early[0].line)
    if output == "testee":
        whole = not scenario.fails or _as_if_well(seen, kind)
        complete = kind.complete(seen) if whole else (frozenset[str](), frozenset[str]())
        # Who understands a kind server does not cope with what the scenario is about.
        greeted = scenario.failure is Failure.TWICE
        rule = _OWN if scenario is PLAIN or (scenario.fails and not greeted) else ""
        for one in compare(seen.end.told, seen.reports, complete):
            if scenario is PLAIN or one.name not in kind.mistaken:
                what = f"the client reports another {one.name} than was sent"
                yield Difference(what, one.expected, one.seen, _line_of(one, path), rule)


def _legal(scenario: Scenario, seen: Behaviour, kind: Kind, output: str) -> Iterator[Difference]:
    """What is not as with a kind server."""
    if kind.commands(seen) != kind.commands(kind.plain):
        wanted, got = _told(kind.commands(kind.plain)), _told(kind.commands(seen))
        yield Difference("the client sends other commands", wanted, got)
    if seen.end.code is None:
        wanted = "the client to end, as with a kind server"
        yield Difference("the client does not end", wanted, seen.end.words)
    elif seen.end.code != kind.plain.end.code:
        wanted = f"{kind.plain.end.words}, as with a kind server"
        yield Difference("the client ends otherwise", wanted, _end(seen))
    elif output == "lines" and not scenario.manners.changes_values:
        line = missing(kind.lines, seen.lines)
        if line:
            wanted = f"the line {line[:200]!r}, as with a kind server"
            yield Difference("the client prints something else", wanted, _instead(seen, kind))


def _failing(seen: Behaviour, kind: Kind, output: str) -> Iterator[Difference]:
    """What is not even right of a client whose server fails."""
    end = seen.end
    if end.code is None:
        wanted = "the client to end, in failure or not"
        yield Difference("the client does not end", wanted, end.words)
    elif end.crashed:
        yield Difference("a signal ends the client", "an exit code", _end(seen))
    elif _as_if_well(seen, kind):
        if not kind.is_whole(seen):
            got = f"{end.words}, no word of a failure, and {_told(kind.commands(seen))}"
            yield Difference("the client ends as if all were well", "a failure that shows", got)
        elif output == "lines":
            line = missing(kind.lines, seen.lines)
            if line:
                wanted = f"the line {line[:200]!r}, or a failure that shows"
                yield Difference("the client prints something else", wanted, end.words)


def _as_if_well(seen: Behaviour, kind: Kind) -> bool:
    """Whether the client ends as with a kind server, and says nothing that it does not say then."""
    before = {*kind.plain.lines, *kind.plain.errors}
    silent = all(line in before for line in (*seen.lines, *seen.errors))
    return silent and seen.end.code == kind.plain.end.code


def _instead(seen: Behaviour, kind: Kind) -> str:
    new = [line for line in seen.lines if line not in kind.plain.lines]
    return f"{new[0][:200]!r}" if new else f"{counted(len(seen.lines), 'line')} without it"


def _end(seen: Behaviour) -> str:
    words = seen.end.last_words
    return seen.end.words + (f"; its last words: {words!r}" if words else "")


def _habits(seen: Behaviour) -> Iterator[Difference]:
    for one in seen.sent:
        if one.reuses:
            got = f"{one.name}, with the id of one that is unanswered"
            what = "an id is used twice at once"
            yield Difference(what, "another id", got, one.line, "request.id-in-flight")
        if one.late:
            what = "the client sends a command behind quit"
            yield Difference(what, "nothing behind quit", one.name, one.line, "session.after-quit")


def _told(commands: tuple[str, ...]) -> str:
    shown = ", ".join(commands[:12]) + (", ..." if len(commands) > 12 else "")
    return f"{counted(len(commands), 'command')}: {shown}" if commands else "no command"


def _line_of(mismatch: Mismatch, path: str) -> int:
    """The line of the message that was misunderstood; 0 where there is none."""
    if mismatch.message is not None:
        for item in TraceReader(path).items():
            if not isinstance(item, Item) or item.sender != "server":
                continue
            if from_server(item.frame.data).value == mismatch.message:
                return item.line
    return 0


def _checked(path: str, basis: Basis) -> Iterator[Finding]:
    """What the checker blames on the client."""

    def choose(*_: object) -> Basis | None:
        return basis

    for finding in findings(TraceReader(path), choose):
        if finding.blame == "client" and finding.severity != "note":
            yield finding
