"""The outcome of a check as text for people.

One table, the worst first, each row a group of equal findings; then one line that counts.  What a
trace holds is shown with everything escaped that a terminal could take for a command.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from tabulate import tabulate

from qmpconf.check.findings import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qmpconf.check.baseline import Comparison
    from qmpconf.check.findings import Finding, Group
    from qmpconf.check.run import Outcome

_HEAD = ("severity", "blame", "requirement", "line", "times", "what")

#: The narrowest last column that can still be read.
_LEAST = 40


def outcomes(
    checked: Sequence[Outcome], compared: Comparison, width: int = 120, *, details: bool = True
) -> str:
    """All of it: the table, what the baseline says, and the closing lines.

    The traces of `checked` share their groups, which `compared` has sorted by the baseline.
    `width` is that of the terminal; `details` adds what was expected and seen.
    """
    parts = []
    if compared.new:
        parts.append(table(compared.new, width, many=len(checked) > 1, details=details))
    parts += [f"{fingerprint}: in the baseline, but not found" for fingerprint in compared.gone]
    parts += [_torn(one) for one in checked if one.torn]
    parts.append(closing(checked, compared))
    return "\n".join(parts) + "\n"


def table(groups: Sequence[Group], width: int, *, many: bool, details: bool = True) -> str:
    """The table of findings; with `many` traces a line is told with its file."""
    rows = []
    for group in groups:
        first = group.first
        line = f"{printable(first.path)}:{first.line}" if many else str(first.line)
        left = [first.severity, first.blame, first.requirement, line, str(group.count)]
        rows.append((left, first, group.fingerprint))
    widths = [
        max(len(head), *(len(left[column]) for left, _, _ in rows))
        for column, head in enumerate(_HEAD[:-1])
    ]
    room = max(_LEAST, width - sum(widths) - 2 * len(widths))
    cells = [(*left, _what(first, mark, room, details=details)) for left, first, mark in rows]
    return tabulate(cells, _HEAD, tablefmt="simple", disable_numparse=True)


def closing(checked: Sequence[Outcome], compared: Comparison) -> str:
    """The last line: how much was checked, and how many findings there are."""
    groups = checked[0].groups
    messages = sum(one.messages for one in checked)
    sessions = sum(one.sessions for one in checked)
    where = f"{_count(messages, 'message')} in {_count(sessions, 'session')}"
    if len(checked) > 1:
        where += f" of {_count(len(checked), 'trace')}"
    found = [_count(groups.totals[one], one) for one in SEVERITIES if groups.totals[one]]
    text = f"{where} checked: {', '.join(found) if found else 'no findings'}"
    if compared.known:
        text += f"; {_count(len(compared.known), 'kind')} known from the baseline"
    if groups.dropped:
        text += f"; {_count(groups.dropped, 'finding')} not shown, for there are too many kinds"
    return text


def printable(text: str) -> str:
    """`text` with every character escaped that does not print: traces are untrusted."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == " " else f"\\u{ord(one):04X}" for one in text)


def _what(first: Finding, fingerprint: str, room: int, *, details: bool) -> str:
    place = " ".join(filter(None, (first.subject, first.pointer)))
    lines = [f"{place}: {first.message}" if place else first.message]
    if first.hint:
        lines[0] += f"; did you mean {first.hint!r}?"
    if details:
        lines += [f"  expected  {first.expected}", f"  seen      {first.seen}"]
        lines += [f"  source    {first.source}  (fingerprint {fingerprint})"]
    return "\n".join(part for line in lines for part in _wrap(printable(line), room, " " * 12))


def _wrap(line: str, room: int, indent: str) -> list[str]:
    return textwrap.wrap(
        line, room, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False
    ) or [""]


def _torn(one: Outcome) -> str:
    return f"{printable(one.path)}:{one.torn}: the last line is torn; the rest was checked"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
