"""Who sees a recording while it is made: ``--check`` and ``--metrics``; and ``check --follow`` alone."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from subprocess import PIPE

import pytest

from qmpconf.cli.main import main
from qmpconf.net.address import UnixAddress
from qmpconf.protocol.framing import Framer
from qmpconf.trace.writer import TraceWriter
from tests.cli.test_record import PATIENCE, Run, arrive, running, server  # noqa: F401 - a fixture
from tests.record.proxy import GREETING, connected, receive

HELLO = (b'{"execute": "qmp_capabilities"}', b'{"execute": "stop", "arguments": {"x": 1}}')


def until_said(run: Run, pattern: str) -> str:
    """Wait until the recorder, or its check, has said that on stderr."""
    stderr = run.process.stderr
    assert stderr is not None
    for line in stderr:
        run._said.append(line)
        if found := re.search(pattern, line):
            return found[0]
    raise AssertionError("".join(run._said))


def test_findings_and_metrics_show_while_it_is_recorded(
    tmp_path: Path,
    server: str,  # noqa: F811
) -> None:
    options = ("--check", "--schema", "qemu-7.2.22", "--metrics", "127.0.0.1:0")
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "--server", path, "--listen", "proxy", *options) as run,
    ):
        run.ready()
        url = until_said(run, "http://.*/metrics")
        with connected(UnixAddress(str(tmp_path / "proxy"))) as sock:
            assert receive(sock, len(GREETING)) == GREETING
            for text in HELLO:
                sock.sendall(text + b"\n")
                assert receive(sock, 16) == b'{"return": {}}\r\n'
            until_said(run, f"^{run.trace}:6: error: schema.arguments: stop /arguments/x: .*")
            with urllib.request.urlopen(url) as answer:
                assert b'qmp_sessions{monitor="t"} 1.0' in answer.read()
        run.process.send_signal(signal.SIGINT)
        code, out, said = run.end()
    assert (code, out) == (1, "")
    assert "5 messages in 1 session checked: 1 error" in said
    assert said.count("schema.arguments: stop") == 1


def test_without_findings_an_interrupt_is_its_good_end(
    tmp_path: Path,
    server: str,  # noqa: F811
) -> None:
    with (
        running(server, tmp_path) as path,
        Run(tmp_path, "--server", path, "--listen", "proxy", "--check", "-q") as run,
    ):
        with arrive(tmp_path / "proxy") as sock:
            assert receive(sock, len(GREETING)) == GREETING
            sock.sendall(HELLO[0] + b"\n")
            assert receive(sock, 16) == b'{"return": {}}\r\n'
        run.process.send_signal(signal.SIGINT)
        assert run.end()[0] == 0


def test_an_interrupted_check_says_what_it_has_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    writer = TraceWriter(str(path))
    writer.frames(1, "server", Framer().feed(GREETING))
    writer.frames(1, "server", Framer().feed(b"]"))
    command = [sys.executable, "-m", "qmpconf", "check", "--follow", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert "error: framing.valid-json" in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE) == 130
        assert "interrupted" in child.stderr.read()


def test_a_recorder_that_dies_ends_the_check(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    writer = TraceWriter(str(path))
    writer.frames(1, "server", Framer().feed(GREETING + b"]"))
    command = [sys.executable, "-m", "qmpconf", "check", "-f", str(path)]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as child:
        assert child.stderr is not None
        assert "error: framing.valid-json" in child.stderr.readline()
        writer.abandon()
        out, said = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert "its recorder has gone, without a last line" in said
    assert "framing.valid-json" in out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--check", "--dir", ".", "--listen", "x"], "check --follow"),
        (["--check", "--mode", "all", "--server", "x", "--listen", "y"], "--mode"),
        (["--schema", "none", "--server", "x", "--listen", "y"], "add --check"),
        (["--metrics", "nowhere", "--server", "x", "--listen", "y"], "TCP address"),
    ],
)
def test_what_makes_no_sense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert main(["record", "-o", str(tmp_path / "t.qmptrace"), *words]) == 2
    assert why in capsys.readouterr().err
