"""How records of several streams come together, kind by kind.

Each function takes records of which each comes once (`qmpconf.report.results.heap`), in any order
but for `subjects`: what one stream says twice, and what two of them say in the same words, counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.check.verdict import fails
from qmpconf.protocol.requirements import Level
from qmpconf.report.results.records import (
    WORST_FIRST,
    Case,
    Coverage,
    FindingRecord,
    Gone,
    Latency,
    Record,
    Subject,
    Verdict,
)
from qmpconf.report.results.stream import dumped
from qmpconf.text import naturally

_R = TypeVar("_R", bound=Record)
_Fact = str | int | float | bool


def subjects(found: Iterable[Subject]) -> list[Subject]:
    """One for each name, with what all streams know of it.

    Figures of a server are those of a run, and shards add up; those of a file are the file's own,
    and the larger one counts.  Of other facts, the last that is given counts.
    """
    together: dict[str, Subject] = {}
    for one in {dumped(one): one for one in found}.values():
        before = together.get(one.name)
        together[one.name] = one if before is None else _joined(before, one)
    return sorted(together.values(), key=lambda subject: (subject.kind, naturally(subject.name)))


def _joined(first: Subject, second: Subject) -> Subject:
    facts = dict(first.facts)
    for name, value in second.facts.items():
        facts[name] = _fact(facts.get(name, value), value, adds=first.kind == "server")
    return msgspec.structs.replace(first, facts=facts)


def _fact(before: _Fact, value: _Fact, *, adds: bool) -> _Fact:
    if isinstance(before, bool | str) or isinstance(value, bool | str):
        return value
    return round(before + value, 6) if adds else max(before, value)


def findings(found: Iterable[FindingRecord]) -> Iterator[FindingRecord]:
    """Equal ones of one subject together; one that is new anywhere is new."""
    for same in _by(found, lambda one: (one.subject, one.rule, one.fingerprint)):
        if len(same) == 1 and len(same[0].lines) < 2:
            yield same[0]
            continue
        places = {(one.path, one.line, one.count, one.case): one for one in same}
        ordered = sorted(same, key=lambda f: (f.status != "new", f.path, f.line, f.case))
        count = sum(one.count for one in places.values())
        lines = tuple(sorted({line for one in ordered for line in one.lines}))
        yield msgspec.structs.replace(ordered[0], count=count, lines=lines)


def verdicts(found: Iterable[Verdict]) -> Iterator[Verdict]:
    """For each requirement and subject the one that counts most; what is new, before known."""
    for same in _by(found, lambda one: (one.rule, one.subject)):
        yield min(same, key=lambda v: (WORST_FIRST.index(v.verdict), bool(v.known), not v.reason))


def cases(found: Iterable[Case]) -> Iterator[Case]:
    """Each case of a subject once, as it came out worst."""
    for same in _by(found, lambda one: (one.subject, one.id)):
        yield min(same, key=lambda c: (WORST_FIRST.index(c.verdict), bool(c.known)))


def latencies(found: Iterable[Latency]) -> Iterator[Latency]:
    """One for each command of a subject; percentiles are the larger ones where several are said."""
    for same in _by(found, lambda one: (one.subject, one.name)):
        buckets: Counter[float] = Counter()
        for one in same:
            for bound, count in one.buckets:
                buckets[bound] += count
        yield msgspec.structs.replace(
            same[0],
            count=sum(one.count for one in same),
            errors=sum(one.errors for one in same),
            p50=max(one.p50 for one in same),
            p95=max(one.p95 for one in same),
            max=max(one.max for one in same),
            total=round(sum(one.total for one in same), 6),
            buckets=tuple(sorted(buckets.items())),
        )


def coverage(found: Iterable[Coverage]) -> Iterator[Coverage]:
    """One for each command or event: what any stream has exercised is exercised."""
    for same in _by(found, lambda one: (one.subject, one.schema, one.kind, one.name)):
        places: Counter[str] = Counter()
        for one in same:
            places.update(one.places)
        missing = {place for one in same for place in one.missing} - places.keys()
        yield msgspec.structs.replace(
            same[0],
            calls=sum(one.calls for one in same),
            refused=sum(one.refused for one in same),
            places={place: places[place] for place in sorted(places)},
            missing=tuple(sorted(missing)),
        )


def gone(found: Iterable[Gone], shown: Iterable[FindingRecord]) -> list[Gone]:
    """The entries of a list that were found nowhere: one shard finds what another one does not."""
    fingerprints = {(subject, one.fingerprint) for one in shown for subject in ("", one.subject)}
    return [one for one in found if (one.subject, one.fingerprint) not in fingerprints]


def found(gone: Iterable[Gone], still_gone: Iterable[Gone]) -> bool:
    """Whether all the entries that were gone in one stream are found in others."""
    left = {(one.subject, one.fingerprint) for one in still_gone}
    return not any((one.subject, one.fingerprint) in left for one in gone)


def fails_otherwise(records: Iterable[Record], *, strict: bool) -> bool:
    """Whether a stream fails for something else than entries that are gone in it."""
    return any(_fails(one, strict=strict) for one in records)


def _fails(record: Record, *, strict: bool) -> bool:
    if isinstance(record, Verdict) and record.verdict == "inconclusive":
        rule = ALL_REQUIREMENTS.get(record.rule)
        return rule is not None and rule.level is Level.MUST
    if isinstance(record, Verdict | Case):
        bad = fails("error" if record.verdict == "fail" else "warning", strict=strict)
        return record.verdict in ("fail", "warn") and bad and not record.known
    if isinstance(record, FindingRecord) and record.status == "new":
        return fails(record.severity, strict=strict)
    return False


def _by(records: Iterable[_R], key: Callable[[_R], object]) -> Iterator[list[_R]]:
    """Those of one key together, in an order that is always the same."""
    groups: dict[object, list[_R]] = {}
    for one in records:
        groups.setdefault(key(one), []).append(one)
    for same in groups.values():
        yield sorted(same, key=dumped) if len(same) > 1 else same
