"""The result of `qmpconf conform`: the server is the subject, with every case and its verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

import msgspec

from qmpconf.check.findings import Severity
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.proof import command
from qmpconf.conform.verdicts import Breach, Result, Verdict
from qmpconf.report.results import records
from qmpconf.report.results.common import messages_near, rules
from qmpconf.report.results.records import Case, Finding, Gone, Message, Note, Record, Subject


def server_of(outcome: Outcome) -> str:
    """The subject's name: the server's product and version, without where it listened."""
    return outcome.target.rpartition(" at ")[0] or outcome.target


def opening(outcome: Outcome) -> Iterator[Record]:
    """What is known before the first case has run."""
    facts: dict[str, str | int | float | bool] = {
        "target": outcome.repeat if _is_spawned(outcome) else outcome.target,
        "schema": outcome.schema,
    }
    yield Subject(name=server_of(outcome), kind="server", facts=facts)


def case(outcome: Outcome, result: Result) -> Case:
    """One case, as soon as it has run."""
    return Case(
        subject=server_of(outcome),
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
    yield from (case(outcome, one) for one in outcome.results if one.case not in before)
    named: list[str] = []
    for result in outcome.results:
        if result.verdict.broken:
            yield from _findings(server, outcome, result)
            if result.trace:
                lines = (one.line for one in result.breaches)
                yield from map(hidden, messages_near(result.trace, lines))
        named += result.requirements
    yield from _verdicts(server, outcome)
    yield from rules(named)
    for pattern, name in outcome.healed:
        reason = f"{name} is listed as known to fail ({pattern}), and passes: take it off the list"
        yield Gone(subject=server, fingerprint=pattern, reason=reason)
    if outcome.gone:
        yield Note(subject=server, text=f"cut short: {outcome.gone}")


def _is_spawned(outcome: Outcome) -> bool:
    """Whether the suite has started the server, at an address that tells nothing any more."""
    return outcome.repeat.startswith("--spawn")


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


def _findings(server: str, outcome: Outcome, result: Result) -> Iterator[Finding]:
    breaches = result.breaches or [_without(result)]
    groups: dict[tuple[str, str, str, str], list[Breach]] = {}
    for one in breaches:
        groups.setdefault((one.requirement, one.subject, one.pointer, one.expected), []).append(one)
    for key, same in groups.items():
        first = same[0]
        severity: Severity = "error" if first.level == "MUST" else "warning"
        parts = (result.case, *key)
        yield Finding(
            subject=server,
            fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16],
            rule=first.requirement,
            severity=severity,
            blame="server",
            message=result.title,
            path=result.trace,
            line=first.line,
            pointer=first.pointer,
            about=first.subject,
            expected=first.expected,
            seen=first.seen,
            source=first.source,
            count=len(same),
            lines=tuple(sorted({one.line for one in same})),
            status="known" if result.known else "new",
            reason=result.known,
            case=result.case,
            repeat=command(result, outcome.repeat),
            around=tuple(result.excerpt.splitlines()),
        )


def _without(result: Result) -> Breach:
    """A broken case that names no breach: its reason stands for one."""
    rule = ALL_REQUIREMENTS[result.requirements[0]]
    return Breach(
        rule.id, rule.level.value, 0, rule.sentence, rule.source, result.title, result.reason
    )
