"""A whole host: so many monitors, each with so many messages a second, recorded by one process.

    python -m tests.real.hosts [--monitors 200] [--seconds 60] [--compress zst] [--max-size 64k] [--check]

Servers and clients are real sockets in this process; the recorder is ``qmpconf record --dir`` with
metrics.  Every message that was received on either side must be in the recordings, once.  It prints the
recorder's processor time and memory, and ends with 1 if anything is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from qmpconf.cli.traces import traces_in
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.record.proxy import GREETING

#: Of five messages of a monitor: two commands, their responses, and an event.
_TURNS = 1.0
_ENABLE = b'{"execute":"qmp_capabilities","id":"c"}\n'


class Host:
    """The machines of a host, and a client of each."""

    def __init__(self, folder: Path, monitors: int) -> None:
        self.folder = folder
        self.names = [f"vm{number:03}" for number in range(monitors)]
        self.said: Counter[tuple[str, bytes]] = Counter()  # by monitor: what arrived somewhere
        self._over = asyncio.Event()

    async def serve(self, name: str) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(GREETING)
            number = 0
            while line := await _line(reader):
                self.said[name, line.strip()] += 1
                number += 1
                identity = line.rpartition(b":")[2].strip().rstrip(b"}")
                writer.write(b'{"return": {"n": %d}, "id": %b}\r\n' % (number, identity))
                if number % 2:
                    writer.write(
                        b'{"event": "RTC_CHANGE", "data": {"offset": %d}, "timestamp": '
                        b'{"seconds": %d, "microseconds": 0}}\r\n' % (number, number)
                    )
            writer.close()

        await asyncio.start_unix_server(answer, str(self.folder / "vms" / f"{name}.sock"))

    async def ask(self, name: str, delay: float) -> None:
        await asyncio.sleep(delay)
        reader, writer = await asyncio.open_unix_connection(
            str(self.folder / "px" / f"{name}.sock")
        )

        async def hear() -> None:
            while line := await reader.readline():
                self.said[name, line.strip()] += 1

        hearing = asyncio.create_task(hear())
        writer.write(_ENABLE)
        number = 0
        while not self._over.is_set():
            for _ in range(2):
                number += 1
                writer.write(b'{"execute":"query-status","id":%d}\n' % number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _TURNS)
        await asyncio.sleep(2)  # what is under way arrives
        writer.close()
        await hearing

    async def run(self, seconds: float) -> None:
        turns = [
            asyncio.create_task(self.ask(name, number / len(self.names)))
            for number, name in enumerate(self.names)
        ]
        await asyncio.sleep(seconds)
        self._over.set()
        await asyncio.gather(*turns)


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line; nothing where the loop ends."""
    try:
        return await reader.readline()
    except asyncio.CancelledError:
        return b""


def used(pid: int) -> tuple[float, float]:
    """Processor time in seconds, and the most memory in MB, of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
    return (int(fields[11]) + int(fields[12])) / ticks, int(peak) / 1024


def recorded(folder: Path) -> Counter[tuple[str, bytes]]:
    """What is in the recordings, by monitor."""
    found: Counter[tuple[str, bytes]] = Counter()
    for path in traces_in([str(folder / "out")]):
        name = os.path.basename(path).partition("-")[0]
        reader = TraceReader(path)
        for item in reader.items():
            if isinstance(item, Item) and item.frame.data.strip():
                found[name, item.frame.data] += 1
        assert reader.finished, path
    return found


def start(arguments: argparse.Namespace, folder: Path) -> subprocess.Popen[bytes]:
    """The recorder of the folder's sockets."""
    (folder / "vms").mkdir()
    words = ["record", "--dir", "vms", "--listen", "px", "-o", "out"]
    words += ["--compress", arguments.compress, "--metrics", "127.0.0.1:0"]
    words += ["--max-size", arguments.max_size] if arguments.max_size else []
    words += ["--check"] if arguments.check else []
    return subprocess.Popen([sys.executable, "-m", "qmpconf", *words], cwd=folder)


def checker(pid: int) -> int:
    """The process of its check; 0: there is none."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


def wait_for(folder: Path, count: int) -> None:
    """Until each monitor has its proxy."""
    while len(list(folder.glob("px/*.sock"))) < count:
        time.sleep(0.05)


async def talk(host: Host, seconds: float, pid: int) -> tuple[float, float, float, float, str]:
    """Have all of them talk: seconds, processor time, memory before and at most, and the check's."""
    for name in host.names:
        await host.serve(name)
    await asyncio.to_thread(wait_for, host.folder, len(host.names))
    before, idle = used(pid)
    began = time.monotonic()
    await host.run(seconds)
    took = time.monotonic() - began
    after, peak = used(pid)
    check = ""
    if other := checker(pid):
        time_of, memory = used(other)
        check = f"\ncheck: {100 * time_of / took:.1f} % of a core, {memory:.0f} MB at most"
    return took, after - before, idle, peak, check


def measure(arguments: argparse.Namespace, folder: Path) -> int:
    """Record, compare and print; 1 if a message is missing."""
    host = Host(folder, arguments.monitors)
    recorder = start(arguments, folder)
    try:
        took, cpu, idle, peak, check = asyncio.run(talk(host, arguments.seconds, recorder.pid))
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.wait()
    found = recorded(folder)
    missing, invented = host.said - found, found - host.said
    total = sum(host.said.values())
    size = sum(path.stat().st_size for path in (folder / "out").iterdir())
    print(
        f"{arguments.monitors} monitors, {total:,} messages in {took:.0f} s "
        f"({total / took:,.0f} a second), {arguments.compress}: "
        f"{sum(missing.values())} missing, {sum(invented.values())} that nobody received\n"
        f"recorder: {100 * cpu / took:.1f} % of a core ({1e6 * cpu / total:.0f} us a message), "
        f"{peak:.0f} MB at most ({idle:.0f} MB before), {size / 1e6:.1f} MB on the disk{check}"
    )
    return 1 if missing else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.real.hosts")
    parser.add_argument("--monitors", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--compress", default="gz", choices=("none", "gz", "zst"))
    parser.add_argument("--max-size", default="")
    parser.add_argument("--check", action="store_true", help="findings live, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qmpconf-hosts-") as folder:
        return measure(arguments, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
