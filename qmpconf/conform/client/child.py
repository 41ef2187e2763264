"""The client's process: started apart from the terminal, heard, and ended with all that it started.

It gets no input.  What it says on stdout and stderr is read at once, so that it never waits for
us, and kept as far as `MOST` bytes go.  Its processes are ended as a group; one that has left the
group, as a daemon does, is known by a variable in its environment (on Linux).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Self

from qmpconf.errors import UsageError
from qmpconf.net.endpoint import reason
from qmpconf.net.process import uninterrupted

#: Bytes of each stream that are kept.
MOST = 32 << 20
#: Seconds from asking a client to end until it is made to.
_GRACE = 1.0
_LOOK = 0.01
_RUN = "QMPCONF_RUN"


class Client:
    """A client on its command line `words`, with `environment` on top of our own.

    Raises UsageError if it cannot be started.
    """

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self._token = secrets.token_hex(16)
        self._said: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        with uninterrupted():
            try:
                self._child = subprocess.Popen(
                    words,
                    env={**os.environ, **environment, _RUN: self._token},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    process_group=0,
                )
            except (OSError, ValueError) as error:
                raise UsageError(f"cannot start {words[0]}: {reason(error)}") from error
        streams = (self._child.stdout, self._child.stderr)
        self._threads = [
            threading.Thread(target=_hear, args=(stream, kept), daemon=True)
            for stream, kept in zip(streams, self._said, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def ended(self) -> bool:
        """Whether it has ended.  Its number stays taken until `close`, and so does its group's."""
        if self._child.returncode is not None:
            return True
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._child.pid, flags) is not None

    @property
    def output(self) -> str:
        """What it has said on stdout."""
        return self._said[0].decode("utf-8", "replace")

    @property
    def errors(self) -> str:
        """What it has said on stderr."""
        return self._said[1].decode("utf-8", "replace")

    def close(self) -> int:
        """End what still runs, wait for the last words, and give the exit code."""
        if self._child.returncode is None:
            until = time.monotonic() + _GRACE
            if not self.ended:
                self._signal(signal.SIGTERM)
            while not self.ended and time.monotonic() < until:
                time.sleep(_LOOK)
            # The leader is still to be waited for: the group's number is its own.
            self._signal(signal.SIGKILL)
            self._child.wait()
            for descriptor in _runaways(f"{_RUN}={self._token}".encode()):
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        for thread in self._threads:
            thread.join(_GRACE)
        return self._child.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)


def _hear(stream: IO[bytes] | None, kept: bytearray) -> None:
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError), stream:
        while data := os.read(stream.fileno(), 1 << 16):
            kept += data[: max(0, MOST - len(kept))]


def _runaways(mark: bytes) -> Iterator[int]:
    """Descriptors of the processes that have the mark in their environment."""
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return
    for number in numbers:
        try:
            descriptor = os.pidfd_open(number)
        except OSError:
            continue
        try:
            with open(f"/proc/{number}/environ", "rb") as file:
                if mark in file.read().split(b"\0") and number != os.getpid():
                    yield descriptor
        except OSError:
            continue
        finally:
            os.close(descriptor)
