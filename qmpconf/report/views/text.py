"""The report as text for people.

Broken cases, each as a block of its own; one table of all other findings, the worst first, each row
a kind of equal ones; the report card of several servers; what is inconclusive; what else the verbs have to tell; then one line that counts, and one that says what to do.
Everything is escaped that a terminal, or the log of a CI job, could take for a command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tabulate import tabulate

from qmpconf.report import coverage, stats
from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import Table
from qmpconf.report.tables import GAP, PADDING, fitted, wrapped
from qmpconf.report.terminal import cut
from qmpconf.report.views import failures, grouping, judged, words
from qmpconf.report.views.grouping import Kind
from qmpconf.report.views.own import Own
from qmpconf.text import counted, defused, printable

#: Shows a text in a style of `qmpconf.report.terminal`.
Paint = Callable[[str, str], str]

_HEAD = ("severity", "blame", "requirement", "line", "times", "what")

#: Verbs whose findings are all of one sort.
_PLAIN = ("audit", "diff", "replay", "trace-diff")

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}

#: The narrowest last column that can still be read.
_LEAST = 32

#: From this width on the requirement has a column of its own, if it is not too long.
_WIDE, _LONGEST_RULE = 110, 28

_INDENT = " " * 4

#: Rows of a verb's own table, known kinds, and messages around a finding that are shown.
_ROWS, _KNOWN, _AROUND = 40, 20, 8

#: Kinds of notes that are shown next to findings that count more.
_NOTES = 20


def plain(text: str, _style: str) -> str:
    """`text` without a style."""
    return text


def page(
    report: Report,
    width: int = 120,
    *,
    details: bool = True,
    lines: bool = False,
    paint: Paint = plain,
    own: Own | None = None,
) -> str:
    """All of it, in `width` columns; `details` adds what was expected and seen.

    With `lines`, each kind of finding is one line that is not wrapped, as editors and grep like it.

    `paint` is used for severities; it is `plain` unless the output is a terminal; `own` says
    how much of figures and coverage there is.
    """
    own = own or Own()
    parts = [paint(printable(one), "bold red") for one in words.alarms(report)]
    parts.append(printable(judged.upgrade(report)))
    for section in grouping.sections(report):
        if lines:
            parts += map(_line, grouping.grouped(section.kinds))
            continue
        if section.title:
            count = counted(len(section.kinds), "kind")
            parts.append(f"\n{paint(section.title, 'bold')} ({count}):")
        cases = [kind for kind in section.kinds if kind.first.case]
        parts += failures.blocks(report, cases, width, paint)
        others = [kind for kind in section.kinds if not kind.first.case]
        if others:
            parts.append(table(report, width, others, details=details, paint=paint))
    parts += _card(report, width)
    if details and not lines:
        parts += (_own_table(one, width) for one in report.tables)
    if report.figures:
        parts.append(stats.as_text(report.figures, own.top, width).rstrip("\n"))
    if report.exercised:
        view = own.coverage or coverage.View(rows=details, width=width)
        parts.append(coverage.as_text(report.exercised, view).rstrip("\n"))
    parts += map(printable, words.gone(report))
    parts += map(printable, _known(report))
    parts += map(printable, _open(report))
    for note in report.notes:
        told = f"{note.subject}: {note.text}" if note.subject else note.text
        parts.append(printable(told))
    closing, *lacks = map(printable, judged.closings(report))
    parts += [closing] if words.has_findings(report) else []
    parts += [paint(one, "yellow") for one in lacks]
    parts += map(printable, words.next_steps(report))
    text = "\n".join(filter(None, parts)) + "\n"
    return defused(text)


def _line(kind: Kind) -> str:
    """``FILE:LINE: severity: requirement: text``."""
    first = kind.first
    place = f"{first.path}:{first.line}" if first.line else first.path
    times = f" ({counted(kind.count, 'time')})" if kind.count > 1 else ""
    text = f"{first.severity}: {first.rule}: {words.sentence(first)}{times}"
    return printable(f"{place or first.subject}: {text}".removeprefix(": "))


def table(
    report: Report,
    width: int,
    kinds: Sequence[Kind],
    *,
    details: bool = True,
    paint: Paint = plain,
) -> str:
    """The table of findings that are not known, in `width` columns.

    Where there are several files, the words say which.  In a narrow terminal the requirement
    moves from its own column to the words.  A column in which nothing differs is left out where
    one verb, that says the same in each row, wrote all results.
    """
    whole = grouping.verb_of(report) == "diff"  # whoever compares wants every change
    found = grouping.shown_kinds(report, kinds)
    counting = sum(kind.first.counts for kind in found)
    few = counting and not whole
    left = max(0, len(found) - counting - _NOTES) if few else 0
    found = found[: len(found) - left]
    many = len(report.subjects) > 1 or len({kind.first.path for kind in found}) > 1
    longest = max((len(kind.first.rule) for kind in found), default=0)
    narrow = width < _WIDE or longest > _LONGEST_RULE
    idle = tuple(_idle(found)) if grouping.verb_of(report) in _PLAIN else ()
    head = [one for one in _HEAD if one not in idle and not (narrow and one == "requirement")]
    rows = []
    for kind in found:
        first = kind.first
        told = (first.severity, first.blame, first.rule, str(first.line or ""), str(kind.count))
        rows.append(
            [printable(cell) for cell, name in zip(told, _HEAD, strict=False) if name in head]
        )
    taken = [
        max(len(name) + PADDING, *(len(row[column]) for row in rows))
        for column, name in enumerate(head[:-1])
    ]
    room = max(_LEAST, width - sum(taken) - GAP * len(taken))
    shown: tuple[str, ...] = ()
    for row, kind in zip(rows, found, strict=True):
        lines = list(_what(kind, report, room, narrow=narrow, many=many, details=details))
        tells = details and not grouping.is_news(kind.first)
        around = kind.first.around[-_AROUND:] if tells and kind.first.around != shown else ()
        lines += (cut(printable(f"  {line}"), room) for line in around)
        shown = kind.first.around
        row.append("\n".join(lines))
        row[0] = paint(row[0], _STYLES.get(row[0], ""))
    text = tabulate(rows, head, tablefmt="simple", disable_numparse=True)
    more = f"\n... and {counted(left, 'more kind')} of notes (all of them: --format json)"
    return text + (more if left else "")


def _idle(found: Sequence[Kind]) -> Iterator[str]:
    """The columns in which nothing differs."""
    if len({kind.first.blame for kind in found}) == 1:
        yield "blame"
    if not any(kind.first.line for kind in found):
        yield "line"
    if all(kind.count == 1 for kind in found):
        yield "times"


def _what(
    kind: Kind, report: Report, room: int, *, narrow: bool, many: bool, details: bool
) -> Iterator[str]:
    """What is wrong, in lines of at most `room` columns."""
    yield from _wrap(words.sentence(kind.first), room, _INDENT)
    if narrow:
        yield from _labelled("rule", kind.first.rule, room)
    if many and kind.first.path:
        yield printable(f"  {'at':<12} {words.place(kind)}")
    details = details and not grouping.is_news(kind.first)
    for name, text in words.told(kind, report) if details else ():
        if text:
            yield from _labelled(name, text, room)


def _labelled(name: str, text: str, room: int) -> Iterator[str]:
    yield from _wrap(f"  {name:<12} {text}", room, " " * 15)


def _wrap(line: str, room: int, indent: str) -> list[str]:
    text = printable(line)
    return wrapped(text, room, indent)


def _card(report: Report, width: int) -> Iterator[str]:
    """Requirements by subjects, those alone that one of them breaks; then counts for each."""
    card = words.card(report)
    if card is None:
        return
    first = max(map(len, (*card.broken, "requirement"))) + GAP
    most = max(1, (width - first) // 8)
    numbered = list(enumerate(card.columns(), 1))
    for start in range(0, len(numbered) if card.broken else 0, most):
        chosen = numbered[start : start + most]
        rows = [
            [printable(rule), *(words.mark(verdicts.get(rule)) for _, (_, verdicts) in chosen)]
            for rule in card.broken
        ]
        head = ["requirement", *(str(number) for number, _ in chosen)]
        yield "\n" + tabulate(rows, head, tablefmt="simple", disable_numparse=True)
    legend = [
        f"{number:>3}  {name}: {judged.verdict_counts(verdicts.values())}"
        for number, (name, verdicts) in numbered
    ]
    yield "\n" + "\n".join(line for one in legend for line in _wrap(one, width, " " * 5))
    if card.broken:
        yield "\n".join(["", *_wrap(words.KEY, width, ""), ""])


def _own_table(one: Table, width: int) -> str:
    """Rows that only one verb has, in `width` columns."""
    rows = [[printable(cell) for cell in row] for row in one.rows[:_ROWS]]
    columns = max([len(one.head), *map(len, rows)])
    head = [printable(cell) for cell in one.head] + [""] * (columns - len(one.head))
    rows = [row + [""] * (columns - len(row)) for row in rows]
    shown = fitted(rows, head, width - 2) if columns else ""
    lines = [f"{printable(one.title)} ({counted(len(one.rows), 'row')}):"]
    if one.folded:
        return f"\n{printable(one.title)}: {len(one.rows):,} (--format json has them)"
    lines += [f"  {line}".rstrip() for line in shown.splitlines()]
    if len(one.rows) > _ROWS:
        lines.append(f"  ... and {len(one.rows) - _ROWS} more (all of them: --format json)")
    return "\n" + "\n".join(lines) + "\n"


def _open(report: Report) -> Iterator[str]:
    """The cases that could not find out, each with its reason."""
    found = [one for one in report.cases if one.verdict == "inconclusive"]
    many = len({one.subject for one in found}) > 1
    for one in found[:_KNOWN]:
        yield f"{words.case_line(one)}{f' ({one.subject})' if many else ''}"
    if len(found) > _KNOWN:
        yield f"... and {counted(len(found) - _KNOWN, 'more case')} inconclusive"


def _known(report: Report) -> Iterator[str]:
    """The findings that are known, those of one requirement and reason together."""
    found: dict[tuple[str, str], list[Kind]] = {}
    for kind in grouping.kinds(report.known):
        found.setdefault((kind.first.rule, words.reason(kind.first)), []).append(kind)
    for (_, reason), same in list(found.items())[:_KNOWN]:
        first = same[0].first
        more = f" and {len(same) - 1} more" if len(same) > 1 else ""
        count = sum(kind.count for kind in same)
        times = f" ({counted(count, 'time')})" if count > 1 else ""
        yield f"known {first.fingerprint}{more}: {words.sentence(first)}{times}: {reason}"
    if len(found) > _KNOWN:
        yield f"... and {counted(len(found) - _KNOWN, 'more reason')} for what is known"
