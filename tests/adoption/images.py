"""A container engine without a daemon: buildah, with a store of its own, and base images made of the distribution's packages.

No image is pulled from anywhere.  What `.ci/Containerfile` builds upon is made by mmdebstrap out of Debian's archive, as apt is
configured on this machine (`tests.real.builds`), and kept in the same cache; it gets the names that the file
expects.  pip, inside, has what pip has outside.  Needs root.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.adoption.offline import ROOT
from tests.real.builds import cache_folder, locked, mirror

FILE = ROOT / ".ci/Containerfile"
#: The suite has the Python that the file's own images have.
_SUITE = "trixie"
_PACKAGES = {
    "builder": "python3,python3-venv,python3-dev,gcc,ca-certificates",
    "base": "python3,ca-certificates",
}
#: What pip needs to reach a registry.
_PIP = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
_CERTIFICATES = "/etc/pip.pem"


class NoEngineError(Exception):
    """Images cannot be built here; the message says why."""


@dataclass(frozen=True)
class Engine:
    """buildah, with all that it keeps in `folder`."""

    folder: Path
    driver: str

    def run(self, verb: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``buildah VERB WORDS``; raises AssertionError, with its last words, where it fails."""
        store = ["--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]
        call = ["buildah", *store, "--storage-driver", self.driver, verb, *words]
        done = subprocess.run(call, cwd=ROOT, check=False, capture_output=True, text=True)
        assert not (check and done.returncode), f"{shlex.join(call)}: {done.stderr[-2000:]}"
        return done

    def image(self, archive: Path, name: str) -> None:
        """An image of one layer: what is in `archive`."""
        container = self.run("from", "scratch").stdout.strip()
        self.run("add", "-q", container, str(archive), "/")
        self.run("commit", "-q", "--rm", container, name)

    def build(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Build the container file, with nothing but images that are there."""
        words = ["--pull-never", "--isolation", "chroot", "-f", str(FILE), "-t", name]
        return self.run("build", *words, *options, str(ROOT), check=False)

    def container(self, image: str) -> str:
        """A new container of `image`."""
        return self.run("from", "--pull-never", image).stdout.strip()

    def config(self, image: str) -> dict[str, Any]:
        """What an image says of how it is run, as the OCI image specification calls it."""
        found: dict[str, Any] = json.loads(self.run("inspect", "--type", "image", image).stdout)
        return dict(found["OCIv1"]["config"])

    def close(self) -> None:
        """Remove all containers and images."""
        self.run("rm", "--all", check=False)
        self.run("rmi", "--all", "--force", check=False)
        for below in (self.folder / "root" / self.driver, self.folder / "root"):
            subprocess.run(["umount", str(below)], check=False, capture_output=True)
        shutil.rmtree(self.folder)


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """An engine that keeps its store in `folder`; raises NoEngineError."""
    missing = [one for one in ("buildah", "mmdebstrap") if shutil.which(one) is None]
    if missing:
        raise NoEngineError(f"{' and '.join(missing)} are not installed")
    if os.geteuid() != 0:
        raise NoEngineError("only root can make a base image")
    found = Engine(folder, "overlay")
    if found.run("images", check=False).returncode:  # a file system that overlays do not stand on
        found = Engine(folder, "vfs")
    try:
        yield found
    finally:
        found.close()


def base(what: str) -> Path:
    """The archive of a base image, ``builder`` or ``base``; raises BuildError, NoEngineError."""
    folder = cache_folder() / "images"
    archive = folder / f"{_SUITE}-{what}.tar"
    with locked(folder):
        if not archive.exists():
            part = archive.with_suffix(".part.tar")
            packages = f"--include={_PACKAGES[what]}"
            words = ["--mode=root", "--variant=minbase", packages, _SUITE, str(part), mirror()]
            done = subprocess.run(
                ["mmdebstrap", *words], check=False, capture_output=True, text=True
            )
            if done.returncode:
                raise NoEngineError(f"no base image: {done.stderr.strip().splitlines()[-1]}")
            part.rename(archive)
    return archive


def names() -> dict[str, str]:
    """The images that the container file begins with, by what each is for here."""
    text = FILE.read_text(encoding="utf-8")
    found = dict(re.findall(r"(?m)^ARG (\w+)=(\S+)", text))
    return {"builder": found["BUILDER"], "base": found["BASE"]}


def pip_options(folder: Path) -> Sequence[str]:
    """Options of a build, with which pip reaches what it reaches outside; the file goes to `folder`."""
    words = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    settings = dict(re.findall(r"(?m)^[\w:]+\.\.?([\w-]+)='(.*)'$", listed))
    lines = [
        f"{name} = {settings[name]}"
        for name in _PIP
        if name in settings and "file:" not in settings[name]
    ]
    options = []
    if "cert" in settings:
        lines.append(f"cert = {_CERTIFICATES}")
        options += ["-v", f"{Path(settings['cert']).resolve()}:{_CERTIFICATES}:ro"]
    file = folder / "pip.conf"
    file.write_text("\n".join(["[global]", *lines, ""]))
    return [*options, "-v", f"{file}:/etc/pip.conf:ro"]
