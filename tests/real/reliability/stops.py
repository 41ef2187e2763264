"""A server that stands still for a while, and one that dies in the middle of a reply."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.real.builds import find
from tests.real.machines import Server, start
from tests.real.proxies import Proxy
from tests.real.reliability.clients import PATIENCE, At, Client, round_of
from tests.real.reliability.kills import bare
from tests.real.reliability.ledger import Comparison, Ledger, Tally
from tests.real.reliability.rows import Row, Scale, descriptors, peak
from tests.real.reliability.served import Notes

QUESTION = (
    "Is a server that was stopped (SIGSTOP) given everything when it goes on, and is a client held "
    "back meanwhile, after twice of what the server itself takes at the most? When a server is killed in the middle of a reply, does "
    "the client get all that it had sent, is that in the trace, and does the trace say who ended it?"
)
#: Blanks in the commands of a client that pushes: so long that what the system adds to each does not count.
_PADDING = 4000
#: Milliseconds in which a socket that takes nothing shows that it is full.
_FULL = 500


def rows(scale: Scale, folder: Path) -> Iterator[Row]:
    """Stopped servers of both kinds, then servers that die, on both transports."""
    for build in ("qemu-7.2", "qemu-storage-daemon-7.2"):
        yield _stopped(build, scale.stops, folder / f"stop-{build}")
    for tcp in (False, True):
        yield _dying(scale.deaths, folder / f"die{tcp}", tcp)


def _stopped(name: str, times: int, folder: Path) -> Row:
    folder.mkdir()
    build = find(name)
    ledger = Ledger(folder / "ledger")
    names = round_of(build.product)
    with start(build, folder, *bare(build), watched=True) as server:
        proxy = Proxy(folder, server.path)
        try:
            direct = _pushed(server, server.path, "direct", ledger)
            through = _pushed(server, proxy.at, "through", ledger)
            with Client(proxy.at, "stopped", ledger) as client:
                client.negotiate()
                for _ in range(times):
                    _signal(server, signal.SIGSTOP, "T")
                    client.send(*names, *names)
                    client.waits()
                    _signal(server, signal.SIGCONT, "SR")
                    client.answers(2 * len(names))
            memory, after = peak(proxy.process.pid), descriptors(proxy.process.pid)
        finally:
            proxy.stop()
    tally = compared(server, ledger, str(proxy.trace), unrecorded=("direct",))
    if through > 2 * direct:
        tally.problems.append(f"a client can push {through:,} bytes, directly {direct:,}")
    return Row(
        f"{name} stopped, and going on",
        f"{times} times",
        tally,
        f"{memory:.0f} MB at most; {after} open at the end",
        f"while it is stopped a client can push {through / 1000:.0f} kB, directly {direct / 1000:.0f} kB",
    )


def _pushed(server: Server, at: At, name: str, ledger: Ledger) -> int:
    """How many bytes a stopped server, or what is in front of it, takes before a client is held back."""
    padded = b'{"execute": "query-version", "id": "%b/1"' % name.encode() + b" " * _PADDING + b"}\n"
    with Client(at, name, ledger) as client:
        client.negotiate()
        _signal(server, signal.SIGSTOP, "T")
        pushed = client.push(padded, _FULL)
        _signal(server, signal.SIGCONT, "SR")
        client.complete()
        client.answers(-(-pushed // len(padded)))
    return pushed


def _signal(server: Server, number: signal.Signals, states: str) -> None:
    """Send a signal, and wait until the process is in one of these states."""
    os.kill(server.process.pid, number)
    deadline = time.monotonic() + PATIENCE
    while True:
        stat = Path(f"/proc/{server.process.pid}/stat").read_text()
        if stat.rpartition(")")[2].split()[0] in states:
            return
        assert time.monotonic() < deadline, stat
        time.sleep(0.001)


#: The name of each session with a server that dies, so that all replies are the same.
_DIES = "dies"
_REPLIES = 5


def _dying(times: int, folder: Path, tcp: bool) -> Row:
    folder.mkdir()
    chance = random.Random(f"dies {tcp}")
    all_of_it = _undisturbed(folder / "undisturbed")
    total = Tally()
    for number in range(times):
        moment = chance.randrange(len(all_of_it) // 2)
        total += _died(folder / str(number), tcp, all_of_it, chance, moment)
    transport = "TCP" if tcp else "UNIX"
    return Row(
        f"qemu-7.2 killed in the middle of a reply, {transport}",
        f"{times} times",
        total,
        note="each trace names the server as who ended it",
    )


def _undisturbed(folder: Path) -> bytes:
    """What a server sends that lives."""
    folder.mkdir()
    build = find("qemu-7.2")
    ledger = Ledger(folder / "ledger")
    with start(build, folder, *bare(build)) as server, Client(server.at, _DIES, ledger) as client:
        client.negotiate()
        client.send(*["query-qmp-schema"] * _REPLIES)
        client.answers(_REPLIES)
        received = bytes(client.wire.received)
    ledger.close()
    return received


def _died(folder: Path, tcp: bool, sends: bytes, chance: random.Random, moment: int) -> Tally:
    """Kill a server when its client has received so many bytes."""
    folder.mkdir()
    build = find("qemu-7.2")
    ledger = Ledger(folder / "ledger")
    with start(build, folder, *bare(build), tcp=tcp, watched=True) as server:
        proxy = Proxy(folder, server.at, tcp=tcp)
        try:
            with Client(proxy.at, _DIES, ledger) as client:
                client.negotiate()
                client.send(*["query-qmp-schema"] * _REPLIES)
                with contextlib.suppress(ConnectionResetError):
                    while client.read(chance):
                        if len(client.wire.received) > moment:
                            server.process.kill()
            server.process.wait()
        finally:
            proxy.stop()
    sends = sends.replace(_DIES.encode(), client.name.encode())
    return compared(server, ledger, str(proxy.trace), by="server", sends=sends)


class _Sends:
    """A server that could not note the last of what it sent, but sends the same each time."""

    def __init__(self, notes: Notes, sends: bytes) -> None:
        self._sends = sends
        self.handled = notes.handled
        self.begins = notes.begins

    def sent(self, name: str, early: int = 0) -> bytes:
        """All that it sends when nobody kills it."""
        return self._sends


def compared(
    server: Server,
    ledger: Ledger,
    trace: str,
    *,
    by: str = "client",
    unrecorded: Sequence[str] = (),
    sends: bytes = b"",
) -> Tally:
    """One trace of one server, all of whose sessions `by` has ended.

    `unrecorded` are sessions that no recorder saw; `sends` is what a server that was killed sends.
    """
    notes = Notes(server)
    comparison = Comparison(ledger, _Sends(notes, sends) if sends else notes)
    for session in comparison.trace(trace):
        if session.closed != by:
            comparison.tally.problems.append(
                f"{trace}, session {session.conn}: ended by {session.closed or 'nobody'}, not the {by}"
            )
    tally = comparison.rest(unrecorded)
    notes.close()
    ledger.close()
    return tally
