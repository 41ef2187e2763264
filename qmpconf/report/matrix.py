"""The matrix of calls by catalogs, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tabulate import tabulate

from qmpconf.check.matrix import Matrix, Row, Standing

#: What stands in a cell.
SIGNS = {
    Standing.WORKS: ".",
    Standing.DEPRECATED: "d",
    Standing.UNSTABLE: "u",
    Standing.ARGUMENT_UNKNOWN: "A",
    Standing.COMMAND_UNKNOWN: "C",
}


def as_text(matrix: Matrix) -> str:
    """The matrix, its legend, and for each catalog whether it can serve the client."""
    rows = list(matrix.commands.values())
    several = len(matrix.traces) > 1
    parts = []
    if several:
        parts.append(_table(matrix, "trace", matrix.traces.values()))
    parts.append(_table(matrix, "command", sorted(rows, key=lambda row: row.subject)))
    legend = "   ".join(f"{sign} {standing.words}" for standing, sign in SIGNS.items())
    parts.append(f"  {legend}")
    parts.append(_summary(matrix))
    if matrix.refused:
        what = "a command" if matrix.refused == 1 else f"{matrix.refused} commands"
        parts.append(f"Left out: {what} that the recorded server refused as well.")
    return "\n\n".join(parts) + "\n"


def _table(matrix: Matrix, what: str, rows: Iterable[Row]) -> str:
    numbers = [str(number) for number in range(1, len(matrix.catalogs) + 1)]
    body = [
        [row.subject, row.calls, *(SIGNS[row.standing(name)] for name in matrix.catalogs)]
        for row in rows
    ]
    return tabulate(
        body,
        headers=[what, "calls", *numbers],
        colalign=("left", "right", *["center"] * len(numbers)),
    )


def _summary(matrix: Matrix) -> str:
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
            [number, name, verdict, *(counts[one] or "" for one in Standing), _first(matrix, name)]
        )
    heads = ["", "catalog", "serves it", *SIGNS.values(), "first in the way"]
    return tabulate(lines, headers=heads, maxcolwidths=[*[None] * (len(heads) - 1), 48])


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
