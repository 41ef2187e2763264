"""The recorder's speed: round trips and long replies, against socat and against nothing."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.benchmarks.figures import Figure, ratio
from tests.benchmarks.peers import (
    POLLING,
    SMALL,
    Spent,
    connect,
    large_reply,
    qemu_qmp_round_trips,
    qmp_round_trips,
    round_trips,
    zero_cost_server,
)
from tests.benchmarks.relays import BARE, IN_PYTHON, RELAYS

#: A machine with disks and a vCPU, which never runs: QEMU's answers are those of a real guest.
MACHINE = [
    *("-M", "q35", "-accel", "tcg", "-m", "64"),
    *("-blockdev", "null-co,node-name=disk0,size=1073741824,read-zeroes=on"),
    *("-device", "virtio-blk-pci,drive=disk0,id=vd0"),
    *("-object", "iothread,id=io0"),
]
#: QEMU 7.2 as `tests.real.builds` fetches it, or whatever is installed.
QEMU = shutil.which("qemu-7.2") or shutil.which("qemu-system-x86_64")


@dataclass(slots=True)
class Times:
    """Seconds of each round, and of the relay's processor, by the relay's name."""

    count: int
    wall: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)

    def figure(self, what: str, against: str, wanted: str, name: str = "qmpconf record") -> Figure:
        """How the recorder compares."""
        both = [
            f"{self._each(self.wall[one]):,.0f} us"
            + (f" (processor {self._each(self.processor[one]):,.0f})" if one != "direct" else "")
            for one in (name, against)
        ]
        found = ratio(self.wall[name], self.wall[against])
        return Figure(what, against, found, wanted, " against ".join(both))

    def work(self, what: str, name: str = "qmpconf record") -> Figure:
        """How the recorder's work compares with socat's."""
        ours, theirs = self.processor[name], self.processor["socat"]
        both = f"{self._each(ours):,.1f} us against {self._each(theirs):,.1f} us"
        return Figure(f"{what}: processor", "socat's", ratio(ours, theirs), "", both)

    def _each(self, rounds: list[float]) -> float:
        return statistics.median(rounds) / self.count * 1e6


def measure(rounds: int, scale: int) -> Iterator[Figure]:
    """All of it; `scale` makes it shorter."""
    times = on_nothing(rounds, 4000 // scale, SMALL)
    what = "sequential round trips, zero-cost server"
    yield times.figure(what, "socat", "1.0")
    yield times.work(what)
    if IN_PYTHON in times.wall:
        yield times.work(f"{what}, in Python", IN_PYTHON)
    times = on_nothing(max(3, rounds // 3), 80 // scale, large_reply())
    what = "streaming 200 KB replies, zero-cost server"
    yield times.figure(what, "socat", "0.9")
    yield times.figure(what, "socat -v", "10")
    yield times.work(what)
    if IN_PYTHON in times.wall:
        yield times.work(f"{what}, in Python", IN_PYTHON)
    if not QEMU:
        return
    for name, machine, commands, client in (
        ("query-status alone, -M none", ["-M", "none"], POLLING[:1], qmp_round_trips),
        ("what a management tool polls, q35 with a disk", MACHINE, POLLING, qmp_round_trips),
        ("the same by a real client, qemu.qmp", MACHINE, POLLING, qemu_qmp_round_trips),
    ):
        count = 2000 // scale
        work = functools.partial(client, count=count, commands=commands)
        times = on_qemu(QEMU, machine, rounds, count, work)
        what = f"round trips on a real QEMU: {name}"
        yield times.figure(what, "direct", "0.95")
        if BARE in times.wall:
            yield times.figure(f"{what}, {BARE}", "direct", "", BARE)
        yield times.figure(what, "socat", "1.0")
        yield times.work(what)
        if IN_PYTHON in times.wall:
            yield times.figure(f"{what}, in Python", "direct", "", IN_PYTHON)


def interleaved(
    server: str, relays: list[str], rounds: int, count: int, work: Callable[..., Spent]
) -> Times:
    """Measure each relay once a round, all of them running, in turn."""
    times = Times(count)
    with contextlib.ExitStack() as stack:
        folder = os.path.dirname(server)
        running = {name: stack.enter_context(RELAYS[name](server, folder)) for name in relays}
        for one in running.values():
            work(one.path)
        for _ in range(rounds):
            for name, one in running.items():
                spent = work(one.path, meter=one.processor)
                times.wall.setdefault(name, []).append(spent.seconds)
                times.processor.setdefault(name, []).append(spent.processor)
    return times


def on_nothing(rounds: int, count: int, reply: bytes) -> Times:
    """Round trips on a server that costs nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "server.sock")
        with zero_cost_server(path, reply):
            work = functools.partial(round_trips, count=count, length=len(reply))
            return interleaved(path, list(RELAYS), rounds, count, work)


def on_qemu(
    binary: str, machine: list[str], rounds: int, count: int, work: Callable[..., Spent]
) -> Times:
    """What `work` does, on a real QEMU, which serves one client after the other."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "qemu.sock")
        words = [binary, *machine, "-nodefaults", "-display", "none", "-S"]
        child = subprocess.Popen(
            [*words, "-qmp", f"unix:{path},server=on,wait=off"], stderr=subprocess.DEVNULL
        )
        try:
            connect(path).close()
            relays = [name for name in RELAYS if name != "socat -v"]
            return interleaved(path, relays, rounds, count, work)
        finally:
            child.terminate()
            child.wait()
