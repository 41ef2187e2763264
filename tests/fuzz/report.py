"""What runs did, and what the corpus says was found and mended, as Markdown."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from tests.fuzz.corpus import Entry
from tests.fuzz.targets import TARGETS

_PACKAGE = Path(__file__).parents[2] / "qmpconf"

_HEAD = """\
# Fuzzing

Real inputs (recordings, logs, captures, documents, catalogs, results, lists in TOML, command lines),
changed inside their records, for every file that a verb reads; the harness is
[tests/fuzz](../tests/fuzz). Judged is: an exit code that is documented, no traceback and no words of
Python's own, at most 20 s of processor time and 240 MB of memory for a case, inputs that stay as they
were, outputs that are whole or were not touched. This page is made by

    python -m tests.fuzz --minutes 120 --jobs 2 --report reports/fuzz.md

in one run, or in several parts (`--tally`, `--earlier`). Each test run fuzzes for two minutes as well,
with a seed for each day.

"""


_LEFT = """
## What is left

- Not reached: `show --follow`, `record --sniff`, and options that start a program or wait at an address,
  with words that nobody means. What a recorder's two sockets do to it is in `tests/record`.
- Documents are read in linear time, but slowly: a megabyte of quotation marks in one example takes a
  minute. A recording of 80 MB of empty lines, compressed to 80 KB, takes 20 s.
"""


def page(runs: Sequence[Mapping[str, Any]], entries: Sequence[Entry]) -> str:
    """The page about some runs (`Tally.as_data` with the run's own data) and a corpus."""
    parts = [_HEAD, "## Runs\n\n", _runs(runs), "\n## By verb\n\n", _verbs(runs)]
    parts += ["\n## Found by these runs\n\n", _found(runs, entries)]
    parts += ["\n## Mended so far\n\n", _mended(entries), _LEFT]
    return "".join(parts)


def _fault(key: str) -> str:
    """A fault's key without the verb's argument, where the key ends with it."""
    return next(
        (key.removesuffix(f" {one.reads}") for one in TARGETS if key.endswith(f" {one.reads}")), key
    )


def _found(runs: Sequence[Mapping[str, Any]], entries: Sequence[Entry]) -> str:
    """Each fault once: how often, where, and whether it was mended."""
    mended = {_fault(one.fault.rpartition(" (")[2].rstrip(")")) for one in entries if one.mended}
    times: Counter[str] = Counter()
    where: dict[str, set[str]] = {}
    for run in runs:
        for one in run["found"]:
            fault = _fault(one["key"])
            times[fault] += one["times"]
            where.setdefault(fault, set()).add(one["case"].partition("~")[0].rpartition(" ")[0])
    if not times:
        return "Nothing.\n"
    rows = [
        (fault, count, ", ".join(sorted(where[fault])), "mended" if fault in mended else "open")
        for fault, count in times.most_common()
    ]
    return tabulate(rows, ("fault", "times", "verbs", "now"), tablefmt="github") + "\n"


def _runs(runs: Sequence[Mapping[str, Any]]) -> str:
    head = (
        "date",
        "seed",
        "minutes",
        "processes",
        "targets",
        "cases",
        "functions entered",
        "faults",
    )
    here = set(functions())
    rows = []
    for run in runs:
        entered = set(run["entered"])
        rows.append(
            (
                run["date"],
                run["seed"],
                f"{run['minutes']:.0f}",
                run["jobs"],
                run["targets"],
                f"{sum(run['cases'].values()):,}",
                f"{len(entered):,} ({len(entered & here) / len(here):.0%} of those there are)",
                len(run["found"]),
            )
        )
    return tabulate(rows, head, tablefmt="github", disable_numparse=True) + (
        "\n\nEach part ran the tree as it was when the part began. Functions are noted in each tenth "
        "case only. Not entered is, above all, what starts or serves something for long (recording, "
        "the suites, the pytest plugin), and what only a terminal needs.\n"
    )


def _verbs(runs: Sequence[Mapping[str, Any]]) -> str:
    cases: Counter[str] = Counter()
    codes: Counter[tuple[str, str]] = Counter()
    for run in runs:
        cases.update(run["cases"])
        for key, count in run["codes"].items():
            verb, _, code = key.rpartition(" ")
            codes[verb, code] += count
    columns = ("0", "1", "2", "3", "4", "130", "wrong")
    rows = [
        (
            verb,
            f"{count:,}",
            *(f"{codes[verb, code]:,}" if codes[verb, code] else "" for code in columns),
        )
        for verb, count in sorted(cases.items())
    ]
    head = ("verb", "cases", *(f"exit {code}" if code.isdigit() else "faults" for code in columns))
    return tabulate(rows, head, tablefmt="github", disable_numparse=True) + "\n"


def _mended(entries: Sequence[Entry]) -> str:
    """The corpus, each way of mending once."""
    files: dict[str, list[Entry]] = {}
    for one in entries:
        files.setdefault(one.mended or "not mended", []).append(one)
    rows = [
        (
            ", ".join(sorted({each.target.rpartition(" ")[0] for each in group})),
            f"{len(group)}",
            group[0].fault.partition(" (")[0].replace("|", "\\|"),
            mended,
        )
        for mended, group in files.items()
    ]
    table = tabulate(
        rows,
        ("verbs", "files", "what it did", "since then"),
        tablefmt="github",
        disable_numparse=True,
    )
    return (
        f"{table}\n\nEach of the {len(entries)} files of [the corpus](../tests/fuzz/corpus) is run again by "
        "every test run.\n"
    )


def functions() -> Iterator[str]:
    """``FILE:NAME`` of all functions of the package."""
    for path in sorted(_PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name in _named(tree, ""):
            yield f"{path.relative_to(_PACKAGE).as_posix()}:{name}"


def _named(node: ast.AST, above: str) -> Iterator[str]:
    for one in ast.iter_child_nodes(node):
        if isinstance(one, ast.FunctionDef):
            yield above + one.name
            yield from _named(one, f"{above}{one.name}.<locals>.")
        elif isinstance(one, ast.ClassDef):
            yield from _named(one, f"{above}{one.name}.")
        else:
            yield from _named(one, above)
