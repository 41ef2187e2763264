"""``qmpconf record`` as a program: its exit codes, its messages, and the trace that it leaves."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

import qmpconf
from qmpconf.net.address import UnixAddress
from qmpconf.parts import numbers_of
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Close, Traffic
from tests.record.proxy import GREETING, PATIENCE, connected, receive, until, until_end

#: A server on a command line: greets, answers each line, ends as its second argument says.
SERVER = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
listener.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    sock, _ = listener.accept()
    sock.sendall(GREETING)
    while data := sock.recv(65536):
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


@pytest.fixture
def server(tmp_path: Path) -> str:
    """The program of the server, without its argument."""
    path = tmp_path / "server.py"
    path.write_text(SERVER.replace("GREETING", repr(GREETING)))
    return f"{sys.executable} {path}"


@pytest.fixture
def client(tmp_path: Path) -> list[str]:
    """The program of the client, without its arguments."""
    path = tmp_path / "client.py"
    path.write_text(CLIENT)
    return [sys.executable, str(path)]


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


def test_once(tmp_path: Path, server: str) -> None:
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "--server", path, "--listen", "proxy", "--once") as run,
    ):
        assert run.ready() == "unix:proxy"
        assert talk(str(tmp_path / "proxy"), "x") == [GREETING, b'{"return": {}}\r\n']
        code, out, said = run.end()
    assert code == 0
    assert out == ""
    assert "3 messages in 1 session\n" in said
    assert run.finished()
    assert direction(run.trace, 1, "client") == b"x\n"
    assert os.stat(run.trace).st_mode & 0o777 == 0o600
    assert not (tmp_path / "proxy").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tmp_path: Path, server: str, number: signal.Signals) -> None:
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "--server", path, "--listen", "proxy") as run,
    ):
        run.ready()
        with connected(UnixAddress(str(tmp_path / "proxy"))) as sock:
            assert receive(sock, len(GREETING)) == GREETING
            run.process.send_signal(number)
            code, _, said = run.end()
            assert until_end(sock) == b""
    assert code == 130
    assert "1 message in 1 session" in said
    assert run.finished()
    assert run.closed() == [("recorder", "")]
    assert not (tmp_path / "proxy").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_before_the_server_listens(tmp_path: Path, number: signal.Signals) -> None:
    note = tmp_path / "pid"
    slow = f"sh -c 'echo $$ >{note}.new; mv {note}.new {note}; exec sleep 60' {{socket}}"
    with Run(tmp_path, "--spawn", slow, "--listen", "proxy") as run:
        until(note.exists)
        run.process.send_signal(number)
        code, _, said = run.end()
    assert code == 130
    assert "interrupted" in said
    assert not os.path.exists(f"/proc/{int(note.read_text())}")
    assert not os.path.exists(run.trace)


def test_a_client_is_started_and_its_exit_code_is_ours(
    tmp_path: Path, server: str, client: list[str]
) -> None:
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "--server", path, "--", *client, "{listen}", "one", "two") as run,
    ):
        code, out, _ = run.end()
    assert code == 0
    assert out == '{"return": {}}\n' * 2
    assert direction(run.trace, 1, "client") == b"one\ntwo\n"
    assert run.finished()
    assert run.closed() == [("client", "")]
    listen = TraceReader(run.trace).header.meta["listen"].removeprefix("unix:")
    assert not os.path.exists(os.path.dirname(listen))


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 7", 7),
        ("exit 0", 0),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
        ('test "$QMPCONF_SOCKET" = "$0" && test -S "$0"', 0),
        ('test "$1 $2" = "a{listen b/$QMPCONF_SOCKET/$QMPCONF_SOCKET"', 0),
    ],
)
def test_exit_codes_of_clients(tmp_path: Path, server: str, script: str, code: int) -> None:
    words = ["sh", "-c", script, "{listen}", "a{listen", "b/{listen}/{listen}"]
    with running(server, tmp_path) as path, Run(tmp_path, "--server", path, "--", *words) as run:
        assert run.end()[0] == code
    assert run.finished()


def test_a_client_that_cannot_be_started(tmp_path: Path, server: str) -> None:
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "--server", path, "--", "./none-such", "{listen}") as run,
    ):
        code, _, said = run.end()
    assert code == 2
    assert "cannot start ./none-such: No such file or directory" in said
    assert not os.path.exists(run.trace)


def test_a_client_gets_host_and_port(tmp_path: Path, server: str) -> None:
    script = 'echo "$QMPCONF_SOCKET" "$0"'
    with (
        running(server, tmp_path) as path,
        Run(
            tmp_path,
            *("--server", path, "--listen", "tcp:127.0.0.1:0"),
            *("--", "sh", "-c", script, "{listen}"),
        ) as run,
    ):
        code, out, _ = run.end()
    assert code == 0
    assert re.fullmatch(r"(127\.0\.0\.1:[1-9][0-9]+) \1\n", out)


def test_a_client_is_ended_when_we_are(tmp_path: Path, server: str) -> None:
    script = "trap 'exit 9' TERM; echo on; sleep 60 >/dev/null 2>&1 & wait"
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "--server", path, "--", "sh", "-c", script) as run,
    ):
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == "on\n"
        run.process.terminate()
        code, _, _ = run.end()
    assert code == 130
    assert run.finished()


def test_interrupted_while_a_client_goes_on_after_the_only_session(
    tmp_path: Path, server: str, client: list[str]
) -> None:
    script = f'{" ".join(client)} "$0" x; echo done; exec sleep 60 >/dev/null 2>&1'
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "--once", "--server", path, "--", "sh", "-c", script, "{listen}") as run,
    ):
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == '{"return": {}}\n'
        assert run.process.stdout.readline() == "done\n"
        until(run.finished)
        run.process.terminate()
        assert run.end()[0] == 130
    assert run.closed() == [("client", "")]


def test_a_spawned_server_has_what_was_inherited(tmp_path: Path, client: list[str]) -> None:
    """As libvirt's QEMU has taps and channels; the recorder's own descriptors stay its own."""
    looks = tmp_path / "looks.py"
    looks.write_text(
        "import os\n"
        "had = sorted(map(int, os.listdir('/proc/self/fd')))[3:]\n"
        "had = [one for one in had if os.path.exists(f'/proc/self/fd/{one}')]\n"
        "open('fds', 'w').write(' '.join(map(str, had)))\n"
        + SERVER.replace("GREETING", repr(GREETING))
    )
    reading, writing = os.pipe()
    spawn = f"{sys.executable} {looks} {{socket}}"
    words = ["--spawn", spawn, "--", *client, "{listen}", "quit"]
    with Run(tmp_path, *words, pass_fds=[writing]) as run:
        assert run.process.wait(PATIENCE) == 0
    assert (tmp_path / "fds").read_text() == str(writing)
    os.close(reading)
    os.close(writing)


def test_a_spawned_server(tmp_path: Path, server: str, client: list[str]) -> None:
    with Run(
        tmp_path, "--spawn", server + " {socket}", "--", *client, "{listen}", "one", "quit"
    ) as run:
        code, out, _ = run.end()
    assert code == 0
    assert out == '{"return": {}}\n' * 2
    meta = TraceReader(run.trace).header.meta
    assert meta["spawn"] == server + " {socket}"
    assert not os.path.exists(os.path.dirname(meta["server"].removeprefix("unix:")))


def test_a_recording_ends_with_the_server_that_it_started(tmp_path: Path, server: str) -> None:
    with Run(tmp_path, "--spawn", server + " {socket}", "--listen", "proxy") as run:
        run.ready()
        talk(str(tmp_path / "proxy"), "one")
        talk(str(tmp_path / "proxy"), "quit")
        code, _, said = run.end()
    assert code == 0
    assert "in 2 sessions" in said
    assert run.finished()


def test_a_server_that_crashes(tmp_path: Path, server: str) -> None:
    with Run(tmp_path, "--spawn", server + " {socket}", "--listen", "proxy") as run:
        run.ready()
        assert talk(str(tmp_path / "proxy"), "crash")[1] == b'{"return": {}}\r\n'
        code, _, said = run.end()
    assert code == 4
    assert "the server ended with signal SIGABRT" in said
    assert run.finished()
    assert direction(run.trace, 1, "server") == GREETING + b'{"return": {}}\r\n'


def test_a_server_that_ends_before_it_listens(tmp_path: Path) -> None:
    with Run(tmp_path, "--spawn", "sh -c 'exit 3' {socket}", "--listen", "proxy") as run:
        code, _, said = run.end()
    assert code == 4
    assert "the server ended before it listened (exit code 3)" in said
    assert not os.path.exists(run.trace)
    assert not (tmp_path / "proxy").exists()


def test_a_server_that_never_listens(tmp_path: Path) -> None:
    program = (
        "import sys; from qmpconf.net.process import Server; "
        "Server.wait_until_bound.__defaults__ = (0.2,); "
        "from qmpconf.cli.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", program, "record", "--spawn", "sleep 60 --x={socket}"),
            *("--listen", "proxy", "-o", "t"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 4
    assert "the server" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_server(tmp_path: Path) -> None:
    with Run(tmp_path, "--server", "none", "--listen", "proxy", "--once") as run:
        run.ready()
        with contextlib.suppress(ConnectionResetError):
            assert talk(str(tmp_path / "proxy")) == [b""]
        code, _, said = run.end()
    assert code == 4
    assert "session 1: the server cannot be reached: No such file or directory" in said
    assert run.closed() == [("server", "No such file or directory")]
    assert run.finished()


def test_a_listening_address_in_use(tmp_path: Path, server: str) -> None:
    with running(server, tmp_path) as path:
        with Run(tmp_path, "--server", path, "--listen", path) as run:
            code, _, said = run.end()
        assert code == 2
        assert f"cannot listen on unix:{path}: the address is in use" in said
        assert not os.path.exists(run.trace)
        assert talk(path)[0] == GREETING


def test_a_stale_socket_of_a_recorder_that_was_killed(tmp_path: Path, server: str) -> None:
    with running(server, tmp_path) as path:
        with Run(tmp_path, "--server", path, "--listen", "proxy") as run:
            run.ready()
            assert talk(str(tmp_path / "proxy"), "x")[0] == GREETING
            run.process.kill()
            run.process.wait()
        assert (tmp_path / "proxy").exists()
        assert not run.finished()
        assert direction(run.trace, 1, "client") == b"x\n"
        again = ("--server", path, "--listen", "proxy", "--once")
        with Run(tmp_path, *again) as run:
            code, _, said = run.end()
            assert code == 2
            assert "t.qmptrace exists" in said
        with Run(tmp_path, *again, "--force") as run:
            run.ready()
            assert talk(str(tmp_path / "proxy"), "x")[0] == GREETING
            assert run.end()[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say where the server is"),
        (("--server", "s"), "say where clients connect"),
        (("--server", "tcp:x", "--listen", "l"), "not a TCP address"),
        (("--server", "s", "--listen", "fd:99"), "fd:99 is not an open descriptor"),
        (("--server", "fd:99", "--listen", "l"), "fd:99 is not an open descriptor"),
        (("--server", "s", "--listen", "none/l"), "cannot listen on unix:none/l: No such file"),
        (("--server", "s", "--listen", "x" * 200), "may have 107"),
        (("--server", "s", "--listen", "l", "--client-listens"), "needs a server that dials"),
        (("--spawn", "true", "--listen", "l"), "no {socket}"),
        (("--spawn", "'", "--listen", "l"), "cannot read the server's command line"),
        (("--spawn", "./none {socket}", "--listen", "l"), "cannot start ./none"),
        (("--server", "s", "--listen", "l", "--what"), "there is no option '--what'"),
        (("--server", "s", "--listen", "fd:0", "--", "true"), "needs a path or HOST:PORT"),
    ],
)
def test_calls_that_cannot_be(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    with Run(tmp_path, *arguments) as run:
        code, out, said = run.end()
    assert code == 2
    assert says in said
    assert out == ""
    assert os.listdir(tmp_path) == []


def test_without_an_output(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qmpconf", "record", "--server", "s", "--listen", "l"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "-o/--output" in done.stderr


def test_a_trace_that_cannot_be_made(tmp_path: Path) -> None:
    with Run(tmp_path, "--server", "s", "--listen", "l", "-o", "none/t") as run:
        code, _, said = run.end()
    assert code == 3
    assert "cannot write none/t: No such file or directory" in said
    assert not (tmp_path / "l").exists()


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


def test_inherited_descriptors(tmp_path: Path, server: str) -> None:
    ours, theirs = socket.socketpair()
    with (
        running(server, tmp_path) as path,
        Run(
            tmp_path,
            *("--server", path, "--listen", f"fd:{theirs.fileno()}"),
            pass_fds=[theirs.fileno()],
        ) as run,
    ):
        theirs.close()
        ours.settimeout(PATIENCE)
        assert receive(ours, len(GREETING)) == GREETING
        ours.close()
        assert run.end()[0] == 0
    assert run.closed() == [("client", "")]


def test_quiet(tmp_path: Path, server: str) -> None:
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "-q", "--server", path, "--listen", "proxy", "--once") as run,
    ):
        with arrive(tmp_path / "proxy") as sock:
            assert receive(sock, len(GREETING)) == GREETING
        assert run.end() == (0, "", "")


def test_secrets(tmp_path: Path, server: str, client: list[str]) -> None:
    secret = '{"execute":"set_password","arguments":{"password":"hunter2"}}'
    spawn = server + " {socket} -object secret,id=s,data=hunter2"
    for more in ((), ("--no-redact",)):
        with Run(
            tmp_path, "--force", *more, "--spawn", spawn, "--", *client, "{listen}", secret
        ) as run:
            assert run.end()[0] == 0
        assert ("hunter2" in Path(run.trace).read_text()) == bool(more)
        redacted = [
            one.redacted
            for one in TraceReader(run.trace).records()
            if isinstance(one, Traffic) and one.redacted
        ]
        assert redacted == ([] if more else [("/arguments/password",)])


def test_compressed(tmp_path: Path, server: str, client: list[str]) -> None:
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "-o", "t.gz", "--server", path, "--", *client, "{listen}", "x") as run,
    ):
        assert run.end()[0] == 0
    assert (tmp_path / "t.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert direction(str(tmp_path / "t.gz"), 1, "client") == b"x\n"


def test_in_parts(tmp_path: Path, server: str, client: list[str]) -> None:
    words = ("--max-size", "1k", "--keep", "20")
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, *words, "--server", path, "--", *client, "{listen}", "x" * 3000, "y") as run,
    ):
        assert run.end()[0] == 0
        assert not os.path.exists(run.trace)
        assert numbers_of(run.trace)[:2] == [1, 2]
        assert run.finished()
        assert direction(run.trace, 1, "client") == b"x" * 3000 + b"\ny\n"
    with Run(tmp_path, *words, "--server", "s", "--listen", "l") as run:
        code, _, said = run.end()
    assert code == 2
    assert "t.0001.qmptrace exists" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--keep", "3"), "say --max-size or --max-age"),
        (("--max-size", "0"), "'0' is not a size: write 500k"),
        (("--max-size", "1T"), "'1T' is not a size"),
        (("--max-age", "1w"), "'1w' is not a time: write 90s"),
        (("--max-age", "1d", "--keep", "1"), "'1' is not a number of parts, from 2"),
        (("--max-age", "1d", "--mode", "once"), "cannot be in parts"),
        (("--max-age", "1d", "-o", "-"), "-o - is one: name a file"),
    ],
)
def test_parts_that_cannot_be(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    with Run(tmp_path, "--server", "s", "--listen", "l", *words) as run:
        code, _, said = run.end()
    assert code == 2
    assert says in said
    assert os.listdir(tmp_path) == []


def test_a_server_that_dials(tmp_path: Path) -> None:
    with Run(tmp_path, "--server-dials", "--server", "dials", "--listen", "proxy") as run:
        run.ready()
        with connected(UnixAddress(str(tmp_path / "dials"))) as server:
            server.sendall(GREETING)
            assert talk(str(tmp_path / "proxy")) == [GREETING]
            assert until_end(server) == b""
        run.process.send_signal(signal.SIGINT)
        assert run.end()[0] == 130
    assert not (tmp_path / "dials").exists()
    assert not (tmp_path / "proxy").exists()


def test_on_a_terminal_each_message_is_a_line(tmp_path: Path, server: str) -> None:
    ours, terminal = pty.openpty()
    with running(server, tmp_path) as path:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "qmpconf", "record", "-o", "t", "--once"),
                *("--server", path, "--listen", "proxy"),
            ],
            cwd=tmp_path,
            stderr=terminal,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "200"},
        )
        os.close(terminal)
        with arrive(tmp_path / "proxy") as sock:
            assert receive(sock, len(GREETING)) == GREETING
            sock.sendall(b'{"execute":"x","id":"\\u001b[2J"}\n')
            assert receive(sock, 16) == b'{"return": {}}\r\n'
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody writes any more
            while data := os.read(ours, 4096):
                shown += data
        os.close(ours)
        assert process.wait(PATIENCE) == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())
    assert re.search(r"[0-9.]+  1  <-  greeting 7\.2\.0\r\n", text)
    assert re.search(r"[0-9.]+  1  ->  x\r\n", text)
    assert "3 messages in 1 session" in text
    assert "\x1b" not in text


def test_from_a_thread_of_a_program(tmp_path: Path, server: str) -> None:
    """The public function, where signals are the program's own business."""
    found: list[qmpconf.Recording] = []
    with running(server, tmp_path) as path:
        proxy = str(tmp_path / "proxy")
        thread = threading.Thread(
            target=lambda: found.append(
                qmpconf.record_trace(
                    str(tmp_path / "t"), server=path, listen=proxy, once=True, overwrite=True
                )
            )
        )
        thread.start()
        with arrive(tmp_path / "proxy") as sock:
            assert receive(sock, len(GREETING)) == GREETING
        thread.join(PATIENCE)
    (recording,) = found
    assert (recording.sessions, recording.messages, recording.client_code) == (1, 1, None)
    assert not recording.interrupted
    assert not recording.unrecorded
    assert not recording.unreached


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
