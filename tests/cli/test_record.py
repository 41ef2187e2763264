"""``qmpconf record`` as a program: its exit codes, its messages, and the trace that it leaves."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import qmpconf
from qmpconf.net.address import UnixAddress
from qmpconf.net.waker import Waker
from qmpconf.parts import numbers_of
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Traffic
from tests.cli.recording import Run, arrive, running, talk
from tests.record.proxy import GREETING, PATIENCE, connected, receive, until_end


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
        with Run(tmp_path, "--server", "other.sock", "--listen", path) as run:
            code, _, said = run.end()
        assert code == 2
        assert f"cannot listen on unix:{path}: the address is in use" in said
        with Run(tmp_path, "--server", path, "--listen", path) as run:
            code, _, said = run.end()
        assert code == 2
        assert "would connect to itself" in said
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


def test_a_second_signal_finds_nothing_closed(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the recorder has closed its descriptors, signals have none of them to write to."""
    written_to: list[int] = []
    close = Waker.close

    def closing(waker: Waker) -> None:
        close(waker)
        written_to.append(signal.set_wakeup_fd(-1))

    monkeypatch.setattr(Waker, "close", closing)
    with running(server, tmp_path) as path:
        proxy = str(tmp_path / "proxy")
        client = [sys.executable, "-c", "pass"]
        qmpconf.record_trace(str(tmp_path / "t"), server=path, listen=proxy, client=client)
    assert written_to
    assert set(written_to) == {-1}


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
