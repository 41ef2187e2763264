"""The report: a table with a line an experiment, and what each one asks."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from qmpconf.text import counted
from tests.real.reliability.ledger import Tally

COMMAND = "python -m tests.real.reliability -o reports/reliability.md"

#: Problems that are shown of one experiment.
_SHOWN = 3


@dataclass(frozen=True)
class Row:
    """One line: `times` is how often something was done, `tally` what the comparison found.

    `resources` is memory and descriptors; `note` what else there is to say.  With `skipped` the
    machine cannot do it, for the reason in `note`.
    """

    what: str
    times: str
    tally: Tally = field(default_factory=Tally)
    resources: str = ""
    note: str = ""
    skipped: bool = False

    @property
    def good(self) -> bool:
        """Nothing lost, nothing invented, and all as it should be."""
        return not (self.tally.lost or self.tally.invented or self.tally.problems)


class Group(NamedTuple):
    """The rows of one group of experiments, and the question that they answer."""

    name: str
    question: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Scale:
    """How often: as the report has it, or as a test has it."""

    kills: int = 400
    disks: int = 200
    ends: int = 10
    stops: int = 20
    deaths: int = 10
    at_once: int = 200
    limited: int = 40
    in_turn: int = 10_000
    soak: float = 3600.0

    def share(self, part: float) -> Scale:
        """As often as `part` of this; who comes at once, and how long the soak is, stays."""
        counts = {
            one.name: max(1, round(getattr(self, one.name) * part))
            for one in fields(self)
            if one.name not in ("soak", "at_once", "limited")
        }
        return replace(self, **counts)


QUICK = Scale(
    kills=8, disks=8, ends=1, stops=2, deaths=1, at_once=30, limited=24, in_turn=200, soak=3.0
)


def report(groups: Sequence[Group], soak: float, share: float = 1.0) -> str:
    """The whole report as Markdown."""
    cells = [
        (
            row.what,
            "not run" if row.skipped else row.times,
            "" if row.skipped else f"{row.tally.lost:,}",
            "" if row.skipped else f"{row.tally.invented:,}",
            row.resources,
            "; ".join(filter(None, (row.note, _problems(row.tally)))),
        )
        for group in groups
        for row in group.rows
    ]
    head = ["experiment", "how often", "lost", "invented", "memory, descriptors", "note"]
    table = tabulate(cells, headers=head, tablefmt="pipe", disable_numparse=True)
    asked = "\n".join(f"- **{group.name}**: {group.question}" for group in groups)
    total = sum((row.tally for group in groups for row in group.rows), Tally())
    seconds = "" if soak == Scale.soak else f" --soak {soak:g}"
    seconds += "" if share == 1 else f" --share {share:g}"
    return (
        "# Reliability\n\n"
        f"Made by `{COMMAND}{seconds}`: what clients and servers themselves sent and received, held against "
        "the traces. *Lost*: messages that a peer received and the trace lacks. *Invented*: messages "
        f"in the trace that nobody sent. {total.messages:,} messages in "
        f"{counted(total.sessions, 'session')} were compared.\n\n"
        f"{table}\n\n"
        "What is asked:\n\n"
        f"{asked}\n\n"
        f"Python {platform.python_version()}, Linux {platform.release()}, {platform.machine()}, "
        f"{os.cpu_count()} CPUs, load average at the end {os.getloadavg()[0]:.1f}, "
        f"{time.strftime('%Y-%m-%d', time.gmtime())}.\n"
    )


def _problems(tally: Tally) -> str:
    shown = [f"**{one}**" for one in tally.problems[:_SHOWN]]
    if len(tally.problems) > _SHOWN:
        shown.append(f"and {len(tally.problems) - _SHOWN} more")
    return "; ".join(shown)


def resident(pid: int) -> float:
    """Megabytes of memory that a process has now."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> float:
    """Megabytes of memory that a process has had at most."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1000
    raise AssertionError(f"process {pid} has no {name}")


def descriptors(pid: int) -> int:
    """How many descriptors a process has open now."""
    return len(os.listdir(f"/proc/{pid}/fd"))
