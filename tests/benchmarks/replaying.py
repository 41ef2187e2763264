"""How much a replay adds to the time that the server itself needs: against a client that only waits.

A session of a management tool is recorded from a real QEMU, and played to the same QEMU again and
again, by a bare client and by `replay_trace` in turn.  The bare client sends the same bytes for the
same causes (it counts the lines that it got), and looks at nothing.  Neither starts a server nor an
interpreter; the replay reads the recording, compares everything, and writes its own trace.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from qmpconf.protocol.framing import Kind
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.benchmarks.peers import POLLING, connect, qmp_round_trips
from tests.benchmarks.relays import recorder

#: What a management tool does besides polling, each time undone: 16 commands with `POLLING`.
CHANGING = (
    '{"execute":"object-add","arguments":{"qom-type":"iothread","id":"io1"}}',
    '{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"disk1","size":65536}}',
    '{"execute":"device_del","arguments":{"id":"nobody"}}',
    '{"execute":"qom-list","arguments":{"path":"/objects"}}',
    '{"execute":"query-named-block-nodes"}',
    '{"execute":"blockdev-del","arguments":{"node-name":"disk1"}}',
    '{"execute":"object-del","arguments":{"id":"io1"}}',
    '{"execute":"query-version"}',
)

#: Turns of a client: how many messages of the server it has seen before, and what it sends.
Turns = list[tuple[int, bytes]]


@dataclass(slots=True)
class Replaying:
    """What was measured: seconds of each round, and seconds of the processor."""

    commands: int
    bare: list[float] = field(default_factory=list)
    replay: list[float] = field(default_factory=list)
    bare_cpu: list[float] = field(default_factory=list)
    replay_cpu: list[float] = field(default_factory=list)

    def ratio(self) -> float:
        """How long a replay takes, as a multiple of the bare client."""
        pairs = zip(self.replay, self.bare, strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def figures(self) -> str:
        """The medians behind it."""
        wall = [statistics.median(times) * 1000 for times in (self.replay, self.bare)]
        cpu = [statistics.median(times) * 1000 for times in (self.replay_cpu, self.bare_cpu)]
        return (
            f"{wall[0]:.0f} ms against {wall[1]:.0f} ms (processor: {cpu[0]:.0f} and {cpu[1]:.0f})"
        )


def compare(binary: str, machine: list[str], rounds: int, count: int) -> Replaying:
    """Replay a session of `count` commands, and let the bare client play it, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "qemu.sock")
        words = [binary, *machine, "-nodefaults", "-display", "none", "-S"]
        child = subprocess.Popen(
            [*words, "-qmp", f"unix:{path},server=on,wait=off"], stderr=subprocess.DEVNULL
        )
        try:
            connect(path).close()
            with recorder(path, folder) as proxy:
                qmp_round_trips(proxy.path, count, POLLING + CHANGING)
            trace = os.path.join(folder, "bench.qmptrace")
            turns, total = turns_of(trace)
            found = Replaying(count)
            for number in range(-1, rounds):  # the first round warms up
                for clock, cpu, work in (
                    (found.bare, found.bare_cpu, lambda: bare(path, turns, total)),
                    (found.replay, found.replay_cpu, lambda: replay(trace, path, folder)),
                ):
                    wall_seconds, cpu_seconds = _timed(work)
                    if number >= 0:
                        clock.append(wall_seconds)
                        cpu.append(cpu_seconds)
            return found
        finally:
            child.terminate()
            child.wait()


def turns_of(trace: str) -> tuple[Turns, int]:
    """What the bare client has to do for the last session of a trace, and what it gets in all."""
    turns: Turns = []
    got, conn = 0, 0
    for item in TraceReader(trace).items():
        if not isinstance(item, Item):
            continue
        if item.conn != conn:
            turns, got, conn = [], 0, item.conn
        if item.sender == "client":
            turns.append((got, item.frame.data + item.frame.end))
        else:
            got += item.frame.kind is Kind.VALUE
    return turns, got


_BUFFER = bytearray(1 << 18)


def bare(path: str, turns: Turns, total: int) -> None:
    """Play the turns: wait for so many lines, send, and wait for all of them in the end."""
    with connect(path) as sock:
        seen = 0
        for due, data in turns:
            seen = _read(sock, seen, due)
            sock.sendall(data)
        _read(sock, seen, total)


def _read(sock: socket.socket, seen: int, due: int) -> int:
    while seen < due:
        count = sock.recv_into(_BUFFER)
        if not count:
            raise ConnectionError("the server has closed the connection")
        seen += _BUFFER.count(b"\n", 0, count)
    return seen


def replay(trace: str, path: str, folder: str) -> None:
    """Replay it as users do, with a trace of its own."""
    output = os.path.join(folder, "replayed.qmptrace")
    result = replay_trace(trace, target=path, output=output, overwrite=True)
    if result.exit_code:
        first = next((group.first for group in result.differences), result.failure)
        raise AssertionError(f"the replay differs: {first}")


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu
