"""What pytest shows of a finding: what is wrong, where, and the messages around it.

`Broken` is raised by a test whose trace has findings that count, or whose replay went wrong;
`representation` is what pytest makes of it: text, and a place ``FILE:LINE`` that editors jump to.
The text is made when the exception is, so that workers of xdist can send it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from _pytest._code.code import (  # what pytest shows, and xdist sends, has no public names
    ReprEntry,
    ReprExceptionInfo,
    ReprFileLocation,
    ReprTraceback,
)

from qmpconf.findings import SEVERITIES, Group
from qmpconf.testing.names import WARNED
from qmpconf.text import counted, printable
from qmpconf.trace.around import around

#: Findings of one test that are shown with their messages; the others are counted.
MOST = 10
#: Characters of what was expected, and of what was seen.
_WIDTH = 200


@dataclass(eq=False)
class Broken(Exception):  # noqa: N818 - it is a failed test, and no error
    """A test failed: `headline` is its one line, `lines` all of it, `path` and `line` where."""

    headline: str
    lines: Sequence[str]
    path: str
    line: int

    def __str__(self) -> str:
        return "\n".join(self.lines)


def representation(broken: Broken) -> ReprExceptionInfo:
    """`broken` as pytest's own representation of an exception."""
    place = ReprFileLocation(path=broken.path, lineno=broken.line, message=broken.headline)
    entry = ReprEntry(
        lines=list(broken.lines),
        reprfuncargs=None,
        reprlocals=None,
        reprfileloc=place,
        style="value",
    )
    return ReprExceptionInfo(
        reprcrash=place,
        reprtraceback=ReprTraceback(reprentries=[entry], extraline=None, style="value"),
    )


def severities(groups: Sequence[Group]) -> str:
    """How many findings there are of each severity: "2 errors, 1 warning"."""
    totals = dict.fromkeys(SEVERITIES, 0)
    for group in groups:
        totals[group.first.severity] += group.count
    return ", ".join(counted(number, one) for one, number in totals.items() if number)


def sentence(group: Group) -> str:
    """What is wrong, in one line."""
    first = group.first
    place = " ".join(filter(None, (first.subject, first.pointer)))
    hint = f"; did you mean {first.hint!r}?" if first.hint else ""
    return printable(f"{place}: {first.message}{hint}" if place else f"{first.message}{hint}")


def headline(groups: Sequence[Group]) -> str:
    """The worst finding in one line, and how many more there are."""
    worst = groups[0]
    first = worst.first
    text = f"{first.severity} {first.requirement} by the {first.blame}: {sentence(worst)}"
    return text + (f" (and {len(groups) - 1} more)" if len(groups) > 1 else "")


def warned(groups: Sequence[Group], path: str) -> Iterator[tuple[str, str]]:
    """A property for each warning that fails no test."""
    for group in groups:
        one = group.first
        if one.severity == "warning":
            place = f"{shown_path(path)}:{one.line}"
            yield WARNED, f"{place}: warning: {one.requirement}: {sentence(group)}"


def findings(
    groups: Sequence[Group],
    path: str,
    messages: Mapping[tuple[int, int], list[str]] | None = None,
    *,
    named: bool = True,
) -> Iterator[str]:
    """The findings of the trace `path`, each with the messages around it, as lines.

    If they are not `named`, what is wrong was said before.
    """
    groups = groups[:MOST]
    if messages is None:
        messages = around(path, places(groups))
    for group in groups:
        first = group.first
        times = f", {counted(group.count, 'time')}" if group.count > 1 else ""
        if named:
            yield ""
            yield f"{first.severity} {first.requirement}: {sentence(group)}"
        yield f"  {shown_path(path)}:{first.line}: by the {first.blame}{times}"
        told = {
            "expected": first.expected,
            "seen": first.seen,
            "answered": first.answer,
            "source": first.source,
        }
        for name, text in told.items():
            if text:
                yield f"  {name:<11}  {_short(text)}"
        yield f"  fingerprint  {group.fingerprint}"
        yield from messages.get((first.session, first.line), ())


def places(groups: Sequence[Group]) -> list[tuple[int, int]]:
    """Session and line of each finding that is shown."""
    return [(group.first.session, group.first.line) for group in groups[:MOST]]


def more(groups: Sequence[Group]) -> Iterator[str]:
    """A line that counts what `findings` does not show."""
    if len(groups) > MOST:
        yield ""
        left = len(groups) - MOST
        yield f"... and {counted(left, 'more kind')} of findings (qmpconf check shows all)"


def _short(text: str) -> str:
    return printable(text if len(text) <= _WIDTH else f"{text[: _WIDTH - 4]} ...")


def shown_path(path: str) -> str:
    """The path as seen from where pytest was started, if it is below."""
    near = os.path.relpath(path)
    return printable(path if near.startswith("..") else near)
