"""``python -m tests.fuzz``: changed inputs for every verb, for as long as you like."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fuzz import corpus, report
from tests.fuzz.cases import run
from tests.fuzz.harness import Found, Tally, case_of, chosen, fuzz
from tests.fuzz.seeds import Seeds, gather
from tests.fuzz.targets import BY_NAME


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, default=2.0, metavar="N", help="how long (2)")
    add("--seed", default="", metavar="S", help="the same gives the same cases (default: the time)")
    add("--only", default="", metavar="VERB", help="only this verb, or the targets that begin so")
    add("--jobs", type=int, default=1, metavar="N", help="processes (1)")
    add("--corpus", type=Path, default=corpus.FOLDER, metavar="FOLDER", help="takes the findings")
    add("--report", type=Path, metavar="FILE", help="write a page about the run there (Markdown)")
    add(
        "--tally",
        type=Path,
        metavar="FILE",
        help="write what the run did there, as JSON, each minute",
    )
    add(
        "--earlier",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="the tally of an earlier run, which --report tells of as well; can be repeated",
    )
    add("--case", default="", metavar="TARGET:N", help="run this one case of the seed, and show it")
    return parser


def main() -> int:
    """Fuzz, or run one case again; 1 when there is a fault."""
    parser = _parser()
    arguments = parser.parse_args()
    seed = arguments.seed or str(int(time.time()))
    if not chosen(arguments.only):
        parser.error(f"no target reads anything for {arguments.only!r}")
    with tempfile.TemporaryDirectory(prefix="fuzz-seeds") as folder:
        seeds = gather(Path(folder, "fixed"))
        if arguments.case:
            return _one(arguments.case, seed, seeds)
        data = _fuzzed(arguments, seed, seeds)
    _print(data)
    if arguments.report:
        earlier = [json.loads(one.read_text(encoding="utf-8")) for one in arguments.earlier]
        runs = [*earlier, *([data] if data["cases"] else [])]
        page = report.page(runs, corpus.entries(arguments.corpus))
        arguments.report.write_text(page, encoding="utf-8")
    return int(bool(data["found"]))


def _one(case_name: str, seed: str, seeds: Seeds) -> int:
    """Run one case in this process."""
    name, _, number = case_name.rpartition(":")
    case = case_of(BY_NAME[name], seed, int(number), seeds)
    with tempfile.TemporaryDirectory(prefix="fuzz") as place:
        outcome = run(case, seeds.fixed, Path(place))
    sys.stdout.buffer.write(case.data[:20000] + b"\n")
    print(case.command, outcome.code, outcome.wrong, outcome.details, sep="\n")
    return int(bool(outcome.wrong))


def _fuzzed(arguments: argparse.Namespace, seed: str, seeds: Seeds) -> dict[str, Any]:
    """Run; gives what the run did."""
    targets = chosen(arguments.only)
    began = time.monotonic()
    data: dict[str, Any] = {}

    def say(text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def keep(found: Found) -> None:
        say(f"kept {corpus.keep(found.case, found.outcome, arguments.corpus)}")

    def look(tally: Tally) -> None:
        data.update(
            seed=seed,
            jobs=arguments.jobs,
            minutes=round((time.monotonic() - began) / 60, 1),
            targets=len(targets),
            date=time.strftime("%Y-%m-%d", time.gmtime()),
            **tally.as_data(),
        )
        if arguments.tally:
            arguments.tally.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    say(f"seed {seed}, {len(targets)} targets")
    fuzz(targets, seeds, seed, arguments.minutes, arguments.jobs, say, keep, look)
    return data


def _print(data: dict[str, Any]) -> None:
    for verb, count in sorted(data["cases"].items()):
        codes = ", ".join(
            f"{key.rpartition(' ')[2]}: {n}"
            for key, n in sorted(data["codes"].items())
            if key.rpartition(" ")[0] == verb
        )
        print(f"{verb:18} {count:7,} cases  {data['seconds'][verb]:7.1f} s  {codes}")
    cases, entered = sum(data["cases"].values()), len(data["entered"])
    print(f"{cases:,} cases, {entered:,} functions entered, {len(data['found'])} faults")
    for one in data["found"]:
        print(f"{one['times']:5} times {one['key']}")


if __name__ == "__main__":
    sys.exit(main())
