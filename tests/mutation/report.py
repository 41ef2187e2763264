"""reports/mutation.md: the score of each room, and the faults that no test sees, with the reason."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from tabulate import tabulate

from tests.mutation.faults import Fault
from tests.mutation.quick import EXAMPLES
from tests.mutation.rooms import ROOMS

REASONS = Path(__file__).with_name("survivors.toml")

#: Verdicts of a fault that was noticed.
NOTICED = ("seen", "hangs")

Verdicts = Mapping[Fault, str]


def write(
    path: Path,
    command: str,
    planted: Mapping[str, int],
    verdicts: Mapping[str, Verdicts],
    earlier: Mapping[str, Verdicts],
) -> None:
    """Write the report; `planted` and both kinds of verdicts are by room."""
    rows = []
    for room in ROOMS:
        if room.name not in verdicts:
            continue
        counts = Counter(verdicts[room.name].values())
        noticed = sum(counts[one] for one in NOTICED)
        total = counts.total()
        first = [how for one, how in earlier.get(room.name, {}).items() if one.is_fair]
        before = sum(how in NOTICED for how in first)
        rows.append(
            [
                room.name,
                planted[room.name],
                f"{before} of {len(first)} ({before / len(first):.0%})" if first else "",
                f"{noticed} of {total} ({noticed / total:.0%})",
                counts["survives"],
                counts["no test"],
            ]
        )
    heads = ["room", "faults", "noticed at first", "noticed now", "survive", "no test calls it"]
    table = tabulate(rows, heads, tablefmt="github")
    today = dt.datetime.now(tz=dt.UTC).date()
    text = f"""# Mutation tests

Made by `{command}` on {today}, with mutmut {version("mutmut")}, Python's own operators changed one at a time in a copy of the
tree: a sample by chance of all faults in a room's functions, each given to the tests of that room (`tests/mutation/rooms.py`;
hypothesis with {EXAMPLES} examples, always the same; no real servers). "At first" is the same command before the tests were
written that its survivors asked for.

Left out of the sample are faults in the wording of texts, and in functions that only make tables at import, which mutmut
cannot change; module-level tables are not changed either. A test of the whole suite may notice what the room's own do not.

{table}

## Faults that stay

{_survivors(verdicts)}
"""
    path.write_text(text, encoding="utf-8")


def _survivors(verdicts: Mapping[str, Verdicts]) -> str:
    reasons = _reasons()
    parts: list[str] = []
    for room, of_room in verdicts.items():
        parts.append(f"### {room}\n")
        rest = [(one, how) for one, how in of_room.items() if how not in NOTICED]
        for fault, how in sorted(rest, key=lambda pair: pair[0].key):
            why = reasons.get(fault.key, "not looked at yet")
            verdict = "" if how == "survives" else f" ({how})"
            parts.append(
                f"- `{fault.place}`: {_code(fault.was)} becomes {_code(fault.becomes)}{verdict}:"
                f" {why}"
            )
        parts.append("")
    return "\n".join(parts).rstrip()


def _reasons() -> dict[Sequence[str], str]:
    if not REASONS.exists():
        return {}
    rows = tomllib.loads(REASONS.read_text(encoding="utf-8")).get("survivor", [])
    return {
        (row["module"], row["function"], row["was"], row["becomes"]): row["why"] for row in rows
    }


def _code(text: str) -> str:
    """The text as code in Markdown, also with a backtick in it."""
    return f"`` {text} ``" if "`" in text else f"`{text or ' '}`"
