"""A program that is called as libvirt calls QEMU, with a wrapper in its place.

What it is started with, how it ends, what its client meets: all as without.  Each test starts real
processes; the program says what it found in a file, and serves a monitor until it is told to quit.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from qmpconf.record.emulator.install import install
from qmpconf.record.emulator.log import NAME as LOG
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.record.proxy import GREETING, PATIENCE, receive, until, until_end

#: Looks at itself, and serves the monitor of its arguments; "quit" ends it.
QEMU = """\
#!{python} -I
import json, os, re, signal, socket, sys
line = " ".join(sys.argv[1:])
def kind(fd):
    try: return os.readlink(f"/proc/self/fd/{{fd}}")
    except OSError: return ""
if "-daemonize" in sys.argv:
    ready, done = os.pipe()
    if os.fork():
        os.close(done); os.read(ready, 1); os._exit(0)
    os.setsid()
fds = {{fd: kind(fd) for fd in os.listdir("/proc/self/fd") if int(fd) > 2 and kind(fd)}}
found = re.search("fd=([0-9]+)", line)
listener = None
if found and "server=on" in line:
    try: listener = socket.socket(fileno=int(found[1]))
    except OSError: pass
elif found := re.search("unix:([^,]+)", line):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(found[1])
    listener.listen()
seen = {{"pid": os.getpid(), "words": sys.argv[1:], "fds": fds,
        "environment": {{name: os.environ[name] for name in os.environ if name != "LC_CTYPE"}},
        "ignored": [n.name for n in (signal.SIGXFSZ,) if signal.getsignal(n) == signal.SIG_IGN]}}
with open("{folder}/seen.new", "w") as file:
    json.dump(seen, file)
os.rename("{folder}/seen.new", "{folder}/seen")
if "-daemonize" in sys.argv:
    os.write(done, b"x")
    os.close(1), os.close(2)
while listener and "-version" not in sys.argv:
    sock, _ = listener.accept()
    sock.sendall({greeting!r})
    while data := sock.recv(4096):
        if b"quit" in data:
            print("bye", file=sys.stderr) if "-daemonize" not in sys.argv else None
            sys.exit(7)
        sock.sendall(b'{{"return": {{}}}}\\r\\n')
"""


class Machine:
    """A wrapper in `folder`, and what was started with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "out"
        self.wrapper = folder / "wrapper"
        self.qemu = folder / "qemu"
        self.qemu.write_text(QEMU.format(python=sys.executable, folder=folder, greeting=GREETING))
        self.qemu.chmod(0o755)
        self.processes: list[subprocess.Popen[bytes]] = []
        install(str(self.wrapper), qemu=str(self.qemu), output=str(self.output))

    def start(self, *words: str, fds: tuple[int, ...] = (), **more: Any) -> subprocess.Popen[bytes]:
        """Start it with a cleared environment, as libvirt does."""
        with suppress(FileNotFoundError):
            (self.folder / "seen").unlink()
        process = subprocess.Popen(
            [str(more.pop("program", self.wrapper)), *words],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=fds,
            **more,
        )
        self.processes.append(process)
        return process

    def seen(self) -> dict[str, Any]:
        """What the program found."""
        until((self.folder / "seen").exists, PATIENCE)
        return json.loads((self.folder / "seen").read_text())

    def log(self) -> str:
        return (self.output / LOG).read_text()

    def traces(self) -> list[Path]:
        return sorted(self.output.glob("*.qmptrace"))

    def recorder(self) -> int:
        """The recorder's process, which may write that it records after its machine has begun."""
        until(lambda: (self.output / LOG).exists() and "is recorded" in self.log(), PATIENCE)
        line = next(line for line in self.log().splitlines() if "is recorded" in line)
        return int(line.split()[1].rstrip(":"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    found = Machine(tmp_path)
    yield found
    for process in found.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[socket.socket]:
    """libvirt's listening socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "monitor"))
        listener.listen(1)
        yield listener


def arguments(listener: socket.socket) -> list[str]:
    return [
        *("-name", "guest=vm1,debug-threads=on", "-object", "secret,id=s,data=hunter2", "-chardev"),
        f"socket,id=charmonitor,fd={listener.fileno()},server=on,wait=off",
        *("-mon", "chardev=charmonitor,id=monitor,mode=control"),
    ]


def talk(path: Path, *words: bytes) -> None:
    """A session with the monitor; "quit" ends the program."""
    with connected_to(path) as sock:
        assert receive(sock, len(GREETING)) == GREETING
        for word in words:
            sock.sendall(b'{"execute":"%b"}\n' % word)
            if word == b"quit":
                assert until_end(sock) == b""
            else:
                assert receive(sock, 16) == b'{"return": {}}\r\n'


def connected_to(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(str(path))
    return sock


def said(reader: TraceReader) -> list[bytes]:
    """The commands of a recording."""
    commands = [item.frame.data for item in reader.items() if isinstance(item, Item)]
    return re.findall(rb'"execute":"(\w+)"', b"".join(commands))


def over(machine: Machine) -> None:
    """Wait for the recorder's end."""
    until(lambda: "has ended" in machine.log(), PATIENCE)
    until(lambda: not list(machine.output.glob(".*.sock")), PATIENCE)


def test_a_machine_starts_goes_on_and_ends_as_without(
    machine: Machine, monitor: socket.socket, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    words, fds = arguments(monitor), (monitor.fileno(), writing)
    plain = machine.start(*words, fds=fds, program=machine.qemu)
    before = machine.seen()
    plain.kill()
    process = machine.start(*words, fds=fds)
    after = machine.seen()
    assert after.pop("pid") == process.pid
    assert after["fds"][str(writing)] == before["fds"][str(writing)]
    for seen in (before, after):  # the socket under the number is another one
        assert seen["fds"].pop(str(monitor.fileno())).startswith("socket:")
    before.pop("pid")
    assert after == before
    talk(tmp_path / "monitor", b"one", b"two")
    talk(tmp_path / "monitor", b"three", b"quit")  # libvirt began anew
    assert process.wait(PATIENCE) == 7
    assert process.stderr is not None
    assert process.stderr.read() == b"bye\n"  # and nobody holds it open
    over(machine)
    (trace,) = machine.traces()
    assert trace.name.startswith("vm1-")
    reader = TraceReader(str(trace))
    assert said(reader) == [b"one", b"two", b"three", b"quit"]
    assert reader.finished
    assert reader.header.meta["machine"] == "vm1"
    assert "debug-threads=on" in reader.header.meta["emulator"]
    assert b"hunter2" not in trace.read_bytes()
    os.close(reading)
    os.close(writing)


def test_a_probe_that_daemonizes(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "qmp.monitor"
    process = machine.start("-qmp", f"unix:{path},server=on,wait=off", "-daemonize")
    assert process.wait(PATIENCE) == 0
    daemon = machine.seen()["pid"]
    talk(path, b"one")
    assert "has ended" not in machine.log()
    talk(path, b"quit")
    until(lambda: not os.path.exists(f"/proc/{daemon}"), PATIENCE)
    over(machine)
    assert not path.exists()
    (trace,) = machine.traces()
    assert trace.name.startswith("probe-")
    assert said(TraceReader(str(trace))) == [b"one", b"quit"]


Break = Callable[[Machine, socket.socket], list[str]]


def no_monitor(machine: Machine, _: socket.socket) -> list[str]:
    return ["-M", "none"]


def no_socket(machine: Machine, _: socket.socket) -> list[str]:
    return ["-chardev", "socket,id=a,fd=0,server=on", "-mon", "a,mode=control"]


def unknown(machine: Machine, listener: socket.socket) -> list[str]:
    return [word.replace("wait=off", "telnet=on") for word in arguments(listener)]


def no_folder(machine: Machine, listener: socket.socket) -> list[str]:
    machine.output.rmdir()
    return arguments(listener)


def no_recorder(machine: Machine, listener: socket.socket) -> list[str]:
    (machine.output / LOG).mkdir()
    return arguments(listener)


def no_package(machine: Machine, listener: socket.socket) -> list[str]:
    script = machine.wrapper.read_text()
    machine.wrapper.write_text(script.replace("from qmpconf.record", "from qmpgone.record"))
    return arguments(listener)


def no_python(machine: Machine, listener: socket.socket) -> list[str]:
    script = machine.wrapper.read_text()
    machine.wrapper.write_text(script.replace(sys.executable, "/nowhere/python3"))
    return arguments(listener)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (no_monitor, "nothing to record"),
        (no_socket, "descriptor 0 is not a socket"),
        (unknown, "not understood here: telnet"),
        (no_folder, "No such file or directory"),
        (no_recorder, "the recorder cannot be started"),
        (no_package, "No module named 'qmpgone'"),
        (no_python, "there is no /nowhere/python3"),
    ],
)
def test_what_cannot_be_recorded_starts_as_it_was_called(
    machine: Machine, monitor: socket.socket, broken: Break, why: str
) -> None:
    words = broken(machine, monitor)
    process = machine.start(*words, "-version", fds=(monitor.fileno(),))
    assert process.wait(PATIENCE) == 0
    seen = machine.seen()
    assert (seen["pid"], seen["words"]) == (process.pid, [*words, "-version"])
    inode = os.fstat(monitor.fileno()).st_ino
    assert seen["fds"][str(monitor.fileno())] == f"socket:[{inode}]"
    assert process.stderr is not None
    log = machine.output / LOG
    said = process.stderr.read().decode() + (log.read_text() if log.is_file() else "")
    assert why in said
    assert machine.traces() == []
    assert not machine.output.exists() or not list(machine.output.glob(".*"))


def test_only_kill_ends_a_recorder_and_the_next_start_sweeps(
    machine: Machine, monitor: socket.socket, tmp_path: Path
) -> None:
    process = machine.start(*arguments(monitor), fds=(monitor.fileno(),))
    machine.seen()
    recorder = machine.recorder()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(recorder, number)
    with connected_to(tmp_path / "monitor") as sock:
        assert receive(sock, len(GREETING)) == GREETING
        os.kill(recorder, signal.SIGKILL)
        with suppress(ConnectionResetError):
            assert until_end(sock) == b""
    assert process.poll() is None  # it is libvirt that kills it then
    process.kill()
    process.wait()
    assert list(machine.output.glob(".*.sock"))
    again = machine.start(*arguments(monitor), fds=(monitor.fileno(),))
    machine.seen()
    talk(tmp_path / "monitor", b"quit")
    assert again.wait(PATIENCE) == 7
    until(lambda: not list(machine.output.glob(".*.sock")), PATIENCE)


def test_a_qemu_that_has_gone_is_said_and_leaves_nothing(
    machine: Machine, monitor: socket.socket
) -> None:
    machine.qemu.unlink()
    process = machine.start(*arguments(monitor), fds=(monitor.fileno(),))
    assert process.wait(PATIENCE) == 1
    assert process.stderr is not None
    said = process.stderr.read().decode()
    assert said.endswith(f"cannot start {machine.qemu}: No such file or directory\n")
    assert "Traceback" not in said
    over(machine)
