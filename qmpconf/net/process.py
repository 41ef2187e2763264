"""Child processes: a server or a client that the tool starts, and ends.

A server is given as one string, split like a shell does, with ``{socket}`` where the path of its
monitor's socket goes; a client as the words of a command.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from qmpconf.errors import TargetError, UsageError
from qmpconf.net.address import Address, UnixAddress
from qmpconf.net.endpoint import is_bound, reason

#: How long a child may take to end after it was asked to, in seconds.
GRACE = 5.0
#: How long a server may take until it listens, in seconds (TCG and slow disks included).
START = 30.0


def start(
    words: Sequence[str], *, environment: Mapping[str, str] | None = None, background: bool = False
) -> subprocess.Popen[bytes]:
    """Start a program.

    With `background`, it gets no input, its output goes to stderr, and an interrupt from the
    keyboard does not reach it.  Raises `UsageError` if it cannot be started.
    """
    try:
        return subprocess.Popen(
            words,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL if background else None,
            stdout=2 if background else None,
            process_group=0 if background else None,
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot start {words[0]}: {reason(error)}") from error


def end(child: subprocess.Popen[bytes], grace: float = GRACE) -> int:
    """Ask a child to end, insist after `grace` seconds, and give its exit code."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(grace)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


def ended(code: int) -> str:
    """How a child ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


class Server:
    """A server started from a command line, with a socket in a folder of its own.

    `address` is where it listens: its ``{socket}``, or `address` as given if the command line has
    none.  Raises `UsageError` for a command line that cannot be split or started.
    """

    def __init__(self, command: str, address: Address | None = None) -> None:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"cannot read the server's command line: {error}") from error
        if not words:
            raise UsageError("the server's command line is empty")
        placed = "{socket}" in command
        if not placed and address is None:
            raise UsageError(
                "the server's command line has no {socket}: write it where the path of the "
                "monitor's socket goes, or give the server's address"
            )
        self._folder = tempfile.mkdtemp(prefix="qmpconf-") if placed else ""
        self.address: Address = (
            UnixAddress(os.path.join(self._folder, "qmp.sock")) if placed else address  # type: ignore[assignment] - one of the two is there
        )
        words = [word.replace("{socket}", self.address.bare) for word in words]
        try:
            self.child = start(words, background=True)
        except UsageError:
            self._remove()
            raise

    def wait_until_bound(self, timeout: float = START) -> None:
        """Wait until the server's UNIX socket is there; the server does not notice.

        Raises `TargetError` if it ends before, or takes longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while isinstance(self.address, UnixAddress) and not is_bound(self.address.path):
            code = self.child.poll()
            if code is not None:
                raise TargetError(f"the server ended before it listened ({ended(code)})")
            if time.monotonic() > deadline:
                raise TargetError(
                    f"the server did not listen on {self.address} within {timeout:g} seconds"
                )
            time.sleep(0.005)

    def close(self) -> None:
        """End the server, and remove its folder."""
        end(self.child)
        self._remove()

    def _remove(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
