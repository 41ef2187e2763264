"""``qmpconf view`` as a program: on a terminal, and where there is none."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qmpconf.cli import view
from qmpconf.trace.reader import TraceReader
from tests.cli.terminal import Terminal, bare
from tests.view.samples import sample

VIEW = [sys.executable, "-m", "qmpconf", "view"]


def test_on_a_terminal(tmp_path: Path) -> None:
    """It draws, takes keys, and leaves the terminal as it was."""
    with Terminal([*VIEW, sample(tmp_path)], whole=True, keys=True) as terminal:
        terminal.until(lambda drawn: "query-status" in drawn and "5 errors" in bare(drawn))
        terminal.type("q")
        code, drawn, _ = terminal.wait()
    assert code == 0
    assert drawn.rfind("\x1b[?1049l") > drawn.rfind("\x1b[?1049h") > -1


def test_interrupted(tmp_path: Path) -> None:
    """By the key, and by a signal."""
    for interrupt in (lambda it: it.type("\x03"), lambda it: it.process.send_signal(signal.SIGINT)):
        with Terminal([*VIEW, sample(tmp_path)], whole=True, keys=True) as terminal:
            terminal.until(lambda drawn: "query-status" in drawn)
            interrupt(terminal)
            code, drawn, _ = terminal.wait()
        assert code == 130
        assert drawn.rfind("\x1b[?1049l") > drawn.rfind("\x1b[?1049h") > -1
        assert "Traceback" not in drawn


def test_from_standard_input_the_keys_come_from_the_terminal(tmp_path: Path) -> None:
    words = f"cat {sample(tmp_path)} | {' '.join(VIEW)} -"
    with Terminal(["sh", "-c", words], whole=True, keys=True) as terminal:
        terminal.until(lambda drawn: "query-status" in drawn)
        terminal.type("q")
        assert terminal.wait()[0] == 0


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("sample.qmptrace", 2, "there is no terminal to draw on: 'qmpconf show'"),
        ("text", 3, "text:1: is not the first line of a trace"),
        ("nothing", 3, "cannot read nothing: No such file or directory"),
        ("folder", 2, "there is no trace (*.qmptrace, *.qmptrace.gz) in this folder"),
        (".", 2, "there is no terminal to draw on"),
    ],
)
@pytest.mark.every_case
def test_without_a_terminal(name: str, code: int, said: str, tmp_path: Path) -> None:
    sample(tmp_path)
    (tmp_path / "text").write_text("not a trace\n")
    (tmp_path / "folder").mkdir()
    done = subprocess.run(
        [*VIEW, name],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout == ""


def test_what_is_recorded_is_shown_as_it_is_said(tmp_path: Path) -> None:
    """A recorder of its own, which ends with the view; the recording is whole."""
    server = f"{sys.executable} -m qmpconf serve --listen {{socket}}"
    trace, proxy = str(tmp_path / "live.qmptrace"), str(tmp_path / "p.sock")
    words = [*VIEW, "--live", "--spawn", server, "--listen", proxy, "-o", trace]
    with Terminal(words, whole=True, keys=True, columns=250) as terminal:
        terminal.until(lambda drawn: f"listening on unix:{proxy}" in bare(drawn))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(proxy)
            file = client.makefile("rwb")
            file.readline()
            file.write(b'{"execute": "qmp_capabilities"}\n{"execute": "query-version"}\n')
            file.flush()
            for _ in range(2):  # who goes without having read resets the connection
                assert b"return" in file.readline()
            terminal.until(lambda drawn: "query-version returned" in bare(drawn))
            file.close()
        terminal.until(lambda drawn: "closed by the client" in bare(drawn))
        terminal.type("q")
        code, drawn, _ = terminal.wait()
    assert code == 0, drawn
    assert "live.qmptrace: 5 messages in 1 session" in drawn
    reader = TraceReader(trace)
    assert len(list(reader.items())) == 7
    assert reader.finished


@pytest.mark.parametrize(
    ("stopped", "by"),
    [("before", signal.SIGSTOP), ("before", signal.SIGTSTP), ("behind", signal.SIGSTOP)],
)
def test_a_view_that_was_stopped_leaves_the_terminal_as_it_was(
    stopped: str, by: signal.Signals, tmp_path: Path
) -> None:
    """Stopped before q is pressed, or right behind that: however far it has come then."""
    sample(tmp_path)
    with Terminal([*VIEW, str(tmp_path / "sample.qmptrace")], whole=True, keys=True) as terminal:
        echoes = terminal.echoes
        terminal.until(lambda drawn: "query-status" in bare(drawn))
        assert echoes
        assert not terminal.echoes
        if stopped == "before":
            terminal.stop_and_go_on(by)
            while terminal.echoes:  # until it is back
                time.sleep(0.01)
        terminal.type("q")
        if stopped == "behind":
            terminal.stop_and_go_on(by)
        terminal.process.wait(60)
        assert terminal.echoes
        code, drawn, _ = terminal.wait()
    assert code == 0
    assert drawn.rindex("\x1b[?1049l") > drawn.rindex("\x1b[?1049h")  # it has left its screen


def test_who_is_stopped_while_a_view_ends_goes_on_without_it() -> None:
    class Shown:
        return_code = 0

        def run(self) -> None:
            signal.signal(signal.SIGCONT, lambda *_: pytest.fail("there is no screen any more"))

    assert view._shown(Shown()) == 0
    os.kill(os.getpid(), signal.SIGCONT)


def test_a_terminal_that_is_closed_ends_recorder_and_server(tmp_path: Path) -> None:
    server = f"{sys.executable} -m qmpconf serve --listen {{socket}}"
    trace, proxy = str(tmp_path / "live.qmptrace"), str(tmp_path / "p.sock")
    words = [*VIEW, "--live", "--spawn", server, "--listen", proxy, "-o", trace]
    with Terminal(words, whole=True, keys=True, columns=250) as terminal:
        terminal.until(lambda drawn: f"listening on unix:{proxy}" in bare(drawn))
        terminal.process.send_signal(signal.SIGHUP)
        code, _, _ = terminal.wait()  # which waits until none of them has the terminal any more
    assert code == 130
    assert list(TraceReader(trace).items()) == []
    assert Path(trace).read_text().splitlines()[-1].count('"finish"') == 1
    assert not os.path.exists(proxy)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--live", 2, "there is no terminal"),
        ("--live sample.qmptrace", 2, "name no trace"),
        ("sample.qmptrace --server x", 2, "--server is for --live"),
        ("", 2, "say what is to be shown"),
    ],
)
@pytest.mark.every_case
def test_what_goes_together(words: str, code: int, said: str, tmp_path: Path) -> None:
    sample(tmp_path)
    with Terminal([*VIEW, *words.split()]) as terminal:
        found, drawn, _ = terminal.wait()
    assert found == code
    assert said in bare(drawn)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--server {folder}/no.sock", 2, "--output"),
        ("--server {folder}/no.sock -o {folder}/new", 2, "the recorder could not begin"),
        (
            "--spawn false --listen {folder}/p.sock -o {folder}/new",
            2,
            "the recorder could not begin",
        ),
        (
            "--server {folder}/no.sock --listen {folder}/p.sock -o {folder}/no/new",
            3,
            "cannot write",
        ),
    ],
)
@pytest.mark.every_case
def test_a_recorder_that_cannot_begin(words: str, code: int, said: str, tmp_path: Path) -> None:
    called = [*VIEW, "--live", *words.format(folder=tmp_path).split()]
    with Terminal(called, whole=True, keys=True) as terminal:
        found, drawn, _ = terminal.wait()
    assert found == code, drawn
    assert said in bare(drawn)
    assert "?1049h" not in drawn
