"""``python -m tests.real.reliability [-o FILE] [--soak SECONDS] [--share N] [--only NAME] [--quick]``."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.real.reliability import disks, ends, kills, limits, many, soak, stops
from tests.real.reliability.ledger import Tally
from tests.real.reliability.rows import QUICK, Group, Row, Scale, report

#: The groups, in the report's order; the soak goes on beside all others.
GROUPS = {
    "kills": kills,
    "disks": disks,
    "limits": limits,
    "ends": ends,
    "stops": stops,
    "many": many,
}
SOAK = "soak"


def main(words: list[str] | None = None) -> int:
    """Run the experiments and write the report; 1 if anything was lost, invented or wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.real.reliability", description=__doc__)
    parser.add_argument("-o", "--output", default="-", help="the file to write (stdout)")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="how long (3600)")
    parser.add_argument(
        "--share", type=float, default=1.0, metavar="N", help="this share of all repetitions (1)"
    )
    parser.add_argument("--only", action="append", choices=[*GROUPS, SOAK], help="one group")
    parser.add_argument("--quick", action="store_true", help="a look: as the test does it")
    arguments = parser.parse_args(words)
    scale = QUICK if arguments.quick else Scale().share(arguments.share)
    if arguments.soak is not None:
        scale = dataclasses.replace(scale, soak=arguments.soak)
    with tempfile.TemporaryDirectory(prefix="rel") as folder:
        groups = run(scale, Path(folder), arguments.only or [*GROUPS, SOAK])
    text = report(groups, scale.soak, arguments.share)
    if arguments.output == "-":
        print(text, end="")
    else:
        Path(arguments.output).write_text(text, encoding="utf-8")
    return 0 if all(row.good for group in groups for row in group.rows) else 1


def run(scale: Scale, folder: Path, names: Iterable[str]) -> list[Group]:
    """The groups `names`, with files in `folder`."""
    wanted = set(names)
    long = soak.Soak(scale.soak, _made(folder / SOAK)) if SOAK in wanted else None
    groups = []
    try:
        if long is not None:
            long.begin()
        for name, module in GROUPS.items():
            if name in wanted:
                found = _collected(name, module.rows(scale, _made(folder / name)))
                groups.append(Group(name, module.QUESTION, found))
        if long is not None:
            groups.append(Group(SOAK, soak.QUESTION, _collected(SOAK, long.rows())))
    finally:
        if long is not None:
            long.stop()
    return groups


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _collected(name: str, rows: Iterable[Row]) -> list[Row]:
    """All rows; what ends an experiment before its time is a row that fails."""
    found = []
    try:
        for row in rows:
            found.append(row)
            _news(row)
    except Exception as error:  # noqa: BLE001 - the other experiments have their turn
        failed = Row(f"{name}: not finished", "", Tally(problems=[repr(error)]))
        found.append(failed)
        _news(failed)
    return found


def _news(row: Row) -> None:
    if sys.stderr.isatty() or os.environ.get("CI"):
        state = "skipped" if row.skipped else "good" if row.good else "BAD"
        print(f"{time.strftime('%H:%M:%S')} {state}: {row.what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
