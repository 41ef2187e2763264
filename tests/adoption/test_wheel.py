"""The completions that the wheel brings along, as each shell finds and loads them."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from qmpconf.cli.main import VERBS
from tests.adoption.offline import ROOT, environment
from tests.cli.test_completion import _PRESS


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``share`` of an installed wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        data = next(name for name in file.namelist() if ".data/data/share/" in name)
        file.extractall(folder)
    return folder / data.partition("/data/share/")[0] / "data" / "share"


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize(
    ("settings", "ending", "has_core"),
    [
        ({}, f"linux_{os.uname().machine}.whl", True),
        ({"CC": "/nowhere/cc"}, "py3-none-any.whl", False),
        ({"QMPCONF_CORE": "python"}, "py3-none-any.whl", False),
    ],
    ids=["compiler", "no-compiler", "switched-off"],
)
def test_the_compiled_core_is_optional(
    tmp_path: Path, settings: dict[str, str], ending: str, has_core: bool
) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "QMPCONF_CORE"}
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, env=environment | settings)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith(ending)
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    assert any(name.startswith("qmpconf/record/_core.") for name in names)  # the source
    assert any(name.endswith(".so") for name in names) == has_core


@pytest.fixture
def shell(share: Path) -> dict[str, str]:
    """The environment of a user who has installed it."""
    path = [os.path.dirname(sys.executable), os.environ["PATH"]]
    return {**environment(), "PATH": os.pathsep.join(path), "XDG_DATA_DIRS": str(share)}


def has(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")


def test_bash(share: Path, shell: dict[str, str]) -> None:
    loaded = share / "bash-completion/completions/qmpconf"
    call = ["bash", "-c", _PRESS, "bash", str(loaded), "qmpconf", ""]
    done = subprocess.run(call, capture_output=True, text=True, env=shell, check=True)
    assert set(done.stdout.split()) >= set(VERBS)


def test_fish(tmp_path: Path, shell: dict[str, str]) -> None:
    has("fish")
    call = ["fish", "-c", "complete -C 'qmpconf repl'"]
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(call, capture_output=True, text=True, env={**shell, **home}, check=True)
    assert done.stdout.split()[0] == "replay"


def test_zsh(tmp_path: Path, share: Path, shell: dict[str, str]) -> None:
    """A user types in a terminal; who presses the tabulator key gets the rest of the word."""
    has("zsh")
    (tmp_path / ".zshrc").write_text(
        f"fpath=({share}/zsh/site-functions $fpath)\nautoload -Uz compinit\ncompinit -u -D\nPS1='READY '\n"
    )
    main, side = pty.openpty()
    env = {**shell, "ZDOTDIR": str(tmp_path), "HOME": str(tmp_path), "TERM": "dumb"}
    with subprocess.Popen(
        ["zsh", "-i"], stdin=side, stdout=side, stderr=side, env=env, start_new_session=True
    ) as child:
        os.close(side)
        seen = _until(main, b"READY ")
        os.write(main, b"qmpconf requi\t")
        seen = _until(main, b"requirements")
        child.kill()
    os.close(main)
    assert b"qmpconf requirements" in seen.replace(b"\r", b"")


def _until(terminal: int, wanted: bytes) -> bytes:
    seen = b""
    deadline = time.monotonic() + 60
    while wanted not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
    return seen
