"""The recorder is killed under load: what a client has received stands in the trace.

Fifty times, at a random moment of a session of short and of 200 KB replies and events.  Every
complete message that reached the client must be in the file, and so must its command; the file
must read like any other trace, with a torn last line at the most.
"""

from __future__ import annotations

import random
import threading

import pytest

from qmpconf.trace.reader import TraceReader, direction
from tests.real.conftest import StartProxy
from tests.real.machines import Server
from tests.real.wire import Wire

TIMES = 50

#: What the client repeats: a short reply, a long one, two events.
ROUND = (
    b'{"execute":"query-name"}',
    b'{"execute":"query-qmp-schema"}',
    b'{"execute":"cont"}',
    b'{"execute":"stop"}',
)


def work(wire: Wire) -> None:
    """Go round until the recorder is gone."""
    try:
        wire.negotiate()
        while True:
            wire.send(b"".join(ROUND))
            for _ in ROUND:
                wire.reply()
    except (EOFError, ConnectionResetError, BrokenPipeError):
        return


@pytest.mark.parametrize("suffix", ["", ".gz"], ids=["plain", "compressed"])
def test_nothing_that_arrived_is_missing(
    qemu: Server, start_proxy: StartProxy, suffix: str
) -> None:
    chance = random.Random(4711)
    longest = 0
    for number in range(TIMES // 2):
        proxy = start_proxy(qemu, f"proxy{number}", suffix=suffix)
        with Wire(proxy.path) as wire:
            assert wire.line()  # the recorder is at work; from now on it may die
            wire._at = 0
            killer = threading.Timer(chance.uniform(0, 0.15), proxy.process.kill)
            killer.start()
            work(wire)
            killer.join()
            proxy.process.wait()
            arrived = bytes(wire.received[: wire.received.rfind(b"\n") + 1])
        recorded = direction(str(proxy.trace), 1, "server")
        assert recorded[: len(arrived)] == arrived
        answered = sum(b'"return"' in line for line in arrived.splitlines())
        assert direction(str(proxy.trace), 1, "client").count(b'"execute"') >= answered
        reader = TraceReader(str(proxy.trace))
        assert len(list(reader.records())) > 1
        assert not reader.finished
        longest = max(longest, len(arrived))
    assert longest > 1_000_000
