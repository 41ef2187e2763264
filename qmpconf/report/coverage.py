"""What traces exercise, for people and for programs.

For each catalog one section: the figures by kind, a row for each command and event that was
tried, and what is missing, the most useful first; then the requirements.  With several catalogs,
a table of them comes first.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from tabulate import tabulate

from qmpconf.check.collect import Exercised
from qmpconf.check.coverage import CoverageData, Record, Total, totals
from qmpconf.check.exercised import NOT_SHOWN, RULES
from qmpconf.check.missing import GROUPS, TITLES, Group, Missing, most_useful
from qmpconf.check.universe import KINDS, kind_of
from qmpconf.protocol.dialect import DIALECTS, QMP
from qmpconf.report.tables import fitted
from qmpconf.text import counted, printable

#: What can be chosen, and limited: the kinds of places, and the requirements.
PARTS = (*KINDS, "requirements")

#: What all kinds of places are together.
WHOLE = "places"

#: Names of commands in a list that is only names, for each row that another list has.
_NAMES_A_ROW = 4
#: Names that a list of Markdown has at most.
_MOST_NAMES = 24
#: Lines that the missing parts of one place take at most.
_MOST_LINES = 2
_LEAST = 40
#: A space at which no line is broken.
_FIXED = "\xa0"


@dataclass(frozen=True, slots=True)
class View:
    """What is shown: at most `missing` rows of each group, these `parts` (none: all), `rows`."""

    missing: int = 10
    parts: tuple[str, ...] = ()
    rows: bool = True
    width: int = 120

    def shows(self, part: str) -> bool:
        """Whether this kind is shown."""
        return not self.parts or part in self.parts

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of places that were chosen; none for all."""
        return tuple(one for one in self.parts if one != "requirements")


def figures(found: Exercised) -> dict[str, list[Total]]:
    """The figures of each catalog by its title, those of the requirements with each."""
    rules = requirements(found)
    return {title: [*one.totals(), rules] for title, one in titled(found).items()} or {"": [rules]}


def whole(places: Iterable[Total]) -> Total:
    """The figures of all kinds together."""
    listed = list(places)
    return Total(
        WHOLE,
        sum(one.exercised for one in listed),
        sum(one.tried for one in listed),
        sum(one.all for one in listed),
    )


def requirements(found: Exercised) -> Total:
    """The figures of the requirements that a trace can put to the test."""
    number = len(rules_of(found))
    return Total("requirements", number, number, len(_asked(found)))


def _asked(found: Exercised) -> list[str]:
    """The requirements that count: those that hold in what the sessions speak (QMP where none shows it)."""
    spoken = [DIALECTS[one] for one in found.dialects or (QMP.name,)]
    return [one for one in RULES if any(dialect.has(one) for dialect in spoken)]


def rules_of(found: Exercised) -> list[str]:
    """Those of them that were put to the test; practice is none."""
    asked = set(_asked(found))
    return [one for one in found.requirements if one in asked]


def titled(found: Exercised) -> dict[str, CoverageData]:
    """The catalogs by name; one whose name another one has as well, with its digest."""
    names = [one.catalog for one in found.catalogs]
    return {
        one.catalog if names.count(one.catalog) == 1 else f"{one.catalog} ({one.digest})": one
        for one in found.catalogs
    }


# ── text ─────────────────────────────────────────────────────────────────────────────────────


def as_text(found: Exercised, view: View) -> str:
    """For a terminal."""
    parts = []
    catalogs = titled(found)
    if len(catalogs) > 1:
        parts.append(_overview(catalogs, view, "simple"))
    for title, one in catalogs.items():
        head = f"{printable(title)}: {counted(one.traces, 'trace')}"
        if one.unknown:
            head += f"; {counted(one.unknown, 'message')} with a command or event that it lacks"
        parts.append(f"{head}\n\n{_kinds(one, view, 'simple')}")
        if view.rows:
            parts += [_fitted(head, rows, view) for head, rows in _rows(one, view)]
        told = list(_missing_text(one, view))
        if told:
            parts.append("Missing, the most useful first\n\n" + "\n\n".join(told))
    if view.shows("requirements"):
        parts.append(_requirements_text(found, view))
    return "\n\n".join(parts) + "\n"


def _missing_text(one: CoverageData, view: View) -> Iterator[str]:
    for title, rows, more in _groups(one, view):
        lines = [f"  {title}:"]
        if rows and not rows[0].parts:
            names = ", ".join(map(_named, rows))
            lines += textwrap.wrap(
                names + (f", and {more}{_FIXED}more" if more else ""),
                max(view.width, _LEAST),
                initial_indent=" " * 4,
                subsequent_indent=" " * 4,
                break_on_hyphens=False,
            )
            lines = [line.replace(_FIXED, " ") for line in lines]
        else:
            lines += [line for row in rows for line in _row_text(row, view.width)]
            lines += [f"    and {counted(more, 'more place')}"] if more else []
        yield "\n".join(lines)


def _row_text(row: Missing, width: int) -> list[str]:
    used = f" (used {counted(row.uses, 'time')})" if row.uses else ""
    marks = f" {', '.join(row.marks)}" if row.marks else ""
    where = printable(f"{_short(row.place)}{used}{marks}")
    if not row.parts:
        return [f"    {where}"]
    return [f"    {where}", *_parts_text(row, max(width, _LEAST))]


def _parts_text(row: Missing, width: int) -> list[str]:
    """The missing parts in few lines, with how many were left out."""
    lead, names = _names(row)
    indent = " " * 6
    lines: list[str] = []
    for shown in range(len(names), 0, -1):
        text = lead + _some(names, shown)
        lines = textwrap.wrap(
            text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )
        if len(lines) <= _MOST_LINES:
            break
    return lines


def _requirements_text(found: Exercised, view: View) -> str:
    total = requirements(found)
    judged = f"Requirements put to the test: {total.exercised} of {total.all}"
    lines = [f"{judged}; {len(NOT_SHOWN)} more are not judgeable from a trace"]
    missing = _untested(found)
    if missing:
        lines.append(fitted(missing, ("not put to the test", "it takes that"), view.width))
    return "\n\n".join(lines)


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────


def as_markdown(found: Exercised, view: View) -> Iterator[str]:
    """For a page, block by block; rows are folded away."""
    catalogs = titled(found)
    if len(catalogs) > 1:
        yield _overview(catalogs, view, "github")
    for title, one in catalogs.items():
        yield f"## {_plain(title)}"
        yield _kinds(one, view, "github")
        if view.rows:
            for head, rows in _rows(one, view):
                table = _table(head, [[f"`{_plain(row[0])}`", *row[1:]] for row in rows], "github")
                words = f"{head[0]}s that were tried ({len(rows)})"
                yield f"<details><summary>{words}</summary>\n\n{table}\n\n</details>"
        told = list(_missing_markdown(one, view))
        if told:
            yield "### Missing, the most useful first"
            yield from told
    if view.shows("requirements"):
        yield _requirements_markdown(found)


def _missing_markdown(one: CoverageData, view: View) -> Iterator[str]:
    for title, rows, more in _groups(one, view):
        if rows and not rows[0].parts:
            places = ", ".join(f"`{_plain(_short(row.place))}`" for row in rows)
            yield f"{title}: {places}" + (f", and {more} more" if more else "")
            continue
        lines = [f"{title}:", ""]
        for row in rows:
            lead, names = _names(row)
            listed = lead + _some([f"`{_plain(name)}`" for name in names], _MOST_NAMES)
            lines.append(f"- `{_plain(_short(row.place))}`" + (f": {listed}" if names else ""))
        lines += [f"- and {counted(more, 'more place')}"] if more else []
        yield "\n".join(lines)


def _requirements_markdown(found: Exercised) -> str:
    total = requirements(found)
    rows = [(f"`{rule}`", words) for rule, words in _untested(found)]
    rows += [(f"`{rule}`", f"not judgeable from a trace: {why}") for rule, why in NOT_SHOWN.items()]
    table = _table(("requirement", "it takes that"), rows, "github")
    return f"## Requirements\n\n{total.exercised} of {total.all} are put to the test.\n\n{table}"


# ── data ─────────────────────────────────────────────────────────────────────────────────────


def as_data(found: Exercised) -> dict[str, Any]:
    """All of it as JSON values."""
    return {
        "traces": found.traces,
        "messages": found.messages,
        "catalogs": [
            {
                "title": title,
                "catalog": one.catalog,
                "digest": one.digest,
                "traces": one.traces,
                "unknown": one.unknown,
                "totals": [_total(total) for total in one.totals()],
                "records": [
                    {**msgspec.to_builtins(record), "totals": list(map(_total, totals((record,))))}
                    for record in one.records
                ],
                "missing": [
                    {**msgspec.to_builtins(row), "places": list(row.places)}
                    for row in most_useful(one)
                ],
            }
            for title, one in titled(found).items()
        ],
        "requirements": {
            **_total(requirements(found)),
            "ids": rules_of(found),
            "missing": [{"id": rule, "occasion": words} for rule, words in _untested(found)],
            "not_judgeable": [{"id": rule, "reason": why} for rule, why in NOT_SHOWN.items()],
        },
    }


def _total(total: Total) -> dict[str, Any]:
    return {**msgspec.to_builtins(total), "percent": round(total.percent, 2)}


# ── parts of all of them ─────────────────────────────────────────────────────────────────────


def _overview(catalogs: Mapping[str, CoverageData], view: View, form: str) -> str:
    kinds = [kind for kind in KINDS if view.shows(kind)]
    rows = []
    for title, one in catalogs.items():
        told = {total.kind: total for total in one.totals()}
        cells = [f"{told[kind].exercised}/{told[kind].all}" for kind in kinds]
        rows.append([printable(title), one.traces, *cells])
    return _table(("catalog", "traces", *kinds), rows, form)


def _kinds(one: CoverageData, view: View, form: str) -> str:
    rows = [
        [total.kind, total.exercised, total.tried, total.all, f"{total.percent:.1f} %"]
        for total in one.totals()
        if view.shows(total.kind)
    ]
    head = ("kind", "exercised", "tried", "all", "")
    return _table(head, rows, form)


def _rows(one: CoverageData, view: View) -> Iterator[tuple[tuple[str, ...], list[list[Any]]]]:
    """The commands and the events that were tried, each a head with its rows."""
    heads = {
        "command": ("command", "calls", "refused", "arguments", "values", "variants", "returns"),
        "event": ("event", "times", "data"),
    }
    for kind, columns in heads.items():
        head = tuple(name for name in columns if name not in KINDS or view.shows(name))
        own = [record for record in one.records if record.kind == kind and record.was_tried]
        rows = [_row(record, head) for record in own if _has(record, view)]
        if rows:
            yield head, rows


def _has(record: Record, view: View) -> bool:
    """Whether there is anything of the chosen kinds in it."""
    return view.shows(f"{record.kind}s") or any(view.shows(kind_of(one)) for one in record.all())


def _row(record: Record, head: Sequence[str]) -> list[Any]:
    told = {total.kind: total for total in totals((record,))}
    cells = {
        name: f"{total.exercised}/{total.all}" if total.all else "" for name, total in told.items()
    }
    cells |= {
        head[0]: printable(record.name),
        "calls": str(record.calls or ""),
        "times": str(record.calls),
        "refused": str(record.refused or ""),
    }
    return [cells[name] for name in head]


def _groups(one: CoverageData, view: View) -> Iterator[tuple[str, list[Missing], int]]:
    """Title, rows, and how many rows there are beyond, of each group that has any."""
    if not view.missing or (view.parts and not view.kinds):
        return
    found: dict[Group, list[Missing]] = {}
    for row in most_useful(one, view.kinds):
        found.setdefault(row.group, []).append(row)
    for group in GROUPS:
        rows = found.get(group, [])
        most = view.missing * (1 if any(row.parts for row in rows) else _NAMES_A_ROW)
        if rows:
            yield TITLES[group], rows[:most], len(rows[most:])


def _untested(found: Exercised) -> list[tuple[str, str]]:
    """Requirements that were not put to the test, and what that takes."""
    return [
        (rule, " or ".join(fact.value for fact in facts))
        for rule in _asked(found)
        for facts in (RULES[rule],)
        if rule not in found.requirements
    ]


def _named(row: Missing) -> str:
    name = printable(_short(row.place))
    tried = f" (tried {counted(row.uses, 'time')})" if row.uses else ""
    return (name + tried).replace(" ", _FIXED)


def _short(place: str) -> str:
    """A place without the word in front of it: the heading says it."""
    return place.partition(" ")[2]


def _names(row: Missing) -> tuple[str, list[str]]:
    """The missing parts as they are said below their place, and what goes in front of them.

    ``/MEMBER`` and ``=VALUE`` lose their sign; branches of one tag have it in front of them all.
    """
    tags = {part.partition("=")[0][1:] for part in row.parts if part[0] == "["}
    if len(tags) == 1 and all(part[0] == "[" for part in row.parts):
        names = [part.partition("=")[2][:-1] for part in row.parts]
        return f"{printable(tags.pop())} = ", [printable(name) for name in names]
    bare = (part[1:] if part[0] in "/=" else part for part in row.parts)
    return "", [printable(name) for name in bare]


def _some(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many there are beyond."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f", and {rest} more" if rest > 0 else "")


def _plain(text: str) -> str:
    """Text for between backquotes in a table of Markdown."""
    return printable(text).replace("`", "'").replace("|", "\\|")


def _fitted(head: Sequence[str], rows: Sequence[Sequence[str]], view: View) -> str:
    return fitted(rows, head, view.width, ["left", *["right"] * (len(head) - 1)])


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], form: str) -> str:
    aligned = ["left", *["right"] * (len(head) - 1)] if len(head) != 2 else None
    return tabulate(rows, head, tablefmt=form, disable_numparse=True, colalign=aligned)
