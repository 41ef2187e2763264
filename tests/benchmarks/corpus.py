"""A corpus of small recordings, of larger ones, and one large recording: one job, two jobs, and the workers of a
Dask cluster on this machine."""

from __future__ import annotations

import contextlib
import glob
import gzip
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from tests.benchmarks.figures import Figure, ratio

#: Short sessions of several builds, without a schema reply in most of them.
TRACES = (
    "traces/qemu-7.2.22-libvirtd.qmptrace.gz",
    "traces/qemu-11.1.3-libvirtd.qmptrace.gz",
    "traces/qemu-7.2.22-shell.qmptrace.gz",
    "traces/qemu-11.1.3-wrong.qmptrace.gz",
)


def measure(rounds: int, copies: int) -> Iterator[Figure]:
    """Check `copies` of each recording: by one process, by two, and by two workers of a cluster."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        for number in range(copies):
            for source in TRACES:
                shutil.copy(
                    source, os.path.join(folder, f"{number:05d}-{os.path.basename(source)}")
                )
        files = copies * len(TRACES)
        ways = {"one job": ["--jobs", "1"], "two jobs": ["--jobs", "2"]}
        cluster = stack.enter_context(_cluster())
        if cluster:
            ways["two workers of Dask"] = ["--workers", f"dask:{cluster}"]
        times: dict[str, list[float]] = {name: [] for name in ways}
        for words in ways.values():  # what is compiled or fetched once, is
            _check(folder, words)
        for _ in range(rounds):
            for name, words in ways.items():
                times[name].append(_check(folder, words))
        for name in list(ways)[1:]:
            both = [f"{statistics.median(times[one]):.1f} s" for one in (name, "one job")]
            yield Figure(
                f"check of {files:,} small recordings: {name}",
                "one job",
                ratio(times[name], times["one job"]),
                "",
                " against ".join(both),
            )
        each = statistics.median(times["one job"]) / files * 1000
        yield Figure(
            f"check of {files:,} small recordings: one job",
            "(each recording)",
            each,
            unit="ms",
        )


def measure_large(rounds: int, megabytes: int) -> Iterator[Figure]:
    """Check one recording of so many megabytes, and a corpus of forty that are a tenth as large, by one and by two."""
    with tempfile.TemporaryDirectory() as folder:
        one = os.path.join(folder, "one.qmptrace")
        at_once = os.path.join(folder, "at-once.qmptrace")
        write_sessions(one, megabytes, at_once=1)
        write_sessions(at_once, megabytes, at_once=30)
        many = os.path.join(folder, "many")
        os.mkdir(many)
        for number in range(40):
            write_sessions(os.path.join(many, f"{number}.qmptrace"), megabytes // 10, at_once=1)
        for path, what in (
            (one, f"one recording of {megabytes} MB, sessions after one another"),
            (at_once, f"one recording of {megabytes} MB, thirty sessions at once"),
            (many, f"40 recordings of {megabytes // 10} MB"),
        ):
            times: dict[str, list[float]] = {"1": [], "2": []}
            work: dict[str, list[float]] = {"1": [], "2": []}
            for _ in range(rounds):
                for jobs in "12":
                    seconds, used = _both(path, jobs)
                    times[jobs].append(seconds)
                    work[jobs].append(used)
            for kind, found in (("", times), (", processor time of all", work)):
                both = [f"{statistics.median(found[jobs]):.1f} s" for jobs in "21"]
                yield Figure(
                    f"check of {what}: two jobs{kind}",
                    "one job",
                    ratio(found["2"], found["1"]),
                    "",
                    " against ".join(both),
                )


def measure_results(rounds: int, copies: int) -> Iterator[Figure]:
    """Make a page of so many results of `conform`, each of a server of its own: by one process, by two."""
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, "made")
        server = f"{sys.executable} -m qmpconf serve --listen {{socket}}"
        _qmpconf("conform", "--spawn", server, "--fast", "-q", "--result", made)
        with open(made, encoding="utf-8") as file:
            text = file.read()
        name = json.loads(text.split("\n", 2)[1])["name"]
        for number in range(copies):
            with open(os.path.join(folder, f"{number}.qmpresult"), "w", encoding="utf-8") as file:
                file.write(text.replace(json.dumps(name), json.dumps(f"{name}, host {number}")))
        times: dict[str, list[float]] = {"1": [], "2": []}
        for _ in range(rounds):
            for jobs, found in times.items():
                start = time.perf_counter()
                _qmpconf("report", folder, "-q", "--format", "markdown", "--jobs", jobs)
                found.append(time.perf_counter() - start)
        yield Figure(
            f"report of {copies} results of conform: two jobs",
            "one job",
            ratio(times["2"], times["1"]),
            "",
            " against ".join(f"{statistics.median(times[jobs]):.1f} s" for jobs in "21"),
        )


def _qmpconf(*words: str) -> None:
    command = [sys.executable, "-m", "qmpconf", *words]
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr


def write_sessions(path: str, megabytes: int, at_once: int) -> None:
    """Write a trace of so many megabytes: the sessions of the recordings in traces/, so many of them at once."""
    number = re.compile(rb'"conn":(\d+)')
    bodies: list[list[bytes]] = []
    for source in sorted(glob.glob("traces/qemu-*.qmptrace.gz")):
        with gzip.open(source) as file:
            own: dict[bytes, list[bytes]] = {}
            for line in list(file)[1:]:
                if (found := number.search(line)) and b'"finish":' not in line[:60]:
                    own.setdefault(found[1], []).append(line)
        bodies += own.values()
    chance = random.Random(1)
    left, conn = megabytes * 1_000_000, 0
    waiting: list[tuple[bytes, Iterator[bytes]]] = []
    with open(path, "wb") as trace:
        trace.write(b'{"qmptrace":1,"started":"2026-11-30T10:00:00Z","recorder":"x","meta":{}}\n')
        while left > 0 or waiting:
            while left > 0 and len(waiting) < at_once:
                waiting.append((b'"conn":%d' % (conn + 1), iter(bodies[conn % len(bodies)])))
                conn += 1
            own_conn, lines = one = chance.choice(waiting)
            line = next(lines, b"")
            if not line:
                waiting.remove(one)
                continue
            left -= trace.write(number.sub(own_conn, line, count=1))
        trace.write(b'{"t":1.0,"finish":{"sessions":%d,"messages":0}}\n' % conn)


def _both(path: str, jobs: str) -> tuple[float, float]:
    """Seconds by the clock, and of all processors."""
    words = [sys.executable, "-m", "qmpconf", "check", path, "-q", "--jobs", jobs]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.used", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    seconds, used = map(float, done.stdout.split())
    return seconds, used


def _check(folder: str, words: list[str]) -> float:
    start = time.perf_counter()
    _qmpconf("check", folder, "-q", *words)
    return time.perf_counter() - start


@contextlib.contextmanager
def _cluster() -> Iterator[str]:
    """Two processes with a scheduler, or nothing where Dask is not installed."""
    try:
        import distributed  # noqa: PLC0415 - not everybody has it
    except ImportError:
        print("Dask is not installed: no figures of it", file=sys.stderr)
        yield ""
        return
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address
