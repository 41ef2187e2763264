"""Figures of traces as text, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from tabulate import tabulate

from qmpconf.report.show import seconds, size_of
from qmpconf.text import counted, printable, shortened
from qmpconf.trace.figures import EventRate, Figures

#: Kinds of messages, one of them and more of them.
_KINDS = {
    "greeting": ("greeting", "greetings"),
    "command": ("command", "commands"),
    "return": ("return", "returns"),
    "error": ("error", "errors"),
    "event": ("event", "events"),
    "other": ("no QMP message", "no QMP messages"),
    "reset": ("reset of a parser", "resets of a parser"),
    "malformed": ("malformed", "malformed"),
    "gap": ("gap", "gaps"),
}

#: Columns between two columns of a table, with what tabulate adds for heads; of a page; of a place.
_GAP, _ENDLESS, _NARROWEST = 4, 1 << 30, 10

NOTE = "Times of responses: p50 and p95 are within 1 %, the rest is exact."


class _Table(NamedTuple):
    """The `left` first and `places` last columns hold words, the others numbers.

    `more` rows are left out.
    """

    title: str
    head: Sequence[str]
    left: int
    rows: Sequence[Sequence[str]]
    more: int = 0
    places: int = 0


def as_text(found: Figures, top: int = 20, width: int = 120) -> str:
    """Tables in `width` columns, the longest ones cut to `top` rows (0: not at all)."""
    parts = [opening(found)]
    for table in _tables(found, top, width):
        more = f"\n... and {table.more:,} more (--top 0: all)" if table.more else ""
        parts.append(_laid_out(table, "simple") + more)
    if found.latencies:
        parts.append(NOTE)
    return "\n\n".join(parts) + "\n"


def as_markdown(found: Figures, top: int = 20) -> Iterator[str]:
    """The same for a page or a comment, block by block."""
    yield opening(found).replace("\n", "  \n")
    for table in _tables(found, top, _ENDLESS):
        yield f"### {table.title}"
        yield _laid_out(table, "pipe") + (f"\n\n... and {table.more:,} more" if table.more else "")
    if found.latencies:
        yield NOTE


def as_json(found: Figures) -> str:
    """All figures."""
    return json.dumps(msgspec.to_builtins(found), indent=1, allow_nan=False) + "\n"


def opening(found: Figures) -> str:
    """How much there is, in a few lines."""
    sessions = found.sessions
    first = f"{counted(found.messages, 'message')} in {counted(sessions.count, 'session')}"
    if found.traces > 1:
        first += f" of {counted(found.traces, 'trace')}"
    if found.seconds:
        first += f", {seconds(found.seconds)} from first to last"
    lines = [first]
    if sessions.count > 1:
        lines.append(
            f"sessions took {seconds(sessions.min)} to {seconds(sessions.max)}, "
            f"half of them at most {seconds(sessions.p50)}"
        )
    if sessions.unclosed:
        lines.append(f"{counted(sessions.unclosed, 'session')} did not close")
    if found.kinds:
        told = (f"{count:,} {_KINDS[kind][count != 1]}" for kind, count in found.kinds.items())
        lines.append(", ".join(told))
    return "\n".join(lines)


def _tables(found: Figures, top: int, width: int) -> Iterator[_Table]:
    yield _Table(
        "Traffic",
        ("sent by", "messages", "bytes"),
        1,
        [[side, f"{one.messages:,}", size_of(one.bytes)] for side, one in found.flows.items()],
    )
    if found.latencies:
        yield _commands(found, top)
    if found.events:
        span = max(1.0, found.seconds)  # a shorter trace has no rate that means anything
        everything = EventRate("(all)", sum(one.count for one in found.events), found.events_peak)
        shown = [
            [_name(one.name), f"{one.count:,}", _rate(one.count / span), f"{one.peak:,}"]
            for one in (everything, *found.events)
        ]
        head = ("event", "count", "average/s", "peak/s")
        yield _Table("Events", head, 1, *_cut(shown, top + 1 if top else 0))
    if found.sizes:
        yield _sizes(found, top, width)


def _sizes(found: Figures, top: int, width: int) -> _Table:
    many = found.traces > 1
    rows = [
        [
            _name(f"{one.kind} {one.name}"),
            f"{one.count:,}",
            size_of(one.biggest),
            size_of(one.total),
        ]
        for one in found.sizes
    ]
    head = ("biggest messages", "count", "biggest", "together", "in line")
    taken = max(len(head[0]), *(len(row[0]) for row in rows)) + sum(map(len, head[1:4])) + 4 * _GAP
    for one, row in zip(found.sizes, rows, strict=True):
        place = f"{printable(one.trace)}:{one.line}" if many else f"{one.line}"
        room = max(_NARROWEST, width - taken)
        row.append(place if len(place) <= room else "..." + place[3 - room :])
    return _Table("Biggest messages", head, 1, *_cut(rows, top), places=1)


def _commands(found: Figures, top: int) -> _Table:
    lost = any(one.unanswered for one in found.latencies)
    rows = [
        [
            _name(one.name or "(no command)"),
            f"{one.count + one.unanswered:,}",
            *([f"{one.unanswered:,}" if one.unanswered else ""] if lost else []),
            f"{one.errors:,}" if one.errors else "",
            *(
                seconds(time) if one.count else ""
                for time in (one.p50, one.p95, one.max, one.total)
            ),
        ]
        for one in found.latencies
    ]
    unanswered = ["unanswered"] if lost else []
    head = ("command", "calls", *unanswered, "errors", "p50", "p95", "max", "total")
    return _Table("Commands", head, 1, *_cut(rows, top))


def _cut(rows: list[list[str]], top: int) -> tuple[list[list[str]], int]:
    """The first `top` rows, and how many are left out."""
    return (rows[:top], len(rows) - top) if 0 < top < len(rows) else (rows, 0)


def _laid_out(table: _Table, form: str) -> str:
    numbers = len(table.head) - table.left - table.places
    align = ["left"] * table.left + ["right"] * numbers + ["left"] * table.places
    rows = table.rows
    if form == "pipe":
        rows = [[_literal(cell) for cell in row] for row in rows]
    return tabulate(rows, table.head, tablefmt=form, disable_numparse=True, colalign=align)


def _literal(cell: str) -> str:
    """What Markdown shall not take for markup."""
    for one in "\\`*_[]<>|&#~":
        cell = cell.replace(one, f"\\{one}")
    return cell


def _rate(rate: float) -> str:
    return f"{rate:,.{0 if rate >= 10 else 1 if rate >= 1 else 3}f}"


def _name(text: str) -> str:
    return shortened(printable(text), _LONGEST)


#: The longest name in a table.
_LONGEST = 40
