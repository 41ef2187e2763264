"""Many clients: all at once, and one after the other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.real.builds import find
from tests.real.machines import start
from tests.real.proxies import Proxy
from tests.real.reliability.clients import Client, round_of
from tests.real.reliability.kills import bare
from tests.real.reliability.ledger import Comparison, Ledger, Serving, Tally
from tests.real.reliability.rows import Row, Scale, descriptors, peak, resident
from tests.real.reliability.served import Notes, Peer

QUESTION = (
    "Do all clients get all their answers when they come at once (QEMU takes them in turn, a server of "
    "our own all together), and when thousands come one after the other; is each session whole in the "
    "trace; and does the recorder, after all of them, have no more memory and descriptors than at first?"
)
_GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": []}}\r\n'
)

#: After so many sessions the memory is looked at.
MARKS = (100, 1_000, 10_000)

#: Megabytes that the memory may differ from one mark to the other.
_SLACK = 8.0


def rows(scale: Scale, folder: Path) -> Iterator[Row]:
    """At once, with either server; one after the other."""
    yield _at_once_qemu(scale.at_once, folder / "at-once")
    yield _at_once_peer(scale.at_once, folder / "together")
    for build, share in (("qemu-7.2", 1), ("qemu-storage-daemon-7.2", 10)):
        yield _in_turn(build, scale.in_turn // share, folder / f"in-turn-{build}")


def _at_once_qemu(clients: int, folder: Path) -> Row:
    folder.mkdir()
    build = find("qemu-7.2")
    ledger = Ledger(folder / "ledger")
    with start(build, folder, *bare(build), watched=True) as server:
        proxy = Proxy(folder, server.path)
        try:
            resources = _all(proxy, clients, ledger, round_of(build.product))
        finally:
            proxy.stop()
    notes = Notes(server)
    tally = _judged(ledger, notes, proxy)
    notes.close()
    return Row(f"{clients} clients of qemu-7.2 at once", f"{clients} sessions", tally, resources)


def _at_once_peer(clients: int, folder: Path) -> Row:
    folder.mkdir()
    ledger = Ledger(folder / "ledger")
    with Peer(folder, _serve, tcp=False) as peer:
        proxy = Proxy(folder, peer.at)
        try:
            resources = _all(proxy, clients, ledger, ("x",) * 20)
        finally:
            proxy.stop()
    tally = _judged(ledger, peer, proxy)
    return Row(
        f"{clients} clients at once, a server that serves them together",
        f"{clients} sessions",
        tally,
        resources,
    )


def _serve(sock: socket.socket) -> tuple[bytes, bytes]:
    """Greet, and answer each line with what it was; gives what was sent and received."""
    sent, received = bytearray(_GREETING), bytearray()
    sock.sendall(_GREETING)
    with sock.makefile("rb") as lines:
        for line in lines:
            received += line
            reply = b'{"return": ' + line.rstrip(b"\n") + b"}\r\n"
            sent += reply
            sock.sendall(reply)
    return bytes(sent), bytes(received)


def _all(proxy: Proxy, clients: int, ledger: Ledger, names: Sequence[str]) -> str:
    """That many sessions at once, all of which are connected before the first one speaks."""
    together = threading.Barrier(clients)

    def session(number: int) -> None:
        with Client(proxy.at, f"m{number}", ledger) as client:
            together.wait()
            client.negotiate()
            client.send(*names)
            client.answers(len(names))

    threads = [threading.Thread(target=session, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = one_more(proxy, ledger)
    return f"{peak(proxy.process.pid):.0f} MB at most; {after} open at the end"


def one_more(proxy: Proxy, ledger: Ledger) -> int:
    """The descriptors after one more session was begun: all that had ended before were closed by then."""
    with Client(proxy.at, "last", ledger) as client:
        client.negotiate()
        return descriptors(proxy.process.pid) - 2


def _judged(ledger: Ledger, server: Serving, proxy: Proxy) -> Tally:
    comparison = Comparison(ledger, server)
    comparison.trace(str(proxy.trace))
    tally = comparison.rest()
    ledger.close()
    return tally


def _in_turn(name: str, sessions: int, folder: Path) -> Row:
    folder.mkdir()
    build = find(name)
    ledger = Ledger(folder / "ledger")
    memory: dict[int, float] = {}
    with start(build, folder, *bare(build), watched=True) as server:
        proxy = Proxy(folder, server.path)
        try:
            opened = 0
            for number in range(1, sessions + 1):
                with Client(proxy.at, f"t{number}", ledger) as client:
                    client.negotiate()
                    client.send("query-version", "query-status" if "daemon" not in name else "x")
                    client.answers(2)
                    if number == 1:
                        opened = descriptors(proxy.process.pid) - 2
                    if number in MARKS or number == sessions:
                        memory[number] = resident(proxy.process.pid)
            after = one_more(proxy, ledger)
        finally:
            proxy.stop()
    notes = Notes(server)
    tally = _judged(ledger, notes, proxy)
    notes.close()
    first, last = next(iter(memory.values())), memory[sessions]
    if last > first + _SLACK:
        tally.problems.append(f"memory grows: {memory}")
    if after > opened:
        tally.problems.append(f"{opened} descriptors at first, {after} at the end")
    figures = ", ".join(f"{size:.1f} MB after {number:,}" for number, size in memory.items())
    return Row(
        f"{sessions:,} sessions of {name}, one after the other",
        f"{sessions:,} sessions",
        tally,
        f"{figures}; {opened} open at first, {after} at the end",
        f"{tally.messages:,} messages",
    )
