"""The real servers that qmpconf is tested with: found on the machine, or fetched from Debian.

Run it to fetch what is missing, and to see what there is::

    python -m tests.real.builds [--only NAME ...] [--manuals] [--offline]

It is also what tests and recording scripts import: `find` looks (no network), `fetch` gets.

A *release* is one QEMU version that one Debian suite ships (`RELEASES`).  A release gives up to
three *builds*: ``qemu-7.2`` (the emulator for x86_64), ``qemu-storage-daemon-7.2`` and
``qemu-img-7.2``.  A release whose version is installed is taken from there.  Another one is
unpacked, never installed: the programs, the shared libraries that they need (all of them, the C
library included) and the firmware go into one folder of the cache, and run through that folder's
own dynamic linker.  Three things keep such a build away from the host's files: ``--library-path``
for the libraries, ``-L`` for the firmware, and ``QEMU_MODULE_DIR`` for QEMU's own modules.  QEMU
looks on into the host's module folder for what it does not find there, and a newer one aborts on
an older module; so that folder's name is blanked in the unpacked programs.

For each build there is a launcher, ``CACHE/bin/NAME``: a shell script that takes the program's
arguments, so that any command line can start it like an ordinary program.

The mirror and its proxy come from the machine's own apt configuration at run time; lists and
packages go to private folders, so that nothing changes for the system.  This works on Debian,
amd64, as any user.  The module knows nothing of QMP and imports nothing of qmpconf.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: QEMU release -> the Debian suite that ships it.
RELEASES: Mapping[str, str] = {
    "5.2": "bullseye",
    "7.2": "bookworm",
    "10.0": "trixie",
    "11.1": "sid",
}

#: Name of a build without its release -> the program.
PROGRAMS: Mapping[str, str] = {
    "qemu": "qemu-system-x86_64",
    "qemu-storage-daemon": "qemu-storage-daemon",
    "qemu-img": "qemu-img",
}

PACKAGES = ("qemu-system-x86", "qemu-utils")
MANUAL_PACKAGES = ("qemu-system-common", "qemu-utils")
MANUALS = ("qemu-qmp-ref.7.gz", "qemu-storage-daemon-qmp-ref.7.gz")

#: Of the packages that `PACKAGES` depend on, those that hold libraries or firmware.  The rest
#: (shells, service managers, Perl) serves an installed system.
NEEDED = re.compile(r"(lib|zlib|qemu-|seabios|ipxe-qemu)")

TRIPLET = "x86_64-linux-gnu"
LIBRARY_FOLDERS = (f"lib/{TRIPLET}", f"usr/lib/{TRIPLET}", f"usr/lib/{TRIPLET}/pulseaudio")
FIRMWARE_FOLDERS = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")
MODULE_FOLDERS = (f"usr/lib/{TRIPLET}/qemu", "usr/lib/qemu")

#: The host's module folder as it is compiled into the programs, and what replaces it.
HOST_MODULES = f"/usr/lib/{TRIPLET}/qemu\0".encode()
NO_MODULES = HOST_MODULES.replace(b"/usr/lib", b"/no/such")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class BuildError(Exception):
    """A build cannot be had; the message says why, and what to do."""


@dataclass(frozen=True)
class Build:
    """One program of one release, ready to run.

    `name` is "qemu-7.2", "qemu-storage-daemon-7.2" or "qemu-img-7.2"; `version` what the program
    itself says ("7.2.22"); `prefix` the command up to the first argument; `env` what must be
    added to the environment; `launcher` the shell script that does both; `manuals` those of the
    release's QMP reference manuals (compressed roff) that are on this machine.
    """

    name: str
    version: str
    prefix: tuple[str, ...]
    launcher: Path
    env: Mapping[str, str] = field(default_factory=dict)
    manuals: tuple[Path, ...] = ()

    def command(self, *args: str) -> list[str]:
        """The command line that runs this build with `args`; it needs `env` as well."""
        return [*self.prefix, *args]

    @property
    def product(self) -> str:
        """The name without its release: "qemu", "qemu-storage-daemon" or "qemu-img"."""
        return self.name.rpartition("-")[0]

    @property
    def release(self) -> str:
        """The release, a key of `RELEASES`: "7.2"."""
        return self.name.rpartition("-")[2]


def cache_folder() -> Path:
    """Where releases are kept: ``$QMPCONF_BUILDS``, else ``~/.cache/qmpconf/builds``."""
    return Path(os.environ.get("QMPCONF_BUILDS") or Path.home() / ".cache/qmpconf/builds")


def names() -> list[str]:
    """The names of all builds that there can be, oldest release first."""
    return [f"{product}-{release}" for release in RELEASES for product in PROGRAMS]


# ---------------------------------------------------------------------------------- looking


def find(name: str, cache: Path | None = None) -> Build:
    """The build `name`, installed or in the cache.  Never touches the network.

    Raises BuildError when it is neither, or `name` is none of `names()`.
    """
    product, _, release = name.rpartition("-")
    if product not in PROGRAMS or release not in RELEASES:
        raise BuildError(f"there is no build {name!r}; there are {', '.join(names())}")
    cache = cache or cache_folder()
    launcher = cache / "bin" / name
    program = shutil.which(PROGRAMS[product])
    if program:
        version = _version([program], {})
        if _is_release(version, release):
            _write_launcher(launcher, [program], {})
            return Build(name, version, (program,), launcher, {}, _manuals(cache, release))
    root = cache / f"qemu-{release}"
    if not (root / "release.json").exists():
        raise BuildError(
            f"{name} is neither installed nor in {cache}; "
            f"get it with: python -m tests.real.builds --only {name}"
        )
    prefix, env = _unpacked(root, product)
    version = json.loads((root / "release.json").read_text())["version"]
    _write_launcher(launcher, prefix, env)
    return Build(name, version, tuple(prefix), launcher, env, _manuals(cache, release))


def _unpacked(root: Path, product: str) -> tuple[list[str], dict[str, str]]:
    """The command prefix and the environment of a program that was unpacked under `root`."""
    libraries = [str(root / folder) for folder in LIBRARY_FOLDERS]
    linkers = [
        linker
        for folder in reversed(libraries)
        if (linker := Path(folder, "ld-linux-x86-64.so.2")).exists()
    ]
    program = root / "usr/bin" / PROGRAMS[product]
    if not linkers or not program.exists():
        raise BuildError(f"{root} is not complete; delete it and fetch it again")
    prefix = [str(linkers[0]), "--library-path", ":".join(libraries), str(program)]
    if product == "qemu":
        for folder in FIRMWARE_FOLDERS:
            prefix += ["-L", str(root / folder)]
    modules = [root / folder for folder in MODULE_FOLDERS if (root / folder).exists()]
    return prefix, {"QEMU_MODULE_DIR": str(modules[0] if modules else root)}


def _version(prefix: Sequence[str], env: Mapping[str, str]) -> str:
    """The version that a program says ("7.2.22"), "" when it does not run."""
    done = subprocess.run(
        [*prefix, "--version"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"version (\d+(?:\.\d+)+)", done.stdout)
    return found[1] if found else ""


def _is_release(version: str, release: str) -> bool:
    return version == release or version.startswith(f"{release}.")


def _manuals(cache: Path, release: str) -> tuple[Path, ...]:
    """The release's QMP manuals: from the cache, else those of the installed release."""
    folders = [cache / f"qemu-{release}", cache / f"manuals-{release}"]
    installed = shutil.which(PROGRAMS["qemu"])
    if installed and _is_release(_version([installed], {}), release):
        folders.append(Path("/"))
    for folder in folders:
        found = [folder / "usr/share/man/man7" / name for name in MANUALS]
        if any(path.exists() for path in found):
            return tuple(path for path in found if path.exists())
    return ()


def _write_launcher(path: Path, prefix: Sequence[str], env: Mapping[str, str]) -> None:
    """Make or renew the launcher at `path`; readers never see half of one."""
    lines = ["#!/bin/sh"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    lines.append(f'exec {shlex.join(prefix)} "$@"')
    text = "\n".join(lines) + "\n"
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.rename(path)


# --------------------------------------------------------------------------------- fetching


def fetch(name: str, *, manuals: bool = False, cache: Path | None = None) -> Build:
    """The build `name`, got from Debian when it is missing; with `manuals` these as well.

    Raises BuildError when it cannot be had (offline, no Debian, the suite has moved on).
    """
    cache = cache or cache_folder()
    try:
        build = find(name, cache)
    except BuildError:
        release = name.rpartition("-")[2]
        if name not in names():
            raise
        with locked(cache):
            _fetch_release(release, cache)
        build = find(name, cache)
    if manuals and not build.manuals:
        with locked(cache):
            _fetch_manuals(build.release, cache)
        build = find(name, cache)
    return build


@contextlib.contextmanager
def locked(cache: Path) -> Iterator[None]:
    """One fetch at a time in `cache`; the kernel drops the lock of a process that dies."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_release(release: str, cache: Path) -> None:
    """Unpack a whole release to ``cache/qemu-RELEASE``; an interrupted try leaves nothing there."""
    target = cache / f"qemu-{release}"
    if (target / "release.json").exists():
        return  # another process was faster
    with _apt(release, cache) as apt:
        plan = apt.run("install", "--simulate", "--no-install-recommends", *PACKAGES)
        wanted = re.findall(r"(?m)^Inst (\S+) \((\S+)", plan)
        packages = {name: version for name, version in wanted if NEEDED.match(name)}
        root = apt.unpack(sorted(packages))
        for program in PROGRAMS.values():
            path = root / "usr/bin" / program
            path.write_bytes(path.read_bytes().replace(HOST_MODULES, NO_MODULES))
        prefix, env = _unpacked(root, "qemu")
        version = _version(prefix, env)
        if not _is_release(version, release):
            raise BuildError(
                f"Debian's {RELEASES[release]} has QEMU {version or 'that does not run'} now, "
                f"not {release}; adapt RELEASES in {__file__}"
            )
        facts = {"version": version, "suite": RELEASES[release], "packages": packages}
        (root / "release.json").write_text(json.dumps(facts, indent=1) + "\n")
        shutil.rmtree(target, ignore_errors=True)
        root.rename(target)


def _fetch_manuals(release: str, cache: Path) -> None:
    """Unpack the packages that hold a release's manuals to ``cache/manuals-RELEASE``."""
    target = cache / f"manuals-{release}"
    with _apt(release, cache) as apt:
        root = apt.unpack(MANUAL_PACKAGES)
        shutil.rmtree(target, ignore_errors=True)
        root.rename(target)


class Apt:
    """apt-get over one suite, with lists, cache and status of its own, all under `folder`.

    With `sources` it is about source packages.  Files are downloaded to ``folder/debs``.
    """

    def __init__(self, folder: Path, suite: str, *, sources: bool = False) -> None:
        self.folder = folder
        self.suite = suite
        for name in ("state/lists/partial", "cache/archives/partial", "debs", "root"):
            (folder / name).mkdir(parents=True)
        (folder / "state/status").touch()
        trust = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        kind = "deb-src" if sources else "deb"
        (folder / "sources.list").write_text(f"{kind} {trust}{mirror()} {suite} main\n")
        options = {
            "Dir::Etc::sourcelist": f"{folder}/sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferencesparts": "-",
            "Dir::State": f"{folder}/state",
            "Dir::State::status": f"{folder}/state/status",
            "Dir::Cache": f"{folder}/cache",
            "APT::Sandbox::User": "root",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20",
        }
        self.options = [f"-o{name}={value}" for name, value in options.items()]
        self.run("update", "--error-on=any")

    def run(self, *args: str) -> str:
        """apt-get's output; raises BuildError with its last lines when it fails."""
        done = subprocess.run(
            ["apt-get", "-q", *self.options, *args],
            cwd=self.folder / "debs",
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
            raise BuildError(f"apt-get {args[0]} failed for Debian's suite {self.suite}:\n  {last}")
        return done.stdout

    def unpack(self, packages: Sequence[str]) -> Path:
        """The folder that `packages` were downloaded and unpacked to."""
        root = self.folder / "root"
        self.run("download", *packages)
        for package in sorted((self.folder / "debs").glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)
        return root


@contextlib.contextmanager
def _apt(release: str, cache: Path) -> Iterator[Apt]:
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise BuildError("other QEMU releases are fetched with apt-get and dpkg; there are none")
    with tempfile.TemporaryDirectory(prefix=f".fetch-{release}-", dir=cache) as folder:
        yield Apt(Path(folder), RELEASES[release])


def mirror() -> str:
    """The address of the Debian archive in the machine's own apt configuration."""
    text = Path("/etc/os-release").read_text()
    codename = re.search(r"(?m)^VERSION_CODENAME=\"?([\w-]+)", text)
    indexes = subprocess.run(
        ["apt-get", "-oDebug::NoLocking=1", "update", "--print-uris"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    if codename and re.search(r"(?m)^ID=debian$", text):
        found = re.search(rf"(?m)^'(\S+)/dists/{codename[1]}/InRelease'", indexes)
        if found:
            return found[1]
    raise BuildError("apt's configuration names no Debian archive for this machine's own release")


# ------------------------------------------------------------------------------ command line


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch what was asked for and list it; exit code 1 when something cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m tests.real.builds", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", nargs="+", metavar="NAME", default=names(), choices=names())
    parser.add_argument("--manuals", action="store_true", help="fetch the QMP manuals as well")
    parser.add_argument("--offline", action="store_true", help="only list what is there")
    options = parser.parse_args(arguments)
    failed = set()
    for name in options.only:
        try:
            # What failed for one program of a release would fail for the others as well.
            offline = options.offline or name.rpartition("-")[2] in failed
            build = find(name) if offline else fetch(name, manuals=options.manuals)
        except BuildError as error:
            failed.add(name.rpartition("-")[2])
            print(f"{name:25} missing: {error}")
        else:
            print(f"{name:25} {build.version:8} {build.launcher}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
