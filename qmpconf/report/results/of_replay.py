"""The result of `qmpconf replay`: a trace against a target is the subject, differences are findings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from qmpconf.replay.bindings import sentence
from qmpconf.replay.difference import Difference, Effect, Group, Kind
from qmpconf.replay.result import Result as Replay
from qmpconf.report.results.common import messages_near
from qmpconf.report.results.records import (
    Finding,
    Gone,
    Header,
    Note,
    Record,
    Rule,
    Subject,
    Table,
    Verdict,
)
from qmpconf.report.results.stream import Result
from qmpconf.report.upgrade import as_data

_SOURCE = "the recording"

#: Characters of a value within a sentence.
_LONGEST = 80

#: Elements that are named of notes that say the same.
_VALUES = 12

_EFFECTS: Mapping[Effect, str] = {
    "": "",
    "design": "new by design",
    "changed": "behaves otherwise",
    "broke": "the client loses something",
}

#: What a replay holds a target to, by the kind of difference that shows a breach.
RULES: Mapping[Kind, str] = {
    "changed": "What the target says is what the recorded server said.",
    "missing": "What the recorded server said, the target says too.",
    "extra": "What the target says, the recorded server had said.",
    "moved": "Messages come in the recorded order.",
    "fixed": "What failed when it was recorded still fails.",
}


def of_replay(header: Header, replay: Replay, *, messages: bool = False) -> Result:
    """The result of one replay; with `messages`, the trace is read once more."""
    result = Result(header, list(_records(replay)))
    if messages:
        found = (one.line for one in result.records if isinstance(one, Finding))
        result.records += messages_near(replay.trace, found)
    return result.end(replay.exit_code, replay.failure)


def subject_of(replay: Replay) -> str:
    """The subject's name: the recording, and what it was played against."""
    against = f"QEMU {replay.upgrade.after}" if replay.upgrade else replay.target
    return f"{replay.trace} against {against}"


def _records(replay: Replay) -> Iterator[Record]:
    name = subject_of(replay)
    facts: dict[str, str | int | float | bool] = {
        "target": replay.target,
        "compare": replay.level.value,
        "sessions": replay.sessions,
        "sent": replay.sent,
        "replies": replay.replies,
        "events": replay.events,
        "seconds": round(replay.seconds, 3),
    }
    if replay.output:
        facts["output"] = replay.output
    yield Subject(name=name, kind="trace", facts=facts)
    found = list(_together(_finding(name, group, replay) for group in replay.differences))
    yield from found
    for kind, text in RULES.items():
        rule = f"replay.{kind}"
        yield Rule(id=rule, level="MUST", party="server", text=text, source=_SOURCE)
        yield _verdict(name, rule, [one for one in found if one.rule == rule], replay)
    for digest in replay.gone:
        yield Gone(subject=name, fingerprint=digest, reason=replay.known[digest])
    texts = list(replay.warnings)
    if replay.failure:
        texts.append(f"not played to the end: {replay.failure}")
    if replay.differences.dropped:
        texts.append(f"{replay.differences.dropped} differences were counted, but not kept")
    yield from (Note(subject=name, text=text) for text in texts)
    yield from _tables(name, replay)


def _verdict(subject: str, rule: str, found: list[Finding], replay: Replay) -> Verdict:
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


def _finding(subject: str, group: Group, replay: Replay) -> Finding:
    one = group.first
    known = replay.known.get(one.digest)
    more = {
        "nearest": one.nearest,
        "for an upgrade": _EFFECTS[one.effect],
        "replay line": str(one.got_line or ""),
    }
    return Finding(
        subject=subject,
        fingerprint=one.digest,
        rule=f"replay.{one.kind}",
        severity="note" if one.note else "error",
        blame="server",
        message=_message(one),
        path=replay.trace,
        line=one.line,
        session=one.session,
        pointer=one.pointer,
        about=one.subject,
        expected=one.expected,
        seen=one.got,
        source=f"{replay.trace}:{one.line}" if one.line else replay.trace,
        count=group.count,
        lines=tuple(sorted({kept.line for kept in group.kept if kept.line})),
        status="new" if known is None else "known",
        reason=known or "",
        around=one.around,
        more={key: words for key, words in more.items() if words},
    )


def _together(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Notes that say the same of elements of one array as one: a release offers many things more."""
    notes: dict[tuple[str, ...], list[Finding]] = {}
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
        values = ", ".join(one.seen or one.expected for one in same[:_VALUES])
        more = f" and {len(same) - _VALUES} more" if len(same) > _VALUES else ""
        digest = hashlib.sha256("\0".join(key).encode(errors="surrogatepass"))
        yield msgspec.structs.replace(
            first,
            fingerprint=digest.hexdigest()[:16],
            message=f"{key[3]}: {values}{more}",
            pointer=first.pointer.rpartition("/")[0],
            expected="",
            seen="",
            count=sum(one.count for one in same),
        )


def _message(one: Difference) -> str:
    """Why it counts as a difference or not; with the element that only one side's array has."""
    text = one.note or one.why or _words(one)
    value = {"missing": one.expected, "extra": one.got}.get(one.kind, "")
    if not value or not one.pointer.rpartition("/")[2].isdecimal():
        return text
    return f"{text}: {value if len(value) <= _LONGEST else value[:_LONGEST] + '...'}"


def _words(one: Difference) -> str:
    return {
        "changed": "is another one",
        "missing": "was recorded, and did not come",
        "extra": "came, and was not recorded",
        "moved": "came in another order",
        "fixed": "failed when it was recorded, and succeeds",
    }[one.kind]


def _tables(subject: str, replay: Replay) -> Iterator[Table]:
    rows: tuple[tuple[str, ...], ...]
    head: tuple[str, ...]
    if replay.masks:
        rows = tuple(
            (
                name,
                message,
                place,
                str(use.count),
                *(use.examples[0][1:] if use.examples else ("", "")),
                use.mask.reason,
            )
            for (name, message, place), use in sorted(replay.masks.items())
        )
        head = ("mask", "message", "place", "times", "recorded", "got", "why")
        yield Table(subject=subject, title="Masked", head=head, rows=rows)
    if replay.unused:
        rows = tuple((one.name, one.message, one.place, one.source) for one in replay.unused)
        head = ("mask", "message", "place", "configured in")
        yield Table(subject=subject, title="Masks that were not needed", head=head, rows=rows)
    if bound := tuple((sentence(one),) for one in replay.bindings):
        title = "Values that the target chose"
        yield Table(subject=subject, title=title, head=("bound",), rows=bound)
    if replay.upgrade:
        data = as_data(replay.upgrade)
        rows = tuple(
            (one["level"], "yes" if one["met"] else "no", one["place"], one["message"])
            for one in data["announced"]
        )
        title = f"What the schemas announce from {data['before']} to {data['after']}"
        head = ("level", "met", "place", "change")
        yield Table(subject=subject, title=title, head=head, rows=rows)
