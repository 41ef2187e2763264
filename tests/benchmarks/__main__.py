"""``python -m tests.benchmarks [-o FILE] [--quick]``: measure everything, write the table."""

from __future__ import annotations

import argparse
import functools
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from tabulate import tabulate

from tests.benchmarks import checking, memory, replaying, wire
from tests.benchmarks.peers import POLLING, qemu_qmp_round_trips, qmp_round_trips

COMMAND = "python -m tests.benchmarks -o reports/benchmarks.md"

#: A machine with disks and a vCPU, which never runs: QEMU's answers are those of a real guest.
MACHINE = [
    *("-M", "q35", "-accel", "tcg", "-m", "64"),
    *("-blockdev", "null-co,node-name=disk0,size=1073741824,read-zeroes=on"),
    *("-device", "virtio-blk-pci,drive=disk0,id=vd0"),
    *("-object", "iothread,id=io0"),
]

Row = tuple[str, str, str, str, str]


def main() -> None:
    """Measure, and write Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("-o", "--output", default="-", help="the file to write (stdout)")
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument(
        "--megabytes",
        type=int,
        help="the length of the trace for the table of memory (1000, or 20 with --quick; 0: none)",
    )
    arguments = parser.parse_args()
    size = arguments.megabytes
    if size is None:
        size = 20 if arguments.quick else 1000
    text = report(list(measure(3 if arguments.quick else 15, quick=arguments.quick)))
    if size:
        text += memory_report(list(memory.measure(size * 1_000_000)))
    if arguments.output == "-":
        print(text, end="")
    else:
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write(text)


def measure(rounds: int, *, quick: bool) -> Iterator[Row]:
    """A row for each promise: what, against, ratio, wanted, the figures behind it."""
    scale = 4 if quick else 1
    count = 4000 // scale
    times = wire.sequential(rounds, count)
    yield wire_row("sequential round trips, zero-cost server", times, "socat", 1.0, count)
    count = 80 // scale
    times = wire.streaming(max(3, rounds // 3), count)
    what = "streaming 200 KB replies, zero-cost server"
    yield wire_row(what, times, "socat", 1.0, count)
    yield wire_row(what, times, "socat -v", 10.0, count)
    binary = shutil.which("qemu-system-x86_64")
    if binary:
        count = 2000 // scale
        for name, machine, commands, client in (
            ("what a management tool polls, q35 with a disk", MACHINE, POLLING, qmp_round_trips),
            ("the same by a real client, qemu.qmp", MACHINE, POLLING, qemu_qmp_round_trips),
            ("query-status alone, -M none", ["-M", "none"], POLLING[:1], qmp_round_trips),
        ):
            work = functools.partial(client, count=count, commands=commands)
            times = wire.on_qemu(binary, machine, rounds, work)
            what = f"round trips on a real QEMU: {name}"
            yield wire_row(what, times, "direct", 0.95, count)
            yield wire_row(what, times, "socat", 0.95, count)
        played = replaying.compare(binary, MACHINE, rounds, 400 // scale)
        yield (
            f"replay of a session of {played.commands} commands on a real QEMU, q35 with a disk",
            "a client that only sends and waits",
            f"{played.ratio():.2f}x the time",
            "1.15x",
            played.figures(),
        )
    result = checking.compare(3 if quick else 5, 20 if quick else 100)
    rate = result.messages / statistics.median(result.check)
    theirs = result.payloads / statistics.median(result.jsonschema)
    yield (
        "check, messages a second",
        "jsonschema on the same payloads",
        f"{result.against_jsonschema():.0f}x",
        "100x",
        f"{rate:,.0f} against {theirs:,.0f}",
    )
    speed = result.size / statistics.median(result.check) / 1e6
    parsing = result.size / statistics.median(result.parse) / 1e6
    yield (
        "check, bytes a second",
        "only parsing the lines (msgspec)",
        f"{result.against_parsing():.2f}x",
        "0.33x",
        f"{speed:.0f} MB/s against {parsing:.0f} MB/s",
    )
    yield help_row(rounds)


def wire_row(what: str, times: wire.Times, against: str, wanted: float, count: int) -> Row:
    """One comparison of the recorder."""
    ours = statistics.median(times["qmpconf record"]) / count * 1e6
    theirs = statistics.median(times[against]) / count * 1e6
    found = wire.ratio(times, "qmpconf record", against)
    return (
        what,
        against,
        f"{found:.2f}x" if found < 10 else f"{found:.0f}x",
        f"{wanted:g}x",
        f"{ours:,.0f} us against {theirs:,.0f} us",
    )


def help_row(rounds: int) -> Row:
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
    return ("qmpconf --help", "python -c pass", f"+{added:.0f} ms", "< +100 ms", "")


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


def report(rows: list[Row]) -> str:
    """The rows as Markdown, with what they were measured on."""
    head = ["what", "against", "ratio", "promised", "medians"]
    table = tabulate(rows, headers=head, tablefmt="github", disable_numparse=True)
    load = os.getloadavg()[0]
    return (
        "# Speed\n\n"
        f"Made by `{COMMAND}`: ratios of one run, the median over its rounds, in each of which "
        "all candidates were measured in turn. Times are per round trip.\n\n"
        f"{table}\n\n"
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs, "
        f"load average at the end {load:.1f}.\n"
    )


if __name__ == "__main__":
    main()
