"""Run in QEMU's place: put a recorder before its monitors, and give the arguments to become QEMU with.

For a monitor on an inherited descriptor, the recorder gets what was inherited, and QEMU a socket of
ours under the same number.  For one at a path, the recorder listens at that path, and QEMU at one of
ours; there an argument changes.  Nothing that QEMU is to inherit is touched before the recorder has
said that it is ready, and it accepts nobody before it has been told that QEMU follows: whatever goes
wrong until then, QEMU starts as it was called.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qmpconf.net.descriptors import describe
from qmpconf.net.endpoint import is_bound, is_listening
from qmpconf.record.emulator.command import CommandLine, Monitor, inherited, moved, read
from qmpconf.record.emulator.log import Log

#: Seconds that a recorder may take until it is ready.
_START = 30.0
#: Characters of a machine's name that a trace's name has.
_LONGEST_NAME = 80
#: Clients that may wait until QEMU accepts them, as libvirt has it.
_WAITING = 1

#: The message of the recorder: it is ready.  And ours: QEMU follows.
READY, GO = b"ready\n", b"go\n"


def prepare(words: Sequence[str], *, qemu: str, output: str, redact: bool) -> list[str]:
    """The arguments to start `qemu` with, after a recorder stands before its monitors.

    `output` is the folder for traces, sockets and the log.  What cannot be recorded is left as it is,
    with a line in the log.
    """
    command = read(words)
    log = Log(output, command.name)
    for reason in command.left:
        log(f"not recorded: {reason}")
    new = list(words)
    if not command.monitors:
        if not command.left:
            log(f"nothing to record: {qemu} has no QMP monitor in its arguments")
        return new
    _sweep(output)
    descriptors = _inherited(words)
    beside = [_Beside(output, number) for number in range(len(command.monitors))]
    for one, monitor in zip(beside, command.monitors, strict=True):
        about: dict[str, Any] = {
            "name": command.name,
            "words": [qemu, *words],
            "inherited": descriptors,
            "redact": redact,
            "process": os.getpid(),
            "daemonizes": command.daemonizes,
            "output": _trace_name(output, command, one.number),
        }
        try:
            one.go(one.begin(monitor, about), new)
        except (OSError, ValueError, _NotReadyError) as error:
            one.undo()
            log(f"not recorded, QEMU starts as it was called: {error}")
    return new


def _inherited(words: Sequence[str]) -> dict[int, dict[str, str]]:
    """Kind and access of what QEMU is to inherit: a trace can hold no more of them."""
    found = {}
    for number in inherited(words):
        with contextlib.suppress(OSError):
            one = describe(number)
            found[number] = {"kind": one.kind, "access": one.access}
    return found


class _NotReadyError(Exception):
    """The recorder did not come up."""


@dataclass(slots=True)
class _Begun:
    monitor: Monitor
    channel: socket.socket  # to the recorder
    ours: socket.socket  # where libvirt's stands, or at the path


class _Beside:
    """The recorder of one monitor; `number` counts the monitors of one QEMU."""

    def __init__(self, folder: str, number: int) -> None:
        self.number = number
        self._folder = folder
        self._socket = os.path.join(folder, f".{os.getpid()}-{number}.sock")
        self._undo: list[Callable[[], None]] = []

    def begin(self, monitor: Monitor, about: dict[str, Any]) -> _Begun:
        """Start the recorder, and wait until it is ready."""
        if monitor.fd is not None:
            _expect_listener(monitor.fd)
            ours, listener = self._behind(), monitor.fd
        else:
            ours = self._before(monitor.path)
            listener = ours.fileno()
            about["path"] = os.path.abspath(monitor.path)
        here, there = socket.socketpair()
        self._undo.append(here.close)
        about |= {"server": self._socket, "listen": listener, "ready": there.fileno()}
        with there:
            _start(about, self._folder, [listener, there.fileno()])
        _await(here)
        return _Begun(monitor, here, ours)

    def go(self, begun: _Begun, words: list[str]) -> None:
        """Put our socket into its place, in QEMU's descriptors or in its arguments."""
        begun.channel.sendall(GO)
        if begun.monitor.fd is not None:
            os.dup2(begun.ours.fileno(), begun.monitor.fd, inheritable=True)
        else:
            words[begun.monitor.word] = moved(words[begun.monitor.word], self._socket)
        begun.ours.detach()  # ends with exec, as everything of ours does
        begun.channel.detach()

    def undo(self) -> None:
        """Leave everything as it was; the recorder ends when it is not told to go."""
        while self._undo:
            with contextlib.suppress(OSError):
                self._undo.pop()()

    def _behind(self) -> socket.socket:
        """A socket for QEMU, which only its own user may connect to."""
        sock = socket.socket(socket.AF_UNIX)
        self._undo.append(sock.close)
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(self._socket)
        self._undo.append(lambda: os.unlink(self._socket))
        sock.listen(_WAITING)
        return sock

    def _before(self, path: str) -> socket.socket:
        """A socket where QEMU was to listen; as QEMU does, it replaces one that is there."""
        sock = socket.socket(socket.AF_UNIX)
        self._undo.append(sock.close)
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                raise ValueError(f"{path} is there, and is not a socket")
            os.unlink(path)
        sock.bind(path)
        self._undo.append(lambda: os.unlink(path))
        sock.listen(_WAITING)
        return sock


def _expect_listener(fd: int) -> None:
    """Raises ValueError if the descriptor `fd`, which stays as it is, is not a listening socket."""
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise ValueError(f"descriptor {fd} is not a socket: {error.strerror}") from error
    listens = is_listening(sock)
    sock.detach()  # it is QEMU's
    if not listens:
        raise ValueError(f"descriptor {fd} is a socket that does not listen")


def _start(about: dict[str, Any], folder: str, fds: list[int]) -> None:
    """Start the recorder, as nobody's child: QEMU is not to meet a child that it did not make."""
    told = os.memfd_create("qmpconf")
    os.write(told, json.dumps(about).encode())
    os.lseek(told, 0, os.SEEK_SET)
    between = os.fork()
    if between:
        os.close(told)
        os.waitpid(between, 0)
        return
    code = 1
    try:
        with open(Log(folder).path, "ab", opener=_private) as log:
            subprocess.Popen(
                [sys.executable, "-I", "-m", "qmpconf.record.emulator.beside", about["name"]],
                stdin=told,
                stdout=log,
                stderr=log,
                pass_fds=fds,
                start_new_session=True,
                cwd="/",
                env={"LC_ALL": "C.UTF-8"},
            )
        code = 0
    except BaseException as error:  # noqa: BLE001 - this process must not go on as the other one
        Log(folder, about["name"])(f"the recorder cannot be started: {error}")
    finally:
        os._exit(code)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _await(channel: socket.socket) -> None:
    """Wait for the recorder to be ready.  Raises `_NotReadyError`."""
    poller = select.poll()
    poller.register(channel, select.POLLIN)
    if not poller.poll(_START * 1000):
        raise _NotReadyError(f"the recorder was not ready within {_START:g} s")
    said = channel.recv(4096)
    if said != READY:
        why = said.decode("utf-8", "replace").strip() or "it ended at once"
        raise _NotReadyError(f"the recorder did not start: {why}")


def _trace_name(folder: str, command: CommandLine, number: int) -> str:
    """The trace's path: the machine, the time, the process, and which of several monitors.

    What has no name and daemonizes is asked what it can do, and ended.
    """
    safe = re.sub(r"[^\w.+-]", "_", command.name).lstrip(".")[:_LONGEST_NAME]
    safe = safe or ("probe" if command.daemonizes else "unnamed")
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    more = f"-{number + 1}" if number else ""
    return os.path.join(folder, f"{safe}-{now}-{os.getpid()}{more}.qmptrace")


def _sweep(folder: str) -> None:
    """Remove the sockets of processes that are gone: a recorder that was killed left them."""
    for name in os.listdir(folder):
        found = re.fullmatch(r"\.([0-9]+)-[0-9]+\.sock", name)
        if found and not os.path.exists(f"/proc/{found[1]}"):
            path = os.path.join(folder, name)
            if not is_bound(path):
                with contextlib.suppress(OSError):
                    os.unlink(path)
