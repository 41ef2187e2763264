"""``qmpconf record`` where something has an end: the disk, the memory, or itself."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from qmpconf.net.address import UnixAddress
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Traffic
from tests.cli.recording import Run, arrive, running
from tests.record.proxy import GREETING, PATIENCE, connected, receive, until, until_end


def test_a_full_disk(tmp_path: Path, server: str) -> None:
    """With a limit on the size of files, as on a full disk, nothing unrecorded is delivered."""
    shell = 'trap "" XFSZ; ulimit -f 8; exec "$@"'  # in units of 1024 or 512 bytes
    words = [sys.executable, "-m", "qmpconf", "record", "-o", "t.qmptrace", "-q"]
    with running(server, tmp_path) as path:
        for mode in ("stop", "passthrough"):
            (tmp_path / "t.qmptrace").unlink(missing_ok=True)
            with subprocess.Popen(
                [
                    *("sh", "-c", shell, "sh", *words, "--server", path, "--listen", "proxy"),
                    *("--on-write-error", mode, "--once"),
                ],
                cwd=tmp_path,
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                got = b""
                sent = 0
                with arrive(tmp_path / "proxy") as sock:
                    receive(sock, len(GREETING))
                    with contextlib.suppress(OSError):
                        for _ in range(200):
                            sock.sendall(
                                b'{"execute":"x","arguments":{"x":"' + b"y" * 100 + b'"}}\n'
                            )
                            sent += 1
                            got += receive(sock, 16)
                _, said = process.communicate(timeout=PATIENCE)
            assert "Traceback" not in said
            assert "File too large" in said
            answers = direction(str(tmp_path / "t.qmptrace"), 1, "server")
            if mode == "stop":
                assert process.returncode == 3
                assert answers.startswith(GREETING + got)
                assert sent < 200
            else:
                assert process.returncode == 0
                assert "UNRECORDED" in said
                assert len(got) == 200 * 16


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_memory_is_bounded_while_a_receiver_does_not_read(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "server"))
    listener.listen()
    with Run(tmp_path, "--server", "server", "--listen", "proxy") as run:
        run.ready()
        client = connected(UnixAddress(str(tmp_path / "proxy")))
        server, _ = listener.accept()
        message = b'{"x":"' + b"y" * 1000 + b'"}\r\n'
        server.sendall(message)
        assert receive(client, len(message)) == message
        before = resident(run.process.pid)
        server.setblocking(False)
        sent = 0
        while select.select([], [server], [], 0.5)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += server.send(message * 100)
        assert sent < 4 << 20
        assert resident(run.process.pid) < before + (8 << 20)
        server.close()
        assert len(until_end(client)) == sent
        client.close()
        run.process.terminate()
        run.end()
    listener.close()


class Load:
    """Sessions in both directions: each side notes what it has completely received."""

    def __init__(self, proxy: Path, listener: socket.socket, sessions: int) -> None:
        self.received: dict[int, list[bytes]] = {}  # what the client of a session received
        self.arrived: dict[int, list[bytes]] = {}  # what its server received
        self.accepted = 0
        self._threads = [threading.Thread(target=self._serve, args=(listener, sessions))]
        self._threads += [
            threading.Thread(target=self._ask, args=(proxy, number)) for number in range(sessions)
        ]
        for thread in self._threads:
            thread.start()

    def _serve(self, listener: socket.socket, sessions: int) -> None:
        def answer(sock: socket.socket) -> None:
            with sock, contextlib.suppress(OSError), sock.makefile("rb") as reader:
                sock.sendall(GREETING)
                for line in reader:
                    if not line.endswith(b"\n"):
                        break
                    number = int(line.split(b":")[2].split(b",")[0])
                    self.arrived.setdefault(number, []).append(line)
                    sock.sendall(b'{"return": ' + line[:-1] + b"}\r\n")

        threads = []
        with contextlib.suppress(OSError):
            for _ in range(sessions):
                sock, _ = listener.accept()
                sock.settimeout(PATIENCE)
                threads.append(threading.Thread(target=answer, args=(sock,)))
                threads[-1].start()
                self.accepted += 1
        for thread in threads:
            thread.join(PATIENCE)

    def _ask(self, proxy: Path, number: int) -> None:
        mine = self.received[number] = []
        with contextlib.suppress(OSError):
            sock = arrive(proxy)
            with sock, sock.makefile("rb") as reader:
                if (line := reader.readline()).endswith(b"\n"):
                    mine.append(line)
                for turn in range(1_000_000):
                    filler = b"x" * (turn * 37 % 500)
                    text = b'{"execute":"x","id":%d,"turn":%d,"f":"%b"}\n'
                    sock.sendall(text.replace(b'"id":%d', b'"i":%d') % (number, turn, filler))
                    if turn % 4 == 3:  # four in flight
                        for _ in range(4):
                            if not (line := reader.readline()).endswith(b"\n"):
                                return
                            mine.append(line)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


#: Starts a recorder for each line that it reads, and prints its process id: all that takes time
#: has been imported by then.
STARTER = """
import os, signal, sys
import qmpconf.record.recording, qmpconf.cli.record
from qmpconf.cli.main import main
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os._exit(main(line.split()))
    print(pid, flush=True)
"""


def test_killed_at_any_moment_nothing_that_was_delivered_is_missing(tmp_path: Path) -> None:
    """``kill -9`` at fifty moments, under load in both directions of three sessions."""
    path = str(tmp_path / "server")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    listener.settimeout(PATIENCE)
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
    )
    assert starter.stdin is not None
    assert starter.stdout is not None
    delivered = 0
    for number in range(50):
        print(
            f"record -q --server {path} --listen {number} -o {number}.trace"
            + (" --max-size 20k" if number % 2 else ""),
            file=starter.stdin,
            flush=True,
        )
        pid = int(starter.stdout.readline())
        until((tmp_path / str(number)).exists)
        load = Load(tmp_path / str(number), listener, 3)
        until(lambda load=load: load.accepted == 3)
        time.sleep(0.004 * (number * 7919 % 50))
        os.kill(pid, signal.SIGKILL)
        load.join()
        until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"))
        delivered += _nothing_missing(str(tmp_path / f"{number}.trace"), load)
    starter.communicate(timeout=PATIENCE)
    listener.close()
    assert delivered > 5000


def _nothing_missing(trace: str, load: Load) -> int:
    """How many messages were delivered; all of them must stand in the trace."""
    reader = TraceReader(trace)
    said: dict[str, set[bytes]] = {"client": set(), "server": set()}
    for one in reader.records():  # a torn last line is all that may be wrong
        if isinstance(one, Traffic):
            said[one.sender].add(one.data)
    assert not reader.finished
    delivered = 0
    for sender, sessions, end in (("client", load.arrived, -1), ("server", load.received, -2)):
        for lines in sessions.values():
            delivered += len(lines)
            assert [line for line in lines if line[:end] not in said[sender]] == []
    return delivered
