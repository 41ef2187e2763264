"""What every builder of a result needs: rules, verdicts out of findings, messages near a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from qmpconf.check.baseline import Baseline
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.check.verdict import exit_code
from qmpconf.errors import InputError
from qmpconf.findings import Group, Groups, Place
from qmpconf.report.results.records import (
    FindingRecord,
    Gone,
    Latency,
    Message,
    Note,
    Rule,
    Verdict,
    VerdictWord,
)
from qmpconf.report.results.stream import ResultFile
from qmpconf.text import counted
from qmpconf.trace.around import Near, body
from qmpconf.trace.figures import Figures
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.share import NotSharedError, ShareReader
from qmpconf.trace.stats import Stats
from qmpconf.trace.stats_share import StatsShare
from qmpconf.trace.summary import Summable, Summaries, Summary

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


def record(subject: str, group: Group, baseline: Baseline) -> FindingRecord:
    """Equal findings as they are written: of which subject, and what the baseline says of them."""
    one = group.first
    reason = baseline.reasons.get(group.fingerprint)
    answered = (("answered", one.answer),) if one.answer else ()
    return FindingRecord(
        subject=subject,
        fingerprint=group.fingerprint,
        rule=one.requirement,
        severity=one.severity,
        blame=one.blame,
        message=one.message,
        path=one.path,
        line=one.line,
        session=one.session,
        pointer=one.pointer,
        about=one.subject,
        expected=one.expected,
        seen=one.seen,
        source=one.source,
        hint=one.hint,
        count=group.count,
        lines=tuple(sorted(set(group.lines))),
        status="new" if reason is None else "known",
        reason=reason or "",
        around=one.around,
        more=dict((*answered, *one.more)),
        weight=one.weight,
    )


def dropped(subject: str, groups: Groups) -> list[Note]:
    """That some findings of a subject were counted, but not kept."""
    if not groups.dropped:
        return []
    findings = counted(groups.dropped, "finding is", "findings are")
    text = f"{findings} not shown, for there are too many kinds"
    return [Note(subject=subject, text=text)]


def gone_of(baseline: Baseline, found: Iterable[FindingRecord], subject: str = "") -> list[Gone]:
    """The entries of the baseline that nothing was found for."""
    return [
        Gone(
            subject=subject,
            fingerprint=key,
            reason=baseline.reasons[key],
            place=baseline.places.get(key, ""),
        )
        for key in baseline.gone({one.fingerprint for one in found})
    ]


def ended(result: ResultFile, *, judged: bool = True) -> ResultFile:
    """The result, completed by the one rule (`qmpconf.check.verdict`) out of its own records."""
    new = (
        one.severity
        for one in result.records
        if isinstance(one, FindingRecord) and one.status == "new"
    )
    gone = any(isinstance(one, Gone) for one in result.records)
    return result.end(exit_code(new, strict=result.header.strict, gone=gone, judged=judged))


def verdicts(
    subject: str, findings: Iterable[FindingRecord], exercised: Iterable[str] | None = None
) -> list[Verdict]:
    """What each requirement of the register came to with a subject.

    With `exercised`, the ids that the subject gave an occasion to judge, every requirement has a
    verdict; without it, only those that are broken have one.
    """
    broken: dict[str, list[FindingRecord]] = {}
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


def _broken(subject: str, rule: str, findings: Sequence[FindingRecord]) -> Verdict:
    new = [one for one in findings if one.counts]
    told = new or list(findings)
    return Verdict(
        subject=subject,
        rule=rule,
        verdict="fail" if any(one.severity == "error" for one in told) else "warn",
        reason=told[0].message,
        known="" if new else told[0].reason,
    )


def latencies(subject: str, figures: Figures) -> list[Latency]:
    """How long each command took."""
    return [
        Latency(
            subject=subject,
            name=one.name,
            count=one.count,
            errors=one.errors,
            p50=one.p50,
            p95=one.p95,
            max=one.max,
            total=one.total,
            buckets=tuple(one.buckets),
        )
        for one in figures.latencies
    ]


@dataclass(frozen=True, slots=True)
class Around:
    """What a second look at a trace gives: messages near some lines, and the whole's figures."""

    messages: list[Message]
    figures: Figures


def messages_near(path: str, lines: Iterable[int]) -> list[Message]:
    """The messages around some lines of a trace, which is read once more, each session's apart.

    A file that cannot be read any more, or that is not a trace, has none.
    """
    wanted = {line for line in lines if line}
    return around(path, wanted).messages if wanted else []


def around(path: str, lines: Iterable[int]) -> Around:
    """The same, with the figures of the whole trace."""
    stats = Stats(path)
    near = Near(places(lines), BEFORE, AFTER, partial(_message, path))
    try:
        reader = TraceReader(path)
        summaries = Summaries(reader.begin)
        for item in reader.items():
            summary = summaries.take(item)
            if summary is not None:
                stats.add(summary)
                near.add(summary, item)
    except InputError:
        pass
    return Around(near.found, stats.figures())


@dataclass(frozen=True, slots=True)
class AroundShare:
    """The same of some sessions of the trace; messages with their places, `alone` says why that is not enough."""

    messages: list[tuple[Place, Message]]
    stats: StatsShare
    alone: str = ""

    def merge(self, other: AroundShare) -> AroundShare:
        """Both; neither is of any use afterwards."""
        self.stats.join(other.stats)
        alone = min(filter(None, (self.alone, other.alone)), default="")
        messages = sorted(self.messages + other.messages, key=lambda one: one[0])
        return AroundShare(messages, self.stats, alone)

    @property
    def whole(self) -> Around:
        """What there is of the trace, where these are all sessions."""
        return Around([one for _, one in self.messages], self.stats.whole().figures())


def around_of_share(reader: ShareReader, lines: Iterable[int]) -> AroundShare:
    """The messages around some lines of a trace, and the figures, of the sessions of a share."""
    path, where = reader.path, reader.where

    def made(summary: Summary, item: Summable) -> tuple[Place, Message]:
        return where.next(), _message(path, summary, item)

    stats = StatsShare(path)
    near = Near(places(lines), BEFORE, AFTER, made)
    summaries = Summaries(reader.begin)
    try:
        for item in reader.items():
            summary = summaries.take(item)
            if summary is not None:
                stats.add(summary)
                near.add(summary, item)
    except (InputError, NotSharedError) as error:
        return AroundShare([], stats, str(error))
    return AroundShare(near.found, stats)


def places(lines: Iterable[int]) -> list[int]:
    """The lines of a trace whose messages are kept."""
    return sorted(set(lines))[:MOST_PLACES]


def _message(path: str, summary: Summary, item: Summable) -> Message:
    told = {
        name: getattr(summary, name)
        for name in Message.__struct_fields__
        if name in Summary.__struct_fields__
    }
    return msgspec.convert({**told, "path": path, "body": body(item, BODY)}, Message)
