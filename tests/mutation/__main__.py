"""``python -m tests.mutation``: plant a sample of faults, see which tests notice, write the report."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.mutation.faults import Fault, judge, prepare, sample
from tests.mutation.report import NOTICED, Verdicts, write
from tests.mutation.rooms import ROOMS


def main() -> None:
    """Take the sample, run it, and write what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description="Plant a sample of faults, see which tests notice, write the report.",
    )
    parser.add_argument("--size", type=int, default=100, metavar="N", help="faults a room (100)")
    parser.add_argument("--seed", default="qmpconf", metavar="S", help="chooses them (qmpconf)")
    parser.add_argument("--only", choices=[room.name for room in ROOMS], help="this room alone")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="keep what was found there (JSON)"
    )
    parser.add_argument(
        "--before",
        type=Path,
        metavar="DIR",
        help="results of an earlier run: what was noticed then is taken as noticed, not run again",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the report (Markdown)")
    arguments = parser.parse_args()
    planted: dict[str, int] = {}
    verdicts: dict[str, Verdicts] = {}
    earlier: dict[str, Verdicts] = {}
    for room in ROOMS:
        if arguments.only not in (None, room.name):
            continue
        earlier[room.name] = _read(arguments.before, room.name)
        known = {one.key: how for one, how in earlier[room.name].items() if how in NOTICED}
        with tempfile.TemporaryDirectory(prefix="mutation") as place:
            faults = prepare(room, Path(place))
            planted[room.name] = len(faults)
            chosen = sample(faults, arguments.size, arguments.seed)
            new = [one for one in chosen if one.key not in known]
            print(f"{room.name}: {len(chosen)} of {len(faults)} faults, {len(new)} to run")
            judged = judge(Path(place), new) if new else {}
        verdicts[room.name] = {one: known.get(one.key) or judged[one] for one in chosen}
        if arguments.results:
            arguments.results.mkdir(exist_ok=True)
            rows = [asdict(one) | {"verdict": how} for one, how in verdicts[room.name].items()]
            path = arguments.results / f"{room.name}.json"
            path.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    if arguments.output:
        command = shlex.join(["python", "-m", "tests.mutation", *sys.argv[1:]])
        write(arguments.output, command, planted, verdicts, earlier)


def _read(folder: Path | None, room: str) -> Verdicts:
    path = folder / f"{room}.json" if folder else None
    if path is None or not path.exists():
        return {}
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {
        Fault(**{k: v for k, v in row.items() if k != "verdict"}): row["verdict"] for row in rows
    }


if __name__ == "__main__":
    main()
