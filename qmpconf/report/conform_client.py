"""The outcome of the client suite: as text, and as a page of clients and scenarios."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from qmpconf.conform.client.scenarios import SCENARIOS, Scenario
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.proof import failure
from qmpconf.conform.verdicts import Result, Verdict
from qmpconf.errors import InputError
from qmpconf.report import conform
from qmpconf.report.tables import fitted
from qmpconf.text import printable

_MARKS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "**fail**",
    Verdict.WARN: "*warn*",
    Verdict.NOT_APPLICABLE: "-",
    Verdict.INCONCLUSIVE: "?",
}


def closing(outcome: Outcome) -> str:
    """Failures with the messages around them, and one line that counts."""
    parts = [_failure(one, outcome.repeat) for one in outcome.unexpected]
    parts += [
        f"HEALED {case}: it is listed as known to fail ({pattern}), and passes"
        for pattern, case in outcome.healed
    ]
    told = conform.counts(outcome)
    words = ("conforms", "copes"), ("does not conform", "does not cope")
    for theirs, ours in words:
        told = told.replace(f"{theirs}:", f"{ours}:") if told.startswith(f"{theirs}:") else told
    return "\n".join([*parts, told])


def _failure(result: Result, words: str) -> str:
    """As a failed case of the server suite, with the command that repeats it."""
    proof = failure(result, "").rpartition("\n")[0]
    case = result.case
    if case.endswith("/seen"):
        case = result.reason.removeprefix("in ").partition(":")[0]
    return f"{proof}\n  repeat     qmpconf conform-client -k {shlex.quote(case)} -- {words}"


def listing(scenarios: Sequence[Scenario], width: int = 120) -> str:
    """The scenarios as a table of at most `width` columns."""
    rows = [(one.id, one.needs, one.title) for one in scenarios]
    return fitted(rows, ("scenario", "needs", "what the server does"), width)


# --- many clients ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """A client of a list: its `name`, its `command` line, a `note` for readers."""

    name: str
    command: str
    note: str = ""

    @property
    def words(self) -> list[str]:
        """The command line, split as a shell does."""
        return shlex.split(self.command)


def parse_list(text: str, where: str) -> list[Listed]:
    """Read a list of clients: [[client]] tables with name, command and perhaps note.

    Raises InputError, which names `where`.
    """
    try:
        tables = tomllib.loads(text).get("client", [])
        found = [
            Listed(str(one["name"]), str(one["command"]), str(one.get("note", "")))
            for one in tables
        ]
        empty = [one.name for one in found if not one.words]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{where}: is no list of clients ([[client]] with name and command): {error!r}"
        ) from None
    if empty:
        raise InputError(f"{where}: the command of {empty[0]!r} is empty")
    return found


def page(clients: Sequence[Listed], outcomes: Mapping[str, Outcome], schema: str) -> str:
    """The page: a table of scenarios and clients, and what was found, client by client."""
    rows = [
        [
            f"`{scenario.id}`",
            scenario.title,
            *(_mark(one, scenario.id) for one in outcomes.values()),
        ]
        for scenario in SCENARIOS
    ]
    seen = sorted({one.case for each in outcomes.values() for one in each.results} - _IDS)
    rows += [
        [f"`{case}`", "Seen by the way", *(_mark(one, case) for one in outcomes.values())]
        for case in seen
    ]
    table = tabulate(rows, ("scenario", "what the server does", *outcomes), tablefmt="github")
    opening = (
        "Made by `qmpconf conform-client --matrix reports/clients.toml`. Each client was started "
        f"once for each scenario, with the embedded monitor of {schema} behind manners that are "
        "legal and not kind. It passes where it does what it does with a kind server: the same "
        "commands, the same exit code, in time.\n"
    )
    parts = ["# Clients and an unkind server\n", opening, table + "\n"]
    for client in clients:
        parts.append(f"## {client.name}\n")
        if client.note:
            parts.append(client.note + "\n")
        parts.append("```sh\n" + client.command + "\n```\n")
        broken = [one for one in outcomes[client.name].results if one.verdict.broken]
        if not broken:
            parts.append("Copes with everything.\n")
        parts += [f"- `{one.case}` ({one.verdict.value}): {_short(one.reason)}" for one in broken]
        if broken:
            parts.append("")
    return "\n".join(parts).rstrip() + "\n"


_IDS = {one.id for one in SCENARIOS}


def _mark(outcome: Outcome, case: str) -> str:
    return next((_MARKS[one.verdict] for one in outcome.results if one.case == case), "")


def _short(text: str) -> str:
    shown = printable(text).replace("|", "\\|")
    return shown if len(shown) <= 300 else shown[:300] + "..."
