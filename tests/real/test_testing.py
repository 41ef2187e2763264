"""The pytest plugin with real servers: recorded tests, and traces that are replayed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.conftest import StartServer, require
from tests.real.machines import BARE
from tests.testing.samples import CLIENT, NEGOTIATION, write_trace
from tests.usual import share

ROOT = Path(__file__).parents[2]

TEST = """
import pytest
from client import Client

@pytest.fixture
def client(qmp_recorder):
    client = Client(qmp_recorder.path)
    yield client
    client.close()

def test_pauses(client):
    client.ask("cont")
    client.ask("stop")
    assert client.ask("query-status")["return"]["status"] == "paused"
    assert "STOP" in client.events

def test_resizes(client):
    assert "error" in client.ask("block_resize", device="none", size="1M")
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    return subprocess.run(
        command, cwd=folder, check=False, text=True, timeout=110, stdout=-1, stderr=-2
    )


def spawn(build: str) -> str:
    words = (str(require(build).launcher), *BARE, "-qmp", "unix:{socket},server=on,wait=off")
    return shlex.join(words)


@pytest.mark.parametrize("workers", share([["-n", "2"], []], 2), ids=str)
def test_the_same_tests_on_a_real_server(workers: list[str], tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(CLIENT)
    (tmp_path / "test_it.py").write_text(TEST)
    for words in ([], ["--qmp-spawn", spawn("qemu-7.2")]):
        done = run(tmp_path, *words, *workers)
        assert done.returncode == 1, done.stdout
        assert re.search(r"1 failed, 1 passed in", done.stdout), done.stdout
        assert "FAILED test_it.py::test_resizes - Failed: error schema.arguments" in done.stdout
        assert ("source       qemu-7.2.22, block_resize" in done.stdout) is bool(words)


def test_the_corpus_is_green() -> None:
    done = run(ROOT, "traces/")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^(\d\d) passed in", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.whole
@pytest.mark.parametrize("workers", share([["-n", "2"], []], 2), ids=str)
def test_recorded_sessions_are_replayed(workers: list[str]) -> None:
    words = ["--qmp-spawn", spawn("qemu-7.2"), "-k", "7.2.22 and (shell or wrong)", *workers]
    done = run(ROOT, "traces/", *words)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_an_upgrade_is_told() -> None:
    trace = "traces/qemu-7.2.22-shell.qmptrace.gz"
    done = run(ROOT, trace, "--qmp-spawn", spawn("qemu-11.1"))
    assert done.returncode == 1, done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert re.search(rf"^FAILED {trace}::replay - \d+ differences?", done.stdout, re.MULTILINE)
    assert re.search(rf"^{trace}:\d+: \d+ differences?", done.stdout, re.MULTILINE)


def test_a_running_server_is_replayed_against_in_turns(
    tmp_path: Path, start_server: StartServer
) -> None:
    server = start_server("qemu-7.2")
    for name in "abc":
        talk = [*NEGOTIATION, ("->", {"execute": "query-name"}), ("<-", {"return": {}})]
        write_trace(tmp_path / f"{name}.qmptrace", talk)
    done = run(tmp_path, "--qmp-target", str(server.path), "-n", "2")
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout
