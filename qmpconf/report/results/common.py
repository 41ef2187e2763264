"""What every builder of a result needs: rules, verdicts out of findings, messages near a line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.errors import InputError
from qmpconf.report.results.records import Finding, Message, Rule, Verdict, VerdictWord
from qmpconf.trace.figures import Figures
from qmpconf.trace.reader import Item, TraceReader
from qmpconf.trace.stats import Stats
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


@dataclass(frozen=True, slots=True)
class Around:
    """What a second look at a trace gives: messages near some lines, and the whole's figures."""

    messages: list[Message]
    figures: Figures


def messages_near(path: str, lines: Iterable[int]) -> list[Message]:
    """The messages around some lines of a trace, which is read once more, each session's apart.

    A file that cannot be read any more, or that is no trace, has none.
    """
    wanted = {line for line in lines if line}
    return around(path, wanted).messages if wanted else []


def around(path: str, lines: Iterable[int]) -> Around:
    """The same, with the figures of the whole trace."""
    stats = Stats(path)
    near = _Near(path, lines)
    try:
        summaries = Summaries()
        for item in TraceReader(path).items():
            summary = summaries.take(item)
            if summary is not None:
                stats.add(summary)
                near.add(summary, item)
    except InputError:
        pass
    return Around(near.found, stats.figures())


class _Near:
    """Collects the messages around wanted lines in `found`, in the trace's order."""

    def __init__(self, path: str, lines: Iterable[int]) -> None:
        self._path = path
        self._wanted = frozenset(sorted(set(lines))[:MOST_PLACES])
        self._before: dict[int, deque[tuple[Summary, object]]] = {}
        self._after: dict[int, int] = {}
        self.found: list[Message] = []

    def add(self, summary: Summary, item: object) -> None:
        """Take the next message."""
        conn = summary.conn
        kept = self._before.setdefault(conn, deque(maxlen=BEFORE))
        if summary.line in self._wanted:
            self.found += [_message(self._path, *one) for one in kept]
            kept.clear()
            self._after[conn] = AFTER + 1
        if self._after.get(conn, 0):
            self._after[conn] -= 1
            self.found.append(_message(self._path, summary, item))
        else:
            kept.append((summary, item))
        if summary.kind == "close":
            self._before.pop(conn, None)
            self._after.pop(conn, None)


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
