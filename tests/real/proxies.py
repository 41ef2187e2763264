"""A recorder as a process of its own, in front of a server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from qmpconf.trace.reader import direction
from qmpconf.trace.records import Side
from tests.real.machines import GRACE, LOOPBACK, bind


class Proxy:
    """A recorder in front of a server: clients connect at `at`, `trace` is its file.

    `server` is where the server listens, or with `dials` where it connects to.  With `tcp` clients
    connect to a port of the loopback, else to the socket `path`.  `options` are further ones of
    `qmpconf record`, `wrapper` the words of a program that starts it (`prlimit`, ...).  With
    `listening` what it says on stderr is kept for `said`.
    """

    def __init__(
        self,
        folder: Path,
        server: Path | tuple[str, int],
        name: str = "proxy",
        *,
        suffix: str = "",
        dials: bool = False,
        tcp: bool = False,
        options: Sequence[str] = (),
        wrapper: Sequence[str] = (),
        trace: str = "",
        listening: bool = False,
    ) -> None:
        self.path = folder / f"{name}.sock"
        self.trace = folder / (trace or f"{name}.qmptrace{suffix}")
        self._said = folder / f"{name}.said" if listening else None
        family = socket.AF_INET if tcp else socket.AF_UNIX
        # The recorder inherits sockets that listen already, so that nobody waits for it.
        with socket.socket(family) as listener, socket.socket(socket.AF_UNIX) as dialled:
            if tcp:
                listener.bind((LOOPBACK, 0))
            else:
                bind(listener, self.path)
            listener.listen()
            self.at = listener.getsockname() if tcp else self.path
            if dials:
                assert isinstance(server, Path)
                bind(dialled, server)
                dialled.listen()
            where = f"fd:{dialled.fileno()}" if dials else _address(server, folder)
            with open(self._said or os.devnull, "wb") as said:
                self.process = subprocess.Popen(
                    [
                        *(*wrapper, sys.executable, "-m", "qmpconf", "record", "--quiet"),
                        *("--server", where, *(["--server-dials"] if dials else [])),
                        *("--listen", f"fd:{listener.fileno()}"),
                        *("--output", os.path.relpath(self.trace, folder), *options),
                    ],
                    cwd=folder,
                    stderr=said if listening else None,
                    pass_fds=[listener.fileno(), dialled.fileno()],
                )

    def stop(self) -> None:
        """Interrupt the recorder; its trace is complete afterwards."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def bytes(self, conn: int, sender: Side) -> bytes:
        """What one side of one session sent, as the trace has it; the recorder is stopped."""
        self.stop()
        return direction(str(self.trace), conn, sender)

    def said(self) -> str:
        """What it has said on stderr so far."""
        return self._said.read_text(errors="replace") if self._said else ""


def _address(server: Path | tuple[str, int], folder: Path) -> str:
    if isinstance(server, Path):
        return os.path.relpath(server, folder)
    return f"tcp:{server[0]}:{server[1]}"
