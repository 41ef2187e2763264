"""How much memory the verbs take for a long trace: each one as a process of its own.

The trace is made of a recorded session, played over and over: half of it is one session without
an end, half are sessions one after the other.  `replay` plays it against `serve TRACE`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import Greeting, Success, from_server
from qmpconf.trace.reader import Item, TraceReader
from qmpconf.trace.writer import TraceWriter
from tests.benchmarks.checking import TRACES


def write_long(path: str, size: int) -> int:
    """A trace of about `size` bytes; gives the number of its messages."""
    hello, rest = _session(TRACES[1])
    with TraceWriter(path, batch=1 << 20) as writer:
        writer.open(1)
        _write(writer, 1, hello)
        while os.path.getsize(path) < size // 2:
            _write(writer, 1, rest)
        writer.close(1, "client")
        conn = 1
        while os.path.getsize(path) < size:
            conn += 1
            writer.open(conn)
            _write(writer, conn, hello)
            _write(writer, conn, rest)
            writer.close(conn, "client")
        return writer.messages


def _session(path: str) -> tuple[list[Item], list[Item]]:
    """The messages of a recorded session, those of its negotiation apart; no event, no quit."""
    hello: list[Item] = []
    rest: list[Item] = []
    for item in TraceReader(path).items():
        if not isinstance(item, Item) or item.frame.kind is not Kind.VALUE:
            continue
        message = from_server(item.frame.data)
        if item.sender == "server" and not isinstance(message, Greeting | Success):
            continue
        (hello if len(hello) < 3 else rest).append(item)
    return hello, _whole(rest)


def _whole(items: Sequence[Item]) -> list[Item]:
    """Commands with a success behind each, and small enough for there to be many of them."""
    found: list[Item] = []
    for one, other in pairwise(items):
        pair = one.sender == "client" and other.sender == "server"
        if pair and len(other.frame.data) < 20_000 and b'"quit"' not in one.frame.data:
            found += (one, other)
    return found


def _write(writer: TraceWriter, conn: int, items: Iterable[Item]) -> None:
    for item in items:
        writer.frames(conn, item.sender, [Frame(Kind.VALUE, item.frame.data, b"\r\n", plain=True)])


def measure(size: int, *, verbs: Sequence[str] = ()) -> Iterator[tuple[str, str, float, float]]:
    """For each verb: what it does, MB in the file, its largest MB in memory, its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path, again = (os.path.join(folder, name) for name in ("long.qmptrace", "again.qmptrace"))
        write_long(path, size)
        os.link(path, again)
        megabytes = f"{os.path.getsize(path) / 1e6:,.0f} MB"
        if not verbs or "check" in verbs:
            yield "check", megabytes, *_peak(["check", path, "-q"], (0, 1))
        if not verbs or "learn" in verbs:
            yield "learn from two", megabytes, *_peak(["learn", path, again], (0,))
        if not verbs or "replay" in verbs:
            yield from _replayed(folder, path, megabytes)
        if not verbs or "reduce" in verbs:
            arguments = ["reduce", path, "--time-limit", "1", "-q", "--target"]
            target = os.path.join(folder, "nobody.sock")
            yield "reduce, until its first try", megabytes, *_peak([*arguments, target], (4,))


def _replayed(folder: str, path: str, megabytes: str) -> Iterator[tuple[str, str, float, float]]:
    """A replay, and the trace that is its server."""
    socket = os.path.join(folder, "serve.sock")
    server = _start(["serve", path, "--listen", socket])
    start = time.monotonic()
    while not os.path.exists(socket):
        if server.poll() is not None:
            raise ChildProcessError(f"serve has ended: {server.returncode}")
        time.sleep(0.05)
    output = os.path.join(folder, "replayed.qmptrace")
    replayed = _peak(["replay", path, "--target", socket, "-o", output], (0,))
    served = _ended(server, start, (0,))
    os.unlink(output)
    yield "replay", megabytes, *replayed
    yield "serve TRACE", megabytes, *served


def _start(arguments: list[str]) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "qmpconf", *arguments]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _peak(arguments: list[str], codes: tuple[int, ...]) -> tuple[float, float]:
    """Run a verb; the largest number of megabytes that it had, and its seconds."""
    return _ended(_start(arguments), time.monotonic(), codes)


def _ended(
    child: subprocess.Popen[bytes], start: float, codes: tuple[int, ...]
) -> tuple[float, float]:
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in codes:
        raise ChildProcessError(f"{child.args!r} ended with {child.returncode}")
    return usage.ru_maxrss * 1024 / 1e6, time.monotonic() - start
