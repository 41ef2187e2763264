"""The matrix of calls by catalogs, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from tabulate import tabulate

from qmpconf.check.matrix import Matrix, Row, Standing
from qmpconf.report.tables import fitted
from qmpconf.report.terminal import columns, cut
from qmpconf.text import printable

#: What stands in a cell.
SIGNS = {
    Standing.WORKS: ".",
    Standing.DEPRECATED: "d",
    Standing.UNSTABLE: "u",
    Standing.ARGUMENT_UNKNOWN: "A",
    Standing.COMMAND_UNKNOWN: "C",
}

#: Columns that the number of calls takes, and each catalog.
_CALLS, _CELL = 9, 6

#: Columns of a call's name at least, and of what is in the way at most.
_NAME, _WHY = 24, 240

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
    legend = "   ".join(
        f"{sign} {standing.words}".replace(" ", _FIXED) for standing, sign in SIGNS.items()
    )
    told = textwrap.wrap(legend, width - 2, initial_indent="  ", subsequent_indent="  ")
    parts.append("\n".join(told).replace(_FIXED, " "))
    parts.append(_summary(matrix, width))
    if matrix.refused:
        what = "a command" if matrix.refused == 1 else f"{matrix.refused} commands"
        parts.append(f"Left out: {what} that the recorded server refused as well.")
    return "\n\n".join(parts) + "\n"


def _tables(matrix: Matrix, what: str, rows: Sequence[Row], width: int) -> Iterator[str]:
    """As many catalogs beside each other as there is room for."""
    numbered = list(enumerate(matrix.catalogs, 1))
    names = [cut(printable(row.subject), max(_NAME, width // 2)) for row in rows]
    first = max([len(what) + 2, *map(columns, names)])
    most = max(4, (width - first - _CALLS) // _CELL)
    for start in range(0, len(numbered), most):
        chosen = numbered[start : start + most]
        body = [
            [shown, f"{row.calls}", *(SIGNS[row.standing(name)] for _, name in chosen)]
            for shown, row in zip(names, rows, strict=True)
        ]
        yield tabulate(
            body,
            headers=[what, "calls", *(str(number) for number, _ in chosen)],
            colalign=("left", "right", *["center"] * len(chosen)),
            disable_numparse=True,
        )


def _summary(matrix: Matrix, width: int) -> str:
    """Which server can serve this client: a line a catalog."""
    lines = []
    for number, name in enumerate(matrix.catalogs, 1):
        counts = dict.fromkeys(Standing, 0)
        for row in matrix.commands.values():
            counts[row.standing(name)] += 1
        bad = counts[Standing.ARGUMENT_UNKNOWN] + counts[Standing.COMMAND_UNKNOWN]
        marked = counts[Standing.DEPRECATED] + counts[Standing.UNSTABLE]
        verdict = "no" if bad else "yes, with marked parts" if marked else "yes"
        lines.append(
            [
                str(number),
                name,
                verdict,
                *(str(counts[one] or "") for one in Standing),
                cut(printable(_first(matrix, name)), _WHY),
            ]
        )
    heads = ["", "catalog", "serves it", *SIGNS.values(), "first in the way"]
    align = ["right", "left", "left", *["right"] * len(SIGNS), "left"]
    return fitted(lines, heads, width, align)


def _first(matrix: Matrix, name: str) -> str:
    for row in matrix.commands.values():
        standing, reason = row.cells[name]
        if standing >= Standing.ARGUMENT_UNKNOWN and reason is not None:
            place = f"{reason.path}:" if len(matrix.traces) > 1 else "line "
            return f"{row.subject} {reason.pointer} ({place}{reason.line}): {reason.what}"
    return ""


def as_data(matrix: Matrix) -> dict[str, Any]:
    """The matrix as JSON data."""

    def cells(row: Row) -> dict[str, Any]:
        listed = {}
        for name, (standing, reason) in row.cells.items():
            cell: dict[str, Any] = {"standing": standing.name.lower().replace("_", "-")}
            if reason is not None:
                cell |= {
                    "path": reason.path,
                    "line": reason.line,
                    "pointer": reason.pointer,
                    "what": reason.what,
                    "source": reason.source,
                }
            listed[name] = cell
        return {"calls": row.calls, "catalogs": listed}

    return {
        "catalogs": list(matrix.catalogs),
        "commands": {name: cells(row) for name, row in matrix.commands.items()},
        "traces": {path: cells(row) for path, row in matrix.traces.items()},
        "refused": matrix.refused,
    }
