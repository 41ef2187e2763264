"""What Debian's builds for other architectures than x86_64 answer to ``query-qmp-schema``: fetched once, then kept.

The emulators of one release are unpacked into a scratch folder, as `tests.real.builds` unpacks that of
x86_64, started without a machine, and asked; the programs are not kept (a gigabyte), only what
each answered, as ``CACHE/architectures/RELEASE/ARCHITECTURE.json``: ``version`` (the reply to ``query-version``),
``schema``, and ``package`` (name and version of Debian's package).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.real.builds import (
    HOST_MODULES,
    LIBRARY_FOLDERS,
    NEEDED,
    NO_MODULES,
    RELEASES,
    Apt,
    BuildError,
    cache_folder,
    locked,
)

#: Architecture -> Debian's packages that have had its emulator, the newest first.
PACKAGES: Mapping[str, Sequence[str]] = {
    "aarch64": ("qemu-system-arm",),
    "ppc64": ("qemu-system-ppc",),
    "riscv64": ("qemu-system-riscv", "qemu-system-misc"),
    "s390x": ("qemu-system-s390x", "qemu-system-misc"),
}

#: Seconds that an emulator has to answer.
_PATIENCE = 60


@dataclass(frozen=True)
class Answer:
    """What the emulator of one architecture answered; `package` is Debian's, with its version."""

    release: str
    architecture: str
    version: Mapping[str, Any]
    schema: list[Any]
    package: str


def answers(*, offline: bool) -> tuple[list[Answer], list[str]]:
    """All answers that can be had, the oldest release first, and what is missing, in sentences."""
    cache = cache_folder() / "architectures"
    found, missing = [], []
    for release in RELEASES:
        folder = cache / release
        if not offline and not folder.exists():
            try:
                with locked(cache.parent):
                    _fetch(release, folder)
            except BuildError as error:
                missing.append(f"{release}: {error}")
        for architecture in PACKAGES:
            path = folder / f"{architecture}.json"
            if path.exists():
                value = json.loads(path.read_text())
                found.append(Answer(release, architecture, **value))
            else:
                missing.append(f"the {architecture} emulator of {release} was not asked")
    return found, missing


def _fetch(release: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".fetch-{release}-", dir=target.parent) as folder:
        apt = Apt(Path(folder), RELEASES[release])
        done = Path(folder, "done")
        done.mkdir()
        there = [one for one in _packages() if _has(apt, one)]
        plan = apt.run("install", "--simulate", "--no-install-recommends", *there)
        wanted = dict(re.findall(r"(?m)^Inst (\S+) \((\S+)", plan))
        root = apt.unpack(sorted(name for name in wanted if NEEDED.match(name)))
        for architecture, packages in PACKAGES.items():
            package = next(one for one in packages if one in wanted)
            version, schema = _asked(root, architecture)
            value = {
                "version": version,
                "schema": schema,
                "package": f"{package} {wanted[package]}",
            }
            (done / f"{architecture}.json").write_text(json.dumps(value))
        done.rename(target)


def _packages() -> Iterator[str]:
    yield from dict.fromkeys(one for packages in PACKAGES.values() for one in packages)


def _has(apt: Apt, package: str) -> bool:
    try:
        apt.run("install", "--simulate", "--no-install-recommends", package)
    except BuildError:
        return False
    return True


def _asked(root: Path, architecture: str) -> tuple[Any, Any]:
    """The version and the schema that an emulator answers."""
    program = root / "usr/bin" / f"qemu-system-{architecture}"
    program.write_bytes(program.read_bytes().replace(HOST_MODULES, NO_MODULES))
    folders = [str(root / folder) for folder in LIBRARY_FOLDERS]
    linker = next(
        path for folder in folders[::-1] if (path := Path(folder, "ld-linux-x86-64.so.2")).exists()
    )
    command = [str(linker), "--library-path", ":".join(folders), str(program)]
    asked = ("qmp_capabilities", "query-version", "query-qmp-schema", "quit")
    done = subprocess.run(
        [*command, "-M", "none", "-display", "none", "-nodefaults", "-qmp", "stdio"],
        input="".join(json.dumps({"execute": one}) + "\n" for one in asked),
        env={**os.environ, "QEMU_MODULE_DIR": str(root)},
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    replies = [
        one["return"] for line in done.stdout.splitlines() if "return" in (one := json.loads(line))
    ]
    if len(replies) < 3:
        raise BuildError(f"the {architecture} emulator does not answer: {done.stderr[-300:]}")
    return replies[1], replies[2]
