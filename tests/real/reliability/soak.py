"""Hours of mixed commands by several clients that come and go, on real servers; then the trace is checked."""

from __future__ import annotations

import contextlib
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.real.builds import find
from tests.real.machines import Server, start, start_machine
from tests.real.proxies import Proxy
from tests.real.reliability.clients import Client
from tests.real.reliability.ledger import Comparison, Ledger, Tally
from tests.real.reliability.rows import Row, descriptors, peak, resident
from tests.real.reliability.served import Notes

QUESTION = (
    "After a long time of several clients with mixed commands (good, wrong, malformed, out-of-band, with "
    "events) that connect, disconnect, half-close and go away in the middle of replies, are all messages "
    "of both ends in the trace, does the recorder's memory stay, and can the trace be checked within bounds?"
)

Command = str | bytes | tuple[str, dict[str, Any]]

_CLIENTS = 4
#: Seconds between two looks at the processes, and between two bursts of one client at most.
_LOOK = 300.0
_PAUSE = 0.05
#: Megabytes that the memory may grow between the first look and the last one.
_SLACK = 16.0
#: Megabytes that no verb may exceed (qmpconf/README.md, Promises).
_BOUND = 300.0

_COMMON: tuple[Command, ...] = (
    "query-version",
    "query-commands",
    "query-named-block-nodes",
    "query-block-jobs",
    "query-chardev",
    "query-iothreads",
    ("qom-list", {"path": "/"}),
    ("qom-list", {"path": "/objects"}),
    ("qom-list-types", {"implements": "secret"}),
    "no-such-command",
    ("query-version", {"unexpected": 1}),
    ("blockdev-del", {"node-name": "nobody"}),
    ("blockdev-add", {"driver": "null-co", "node-name": "none", "size": "wrong"}),
    b'{"execute": malformed}',
    b"{'execute': 'query-version', 'arguments': {}}",
    b"]",
)
_EMULATOR: tuple[Command, ...] = (
    "query-status",
    "query-name",
    "query-block",
    "query-pci",
    "query-memory-size-summary",
    "query-rx-filter",
    "query-cpus-fast",
    "cont",
    "stop",
    "system_reset",
    ("human-monitor-command", {"command-line": "info version"}),
    ("qom-get", {"path": "/machine", "property": "type"}),
    ("set_link", {"name": "nobody", "up": True}),
)


@dataclass
class _Side:
    """One server with its recorder, and what is known of both."""

    name: str
    server: Server
    proxy: Proxy
    ledger: Ledger
    emulator: bool
    looks: list[tuple[float, float, int]] = field(default_factory=list)
    peak: float = 0.0

    def look(self, since: float) -> None:
        """Note the recorder's memory and descriptors, without those of sessions that are open."""
        pid = self.proxy.process.pid
        self.looks.append((since, resident(pid), descriptors(pid)))


class Soak:
    """Runs in threads from `begin` on; `rows` waits for the end and judges."""

    def __init__(self, seconds: float, folder: Path) -> None:
        self._seconds = seconds
        self._folder = folder
        self._over = threading.Event()
        self._failures: list[str] = []
        self._threads: list[threading.Thread] = []
        self._sides: list[_Side] = []
        self._stack = ExitStack()

    def begin(self) -> None:
        """Start the servers, the recorders and the clients."""
        folder = self._folder
        for name, suffix in (("qemu-7.2", ""), ("qemu-storage-daemon-7.2", ".gz")):
            place = folder / name
            place.mkdir()
            build = find(name)
            emulator = build.product == "qemu"
            starts = start_machine if emulator else start
            server = self._stack.enter_context(starts(build, place, watched=True))
            proxy = Proxy(place, server.path, suffix=suffix)
            self._stack.callback(proxy.stop)
            self._sides.append(_Side(name, server, proxy, Ledger(place / "ledger"), emulator))
        for side in self._sides:
            for number in range(_CLIENTS):
                self._go(self._client, side, number)
        self._go(self._watch)

    def _go(self, what: Any, *arguments: Any) -> None:
        def run() -> None:
            try:
                what(*arguments)
            except Exception as error:  # noqa: BLE001 - a failure of any kind is one of the run
                self._failures.append(f"{what.__name__} {arguments[1:]}: {error!r}")
                self._over.set()

        thread = threading.Thread(target=run)
        thread.start()
        self._threads.append(thread)

    def _watch(self) -> None:
        begun = time.monotonic()
        for side in self._sides:
            side.look(0.0)
        while not self._over.is_set():
            left = begun + self._seconds - time.monotonic()
            if self._over.wait(max(0.0, min(_LOOK, left))):
                break
            since = time.monotonic() - begun
            for side in self._sides:
                side.look(since)
            if since >= self._seconds:
                self._over.set()

    def _client(self, side: _Side, number: int) -> None:
        chance = random.Random(f"{side.name} {number}")
        session = 0
        while not self._over.is_set():
            session += 1
            client = Client(side.proxy.at, f"s{number}.{session}", side.ledger)
            with client:
                if chance.random() < 0.05:
                    continue  # gone before it says anything
                _converse(client, side.emulator, chance, self._over)

    def rows(self) -> Iterator[Row]:
        """Wait for the end; a row for each server, and one for the check of its trace."""
        for thread in self._threads:
            thread.join()
        for side in self._sides:
            side.peak = peak(side.proxy.process.pid)
        self._stack.close()
        for side in self._sides:
            yield from self._judged(side)

    def _judged(self, side: _Side) -> Iterator[Row]:
        notes = Notes(side.server)
        comparison = Comparison(side.ledger, notes)
        comparison.trace(str(side.proxy.trace))
        tally = comparison.rest()
        tally.problems += self._failures
        if not side.looks:
            tally.problems.append("nobody looked at the recorder")
        after = [memory for since, memory, _ in side.looks if since > 0] or [0.0]
        if after[-1] > after[0] + _SLACK:
            tally.problems.append(f"the recorder's memory grows: {side.looks}")
        size = os.path.getsize(side.proxy.trace) / 1e6
        looks = ", ".join(f"{memory:.0f}" for _, memory, _ in side.looks)
        fds = [count for _, _, count in side.looks]
        yield Row(
            f"soak of {self._seconds / 60:.0f} minutes, {_CLIENTS} clients of {side.name}",
            f"{tally.sessions:,} sessions",
            tally,
            f"{looks} MB each {_LOOK / 60:.0f} minutes, {side.peak:.0f} MB at most; "
            f"{min(fds)} to {max(fds)} open",
            f"{tally.messages:,} messages in the trace ({size:,.0f} MB); the server took up "
            f"{notes.commands:,} commands and sent {notes.bytes / 1e6:,.0f} MB",
        )
        notes.close()
        side.ledger.close()
        yield _checked(side, tally)

    def stop(self) -> None:
        """End everything, whatever has happened."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()


def _converse(client: Client, emulator: bool, chance: random.Random, over: threading.Event) -> None:
    """One session: bursts of commands, and one of the ways to leave."""
    try:
        names = [*_COMMON, *_EMULATOR] if emulator else [*_COMMON]
        if emulator and chance.random() < 0.5:
            client.negotiate("oob")
            names += ["oob:query-yank"] * 3
        else:
            client.negotiate()
        for turn in range(chance.randrange(1, 12)):
            burst = [chance.choice(names) for _ in range(chance.randrange(1, 9))]
            burst += _pairs(client.name, turn, emulator, chance)
            client.send(*burst)
            client.answers(len(burst))
            if over.wait(chance.random() * _PAUSE):
                break
        way = chance.randrange(8)
        if way < 2:
            client.half_close()
        elif way == 2:
            client.send("query-qmp-schema", "query-qmp-schema")
            client.read(chance)
    except ConnectionResetError:
        raise AssertionError(f"{client.name} was reset") from None


def _pairs(name: str, turn: int, emulator: bool, chance: random.Random) -> list[Command]:
    """Something that is made, and taken away again."""
    made = f"n{name.replace('.', '-')}-{turn}"
    kind = chance.randrange(4)
    if kind == 0:
        return [
            ("blockdev-add", {"driver": "null-co", "node-name": made, "size": 1 << 20}),
            ("blockdev-del", {"node-name": made}),
        ]
    if kind == 1:
        return [
            ("object-add", {"qom-type": "iothread", "id": made}),
            ("object-del", {"id": made}),
        ]
    if kind == 2 and emulator:
        return [
            ("device_add", {"driver": "usb-tablet", "id": made, "bus": "usb0.0"}),
            ("device_del", {"id": made}),
        ]
    return []


def _checked(side: _Side, recorded: Tally) -> Row:
    """``qmpconf check`` of the trace, in a process whose memory is looked at."""
    trace = str(side.proxy.trace)
    most = 0.0
    with open(f"{trace}.checked", "w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "qmpconf", "check", "-q", trace],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        # Not `ru_maxrss`: in it is what this process had when it started the other one.
        while process.poll() is None:
            with contextlib.suppress(OSError, AssertionError):  # it has ended just now
                most = max(most, peak(process.pid))
            time.sleep(0.05)
        output.seek(0)
        said = output.read()
    tally = Tally()
    counted = re.search(r"([\d,]+) messages in ([\d,]+) sessions", said)
    if process.returncode not in (0, 1) or counted is None:
        tally.problems.append(f"check ended with {process.returncode}: {said[-300:]}")
    elif int(counted[2].replace(",", "")) != recorded.sessions:
        tally.problems.append(f"check saw {counted[0]}, not {recorded.sessions:,} sessions")
    if most > _BOUND:
        tally.problems.append(f"check took {most:.0f} MB")
    return Row(
        f"check of this trace, {side.name}",
        "once",
        tally,
        f"{most:.0f} MB at most",
        counted[0] if counted else "",
    )
