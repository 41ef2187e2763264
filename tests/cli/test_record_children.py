"""``qmpconf record`` and what it starts: a server, a client, and how they end."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from qmpconf.trace.reader import TraceReader, direction
from tests.cli.recording import SERVER, Run, arrive, running, talk
from tests.record.proxy import GREETING, PATIENCE, receive, until


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("in_script", [False, True])
def test_a_spawned_server_ends_with_us(
    tmp_path: Path, server: str, number: signal.Signals, *, in_script: bool
) -> None:
    """However we end: asked to, without the terminal, or killed; and also where a script has started it."""
    note = tmp_path / "pid"
    words = f"{server} {{socket}}"
    script = f"{words} & echo $! >{note}.new; mv {note}.new {note}; wait"
    if not in_script:
        script = f"echo $$ >{note}.new; mv {note}.new {note}; exec {words}"
    with Run(tmp_path, "--spawn", f"sh -c {shlex.quote(script)}", "--listen", "proxy") as run:
        run.ready()
        watch = os.pidfd_open(int(note.read_text()))
        with arrive(tmp_path / "proxy") as sock:
            assert receive(sock, len(GREETING)) == GREETING
            run.process.send_signal(number)
            code, _, _ = run.end()
        assert code == (-number if number == signal.SIGKILL else 130)
        assert select.select([watch], [], [], PATIENCE)[0]
        os.close(watch)
    assert run.finished() == (number != signal.SIGKILL)


def test_without_a_terminal_nohup_goes_on(tmp_path: Path, server: str) -> None:
    words = ["--spawn", server + " {socket}", "--listen", "proxy", "--once"]
    with Run(
        tmp_path, *words, preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)
    ) as run:
        run.ready()
        run.process.send_signal(signal.SIGHUP)
        assert talk(str(tmp_path / "proxy"), "x") == [GREETING, b'{"return": {}}\r\n']
        assert run.end()[0] == 0
    assert run.finished()
