"""The recorder as a service: what the page gives to systemd and AppArmor, held against these."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.net.address import UnixAddress
from qmpconf.trace.reader import TraceReader
from tests.real import systemd
from tests.real.pages import rules, unit
from tests.record.proxy import GREETING, PATIENCE, connected, listening, receive

PROFILES = Path("/etc/apparmor.d")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "qmpconf-record.service"
    path.write_text(unit())
    words = [program("systemd-analyze"), "verify", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    path.write_text(unit().replace("Type=", "Sort="))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert "Unknown key" in done.stderr  # it would say so


@pytest.mark.parametrize(
    ("number", "local", "profile"),
    [
        (0, "abstractions/libvirt-qemu", "libvirt/TEMPLATE.qemu"),
        (1, "usr.sbin.libvirtd", "usr.sbin.libvirtd"),
    ],
)
def test_apparmor_understands_the_rules_in_the_profile_that_they_are_for(
    tmp_path: Path, number: int, local: str, profile: str
) -> None:
    parser = program("apparmor_parser")
    if not (PROFILES / profile).exists():
        pytest.skip(f"there is no {PROFILES / profile}")
    base = tmp_path / "apparmor.d"
    shutil.copytree(PROFILES, base)
    # -Q: not into the kernel; what is parsed includes the local rules.
    words = [parser, "-Q", "-T", "-K", "--base", str(base), str(base / profile)]
    for text, code in ((rules()[number], 0), ("/usr/bin/* nonsense,\n", 1)):
        (base / "local" / local).parent.mkdir(parents=True, exist_ok=True)
        (base / "local" / local).write_text(text)
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == code, done.stderr


def test_clients_of_sockets_that_systemd_made_come_before_the_recorder(tmp_path: Path) -> None:
    names = ("web", "db")
    (tmp_path / "c.toml").write_text(
        "output = 'out'\ncompress = 'none'\n"
        + "".join(
            f"[[monitor]]\nname = '{name}'\nserver = 'unix:{tmp_path}/{name}'\nlisten = 'fd:{name}'\n"
            for name in names
        )
    )
    servers = [listening(UnixAddress(str(tmp_path / name))) for name in names]
    words = [
        program("systemd-socket-activate"),
        *("-l", str(tmp_path / "web.px"), "-l", str(tmp_path / "db.px"), "--fdname=web:db"),
        *(sys.executable, "-m", "qmpconf", "record", "--config", "c.toml"),
    ]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert "Listening on" in child.stderr.readline()
        assert "Listening on" in child.stderr.readline()
        for name, listener in zip(names, servers, strict=True):
            with connected(UnixAddress(str(tmp_path / f"{name}.px"))) as client:
                server, _ = listener.accept()
                with server:
                    server.sendall(GREETING)
                    assert receive(client, len(GREETING)) == GREETING
        child.terminate()
        child.wait(PATIENCE)
        child.stderr.read()
    for listener in servers:
        listener.close()
    found = sorted((tmp_path / "out").iterdir())
    assert [path.name.partition("-")[0] for path in found] == ["db", "web"]
    assert all(any(True for _ in TraceReader(str(path)).items()) for path in found)


@pytest.mark.whole
@pytest.mark.skipif(bool(systemd.missing()), reason=systemd.missing())
def test_a_real_systemd_starts_reloads_restarts_and_stops_it() -> None:
    said = systemd.run()
    for text in (
        "a client starts it: 0 active",
        "reload: 0",
        "after kill -9: 0 active",
        "stop: 0 success",
        "read again: 1 monitor",
        "recording 1 monitor into /var/log/qmp",
        "10 messages in 2 sessions of 2 traces checked: no findings",
        "check: 0",
    ):
        assert text in said, said
