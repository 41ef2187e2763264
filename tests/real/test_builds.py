"""The builds are what they say, and every one of them speaks QMP."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.real import builds
from tests.real.conftest import StartServer, require
from tests.real.machines import Server
from tests.real.wire import Wire


def test_greets_with_its_own_version(each_qemu: Server) -> None:
    with Wire(each_qemu.path) as wire:
        version = wire.negotiate()["QMP"]["version"]["qemu"]
    told = f"{version['major']}.{version['minor']}.{version['micro']}"
    assert told == each_qemu.build.version
    assert told.startswith(f"{each_qemu.build.release}.")


@pytest.mark.parametrize("release", builds.RELEASES)
def test_storage_daemon_greets(release: str, start_server: StartServer) -> None:
    server = start_server(f"qemu-storage-daemon-{release}")
    # While it starts, two of its threads accept; then the first connection may be closed at once.
    with contextlib.suppress(EOFError), Wire(server.path) as wire:
        assert wire.negotiate()["QMP"]["capabilities"] == ["oob"]
        return
    with Wire(server.path) as wire:
        assert wire.negotiate()["QMP"]["capabilities"] == ["oob"]


@pytest.mark.parametrize("release", builds.RELEASES)
def test_machine_has_what_sessions_need(release: str, start_rich: StartServer) -> None:
    server = start_rich(f"qemu-{release}")
    with Wire(server.path) as wire:
        wire.negotiate()
        assert wire.command("query-status")["return"]["status"] == "prelaunch"
        assert [one["qdev"] for one in wire.command("query-block")["return"]] != []


@pytest.mark.parametrize("name", builds.names())
def test_launcher_is_an_ordinary_program(name: str, tmp_path: Path) -> None:
    build = require(name)
    done = subprocess.run(
        [build.launcher, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"version {build.version}" in done.stdout


def test_unknown_build_lists_the_known_ones() -> None:
    with pytest.raises(builds.BuildError, match=r"qemu-7\.2"):
        builds.find("qemu-1.0")


def test_missing_build_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(builds.BuildError, match=r"python -m tests\.real\.builds --only qemu-10\.0"):
        builds.find("qemu-10.0", tmp_path)


def test_fetch_without_apt_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(builds.BuildError, match="apt-get"):
        builds.fetch("qemu-10.0", cache=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_interrupted_fetch_leaves_no_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cut(builds.Apt):
        def __init__(self, folder: Path, suite: str, *, sources: bool = False) -> None:
            del suite, sources
            self.folder = folder
            (folder / "root").mkdir()

        def run(self, *args: str) -> str:
            (self.folder / "root/half").touch()
            raise KeyboardInterrupt

    monkeypatch.setattr(builds, "Apt", Cut)
    monkeypatch.setattr(shutil, "which", lambda name: None if "qemu" in name else name)
    with pytest.raises(KeyboardInterrupt):
        builds.fetch("qemu-10.0", cache=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
