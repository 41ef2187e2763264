"""The client suite: its scenarios as a table, and a page of many clients and scenarios."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from qmpconf.conform.client.scenarios import SCENARIOS, Scenario
from qmpconf.conform.client.suite import OUTPUTS
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.verdicts import Verdict
from qmpconf.lists import read_list
from qmpconf.report.tables import fitted
from qmpconf.text import printable, shortened

_MARKS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "**fail**",
    Verdict.WARN: "*warn*",
    Verdict.NOT_APPLICABLE: "-",
    Verdict.INCONCLUSIVE: "?",
}


def listing(scenarios: Sequence[Scenario], width: int = 120) -> str:
    """The scenarios as a table of at most `width` columns."""
    rows = [(one.id, one.needs, one.title) for one in scenarios]
    return fitted(rows, ("scenario", "needs", "what the server does"), width)


# --- many clients ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """A client of a list: its `name`, its `command` line, a `note` for readers.

    `output` is what of its stdout is compared, `exit` its exit code with a kind server (None: as the
    verb's options say).  `unjudged` says why one without a command cannot be put to the test.
    """

    name: str
    command: str = ""
    note: str = ""
    output: str = ""
    exit: int | None = None
    unjudged: str = ""

    @property
    def words(self) -> list[str]:
        """The command line, split as a shell does."""
        return shlex.split(self.command)


def parse_list(text: str, where: str) -> list[Listed]:
    """Read a list of clients: [[client]] tables with name, command, and perhaps note, output, exit.

    One that cannot be put to the test has unjudged, the reason, in place of a command.  Raises InputError, which names `where`.
    """
    found = []
    for entry in read_list(text, where, "client", "a list of clients"):
        if "unjudged" in entry.values:
            entry.only(("name", "unjudged"))
            found.append(Listed(entry.text("name"), unjudged=entry.text("unjudged")))
            continue
        entry.only(("name", "command"), ("note", "output", "exit"))
        output, code = entry.text("output"), entry.values.get("exit")
        if output not in ("", *OUTPUTS):
            entry.fail(f"{output!r} is none of {', '.join(OUTPUTS)}", "output")
        if code is not None and not isinstance(code, int):
            entry.fail("an exit code is a number", "exit")
        one = Listed(entry.text("name"), entry.text("command"), entry.text("note"), output, code)
        try:
            empty = not one.words
        except ValueError as error:
            entry.fail(f"the command cannot be split into words: {error}", "command")
        if empty:
            entry.fail(f"the command of {one.name!r} is empty", "command")
        found.append(one)
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
        f"Made by `qmpconf conform-client --matrix` with the embedded monitor of {schema}. Each client "
        "was started once for each scenario. It passes where it does what it does with a kind server: "
        "the same commands, the same exit code, the same output, in time; where the server fails, "
        "where it ends in time, and shows that it failed or does the whole.\n"
    )
    held = {one.frozen.name for one in outcomes.values() if one.frozen.name}
    if held:
        opening += f"\nThey are held to the requirements of {', '.join(sorted(held))}.\n"
    parts = ["# Clients and an unkind server\n", opening, table + "\n"]
    for client in clients:
        parts.append(f"## {client.name}\n")
        if client.unjudged:
            parts.append(f"Not judged: {client.unjudged}\n")
            continue
        if client.note:
            parts.append(client.note + "\n")
        parts.append("```sh\n" + client.command + "\n```\n")
        broken = [one for one in outcomes[client.name].results if one.verdict.broken]
        gone = outcomes[client.name].gone
        if gone:
            parts.append(f"It was not judged: {_short(gone)}\n")
        elif not broken:
            parts.append("Copes with everything.\n")
        parts += [f"- `{one.case}` ({one.verdict.value}): {_short(one.reason)}" for one in broken]
        if broken:
            parts.append("")
    return "\n".join(parts).rstrip() + "\n"


_IDS = {one.id for one in SCENARIOS}


def _mark(outcome: Outcome, case: str) -> str:
    return next((_MARKS[one.verdict] for one in outcome.results if one.case == case), "")


def _short(text: str) -> str:
    return shortened(printable(text).replace("|", "\\|"), 300)
