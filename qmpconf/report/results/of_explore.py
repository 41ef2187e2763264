"""The result of `qmpconf explore`: the server is the subject, what was found is as in a check.

A finding names the whole life that showed it first, and what of the reproducers shows it again.  What may be due to a
slow machine, and did not come again, is a note.  What is known and was not met does not fail the
run: exploring is chance, and has not looked everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from qmpconf.check.baseline import Baseline
from qmpconf.check.coverage import CoverageData, Total, totals
from qmpconf.explore.judging import RULES
from qmpconf.explore.outcome import Discovery, Explored
from qmpconf.findings import Group
from qmpconf.report.results.common import ended, messages_near, record, rules
from qmpconf.report.results.of_coverage import coverage
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
from qmpconf.text import counted, shortened

#: Characters of what a server printed that are said.
_PRINTED = 600
#: The fact that says how much was explored.
SENT = "commands sent"


def of_explore(
    header: Header, explored: Explored, baseline: Baseline, *, full: bool = False
) -> ResultFile:
    """The result of an exploration, by what is known; with `full`, with coverage and the messages near each finding."""
    result = ResultFile(header, list(_records(explored, baseline)))
    if full:
        result.records += coverage(explored.exercised)
        for one in explored.discoveries.values():
            result.records += messages_near(one.trace, (one.finding.line,))
    ended(result, judged=bool(explored.commands))
    code = result.exit_code
    if explored.interrupted:
        return result.end(130, "interrupted")
    if explored.gone and not any(_is_new(one) for one in result.records):
        return result.end(4, f"the server could not be started again: {explored.gone}")
    return result.end(code)


def _is_new(one: object) -> bool:
    return isinstance(one, FindingRecord) and one.counts


def _records(explored: Explored, baseline: Baseline) -> Iterator[Record]:
    name = explored.target
    facts: dict[str, str | int | float | bool] = {
        "schema": explored.schema,
        "seed": explored.plan.seed,
        "seconds": round(explored.seconds, 1),
        "lives": explored.lives,
        SENT: explored.commands,
        "succeeded": explored.succeeded,
        "sent at once": explored.together,
        "out of band": explored.overtaking,
        "folder": explored.plan.folder,
    }
    yield Subject(name=name, kind="server", facts=facts)
    found = [_finding(name, one, baseline) for one in in_order(explored)]
    yield from found
    yield from rules(one.rule for one in found)
    for rule, sentence in RULES.items():
        if any(one.rule == rule for one in found):
            yield Rule(id=rule, level="MUST", party="server", text=sentence, source="explore")
    for rule in dict.fromkeys(one.rule for one in found):
        yield from _verdict(name, rule, [one for one in found if one.rule == rule])
    rows = tuple(
        (one.kind, str(was.exercised), str(one.exercised), str(one.tried), str(one.all))
        for one, was in zip(*figures(explored), strict=True)
    )
    if rows:
        head = ("coverage", "before", "exercised", "tried", "all")
        yield Table(subject=name, title="What was exercised", head=head, rows=rows)
    met = {one.fingerprint for one in found}
    for text in (*notes(explored), *_not_met(baseline.gone(met))):
        yield Note(subject=name, text=text)


def _finding(subject: str, one: Discovery, baseline: Baseline) -> FindingRecord:
    made = record(subject, Group.of(one.finding), baseline)
    shorter, files = one.shorter, one.files
    more = {name: text for name, text in made.more.items() if name not in ("since", "printed")}
    printed = dict(one.finding.more).get("printed", "").strip()
    if printed and printed != made.seen:
        more["printed"] = shortened(printed, _PRINTED)
    if shorter is not None and files is not None:
        of = counted(shorter.commands, "command")
        more["shrunk"] = f"to {shorter.left:,} of {of}" if shorter.shown else f"not: {shorter.note}"
        more["trace"], more["qmp-shell"] = files.trace, files.lines
        if not one.verified:
            more["script"] = files.script
        if files.untyped:
            untyped = counted(files.untyped, "command is", "commands are")
            more["qmp-shell"] += f" ({untyped} not typed there as sent)"
        more["shown again"] = {True: "yes", False: "no", None: "not tried"}[one.verified]
    return msgspec.structs.replace(
        made,
        severity=made.severity if one.counts else "note",
        path=one.trace,
        count=one.times,
        lines=(one.finding.line,) if one.finding.line else (),
        repeat=f"python3 {files.script}" if files is not None and one.verified else "",
        more=more,
    )


def _verdict(subject: str, rule: str, found: Sequence[FindingRecord]) -> Iterator[Verdict]:
    """What a requirement came to; of a rule that nothing broke nothing is said: there was no end to the looking."""
    broken = [one for one in found if one.severity != "note"]
    if not broken:
        return
    new = [one for one in broken if one.counts]
    first = (new or broken)[0]
    error = any(one.severity == "error" for one in new or broken)
    yield Verdict(
        subject=subject,
        rule=rule,
        verdict="fail" if error else "warn",
        reason=first.message,
        known="" if new else first.reason,
    )


def notes(explored: Explored) -> list[str]:
    """What readers should know besides."""
    found = []
    doubtful = [one for one in explored.discoveries.values() if not one.counts]
    if doubtful:
        found.append(
            f"{counted(len(doubtful), 'finding')} did not come again and may be due to a slow "
            "machine: these do not count"
        )
    if explored.limited:
        found.append(
            f"{counted(explored.limited, 'life', 'lives')} ended because memory was refused "
            "(--memory): that is not counted as a finding"
        )
    if explored.gone:
        found.append(f"the server could not be started again: {explored.gone}")
    if explored.interrupted:
        found.append("interrupted: this is what was found until then")
    return found


def _not_met(fingerprints: Sequence[str]) -> Iterator[str]:
    if fingerprints:
        known = counted(len(fingerprints), "known finding was", "known findings were")
        names = ", ".join(fingerprints[:8]) + (", ..." if len(fingerprints) > 8 else "")
        yield f"{known} not met ({names}), which does not fail the run: exploring is chance"


def in_order(explored: Explored) -> list[Discovery]:
    """What counts first; then crashes, ends, hangs, and the rest."""
    ranks = list(RULES)

    def place(one: Discovery) -> tuple[bool, int, int]:
        rule = one.finding.requirement
        return not one.counts, ranks.index(rule) if rule in ranks else len(ranks), one.life

    return sorted(explored.discoveries.values(), key=place)


def figures(explored: Explored) -> tuple[list[Total], list[Total]]:
    """The figures of coverage at the end, and what of them there was before."""
    data = _of_target(explored, explored.exercised.catalogs)
    if data is None:
        return [], []
    before = _of_target(explored, explored.before.catalogs)
    return data.totals(), before.totals() if before else totals(())


def _of_target(explored: Explored, catalogs: tuple[CoverageData, ...]) -> CoverageData | None:
    return next((one for one in catalogs if one.digest == explored.digest), None)
