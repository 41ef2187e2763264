"""What full runs have measured: each figure as a range over them, and the page that shows them."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tabulate import tabulate


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison: `ratio` is how many times as fast as `against` (with `unit`, a figure by itself).

    `details` are the medians behind it, in words; `promised` is the goal, or empty.
    """

    what: str
    against: str
    ratio: float
    promised: str = ""
    details: str = ""
    unit: str = "x"


@dataclass(slots=True)
class Runs:
    """The figures of all runs, by what they compare, in the order of the first run."""

    found: dict[tuple[str, str], list[Figure]] = field(default_factory=dict)
    loads: list[float] = field(default_factory=list)

    def add(self, figures: Iterable[Figure]) -> None:
        """One more run."""
        for one in figures:
            self.found.setdefault((one.what, one.against), []).append(one)
        self.loads.append(os.getloadavg()[0])

    def page(self, command: str) -> str:
        """The figures as Markdown, with what they were measured on."""
        head = ["what", "against", "from", "to", "goal", "in the run in the middle"]
        table = tabulate(
            [_row(several) for several in self.found.values()],
            headers=head,
            tablefmt="github",
            disable_numparse=True,
        )
        return (
            "# Speed\n\n"
            f"Made by `{command}`: ratios of {len(self.loads)} runs, the lowest and the highest. A run has "
            "the median over its rounds, in each of which all candidates were measured in turn. Above 1 is faster. "
            "Times are of one round trip; *processor* is what the process between client and server takes of it, "
            "by `/proc`, which other work on the machine hardly changes.\n\n"
            f"{table}\n\n{machine()} Load average behind each run: "
            f"{', '.join(f'{one:.1f}' for one in self.loads)}.\n"
        )


def _row(several: Sequence[Figure]) -> tuple[str, str, str, str, str, str]:
    in_order = sorted(several, key=lambda one: one.ratio)
    middle = in_order[len(in_order) // 2]
    low, high = (_said(one) for one in (in_order[0], in_order[-1]))
    return middle.what, middle.against, low, high, middle.promised, middle.details


def _said(one: Figure) -> str:
    number = f"{one.ratio:.2f}" if one.ratio < 10 else f"{one.ratio:.0f}"
    return f"{number} {one.unit}".replace(" x", "x")


def machine() -> str:
    """On which kind of machine this runs, in a few sentences."""
    facts: dict[str, str] = {}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            facts.setdefault(name.strip(), value.strip())
    shared = "a virtual machine" if "hypervisor" in facts.get("flags", "") else "a machine"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return (
        f"Python {platform.python_version()} and Linux {platform.release().split('-')[0]} on {shared} with "
        f"{len(os.sched_getaffinity(0))} processors ({facts.get('model name', platform.machine())}, "
        f"{facts.get('cpu MHz', '?').split('.')[0]} MHz) and {memory} GiB of memory."
    )


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """How many times as fast: the median of the rounds' ratios."""
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
