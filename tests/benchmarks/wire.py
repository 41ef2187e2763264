"""The recorder's speed: round trips and long replies, against socat and against nothing."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable

from tests.benchmarks.peers import (
    SMALL,
    connect,
    large_reply,
    round_trips,
    zero_cost_server,
)
from tests.benchmarks.relays import RELAYS

#: relay: seconds of each round
Times = dict[str, list[float]]


def interleaved(
    server: str, folder: str, relays: list[str], rounds: int, measure: Callable[[str], float]
) -> Times:
    """Measure each relay once a round, all of them running, in turn."""
    times: Times = {name: [] for name in relays}
    with contextlib.ExitStack() as stack:
        paths = {name: stack.enter_context(RELAYS[name](server, folder)) for name in relays}
        for name in relays:
            measure(paths[name])
        for _ in range(rounds):
            for name in relays:
                times[name].append(measure(paths[name]))
    return times


def sequential(rounds: int, count: int) -> Times:
    """Small round trips on the zero-cost server."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "server.sock")
        with zero_cost_server(path, SMALL):
            return interleaved(
                path,
                folder,
                list(RELAYS),
                rounds,
                lambda where: round_trips(where, count, len(SMALL)),
            )


def streaming(rounds: int, count: int) -> Times:
    """Replies of 200 KB on the zero-cost server."""
    reply = large_reply()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "server.sock")
        with zero_cost_server(path, reply):
            return interleaved(
                path,
                folder,
                list(RELAYS),
                rounds,
                lambda where: round_trips(where, count, len(reply)),
            )


def on_qemu(binary: str, machine: list[str], rounds: int, measure: Callable[[str], float]) -> Times:
    """What `measure` does, on a real QEMU, which serves one client after the other."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "qemu.sock")
        words = [binary, *machine, "-nodefaults", "-display", "none", "-S"]
        child = subprocess.Popen(
            [*words, "-qmp", f"unix:{path},server=on,wait=off"], stderr=subprocess.DEVNULL
        )
        try:
            connect(path).close()
            relays = ["direct", "socat", "qmpconf record"]
            return interleaved(path, folder, relays, rounds, measure)
        finally:
            child.terminate()
            child.wait()


def ratio(times: Times, name: str, against: str) -> float:
    """How many times as fast `name` is as `against`: the median of the rounds' ratios."""
    pairs = zip(times[against], times[name], strict=True)
    return statistics.median(theirs / ours for theirs, ours in pairs)
