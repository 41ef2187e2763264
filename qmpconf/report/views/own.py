"""How much text and Markdown show of what only one verb has."""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.report.coverage import View


@dataclass(frozen=True, slots=True)
class Own:
    """Rows of each table of figures (0: all), and what is shown of coverage (None: the usual).

    `made_by` is the command that makes a page again (empty: what the result says).
    """

    top: int = 20
    coverage: View | None = None
    made_by: str = ""
