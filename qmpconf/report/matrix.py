"""The matrix of calls by catalogs, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from tabulate import tabulate

from qmpconf.check.calls import Standing
from qmpconf.check.matrix import Cause, Matrix, Row
from qmpconf.report.tables import fitted
from qmpconf.report.terminal import columns, cut
from qmpconf.schema.names import Name
from qmpconf.text import counted, printable

#: What stands in a cell.
SIGNS = {
    Standing.WORKS: ".",
    Standing.DEPRECATED: "d",
    Standing.UNSTABLE: "u",
    Standing.BUILT_IN: "b",
    Standing.CONDITIONAL: "c",
    Standing.NOT_JUDGED: "?",
    Standing.VALUE_REFUSED: "V",
    Standing.ARGUMENT_MISSING: "M",
    Standing.ARGUMENT_UNKNOWN: "A",
    Standing.OOB_REFUSED: "O",
    Standing.COMMAND_UNKNOWN: "C",
}

#: Columns that the number of calls takes, and each catalog.
_CALLS, _CELL = 9, 6

#: Columns of a call's name at least, and of what is in the way at most.
_NAME, _WHY = 24, 240

#: Catalogs of a group that are listed.
_LISTED = 2

#: A space at which no line is broken.
_FIXED = "\N{NO-BREAK SPACE}"


def as_text(matrix: Matrix, width: int = 120) -> str:
    """The matrix, its legend, and for each catalog whether it can serve the client."""
    rows = list(matrix.commands.values())
    several = len(matrix.traces) > 1
    parts: list[str] = []
    if several:
        parts += _tables(matrix, "trace", list(matrix.traces.values()), width)
    parts += _tables(matrix, "command", sorted(rows, key=lambda row: row.subject), width)
    signs = _signs(matrix)
    legend = "   ".join(
        f"{sign} {standing.words}".replace(" ", _FIXED) for standing, sign in signs.items()
    )
    told = textwrap.wrap(legend, width - 2, initial_indent="  ", subsequent_indent="  ")
    parts.append("\n".join(told).replace(_FIXED, " "))
    parts.append(_summary(matrix, signs, width))
    if matrix.refused:
        were = "was" if matrix.refused == 1 else "were"
        parts.append(
            f"{counted(matrix.refused, 'call')} {were} refused when recorded: never a yes."
        )
    return "\n\n".join(parts) + "\n"


def _signs(matrix: Matrix) -> dict[Standing, str]:
    """The signs of the standings that there are."""
    there = {row.standing(name) for row in matrix.commands.values() for name in matrix.catalogs}
    return {one: sign for one, sign in SIGNS.items() if one in there or one is Standing.WORKS}


def _groups(matrix: Matrix) -> list[list[str]]:
    """The catalogs, those together that follow one another, are of one product, and say the same of every call."""
    rows = [*matrix.commands.values(), *matrix.traces.values()]
    found: list[list[str]] = []
    latest: tuple[object, ...] = ()
    for name in matrix.catalogs:
        known = Name.of(name)
        column = (
            known and (known.product, known.architecture),
            *(row.standing(name) for row in rows),
        )
        if known and column == latest:
            found[-1].append(name)
        else:
            found.append([name])
        latest = column
    return found


def _called(group: Sequence[str]) -> str:
    """What a group is called: its catalogs, or from which one to which one."""
    if len(group) <= _LISTED:
        return ", ".join(group)
    return f"{group[0]} to {group[-1]} ({len(group)})"


def _tables(matrix: Matrix, what: str, rows: Sequence[Row], width: int) -> Iterator[str]:
    """As many catalogs beside each other as there is room for."""
    numbered = list(enumerate(_groups(matrix), 1))
    names = [cut(printable(row.subject), max(_NAME, width // 2)) for row in rows]
    first = max([len(what) + 2, *map(columns, names)])
    most = max(4, (width - first - _CALLS) // _CELL)
    for start in range(0, len(numbered), most):
        chosen = numbered[start : start + most]
        body = [
            [shown, f"{row.calls}", *(SIGNS[row.standing(group[0])] for _, group in chosen)]
            for shown, row in zip(names, rows, strict=True)
        ]
        yield tabulate(
            body,
            headers=[what, "calls", *(str(number) for number, _ in chosen)],
            colalign=("left", "right", *["center"] * len(chosen)),
            disable_numparse=True,
        )


def _summary(matrix: Matrix, signs: dict[Standing, str], width: int) -> str:
    """Which server can serve this client: a line for each column."""
    lines = []
    for number, group in enumerate(_groups(matrix), 1):
        name = group[0]
        counts = dict.fromkeys(Standing, 0)
        for row in matrix.commands.values():
            counts[row.standing(name)] += 1
        verdict = matrix.standing(name).answer
        if verdict == "yes" and counts[Standing.DEPRECATED] + counts[Standing.UNSTABLE]:
            verdict = "yes, with marked parts"
        lines.append(
            [
                str(number),
                _called(group),
                verdict,
                *(str(counts[one] or "") for one in signs),
                cut(printable(_first(matrix, name)), _WHY),
            ]
        )
    heads = ["", "catalog", "serves it", *signs.values(), "first in the way"]
    align = ["right", "left", "left", *["right"] * len(signs), "left"]
    return fitted(lines, heads, width, align)


def _first(matrix: Matrix, name: str) -> str:
    if matrix.standing(name) < Standing.CONDITIONAL:
        return ""
    cause = matrix.cause(name)
    return _told(cause, several=len(matrix.traces) > 1) if cause is not None else ""


def _told(cause: Cause, *, several: bool) -> str:
    """Why, in one line: the call, its place, what is in the way, and the reply that offered it."""
    place = f"{cause.path}:{cause.line}" if several else f"line {cause.line}"
    what = cause.what
    if cause.offer is not None:
        unsure = "perhaps because it was " if cause.offer.whole else ""
        what += f"; {unsure}offered by {cause.offer.reply}, line {cause.offer.line}"
    return f"{' '.join(filter(None, (cause.subject, cause.pointer)))} ({place}): {what}"


def as_data(matrix: Matrix) -> dict[str, Any]:
    """The matrix as JSON data."""

    def cells(row: Row) -> dict[str, Any]:
        listed = {}
        for name, (standing, cause) in row.cells.items():
            cell: dict[str, Any] = {"standing": standing.name.lower().replace("_", "-")}
            if cause is not None:
                cell |= {
                    "path": cause.path,
                    "line": cause.line,
                    "command": cause.subject,
                    "pointer": cause.pointer,
                    "what": cause.what,
                    "source": cause.source,
                }
                if cause.offer is not None:
                    offer = cause.offer
                    cell["offered"] = {"by": offer.reply, "line": offer.line, "whole": offer.whole}
            listed[name] = cell
        return {"calls": row.calls, "catalogs": listed}

    return {
        "catalogs": list(matrix.catalogs),
        "answers": {name: matrix.standing(name).answer for name in matrix.catalogs},
        "commands": {name: cells(row) for name, row in matrix.commands.items()},
        "traces": {path: cells(row) for path, row in matrix.traces.items()},
        "refused": matrix.refused,
    }
