"""Broken cases of the conformance suites as text: a block for each cause, with all that proves it.

The rule, what was expected and seen, the messages around it over the whole width, and the command
that repeats it.  Cases that break one rule in the same way, but for the values in question, are one
block: that of the first, which names the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from qmpconf.report.results.merge import Report
from qmpconf.report.tables import wrapped
from qmpconf.report.terminal import cut
from qmpconf.report.views import grouping, words
from qmpconf.report.views.grouping import Kind
from qmpconf.text import counted, printable

#: Columns of the names before what they name.
_NAMES = 10

_INDENT = " " * (_NAMES + 3)

#: Cases that are named where more break a rule in the same way.
_NAMED = 6
_VALUE = re.compile(r"""["{\[]|-?\d|\b(?:true|false|null)\b""")


def blocks(
    report: Report, kinds: Sequence[Kind], width: int, paint: Callable[[str, str], str]
) -> Iterator[str]:
    """A block for each cause that `kinds` show, in their order; `paint` is used for its head."""
    cases: dict[str, list[Kind]] = {}
    for kind in kinds:
        cases.setdefault(kind.first.case, []).append(kind)
    causes: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for case, same in cases.items():
        causes.setdefault(tuple(map(_cause, same)), []).append(case)
    for case, *others in causes.values():
        same = cases[case]
        head, *lines = _block(report, same, others, width)
        verdict, _, rest = head.partition(" ")
        style = "bold red" if same[0].first.severity == "error" else "yellow"
        yield "\n".join([f"{paint(verdict, style)} {rest}", *lines])


def _cause(kind: Kind) -> tuple[str, ...]:
    """What makes findings of two cases one: the rule, and both sides without their values."""
    first = kind.first
    return (first.rule, first.severity, *map(_without_values, words.sides(first)))


def _without_values(text: str) -> str:
    """What stands before the first JSON value; all of it where it begins with one."""
    return _VALUE.split(text, maxsplit=1)[0] or text


def _block(
    report: Report, same: Sequence[Kind], others: Sequence[str], width: int
) -> Iterator[str]:
    first = same[0].first
    title = words.title_of(first, report)
    verdict = "FAIL" if first.severity == "error" else "WARN"
    yield from _wrap(
        f"{verdict} {first.case}: {title}" if title else f"{verdict} {first.case}", width
    )
    for name, text in _told(report, same, others, title):
        if text:
            line = f"  {name:<{_NAMES}} {text}"
            # A place is there to be copied: it stays on one line.
            yield from [printable(line)] if name == "trace" else _wrap(line, width)
    for line in first.around:
        shown = printable(f"  {line}")
        # The message in question is there to its end.
        yield from _wrap(shown, width) if line.startswith(">") else [cut(shown, width)]
    # To be copied: in one line.
    yield printable(f"  {'repeat':<{_NAMES}} {first.repeat}")


def _told(
    report: Report, same: Sequence[Kind], others: Sequence[str], title: str
) -> Iterator[tuple[str, str]]:
    """Names and words: the rule, both sides, and where it is."""
    first = same[0].first
    rule = report.rules.get(first.rule)
    told = f"{first.rule} ({rule.level}, {first.source}): {rule.text}" if rule else first.rule
    said = first.message == title or (rule is not None and first.message == rule.text.rstrip("."))
    yield "rule", told if said else f"{told} ({first.message})"
    expected, seen = words.sides(first)
    yield "expected", expected
    yield "got", seen
    yield "place", first.pointer
    for other in same[1:]:
        if other.first.rule != first.rule:
            yield "also", f"{other.first.rule}: {words.sentence(other.first)}"
    more = sum(one.count for kind in same for one in kind.findings if one.path == first.path) - 1
    if more:
        yield "and", f"{more:,} more in the same trace"
    if others:
        cases = counted(len(others), "more case")
        yield "also in", f"{cases}: {grouping.several(others, _NAMED)}"
    subjects = list(dict.fromkeys(name for kind in same for name in kind.subjects))
    if len(report.subjects) > 1:
        yield "with", grouping.several(subjects)
    yield "trace", f"{first.path}:{first.line}" if first.path and first.line else first.path


def _wrap(line: str, width: int) -> list[str]:
    return wrapped(printable(line), width, _INDENT)
