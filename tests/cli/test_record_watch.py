"""Who sees a recording while it is made: ``--check`` and ``--metrics``; and ``check --follow`` alone."""

from __future__ import annotations

import contextlib
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
from qmpconf.trace.rotation import Rotation
from qmpconf.trace.writer import TraceWriter
from tests.cli.recording import Run, arrive, running
from tests.record.proxy import GREETING, PATIENCE, connected, receive

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
    server: str,
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
    server: str,
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


def misuse(path: Path) -> None:
    """A client's session with one mistake."""
    with arrive(path) as sock:
        assert receive(sock, len(GREETING)) == GREETING
        for text in HELLO:
            sock.sendall(text + b"\n")
            assert receive(sock, 16) == b'{"return": {}}\r\n'


def test_findings_of_a_host_show_by_the_names_of_its_machines(
    tmp_path: Path,
    server: str,
) -> None:
    vms, proxies = tmp_path / "vms", tmp_path / "px"
    options = ("--dir", "vms", "--listen", "px", "--check", "--schema", "qemu-7.2.22")
    with contextlib.ExitStack() as stack:
        for name in ("web", "db"):
            (vms / name).mkdir(parents=True)
            stack.enter_context(running(server, vms / name))
        run = stack.enter_context(Run(tmp_path, *options))
        until_said(run, "recording 2 monitors")
        for name in ("web", "db", "web"):
            misuse(proxies / f"{name}-qmp.sock")
            if not any(f"{name}-qmp: " in line for line in run._said):
                until_said(run, f"^{name}-qmp: .*/{name}-qmp-.*: error: schema.arguments: stop ")
        run.process.send_signal(signal.SIGTERM)
        code, out, said = run.end()
    assert (code, out) == (1, "")
    assert said.count(": error: schema.arguments: stop") == 2  # of each machine once
    assert "in 3 sessions of 2 recordings" in said
    assert "15 messages in 3 sessions of 2 traces checked: 3 errors (1 kind)" in said


def test_a_host_without_traffic_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "vms").mkdir()
    with Run(tmp_path, "--dir", "vms", "--listen", "px", "--check") as run:
        until_said(run, "recording 0 monitors")
        run.process.send_signal(signal.SIGINT)
        code, _, said = run.end()
    assert code == 1
    assert "no findings" not in said


def test_a_host_that_is_checked_keeps_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    text = "output = 'out'\n[[monitor]]\nname = 'a'\nserver = 'unix:x'\nlisten = 'unix:y'\n"
    path.write_text(text)
    command = [sys.executable, "-m", "qmpconf", "record", "--config", "c.toml", "--check"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=PIPE, text=True) as child:
        assert child.stderr is not None
        assert "recording 1 monitor" in child.stderr.readline()
        path.write_text(text.replace("'out'", "'other'"))
        child.send_signal(signal.SIGHUP)
        line = child.stderr.readline()
        child.send_signal(signal.SIGINT)
        child.stderr.read()
    assert "start anew for that; nothing has changed" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_all_recordings_of_a_folder_are_followed(tmp_path: Path, number: signal.Signals) -> None:
    old = TraceWriter(str(tmp_path / "old.qmptrace"))
    old.frames(1, "server", Framer().feed(b"]"))
    old.finish()
    writers = [TraceWriter(str(tmp_path / "one.qmptrace"), meta={"machine": "one"})]
    command = [sys.executable, "-m", "qmpconf", "check", "--follow", str(tmp_path)]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as child:
        assert child.stderr is not None
        assert "following 1 recording in" in child.stderr.readline()
        writers.append(TraceWriter(str(tmp_path / "two.qmptrace.gz"), rotation=Rotation(1 << 20)))
        for writer in writers:
            writer.frames(1, "server", Framer().feed(GREETING + b"]"))
        lines = sorted(child.stderr.readline() for _ in writers)
        assert lines[0].startswith(f"{tmp_path}/two.qmptrace.gz:3: error: framing.valid-json")
        assert lines[1].startswith(f"one: {tmp_path}/one.qmptrace:3: error: framing.valid-json")
        (tmp_path / "text.qmptrace").write_text("text\n")
        assert f"{tmp_path}/text.qmptrace:1: is not the first line" in child.stderr.readline()
        child.send_signal(number)
        out, said = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1, said
    assert "4 messages in 2 sessions of 2 traces checked: 2 errors" in out
    for writer in writers:
        writer.abandon()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--follow", ".", "--jobs", "2"], "leave --jobs away"),
        (["--follow", ".", "t"], "name its file, or a folder"),
        (["--beside", "1", "t"], "--follow"),
        (["--follow", "https://host/t.qmptrace"], "is a URL"),
    ],
)
def test_what_cannot_be_followed(
    capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert main(["check", *words]) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--schema", "none", "--dir", ".", "--listen", "x"], "add --check"),
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
