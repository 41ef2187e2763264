"""A recorder as a program, with servers and clients for it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from qmpconf.net.address import UnixAddress
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close
from tests.record.proxy import PATIENCE, connected, until

#: A server on a command line: greets, answers each line, ends as its second argument says.
SERVER = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
listener.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
def received(sock):
    try:
        return sock.recv(65536)
    except ConnectionResetError:  # a recorder was killed before it had read all
        return b""
while True:
    sock, _ = listener.accept()
    sock.sendall(GREETING)
    while data := received(sock):
        sock.sendall(b'{"return": {}}\\r\\n' * data.count(b"\\n"))
        if b"quit" in data:
            sys.exit(0)
        if b"crash" in data:
            os.abort()
"""


#: A client on a command line: connects to its argument, sends what stands in the next ones.
CLIENT = """
import socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
reader = sock.makefile("rb")
reader.readline()
for text in sys.argv[2:]:
    sock.sendall(text.encode() + b"\\n")
    print(reader.readline().decode().strip(), flush=True)
"""


class Run:
    """A recorder as a process, in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str, **more: Any) -> None:
        self.trace = str(folder / "t.qmptrace")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qmpconf", "record", "-o", self.trace, *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )
        self._said: list[str] = []

    def ready(self) -> str:
        """Wait until it listens; gives the address."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._said.append(line)
            if found := re.search("listening on (.*)", line):
                return found[1]
        raise AssertionError("".join(self._said))

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, what it printed, and what it said on stderr."""
        out, errors = self.process.communicate(timeout=PATIENCE)
        said = "".join(self._said) + errors
        assert "Traceback" not in said, said
        return self.process.returncode, out, said

    def finished(self) -> bool:
        reader = TraceReader(self.trace)
        list(reader.records())
        return reader.finished

    def closed(self) -> list[tuple[str, str]]:
        records = TraceReader(self.trace).records()
        return [(one.who, one.error) for one in records if isinstance(one, Close)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate(timeout=PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@contextlib.contextmanager
def running(server: str, folder: Path) -> Iterator[str]:
    """A server outside of the recorder; gives its socket's path."""
    path = str(folder / "qmp.sock")
    child = subprocess.Popen([*server.split(), path])
    try:
        until(lambda: os.path.exists(path))
        yield path
    finally:
        child.kill()
        child.wait()


def talk(path: str, *texts: str) -> list[bytes]:
    """A client's whole session, from the greeting on."""
    answers = []
    with connected(UnixAddress(path)) as sock, sock.makefile("rb") as reader:
        answers.append(reader.readline())
        for text in texts:
            sock.sendall(text.encode() + b"\n")
            answers.append(reader.readline())
    return answers


def arrive(path: Path) -> socket.socket:
    """Connect to a recorder that is about to listen."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return connected(UnixAddress(str(path)))
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
