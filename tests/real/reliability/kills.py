"""The recorder is killed (SIGKILL) at a random moment under load."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from qmpconf.trace.reader import TraceReader
from tests.real.builds import Build, find
from tests.real.machines import BARE, start
from tests.real.proxies import Proxy
from tests.real.reliability.clients import Client, round_of
from tests.real.reliability.ledger import Comparison, Ledger, Tally
from tests.real.reliability.rows import Row, Scale
from tests.real.reliability.served import Notes

QUESTION = (
    "Is every complete message that a client or a server received in the trace of a recorder that was "
    "killed (SIGKILL) at a random moment of short and 200 KB replies and events, and is the trace "
    "read, with a torn last line at the most?"
)


def rows(scale: Scale, folder: Path) -> Iterator[Row]:
    """A row for each kind of server and of trace."""
    for build, share in (("qemu-7.2", 3), ("qemu-storage-daemon-7.2", 1)):
        for suffix in ("", ".gz"):
            times = max(2, scale.kills * share // 8)
            tally = killed(find(build), folder, times, suffix)
            kind = "compressed" if suffix else "plain"
            yield Row(
                f"recorder killed under load, {build}, {kind}",
                f"{times} kills",
                tally,
                note=f"{tally.messages:,} messages",
            )


def killed(build: Build, folder: Path, times: int, suffix: str) -> Tally:
    """Kill a recorder so many times, one session each."""
    folder = folder / f"{build.name}{suffix}"
    folder.mkdir()
    chance = random.Random(f"{build.name}{suffix}")
    ledger = Ledger(folder / "ledger")
    traces = []
    with start(build, folder, *bare(build), watched=True) as server:
        for number in range(times):
            proxy = Proxy(folder, server.path, f"p{number}", suffix=suffix)
            try:
                with Client(proxy.at, f"k{number}", ledger) as client:
                    work(client, proxy, chance, round_of(build.product))
            finally:
                proxy.process.kill()
                proxy.process.wait()
            traces.append(str(proxy.trace))
    notes = Notes(server)
    comparison = Comparison(ledger, notes)
    for trace in traces:
        comparison.trace(trace, cut=True)
        reader = TraceReader(trace)
        list(reader.records())
        if reader.finished:
            comparison.tally.problems.append(f"{trace} was not cut off: nothing was shown")
    tally = comparison.rest()
    notes.close()
    ledger.close()
    return tally


def work(client: Client, proxy: Proxy, chance: random.Random, names: Sequence[str]) -> None:
    """Go round a few times, kill the recorder in the middle of a round, read what still comes."""
    client.negotiate()
    begun = len(client.wire.received)
    for turn in range(1 + chance.randrange(3)):
        client.send(*names)
        client.answers(len(names))
        if not turn:
            size = len(client.wire.received) - begun
    client.send(*names)
    moment = len(client.wire.received) + chance.randrange(size // 2)
    try:
        while client.read(chance):
            if len(client.wire.received) > moment:
                proxy.process.kill()
    except ConnectionResetError:
        return


def bare(build: Build) -> tuple[str, ...]:
    """The arguments of a server with nothing in it."""
    return BARE if build.product == "qemu" else ()
