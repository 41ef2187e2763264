"""One process at a time has a target, and nobody else can keep it from us."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.conform.lock import locked
from qmpconf.errors import TargetError, UsageError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_it_is_there_for_one_and_gone_afterwards(folder: Path) -> None:
    with locked("unix:a"):
        assert len(os.listdir(folder)) == 1
        with locked("unix:b"):
            pass
        with pytest.raises(TargetError, match=rf"unix:a is being tested by process {os.getpid()} "):
            locked("unix:a", patience=0).__enter__()
    assert os.listdir(folder) == []
    with locked("unix:a"):
        pass


def test_its_folder_may_go_meanwhile(folder: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with locked("unix:a"):
        shutil.rmtree(folder)
    assert len(os.listdir("/proc/self/fd")) == before


def test_who_waits_gets_it() -> None:
    with locked("unix:a"):
        script = "from qmpconf.conform.lock import locked\nwith locked('unix:a'): print('here')"
        waiting = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert waiting.poll() is None
    assert waiting.communicate()[0] == b"here\n"


def test_a_folder_of_somebody_else_is_not_trusted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    own = folder / f"qmpconf-{os.getuid()}"
    for spoil in (lambda: own.mkdir(mode=0o777), lambda: own.symlink_to(folder)):
        spoil()
        own.chmod(0o777)
        os.environ["XDG_RUNTIME_DIR"] = str(folder / "none")
        with pytest.raises(UsageError, match="set XDG_RUNTIME_DIR or TMPDIR"):
            locked("unix:a").__enter__()
        if own.is_symlink():
            own.unlink()
        else:
            own.rmdir()
    with locked("unix:a"):
        assert len(list(own.iterdir())) == 1
