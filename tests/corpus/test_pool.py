"""Several processes do what one does; what happens to one of them costs the others nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qmpconf.cli.main import main
from qmpconf.corpus import pool
from qmpconf.corpus.gathered import Gathered, Watch
from qmpconf.corpus.shared import Plan, Round
from qmpconf.errors import InputError, OutputError
from qmpconf.report.progress import Progress
from qmpconf.trace.share import NotSharedError, Share

SAMPLE = "traces/qemu-7.2.22-libvirtd.qmptrace.gz"


@pytest.fixture(autouse=True)
def _also_for_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "LEAST", 0)


@dataclass(frozen=True)
class Names:
    names: frozenset[str]

    def merge(self, other: Names) -> Names:
        return Names(self.names | other.names)


@dataclass(frozen=True)
class Doing:
    """The name of a file says what becomes of the worker."""

    hang: str = ""

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[Names, list[str]]:
        if path == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if path == "fails":
            raise InputError("fails: cannot be read")
        if path == "waits":
            Path(self.hang).write_text(f"{os.getpid()}")
            signal.pause()
        return Names(frozenset((path,))), [path]


@dataclass(frozen=True)
class ShareOf:
    """The name of a file says what becomes of the worker that has its second share."""

    hang: str = ""

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[Names, list[str]]:
        if number == 1:
            return Doing(self.hang)(number, path, watch)
        return Names(frozenset((f"{path} {number}",))), []


@dataclass(frozen=True)
class Dividing(Doing):
    """A task that can be divided, in two rounds of three shares."""

    def plan(self, number: int, path: str, jobs: int, watch: Watch) -> Plan:
        del number, jobs, watch
        shares = [Share(frozenset((conn,)), 2, 0, 3, 9, 9) for conn in range(3)]
        first = yield Round(ShareOf(self.hang), shares)
        second = yield Round(ShareOf(self.hang), shares)
        if path == "is for one":
            raise NotSharedError("for one")
        assert first == second
        return first, [f"{path} in shares"]


def _run(task: Doing, paths: list[str], jobs: int = 2) -> Gathered[Any]:
    with Progress("testing", quiet=True) as progress:
        return pool.run(task, paths, jobs, progress)


def test_a_worker_that_dies_is_named_with_its_file_and_hides_no_other() -> None:
    paths = [*"abc", "dies", *"def", "fails", *"ghi", "dies", "j"]
    found = _run(Doing(), paths)
    assert found.part == Names(frozenset("abcdefghij"))
    assert found.numbers == frozenset(range(len(paths)))
    assert found.unread == {
        3: "dies: the process that read it was ended (signal 9)",
        7: "fails: cannot be read",
        11: "dies: the process that read it was ended (signal 9)",
    }


def test_progress_counts_each_file_as_often_as_it_is_read(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(b"x" * 1000)
    with Progress("testing", 3000, quiet=True, times=2) as progress:
        pool.run(Doing(), [str(path) for path in paths], 2, progress)
        assert progress._done == progress._total == 6000


def test_an_interrupt_ends_all_and_keeps_what_was_found(tmp_path: Path) -> None:
    hang = tmp_path / "pid"
    os.mkfifo(hang)

    def interrupt() -> None:
        pids.append(int(hang.read_text()))
        # To the main thread: a wait of it would not notice a signal to this one.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    pids: list[int] = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    found = _run(Doing(str(hang)), ["a", "b", "waits", *"cdefgh"])
    thread.join()
    assert found.interrupted
    assert "waits" not in found.part.names
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


#: Runs a task of two files; the module that all workers need waits while it is imported.
SLOW = """
from qmpconf.corpus import pool
from qmpconf.report.progress import Progress
from tests.corpus.test_pool import Doing
pool.LEAST, pool._PRELOAD = 0, ["slow"]
try:
    pool.run(Doing(), ["a", "b"], 2, Progress("testing", quiet=True))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_while_they_are_started_is_ours_alone(tmp_path: Path) -> None:
    """The terminal sends it to all of them."""
    for name in ("begun", "go"):
        os.mkfifo(tmp_path / name)
    go = os.open(tmp_path / "go", os.O_RDWR)
    begins = f"open({str(tmp_path / 'begun')!r}, 'w').close()"
    waits = f"os.read(os.open({str(tmp_path / 'go')!r}, os.O_RDONLY), 1)"
    (tmp_path / "slow.py").write_text(f"import os\n{begins}\n{waits}\n")
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    (tmp_path / "begun").read_text()
    os.killpg(child.pid, signal.SIGINT)
    os.write(go, b"x")
    assert child.communicate() == ("interrupted\n", None)
    os.close(go)


def test_a_large_file_is_divided_and_a_worker_that_dies_costs_that_file_only() -> None:
    found = _run(Dividing(), ["a", "dies", "is for one"])
    names = {"a 0", "a", "a 2", "is for one"}
    assert found.part == Names(frozenset(names))
    assert found.unread == {1: "dies: the process that read it was ended (signal 9)"}
    assert found.said == {0: ["a in shares"], 2: ["is for one"]}


def test_an_interrupt_ends_those_that_have_shares(tmp_path: Path) -> None:
    hang = tmp_path / "pid"
    os.mkfifo(hang)
    pids: list[int] = []

    def interrupt() -> None:
        pids.append(int(hang.read_text()))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        _run(Dividing(str(hang)), ["waits"])
    thread.join()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_workers_that_end_at_once_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_work", os.abort)
    with pytest.raises(OutputError, match="--jobs 1"):
        _run(Doing(), ["a", "b"])


@pytest.mark.parametrize("verb", ["check", "coverage", "stats"])
def test_two_say_what_one_says(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        shutil.copy(SAMPLE, tmp_path / f"{number}.qmptrace.gz")
    (tmp_path / "2.qmptrace.gz").write_bytes(b"no trace")
    said = []
    for jobs in "12":
        code = main([verb, str(tmp_path), "--jobs", jobs, "--format", "json"])
        out, err = capsys.readouterr()
        lines = [line for line in out.splitlines() if '"started"' not in line]
        said.append((code, [line for line in lines if '"command"' not in line], err))
    assert said[0] == said[1]
    assert said[0][0] == 3
    assert "2.qmptrace.gz" in said[0][2]


def test_no_jobs_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["check", SAMPLE, "--jobs", "0"])
    assert error.value.code == 2
    assert "'0' is not a number of processes" in capsys.readouterr().err
    assert main(["check", SAMPLE, "--schema", "all", "--jobs", "2"]) == 2
    assert main(["convert", SAMPLE, "-", "--to", "transcript", "--jobs", "2"]) == 2


def test_an_interrupted_verb_shows_what_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = pool.of_one

    def one(task: Any, number: int, path: str, watch: Any) -> Gathered[Any]:
        if number == 2:
            raise KeyboardInterrupt
        return done(task, number, path, watch)

    monkeypatch.setattr(pool, "of_one", one)
    result = tmp_path / "r.qmpresult"
    assert main(["check", *[SAMPLE] * 4, "--jobs", "1", "--result", str(result)]) == 130
    said = capsys.readouterr()
    assert "interrupted: 2 of 4 files done" in said.err
    assert "38 messages in 1 session checked" in said.out
    assert '"exit_code":130' in result.read_text()


def test_batches_hold_each_file_once() -> None:
    found = list(pool.batches([5, 100, 1, 1, 1, 60, 1] * 9, 2))
    assert sorted(number for batch in found for number in batch) == list(range(63))
    assert len(found) >= 16
