"""Servers by requirements: one table of many outcomes, as Markdown.

The table, then every broken case with its reason.  Traces are untrusted input: Markdown's own
characters are escaped.  The same as HTML is the view of a result (`qmpconf.report.views.html`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tabulate import tabulate

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.verdicts import Verdict
from qmpconf.text import printable

#: What stands in a cell.
_MARKS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "FAIL",
    Verdict.WARN: "warn",
    Verdict.NOT_APPLICABLE: "n/a",
    Verdict.INCONCLUSIVE: "?",
}

_KEY = (
    "pass: every case passed. FAIL: a MUST is broken; warn: a SHOULD is; with a dagger (†) it is "
    "known of this server, and listed below. n/a: the server does not offer what it is about. "
    "?: no case could find out."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One requirement on one server."""

    text: str
    style: str


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement on all servers."""

    id: str
    level: str
    sentence: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Break:
    """One broken case of one server."""

    case: str
    servers: list[str]
    reason: str
    known: str


def rows(outcomes: Mapping[str, Outcome]) -> list[Row]:
    """Every requirement that was put to the test on any server."""
    verdicts = {name: outcome.requirements() for name, outcome in outcomes.items()}
    found = []
    for name, rule in ALL_REQUIREMENTS.items():
        if not any(name in one for one in verdicts.values()):
            continue
        cells = [_cell(outcome, name, verdicts[one]) for one, outcome in outcomes.items()]
        level = next(iter(outcomes.values())).frozen.level(name).value
        found.append(Row(name, level, rule.sentence, cells))
    return found


def _cell(outcome: Outcome, requirement: str, verdicts: Mapping[str, Verdict]) -> Cell:
    verdict = verdicts.get(requirement, Verdict.NOT_APPLICABLE)
    known = outcome.is_known(requirement)
    return Cell(_MARKS[verdict] + (" †" if known else ""), "known" if known else verdict.value)


def breaks(outcomes: Mapping[str, Outcome]) -> list[Break]:
    """Every broken case, once for all the servers that break it for the same reason."""
    found: dict[tuple[str, str], Break] = {}
    for server, outcome in outcomes.items():
        for one in outcome.results:
            if one.verdict.broken:
                key = (one.case, one.known or one.reason)
                entry = found.setdefault(key, Break(one.case, [], one.reason, one.known))
                entry.servers.append(server)
    return sorted(found.values(), key=lambda one: one.case)


def markdown(outcomes: Mapping[str, Outcome], command: str) -> str:
    """The whole report in Markdown; `command` is what made it."""
    servers = list(outcomes)
    table = tabulate(
        [(f"`{row.id}`", row.level, *(cell.text for cell in row.cells)) for row in rows(outcomes)],
        ("requirement", "level", *(str(n) for n in range(1, len(servers) + 1))),
        tablefmt="github",
        disable_numparse=True,
    )
    parts = [
        "# Conformance: servers by requirements",
        f"Made by `{command}`. {_KEY}{_held(outcomes)}",
        "\n".join(
            f"{n}. {_md(name)}: {_md(_told(outcomes[name]))}" for n, name in _numbered(servers)
        ),
        table,
        "## What is broken",
    ]
    for one in breaks(outcomes):
        where = ", ".join(str(servers.index(name) + 1) for name in one.servers)
        known = f" Known: {_md(one.known)}." if one.known else " **Not known before.**"
        parts.append(f"- `{one.case}` ({where}): {_md(one.reason)}.{known}")
    if not breaks(outcomes):
        parts.append("Nothing.")
    return "\n\n".join(parts) + "\n"


def _held(outcomes: Mapping[str, Outcome]) -> str:
    names = sorted({one.frozen.name for one in outcomes.values() if one.frozen.name})
    return f" They are held to the requirements of {', '.join(names)}." if names else ""


def _told(outcome: Outcome) -> str:
    return f"{outcome.target.partition(' at ')[0]}; {counts(outcome)}"


def counts(outcome: Outcome) -> str:
    """How many of each verdict, and what that comes to."""
    found = outcome.counts
    told = ", ".join(f"{found[one]} {one.value}" for one in _MARKS if found[one])
    known = sum(1 for one in outcome.results if one.verdict.broken and one.known)
    told += f" ({known} of them known)" if known else ""
    return f"{outcome.word}: {told or 'no case was run'}"


def _numbered(names: list[str]) -> list[tuple[int, str]]:
    return list(enumerate(names, 1))


def _md(text: str) -> str:
    """`text` for Markdown: what a server sent must not become markup."""
    text = printable(text)
    text = text if len(text) <= 300 else text[:300] + " ..."
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>#|" else one for one in text)
