"""Child processes: servers that end early, never listen or do not want to end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from qmpconf.errors import TargetError, UsageError
from qmpconf.net.address import UnixAddress
from qmpconf.net.process import Folder, Server, end, ended, start

PYTHON = sys.executable
LISTENS = (
    "import socket,sys,time; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); "
    "time.sleep(60)"
)


def test_a_server_from_start_to_end() -> None:
    with Server(f"{PYTHON} -c '{LISTENS}' {{socket}}") as server:
        assert isinstance(server.address, UnixAddress)
        folder = os.path.dirname(server.address.path)
        assert os.stat(folder).st_mode & 0o777 == 0o700
        child = server.start()
        server.wait_until_bound()
        assert child.poll() is None
    assert child.poll() == -signal.SIGTERM
    assert not os.path.exists(folder)


@pytest.mark.parametrize(
    ("program", "how"),
    [("import sys; sys.exit(3)", "exit code 3"), ("import os; os.kill(os.getpid(), 9)", "SIGKILL")],
)
def test_a_server_that_ends_early(program: str, how: str) -> None:
    with Server(f"{PYTHON} -c '{program}' {{socket}}") as server:
        server.start()
        with pytest.raises(TargetError, match=f"ended before it listened.*{how}") as caught:
            server.wait_until_bound()
        assert caught.value.exit_code == 4


def test_a_server_that_never_listens() -> None:
    with Server(f"{PYTHON} -c 'import time; time.sleep(60)' {{socket}}") as server:
        server.start()
        with pytest.raises(TargetError, match=r"did not listen on unix:.* within 0\.2 s"):
            server.wait_until_bound(0.2)


def test_a_server_that_is_let_go_of_leaves_nobody_behind() -> None:
    children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children")
    before = children.read_text()
    with Server(f"{PYTHON} -c '{LISTENS}' {{socket}}") as server:
        server.start()
        server.wait_until_bound()
        assert len(children.read_text().split()) == len(before.split()) + 2  # and its guard
    assert children.read_text() == before


def test_one_that_has_ended_starts_again_and_leaves_nothing_of_the_first() -> None:
    children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children")
    before = children.read_text()
    with Server(f"{PYTHON} -c '{LISTENS}' {{socket}}") as server:
        for _ in range(2):
            child = server.start()
            server.wait_until_bound()
            assert len(children.read_text().split()) == len(before.split()) + 2
            child.kill()
            child.wait()
            os.unlink(server.address.name)


def test_one_that_leaves_its_socket_behind_starts_again() -> None:
    leaves = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); s.accept()"
    with Server(f"{PYTHON} -c '{leaves}' {{socket}}") as server:
        for _ in range(2):
            end(server.start())
            server.start()
            server.wait_until_bound()
            assert server.child is not None
            end(server.child)
            assert os.path.exists(server.address.bare)


def test_a_server_ends_with_a_program_that_is_killed() -> None:
    """Also one that does not want to end."""
    stubborn = "trap '' TERM; echo $$ >&2; while :; do sleep 1; done"
    program = (
        "import os, signal, shlex; from qmpconf.net.process import Server; "
        f"server = Server('sh -c ' + shlex.quote({stubborn!r}) + ' {{socket}}'); server.start(); "
        "input(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    with subprocess.Popen(
        [PYTHON, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        watch = os.pidfd_open(int(process.stderr.readline()))
        process.communicate(b"\n")
        assert process.returncode == -signal.SIGKILL
    assert select.select([watch], [], [], 30)[0]
    os.close(watch)


def test_a_signal_waits_until_a_child_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes right behind the start; the child is known when its handler raises."""

    class Impatient(subprocess.Popen[bytes]):
        def __init__(self, *words: object, **more: object) -> None:
            super().__init__(*words, **more)  # type: ignore[call-overload]
            signal.raise_signal(signal.SIGINT)

    # A shell that starts the tests in the background has them ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Server("sleep 60 --x={socket}") as server:
            monkeypatch.setattr(subprocess, "Popen", Impatient)
            with pytest.raises(KeyboardInterrupt):
                server.start()
            assert server.child is not None
        assert server.child.poll() is not None
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


STUBBORN = (
    "import signal,sys,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('on', flush=True); time.sleep(60)"
)


def test_a_child_that_does_not_want_to_end() -> None:
    child = subprocess.Popen([PYTHON, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"on\n"
    assert end(child, 0.1) == -signal.SIGKILL
    assert end(child, 0.1) == -signal.SIGKILL
    child.stdout.close()


def test_what_a_server_has_started_ends_with_it(tmp_path: Path) -> None:
    """A wrapper script does not pass signals on."""
    note = tmp_path / "pid"
    script = f"sleep 60 & echo $! >{note}.new; mv {note}.new {note}; wait"
    with Server(f"sh -c '{script}' {{socket}}") as server:
        server.start()
        while not note.exists():
            time.sleep(0.01)
    inner = int(note.read_text())
    deadline = time.monotonic() + 60
    while os.path.exists(f"/proc/{inner}") and time.monotonic() < deadline:
        if Path(f"/proc/{inner}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.01)
    else:
        assert not os.path.exists(f"/proc/{inner}")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("", "empty"),
        ("qemu -qmp unix:x", r"no \{socket\}"),
        ("qemu 'unclosed {socket}", "cannot read the server's command line"),
    ],
)
def test_command_lines_that_cannot_be(command: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Server(command)


def test_programs_that_cannot_be_started(tmp_path: Path) -> None:
    with Server("none/such {socket}") as server, pytest.raises(UsageError, match="cannot start"):
        server.start()
    assert server.child is None
    plain = tmp_path / "plain"
    plain.touch()
    with pytest.raises(UsageError, match="Permission denied"):
        start([str(plain)])
    with pytest.raises(UsageError, match="cannot start"):
        start(["a\0b"])


def test_words_and_environment_of_a_child() -> None:
    address = UnixAddress("/x")
    with Server("prog 'a b' --sock=unix:/x", address) as server:
        assert server.address == address
    child = start(["sh", "-c", 'test "$A" = 1 && test -n "$PATH"'], environment={"A": "1"})
    assert child.wait() == 0


def test_how_a_child_ended_in_words() -> None:
    assert ended(0) == "exit code 0"
    assert ended(-signal.SIGSEGV) == "signal SIGSEGV"
    assert ended(-99) == "signal 99"


def test_a_folder_goes_with_what_is_in_it() -> None:
    folder = Folder()
    Path(folder.socket("s").path).touch()
    folder.close()
    assert not os.path.exists(folder.path)
    folder.close()
