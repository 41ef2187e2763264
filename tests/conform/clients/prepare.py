"""Fetches the public clients of reports/clients.toml, without installing them: ``python -m
tests.conform.clients.prepare``.

They go to the user's cache: wheels from PyPI, packages from Debian; go-qemu's is built from
Debian's source package, if golang-go and golang-github-digitalocean-go-qemu-dev are installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import qmpconf.conform.client

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qmpconf" / "clients"
WHEELS = CACHE / "python"
GANETI = CACHE / "ganeti"
GO = CACHE / "go-testee"
TUI = CACHE / "tui"
VIRT = CACHE / "virt"

#: What is fetched from PyPI: a client, and what Ganeti imports.
_NAMES = ("qmp==1.1.0", "bitarray", "simplejson")
#: qmp-tui, with what it imports.
_TUI = "qemu.qmp[tui]==0.0.6"


def main() -> None:
    """Fetch all of them."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if not (WHEELS / "qmp.py").exists():
        words = [sys.executable, "-m", "pip", "install", "-q", "--target", str(WHEELS), *_NAMES]
        subprocess.run(words, check=True)
    if not TUI.exists():
        words = [sys.executable, "-m", "pip", "install", "-q", "--target", str(TUI), _TUI]
        subprocess.run(words, check=True)
    _unpack(GANETI, "ganeti-3.0")
    _unpack(VIRT, "libvirt-clients-qemu", "python3-libvirt")
    if not GO.exists() and shutil.which("go"):
        source = Path(qmpconf.conform.client.__file__).parent / "testees" / "testee.go"
        environment = {**os.environ, "GOPATH": "/usr/share/gocode", "GO111MODULE": "off"}
        subprocess.run(["go", "build", "-o", str(GO), str(source)], env=environment, check=True)
    print(CACHE)


def _unpack(where: Path, *packages: str) -> None:
    """Debian packages in a folder of their own."""
    if where.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "-q", *packages], cwd=folder, check=True)
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(where)], check=True)


if __name__ == "__main__":
    main()
