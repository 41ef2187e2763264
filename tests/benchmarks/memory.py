"""How much memory the verbs take for a long trace: each one as a process of its own.

The trace is made of a recorded session, played over and over: half of it is one session without
an end, half are sessions one after the other.  `replay` plays it against `serve TRACE`.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import Greeting, Success, from_server
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.writer import TraceWriter
from tests.benchmarks.checking import TRACES

VERBS = ("check", "replay", "learn", "reduce")

#: Bytes a message, as measured.
SERVE = 160
REDUCE = 450


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


class Row(NamedTuple):
    """One verb: the trace, megabytes in memory at most, what is promised, seconds, what grows."""

    verb: str
    trace: str
    peak: float
    seconds: float
    promised: str = ""
    grows: str = "nothing"


#: What is promised (qmpconf/README.md, Promises), and what grows where not all is constant.
PROMISED = "< 200 MB"
INDEX = "an index, about {} bytes a message; the messages stay in the file"


def measure(size: int, *, verbs: Collection[str] = VERBS) -> Iterator[Row]:
    """A row for each of `verbs`, for a trace of `size` bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path, again = (os.path.join(folder, name) for name in ("long.qmptrace", "again.qmptrace"))
        messages = write_long(path, size)
        os.link(path, again)
        trace = f"{os.path.getsize(path) / 1e6:,.0f} MB, {messages:,} messages"
        if "check" in verbs:
            yield Row("check", trace, *_Run("check", path, "-q").ended(0, 1), PROMISED)
        if "replay" in verbs:
            yield from _replayed(folder, path, trace)
        if "learn" in verbs:
            yield Row("learn, from two", trace, *_Run("learn", path, again).ended(0))
        if "reduce" in verbs:
            nobody = os.path.join(folder, "nobody.sock")
            peak = _Run("reduce", path, "-q", "--target", nobody).ended(4)
            yield Row("reduce, up to its first try", trace, *peak, "", INDEX.format(REDUCE))


def _replayed(folder: str, path: str, trace: str) -> Iterator[Row]:
    """A replay, and the trace that is its server."""
    socket = os.path.join(folder, "serve.sock")
    server = _Run("serve", path, "--listen", socket)
    while server.is_alive() and not os.path.exists(socket):
        time.sleep(0.05)
    output = os.path.join(folder, "replayed.qmptrace")
    replayed = _Run("replay", path, "--target", socket, "-o", output).ended(0)
    served = server.ended(0)
    os.unlink(output)
    yield Row("replay", trace, *replayed, PROMISED)
    yield Row("serve TRACE", trace, *served, "", INDEX.format(SERVE))


class _Run(threading.Thread):
    """A verb as a process: its largest resident size, looked at often while it runs."""

    def __init__(self, *arguments: str) -> None:
        super().__init__()
        words = [sys.executable, "-m", "qmpconf", *arguments]
        null = subprocess.DEVNULL
        self.child = subprocess.Popen(words, stdout=null, stderr=null)
        self._kilobytes = 0
        self._start = time.monotonic()
        self._seconds = 0.0
        self.start()

    def run(self) -> None:
        """Look until it has ended."""
        # The figure of a process that has ended holds that of the one that started it.
        while self.child.poll() is None:
            with contextlib.suppress(OSError), open(f"/proc/{self.child.pid}/status") as file:
                found = re.search(r"VmHWM:\s*(\d+)", file.read())
                self._kilobytes = max(self._kilobytes, int(found[1]) if found else 0)
            time.sleep(0.01)
        self._seconds = time.monotonic() - self._start

    def ended(self, *codes: int) -> tuple[float, float]:
        """Wait for its end, with one of the exit codes; megabytes and seconds."""
        self.join()
        if self.child.returncode not in codes:
            raise ChildProcessError(f"{self.child.args!r} ended with {self.child.returncode}")
        return self._kilobytes * 1024 / 1e6, self._seconds
