"""Child processes: a server or a client that the tool starts, and ends.

A server is given as one string, split like a shell does, with ``{socket}`` where the path of its
monitor's socket goes; a client as the words of a command.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qmpconf.closing import Closing
from qmpconf.errors import TargetError, UsageError
from qmpconf.net.address import Address, UnixAddress
from qmpconf.net.endpoint import is_bound, reason

#: How long a child may take to end after it was asked to, in seconds.
GRACE = 5.0
#: How long a server may take until it listens, in seconds (TCG and slow disks included).
START = 30.0


def start(
    words: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    background: bool = False,
    unheard: bool = False,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program, with the descriptors that we have inherited ourselves and do not use.

    With `background`, it gets no input but from the descriptor `stdin` (or `subprocess.PIPE`), its output
    goes to stderr, and an interrupt from the keyboard does not reach it.  With `unheard`, its output is
    thrown away instead.  Raises `UsageError` if it cannot be started.
    """
    try:
        return subprocess.Popen(
            words,
            env={**os.environ, **(environment or {})},
            stdin=stdin if background or unheard else None,
            stdout=subprocess.DEVNULL if unheard else 2 if background else None,
            stderr=subprocess.DEVNULL if unheard else None,
            process_group=0 if background or unheard else None,
            close_fds=False,  # none that Python opens can be inherited: those that are left are not ours
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot start {words[0]}: {reason(error)}") from error


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP wait until the end of what is done inside.

    Their handlers may raise at any moment, also between a child's start and our knowing of it.
    """
    came: list[int] = []
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other one gets signals
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if callable(signal.getsignal(number)):  # neither ignored nor the system's default
                before[number] = signal.signal(number, lambda which, _: came.append(which))
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
        for which in came:
            signal.raise_signal(which)


def end(child: subprocess.Popen[bytes], grace: float = GRACE) -> int:
    """Ask a child to end, insist after `grace` seconds, and give its exit code.

    One that was started in the background ends with all that it has started: it may be a script
    around the real program, and scripts do not pass signals on.
    """
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, None)):
        if child.poll() is None:
            send_signal(child, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(patience)
    return child.wait()


def send_signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a child, and to all that one in the background has started."""
    try:
        if os.getpgid(child.pid) == child.pid:
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)
    except ProcessLookupError:
        return  # it has ended


def ended(code: int) -> str:
    """How a child ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


#: What waits for a line, or for the end of who would say it; then a group of processes ends.
_GUARD = (
    f'read -r _ || {{ kill -s TERM -- "-$1"; sleep {GRACE:g}; kill -s KILL -- "-$1"; }} 2>/dev/null'
)


class Guard:
    """Ends a child in the background, and all that it has started, when we die before `release`.

    Nobody can do that himself who is killed (SIGKILL, no memory), and the system's own means
    (PR_SET_PDEATHSIG) does not reach what a script has started.  Where there is no shell, there is no guard.
    """

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "qmpconf-guard", str(child.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )

    def release(self) -> None:
        """The child has ended, or may go on."""
        shell, self._shell = self._shell, None
        if shell is not None:
            with contextlib.suppress(OSError):
                shell.communicate(b"\n")


class Server(Closing):
    """A server on a command line, with a socket in a folder of its own; it ends with us.

    `address` is where its monitor is: the ``{socket}`` of the command line, or `address` as given
    if the command line has none.  Nothing runs before `start`.  Raises `UsageError` for a command
    line that cannot be split, or has no address.
    """

    def __init__(self, command: str, address: Address | None = None) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"cannot read the server's command line: {error}") from error
        if not self._words:
            raise UsageError("the server's command line is empty")
        if "{socket}" not in command and address is None:
            raise UsageError(
                "the server's command line has no {socket}: write it where the path of the "
                "monitor's socket goes, or give the server's address"
            )
        self.child: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self._folder = Folder() if "{socket}" in command else None
        self.address: Address
        if self._folder is not None:
            self.address = self._folder.socket("qmp.sock")
        elif address is not None:
            self.address = address

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in the background; once more, if it has ended.  Raises `UsageError` if that fails."""
        words = [word.replace("{socket}", self.address.bare) for word in self._words]
        with uninterrupted():
            self._release()
            if self._folder is not None and not is_bound(self.address.bare):
                # Many a server leaves its socket's file behind, and cannot bind where there is one.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.address.bare)
            self.child = start(words, background=True)
            self._guard = Guard(self.child)
        return self.child

    def wait_until_bound(self, timeout: float = START) -> None:
        """Wait until the server's UNIX socket is there; the server does not notice.

        Raises `TargetError` if it ends before, or takes longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while isinstance(self.address, UnixAddress) and not is_bound(self.address.name):
            code = self.child.poll() if self.child else None
            if code is not None:
                raise TargetError(f"the server ended before it listened ({ended(code)})")
            if time.monotonic() > deadline:
                raise TargetError(
                    f"the server did not listen on {self.address} within {timeout:g} s"
                )
            time.sleep(0.005)

    def close(self) -> None:
        """End the server, and remove its folder."""
        if self.child is not None:
            end(self.child)
        self._release()
        if self._folder is not None:
            self._folder.close()

    def _release(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.release()


class Folder:
    """A private folder for sockets, which goes when it is closed."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="qmpconf-")

    def socket(self, name: str) -> UnixAddress:
        """The address of a socket in the folder."""
        return UnixAddress(os.path.join(self.path, name))

    def close(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
