"""What every builder of a result needs: rules, verdicts out of findings, messages near a line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.errors import InputError
from qmpconf.report.results.records import Finding, Message, Rule, Verdict, VerdictWord
from qmpconf.trace.reader import Item, TraceReader
from qmpconf.trace.summary import Summaries, Summary

#: Messages of the same session that are kept before a finding's line, and behind it.
BEFORE, AFTER = 6, 4

#: Findings whose messages are kept, and characters of a message's text.
MOST_PLACES = 500
BODY = 1200


def rules(ids: Iterable[str]) -> list[Rule]:
    """The register's words for each requirement that is named, in the register's order."""
    wanted = set(ids)
    return [
        Rule(
            id=one.id,
            level=one.level.value,
            party=one.binds.value,
            text=one.sentence,
            source=one.source,
        )
        for one in ALL_REQUIREMENTS.values()
        if one.id in wanted
    ]


def verdicts(
    subject: str, findings: Iterable[Finding], exercised: Iterable[str] | None = None
) -> list[Verdict]:
    """What each requirement of the register came to with a subject.

    With `exercised`, the ids that the subject gave an occasion to judge, every requirement has a
    verdict; without it, only those that are broken have one.
    """
    broken: dict[str, list[Finding]] = {}
    for one in findings:
        if one.severity != "note":
            broken.setdefault(one.rule, []).append(one)
    seen = None if exercised is None else {*exercised, *broken}
    found = []
    for rule in ALL_REQUIREMENTS:
        if rule in broken:
            found.append(_broken(subject, rule, broken[rule]))
        elif seen is not None:
            word: VerdictWord = "pass" if rule in seen else "not-exercised"
            found.append(Verdict(subject=subject, rule=rule, verdict=word))
    return found


def _broken(subject: str, rule: str, findings: Sequence[Finding]) -> Verdict:
    new = [one for one in findings if one.counts]
    told = new or list(findings)
    return Verdict(
        subject=subject,
        rule=rule,
        verdict="fail" if any(one.severity == "error" for one in told) else "warn",
        reason=told[0].message,
        known="" if new else told[0].reason,
    )


def messages_near(path: str, lines: Iterable[int]) -> list[Message]:
    """The messages around some lines of a trace, which is read once more, each session's apart.

    A file that cannot be read any more, or that is no trace, has none.
    """
    wanted = frozenset(sorted({line for line in lines if line})[:MOST_PLACES])
    try:
        return list(_near(TraceReader(path), wanted)) if wanted else []
    except InputError:
        return []


def _near(reader: TraceReader, wanted: frozenset[int]) -> Iterator[Message]:
    summaries = Summaries()
    before: dict[int, deque[tuple[Summary, object]]] = {}
    after: dict[int, int] = {}
    for item in reader.items():
        summary = summaries.take(item)
        if summary is None:
            continue
        conn = summary.conn
        kept = before.setdefault(conn, deque(maxlen=BEFORE))
        if summary.line in wanted:
            yield from (_message(reader.path, *one) for one in kept)
            kept.clear()
            after[conn] = AFTER + 1
        if after.get(conn, 0):
            after[conn] -= 1
            yield _message(reader.path, summary, item)
        else:
            kept.append((summary, item))
        if summary.kind == "close":
            before.pop(conn, None)
            after.pop(conn, None)


def _message(path: str, summary: Summary, item: object) -> Message:
    body = ""
    if isinstance(item, Item):
        data = item.frame.data
        body = data[: BODY + 4].decode("utf-8", "backslashreplace")
        if len(body) > BODY:
            body = body[:BODY] + "…"
    told = {
        name: getattr(summary, name)
        for name in Message.__struct_fields__
        if name in Summary.__struct_fields__
    }
    return msgspec.convert({**told, "path": path, "body": body}, Message)
