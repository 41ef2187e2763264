"""The result of `qmpconf conform` and `conform-client`: the server or client is the subject.

Every case stands there with its verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import msgspec

from qmpconf.check.baseline import Baseline
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.proof import command
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.findings import Groups
from qmpconf.report.results import records
from qmpconf.report.results.common import messages_near, record, rules
from qmpconf.report.results.records import (
    Case,
    FindingRecord,
    Gone,
    Header,
    Message,
    Note,
    Record,
    Subject,
)
from qmpconf.report.results.stream import ResultFile as Stream


def server_of(outcome: Outcome) -> str:
    """The subject's name: a server's product and version, without where it listened, or a client."""
    if outcome.side == "client":
        return outcome.target
    return outcome.target.rpartition(" at ")[0] or outcome.target


def opening(outcome: Outcome) -> Iterator[Record]:
    """What is known before the first case has run."""
    facts: dict[str, str | int | float | bool] = {
        "target": outcome.repeat if _is_spawned(outcome) else outcome.target,
        "schema": outcome.schema,
    }
    if outcome.frozen.name:
        facts["requirements"] = outcome.frozen.name
    yield Subject(name=server_of(outcome), kind=outcome.side, facts=facts)


def case(subject: str, result: CaseResult) -> Case:
    """One case of a subject (`server_of`), as soon as it has run."""
    return Case(
        subject=subject,
        id=result.case,
        verdict=result.verdict.value,
        title=result.title,
        rules=result.requirements,
        reason=result.reason,
        known=result.known,
        seconds=round(result.seconds, 4),
        trace=result.trace,
    )


def closing(outcome: Outcome, told: Iterable[str]) -> Iterator[Record]:
    """Everything else: findings, verdicts, the messages around; `told` are cases told before."""
    server = server_of(outcome)
    before = set(told)
    hidden = _hiding(outcome.target.rpartition(" at ")[2] if _is_spawned(outcome) else "")
    yield from (case(server, one) for one in outcome.results if one.case not in before)
    named: list[str] = []
    for result in outcome.results:
        if result.verdict.broken:
            yield from _findings(server, outcome, result)
            if result.trace:
                lines = (one.line for one in result.breaches)
                yield from map(hidden, messages_near(result.trace, lines))
        named += result.requirements
    yield from _verdicts(server, outcome)
    for rule in rules(named):
        yield msgspec.structs.replace(rule, level=outcome.frozen.level(rule.id).value)
    for pattern, name in outcome.healed:
        reason = f"{name} is listed as known to fail ({pattern}), and passes: take it off the list"
        yield Gone(subject=server, fingerprint=pattern, reason=reason)
    yield from (Note(subject=server, text=one) for one in outcome.notes())
    if outcome.gone:
        yield Note(subject=server, text=f"cut short: {outcome.gone}")


def _is_spawned(outcome: Outcome) -> bool:
    """Whether the suite has started the server, at an address that says nothing any more."""
    return outcome.side == "server" and outcome.repeat.startswith("--spawn")


def _hiding(address: str) -> Callable[[Message], Message]:
    """Messages without the address; an empty one stands nowhere."""

    def hidden(message: Message) -> Message:
        if not address or address not in message.text:
            return message
        return msgspec.structs.replace(message, text=message.text.replace(address, "the target"))

    return hidden


def _verdicts(server: str, outcome: Outcome) -> Iterator[records.Verdict]:
    for rule, verdict in outcome.requirements().items():
        found = [one for one in outcome.results if rule in one.requirements]
        own = [one for one in found if one.verdict_of(rule) is verdict]
        known = [one.known for one in own if one.known]
        yield records.Verdict(
            subject=server,
            rule=rule,
            verdict=verdict.value,
            reason=own[0].reason if own and verdict is not Verdict.PASS else "",
            known=known[0] if outcome.is_known(rule) and known else "",
        )


def _findings(server: str, outcome: Outcome, result: CaseResult) -> Iterator[FindingRecord]:
    """The findings of a broken case, equal ones together.

    The same finding in two cases is two: each is known, and is repeated, by its own case.
    """
    groups = Groups(
        replace(one, path=result.trace, identity=(result.case, one.fingerprint))
        for one in result.breaches
    )
    repeat = outcome.repeat
    if outcome.frozen.name and outcome.side == "server":
        repeat += f" --requirements {outcome.frozen.name}"
    for group in groups:
        yield msgspec.structs.replace(
            record(server, group, Baseline()),
            status="known" if result.known else "new",
            reason=result.known,
            case=result.case,
            repeat=command(result, repeat, outcome.side),
            around=tuple(result.excerpt.splitlines()),
        )


def of_conform(header: Header, outcome: Outcome) -> Stream:
    """The whole result of a run that has ended."""
    result = Stream(header, [*opening(outcome), *closing(outcome, ())])
    return result.end(outcome.exit_code, outcome.gone)
