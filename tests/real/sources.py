"""Files of Debian's source packages that hold QMP or QAPI: fetched once, then kept.

They are for `tests.real.wild` and `tests.real.qapi`.

Debian's suites ship several releases of libvirt and of QEMU.  Of each of their source packages the
upstream tarball is downloaded, and of that only the files of `WANTED` are unpacked, to
``CACHE/sources/PACKAGE-VERSION`` (the cache is that of `tests.real.builds`, and so is the way in
which apt is used).  ``CACHE/sources/SUITE.json`` says what a suite had when it was asked, and for
which files; while that file is there, the suite is not asked for them again, so that a report can be made again.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.real.builds import Apt, BuildError, cache_folder, locked

#: The suites that are asked, the oldest first; one that is gone is passed over.
SUITES = (
    "bullseye",
    "bookworm",
    "bookworm-backports",
    "trixie",
    "trixie-backports",
    "forky",
    "sid",
)

#: Source package -> the files that are unpacked, as patterns for tar (``*`` crosses folders).
WANTED: Mapping[str, tuple[str, ...]] = {
    "libvirt": ("*/tests/*.replies",),
    "qemu": (
        "*/tests/qemu-iotests/*.out",
        "*/VERSION",
        "*/qapi/*.json",
        "*/qga/qapi-schema.json",
        "*/tests/qapi-schema/*",
    ),
}
#: Stands in a folder of unpacked files: the patterns by which they were chosen.
_CHOSEN = ".chosen"


@dataclass(frozen=True)
class Sources:
    """One upstream release of a source package.

    `package` is a key of `WANTED`, `release` upstream's version ("9.0.0"), `debian` the versions
    of Debian's source packages ("9.0.0-4+deb12u2") that hold it, each with its suite; `folder`
    holds the unpacked files.
    """

    package: str
    release: str
    debian: tuple[tuple[str, str], ...]
    folder: Path


def sources(package: str, *, offline: bool = False) -> tuple[list[Sources], list[str]]:
    """All releases of `package` that can be had, the oldest first, and what cannot, in sentences.

    Without `offline`, suites that were never asked are asked.  Raises BuildError when there is no
    release at all.
    """
    cache = cache_folder() / "sources"
    missing: list[str] = []
    found: dict[str, list[tuple[str, str]]] = {}
    for suite in SUITES:
        facts = cache / f"{suite}.json"
        if not offline and _facts(facts).get(_CHOSEN) != _patterns():
            with locked(cache.parent):
                _ask(suite, cache)
        version = _facts(facts).get(package, "")
        release = _upstream(version)
        if not version:
            missing.append(f"the suite {suite} was not reached")
        elif not (cache / f"{package}-{release}").exists():
            missing.append(f"{suite} lists {package} {version}, and its archive did not give it")
        else:
            found.setdefault(release, []).append((suite, version))
    if not found:
        raise BuildError(f"no sources of {package} in {cache}: {'; '.join(missing)}")
    releases = [
        Sources(package, release, tuple(debian), cache / f"{package}-{release}")
        for release, debian in sorted(found.items(), key=lambda one: _numbers(one[0]))
    ]
    return releases, missing


def _facts(path: Path) -> dict[str, str]:
    """What a suite had when it was asked; nothing where it never was."""
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _patterns(package: str = "") -> str:
    """All patterns of `WANTED`, or those of one package, in one text."""
    return " ".join(
        one for name, patterns in WANTED.items() if package in {"", name} for one in patterns
    )


def _is_whole(place: Path, package: str) -> bool:
    """Whether the files that are wanted today were unpacked there."""
    chosen = place / _CHOSEN
    return chosen.exists() and chosen.read_text() == _patterns(package)


def _upstream(version: str) -> str:
    """``9.0.0`` of ``9.0.0-4+deb12u2``, ``7.2`` of ``1:7.2+dfsg-7``."""
    return re.sub(r"^\d+:|[+-].*", "", version)


def _numbers(release: str) -> Sequence[int]:
    return [int(number) for number in re.findall(r"\d+", release)]


def _ask(suite: str, target: Path) -> None:
    """Ask one suite for all packages, and unpack what is not there yet.

    What a suite lists is noted even where its archive does not give the tarball; a suite that
    cannot be reached is asked again the next time.
    """
    target.mkdir(parents=True, exist_ok=True)
    facts: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix=f".fetch-{suite}-", dir=target) as folder:
        try:
            apt = Apt(Path(folder), suite, sources=True)
        except BuildError:
            return
        for package in WANTED:
            try:
                plan = apt.run("source", "--print-uris", "--dsc-only", package)
            except BuildError:
                continue  # the suite has no such package
            named = re.search(rf"' {package}_(\S+)\.dsc ", plan)
            if named is None:
                continue
            # The epoch is not in the name of a file; whatever says a version here goes without.
            facts[package] = named[1]
            place = target / f"{package}-{_upstream(named[1])}"
            if not _is_whole(place, package):
                with contextlib.suppress(BuildError):
                    _fetch(apt, package, place)
    facts[_CHOSEN] = _patterns()
    (target / f"{suite}.json").write_text(json.dumps(facts, indent=1) + "\n")


def _fetch(apt: Apt, package: str, place: Path) -> None:
    """Download the upstream tarball of `package`, and unpack what is wanted to `place`."""
    apt.run("source", "--download-only", "--tar-only", package)
    tarball = next((apt.folder / "debs").glob(f"{package}_*.orig.tar.*"))
    fresh = apt.folder / package
    fresh.mkdir()
    _unpack(tarball, fresh, WANTED[package])
    (fresh / _CHOSEN).write_text(_patterns(package))
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)


def _unpack(tarball: Path, folder: Path, patterns: Sequence[str]) -> None:
    command = ["tar", "-x", "-f", str(tarball), "-C", str(folder), "--strip-components=1"]
    done = subprocess.run(
        [*command, "--wildcards", *patterns], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"{tarball.name} cannot be unpacked: {done.stderr.strip()[-200:]}")
