"""``qmpconf serve``, as a process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmpconf.cli.main import main

SERVE = (sys.executable, "-m", "qmpconf", "serve")


@contextmanager
def serving(path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [*SERVE, "--listen", str(path), *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert "qmpconf serve: " in child.stderr.readline()
        yield child
        if child.poll() is None:
            child.terminate()


def converse(path: Path, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(str(path))
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)],
    ids=["term", "hup", "int"],
)
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals, code: int) -> None:
    path = tmp_path / "s"
    with serving(path) as child:
        assert path.is_socket()
        assert converse(path, b"").startswith(b'{"QMP": ')
        child.send_signal(number)
        assert child.wait(60) == code
    assert not path.exists()


def test_quit_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, "--schema", "qemu-5.2.0") as child:
        answers = converse(path, b'{"execute":"qmp_capabilities"}{"execute":"quit"}')
        assert answers.count(b"\r\n") == 4
        assert b'"minor": 2, "major": 5' in answers
        assert child.wait(60) == 0
    assert not path.exists()


def test_an_address_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s"
    with serving(path):
        assert main(["serve", "--listen", str(path)]) == 2
        assert "in use" in capsys.readouterr().err
        assert path.is_socket()


def test_an_unknown_schema_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--listen", "x", "--schema", "qemu-0.0"]) == 2
    assert "neither a shipped catalog nor a file; did you mean qemu-" in capsys.readouterr().err
