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
    from collections.abc import Iterator, Sequence

    from qmpconf.check.baseline import Comparison
    from qmpconf.check.findings import Group
    from qmpconf.check.run import Outcome

_HEAD = ("severity", "blame", "requirement", "line", "times", "what")

#: The narrowest last column that can still be read.
_LEAST = 32

#: From this width on the requirement has a column of its own.
_WIDE = 110

#: What tabulate puts around a column's head, and between two columns.
_PADDING = _GAP = 2

_INDENT = " " * 4


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
    """The table of findings, in `width` columns; with `many` traces a line is told with its file.

    In a narrow terminal the requirement moves from its own column to the words.
    """
    narrow = width < _WIDE
    head = [one for one in _HEAD if not (narrow and one == "requirement")]
    rows = []
    for group in groups:
        first = group.first
        line = f"{printable(first.path)}:{first.line}" if many else str(first.line)
        left = [first.severity, first.blame, first.requirement, line, str(group.count)]
        rows.append([cell for cell, name in zip(left, _HEAD, strict=False) if name in head])
    taken = [
        max(len(name) + _PADDING, *(len(row[column]) for row in rows))
        for column, name in enumerate(head[:-1])
    ]
    room = max(_LEAST, width - sum(taken) - _GAP * len(taken))
    for row, group in zip(rows, groups, strict=True):
        row.append("\n".join(_what(group, room, narrow=narrow, details=details)))
    return tabulate(rows, head, tablefmt="simple", disable_numparse=True)


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
    """`text` with every character escaped that does not print: traces are untrusted.

    The escapes are those of JSON, so that a string in JSON stays the same string.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _what(group: Group, room: int, *, narrow: bool, details: bool) -> Iterator[str]:
    """What is wrong, in lines of at most `room` columns."""
    first = group.first
    place = " ".join(filter(None, (first.subject, first.pointer)))
    text = f"{place}: {first.message}" if place else first.message
    hint = f"; did you mean {first.hint!r}?" if first.hint else ""
    yield from _wrap(text + hint, room, _INDENT)
    told = {
        "rule": first.requirement if narrow else "",
        "expected": first.expected if details else "",
        "seen": first.seen if details else "",
        "source": first.source if details else "",
        "fingerprint": group.fingerprint if details else "",
    }
    for name, words in told.items():
        if words:
            yield from _wrap(f"  {name:<13}{words}", room, " " * 15)


def _wrap(line: str, room: int, indent: str) -> list[str]:
    text = printable(line)
    return textwrap.wrap(text, room, subsequent_indent=indent, break_on_hyphens=False)


def _torn(one: Outcome) -> str:
    return f"{printable(one.path)}:{one.torn}: the last line is torn; the rest was checked"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
