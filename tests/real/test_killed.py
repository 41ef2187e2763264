"""The recorder is killed under load: what a client has received stands in the trace.

Fifty times, at a random moment of a session of short and of 200 KB replies and events.  Every
complete message that reached the client must be in the file, and so must its command; the file
must read like any other trace, with a torn last line at the most.
"""

from __future__ import annotations

import random

import pytest

from qmpconf.trace.reader import TraceReader, direction
from tests.real.conftest import Proxy, StartProxy
from tests.real.machines import Server
from tests.real.wire import Wire

TIMES = 50

#: What the client repeats: a short reply, a long one of 207,000 bytes, two events.
ROUND = (
    b'{"execute":"query-name"}',
    b'{"execute":"query-qmp-schema"}',
    b'{"execute":"cont"}',
    b'{"execute":"stop"}',
)


def work(wire: Wire, proxy: Proxy, chance: random.Random) -> None:
    """Go round a few times, kill the recorder in the middle of a round, read what still comes."""
    wire.negotiate()
    for _ in range(chance.randrange(4)):
        wire.send(b"".join(ROUND))
        for _ in ROUND:
            wire.reply()
    wire.send(b"".join(ROUND))
    moment = len(wire.received) + chance.randrange(200_000)
    try:
        while data := wire.sock.recv(chance.randrange(1, 30_000)):
            wire.received += data
            if len(wire.received) > moment:
                proxy.process.kill()
    except ConnectionResetError:
        return


@pytest.mark.parametrize("suffix", ["", ".gz"], ids=["plain", "compressed"])
def test_nothing_that_arrived_is_missing(
    qemu: Server, start_proxy: StartProxy, suffix: str
) -> None:
    chance = random.Random(4711)
    for number in range(TIMES // 2):
        proxy = start_proxy(qemu, f"proxy{number}", suffix=suffix)
        with Wire(proxy.path) as wire:
            work(wire, proxy, chance)
            proxy.process.wait()
            arrived = bytes(wire.received[: wire.received.rfind(b"\n") + 1])
        recorded = direction(str(proxy.trace), 1, "server")
        assert recorded[: len(arrived)] == arrived
        answered = sum(b'"return"' in line for line in arrived.splitlines())
        assert direction(str(proxy.trace), 1, "client").count(b'"execute"') >= answered
        reader = TraceReader(str(proxy.trace))
        assert len(list(reader.records())) > 1
        assert not reader.finished
