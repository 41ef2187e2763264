"""``python -m tests.benchmarks [-o FILE] [--quick] [--runs N] [--only PART]``: measure, write the page."""

from __future__ import annotations

import argparse
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from tabulate import tabulate

from tests.benchmarks import checking, corpus, memory, replaying, wire
from tests.benchmarks.figures import Figure, Runs

PARTS = ("wire", "replay", "check", "corpus", "large", "help", "memory")


def main() -> None:
    """Measure, and write Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("-o", "--output", default="-", help="the file to write (stdout)")
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--runs", type=int, help="full runs (3, or 1 with --quick)")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part alone")
    parser.add_argument(
        "--megabytes",
        type=int,
        help="the length of the trace for the table of memory (1000, or 20 with --quick; 0: none)",
    )
    arguments = parser.parse_args()
    parts = arguments.only or PARTS
    size = arguments.megabytes
    if size is None:
        size = 20 if arguments.quick else 1000
    runs = Runs()
    for number in range(arguments.runs or (1 if arguments.quick else 3)):
        start = time.monotonic()
        runs.add(measure(parts, quick=arguments.quick))
        print(f"run {number + 1}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    text = runs.page(shlex.join(["python", "-m", "tests.benchmarks", *sys.argv[1:]]))
    if size and "memory" in parts:
        text += memory_report(list(memory.measure(size * 1_000_000)))
    if arguments.output == "-":
        print(text, end="")
    else:
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write(text)


def measure(parts: tuple[str, ...] | list[str], *, quick: bool) -> Iterator[Figure]:
    """One run."""
    rounds, scale = (3, 10) if quick else (7, 5)
    if "wire" in parts:
        yield from wire.measure(rounds, scale)
    if "replay" in parts and wire.QEMU:
        played = replaying.compare(wire.QEMU, wire.MACHINE, rounds, 400 // scale)
        yield Figure(
            f"replay of a session of {played.commands} commands on a real QEMU, q35 with a disk",
            "a client that only sends and waits",
            played.ratio(),
            "1.15",
            played.figures(),
            "times as long",
        )
    if "check" in parts:
        yield from checking.measure(3 if quick else 5, 20 if quick else 100)
    if "corpus" in parts:
        yield from corpus.measure(1 if quick else 3, 10 if quick else 75)
        yield from corpus.measure_results(1 if quick else 3, 100 if quick else 600)
    if "large" in parts:
        yield from corpus.measure_large(1, 80 if quick else 200)
    if "help" in parts:
        yield starting(rounds)


def starting(rounds: int) -> Figure:
    """How much longer ``qmpconf --help`` takes than an interpreter that does nothing."""

    def seconds(words: list[str]) -> float:
        start = time.perf_counter()
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    bare, ours = [], []
    for _ in range(rounds):
        bare.append(seconds([sys.executable, "-c", "pass"]))
        ours.append(seconds([sys.executable, "-m", "qmpconf", "--help"]))
    added = statistics.median(o - b for o, b in zip(ours, bare, strict=True)) * 1000
    return Figure("qmpconf --help", "python -c pass", added, "< 100 ms", "longer by that", "ms")


def memory_report(rows: list[memory.Row]) -> str:
    """What each verb takes for a long trace, as Markdown."""
    head = ["verb", "trace", "memory at most", "promised", "time", "what grows with the trace"]
    cells = [
        (row.verb, row.trace, f"{row.peak:.0f} MB", row.promised, f"{row.seconds:.0f} s", row.grows)
        for row in rows
    ]
    table = tabulate(cells, headers=head, tablefmt="github", disable_numparse=True)
    return (
        "\n# Memory\n\n"
        "Each verb as a process of its own: its largest resident size. Half of the trace is one "
        "session, half are sessions one after the other. `replay` plays against `serve TRACE`.\n\n"
        f"{table}\n"
    )


if __name__ == "__main__":
    main()
