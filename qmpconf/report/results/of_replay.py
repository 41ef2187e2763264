"""The result of `qmpconf replay`: a trace against a target is the subject, differences are findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from qmpconf.check.baseline import Baseline
from qmpconf.findings import fingerprint_of
from qmpconf.replay.bindings import sentence
from qmpconf.replay.causes import Call
from qmpconf.replay.difference import Difference
from qmpconf.replay.findings import REPLAYED, Words, group, rule_of, severity_of
from qmpconf.replay.result import MaskUse
from qmpconf.replay.result import ReplayResult as Replay
from qmpconf.report.results.common import gone_of, messages_near, record
from qmpconf.report.results.records import (
    FindingRecord,
    Header,
    Note,
    Record,
    Rule,
    Subject,
    Table,
    Verdict,
)
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.results.upgraded import because, is_unused, notes
from qmpconf.text import counted

#: Elements that are named of notes that say the same.
_VALUES = 12


def of_replay(
    header: Header, replay: Replay, baseline: Baseline, *, messages: bool = False
) -> ResultFile:
    """The result of one replay, by what is known; with `messages`, the trace is read once more."""
    result = ResultFile(header, list(_records(replay, baseline)))
    if messages:
        found = (one.line for one in result.records if isinstance(one, FindingRecord))
        result.records += messages_near(replay.trace, found)
    return result.end(replay.exit_code, replay.failure)


def subject_of(replay: Replay) -> str:
    """The subject's name: the recording, and what it was played against."""
    against = f"QEMU {replay.upgrade.after}" if replay.upgrade else replay.target
    return f"{replay.trace} against {against}"


def _records(replay: Replay, baseline: Baseline) -> Iterator[Record]:
    name = subject_of(replay)
    facts: dict[str, str | int | float | bool] = {
        "target": replay.target,
        "compare": replay.level.value,
        "sessions": replay.sessions,
        "sent": replay.sent,
        "greetings": replay.greetings,
        "replies": replay.replies,
        "events": replay.events,
        "seconds": round(replay.seconds, 3),
    }
    if replay.output:
        facts["output"] = replay.output
    yield Subject(name=name, kind="trace", facts=facts)
    yield from differing(name, replay, baseline)


def differing(
    name: str, replay: Replay, baseline: Baseline, words: Words = REPLAYED, other: str = ""
) -> Iterator[Record]:
    """What a replay found, or a comparison with the recording `other`, about the subject `name`."""
    causes = because(replay)
    groups = [one for one in replay.differences if not is_unused(one.first, replay.upgrade)]
    singles = [
        record(name, group(one, replay.trace, _cause(one.first, causes), words, other), baseline)
        for one in groups
    ]
    found = list(_together(singles))
    yield from found
    for kind, text in words.rules.items():
        rule = rule_of(kind)
        yield Rule(id=rule, level="MUST", party="server", text=text, source=words.source)
        yield _verdict(name, rule, [one for one in found if one.rule == rule], replay)
    if not replay.failure:
        yield from gone_of(baseline, singles, name)
    if hidden := len(replay.differences) - len(groups):
        text = f"{counted(hidden, 'change')} of the schema are about what the session never used"
        yield Note(subject=name, text=text)
    if replay.upgrade:
        yield from notes(name, replay.upgrade)
    texts = list(replay.warnings)
    if replay.failure:
        texts.append(f"not played to the end: {replay.failure}")
    if replay.differences.dropped:
        texts.append(
            f"{counted(replay.differences.dropped, 'difference was', 'differences were')} counted, but not kept"
        )
    yield from (Note(subject=name, text=text) for text in texts)
    yield from _tables(name, replay)


def _verdict(subject: str, rule: str, found: list[FindingRecord], replay: Replay) -> Verdict:
    new = [one for one in found if one.counts]
    known = [one for one in found if one.status == "known"]
    told = new or known
    if told:
        return Verdict(
            subject=subject,
            rule=rule,
            verdict="fail",
            reason=f"{told[0].about}: {told[0].message}",
            known="" if new else told[0].reason,
        )
    if replay.failure:
        reason = f"not played to the end: {replay.failure}"
        return Verdict(subject=subject, rule=rule, verdict="inconclusive", reason=reason)
    return Verdict(subject=subject, rule=rule, verdict="pass")


def _cause(one: Difference, causes: Mapping[tuple[int, int], Call]) -> str:
    """The failed call behind a difference, in words."""
    cause = causes.get((one.session, one.line)) if severity_of(one) != "note" else None
    return f"{cause.name} in line {cause.line} failed" if cause else ""


def _together(findings: Iterable[FindingRecord]) -> Iterator[FindingRecord]:
    """Notes that say the same of elements of one array as one: a release offers many things more."""
    notes: dict[tuple[str, ...], list[FindingRecord]] = {}
    for one in findings:
        if one.severity != "note" or not one.pointer.rpartition("/")[2].isdecimal():
            yield one
            continue
        text = one.message.partition(": ")[0]
        same_as = (one.rule, one.about, one.pointer.rpartition("/")[0], text, one.status)
        notes.setdefault(same_as, []).append(one)
    for key, same in notes.items():
        first = same[0]
        if len(same) == 1:
            yield first
            continue
        values = ", ".join(map(_element, same[:_VALUES]))
        more = f" and {len(same) - _VALUES} more" if len(same) > _VALUES else ""
        yield msgspec.structs.replace(
            first,
            fingerprint=fingerprint_of(*key),
            message=f"{key[3]}: {values}{more}",
            pointer=first.pointer.rpartition("/")[0],
            expected="",
            seen="",
            count=sum(one.count for one in same),
        )


def _element(one: FindingRecord) -> str:
    """The element that a note is about; one that has a name, by that."""
    text = one.expected if one.rule == "replay.missing" else one.seen
    named = _NAMED.match(text)
    return named[1] if named else text


#: An element's JSON text that begins with its name.
_NAMED = re.compile(r'\{"name": "([^"\\]+)"')


def _tables(subject: str, replay: Replay) -> Iterator[Table]:
    rows: tuple[tuple[str, ...], ...]
    head: tuple[str, ...]
    if replay.masks:
        head = ("mask", "message", "place", "times", "recorded", "got", "why")
        yield Table(subject=subject, title="Masked", head=head, rows=tuple(_masked(replay)))
    if replay.unused:
        rows = tuple((one.name, one.message, one.place, one.source) for one in replay.unused)
        head = ("mask", "message", "place", "configured in")
        yield Table(subject=subject, title="Masks that were not needed", head=head, rows=rows)
    if bound := tuple((sentence(one),) for one in replay.bindings):
        title = "Values that the target chose"
        yield Table(subject=subject, title=title, head=("bound",), rows=bound)


def _masked(replay: Replay) -> Iterator[tuple[str, ...]]:
    """One row for each mask and place, whatever the messages."""
    together: dict[tuple[str, str, str], list[MaskUse]] = {}
    for (name, _, place), use in sorted(replay.masks.items()):
        source = f" ({use.mask.source})" if use.mask.source else ""
        together.setdefault((name, place, use.mask.reason + source), []).append(use)
    for (name, place, reason), uses in together.items():
        subject = uses[0].subject if len(uses) == 1 else f"{counted(len(uses), 'kind')} of messages"
        times = str(sum(use.count for use in uses))
        examples = uses[0].examples[0][1:] if uses[0].examples else ("", "")
        yield (name, subject, place, times, *examples, reason)
