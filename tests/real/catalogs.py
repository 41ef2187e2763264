"""The catalogs that nobody need run a server for: of libvirt's test data, and of Debian's other architectures.

::

    python -m tests.real.catalogs [--offline] [--check]

libvirt tests its code with what real servers answered (``caps_*.replies``), of one or two builds for each
release of QEMU since 1.5.  From QEMU 2.5 on there is a reply to ``query-qmp-schema`` among the answers.  The files
of all libvirt releases that Debian's suites hold (`tests.real.sources`) are converted and compiled as a
user would do it, and written to `qmpconf/schema/catalogs` where no build of Debian's own gives the catalog of
that release.  Debian's own builds for other architectures are asked (`tests.real.architectures`); those for x86_64
are the business of ``qmpconf schema fetch``.  With ``--check``, nothing is written: what differs is named, and the
exit code is 1.

Before 4.0, introspection shows commands of other targets as well; the reply to ``query-commands`` in the same file
says which the server has, and the others are left out.

Of several files about one release and architecture, that of the newest libvirt is taken, and a release before
a build that came before it.  A file that was made to say another version than its build has is passed over.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from qmpconf.check.checking import look_through, product_of
from qmpconf.check.choice import catalog_of
from qmpconf.cli.main import main as qmpconf
from qmpconf.outputs import write_file
from qmpconf.schema import store
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import Version, of_product, release_of
from qmpconf.trace.reader import TraceReader
from tests.real.architectures import PACKAGES, Answer, answers
from tests.real.builds import RELEASES, BuildError
from tests.real.sources import sources

FOLDER = Path(store.__file__).parent / "catalogs"

#: libvirt's name of a file: QEMU's version and architecture; a variant of the host stands behind a plus.
_FILE = re.compile(r"caps_(\d+\.\d+\.\d+)[._]([a-z0-9_]+)\.replies")

#: A host's architecture -> QEMU's name of the target, where they differ.
_TARGETS = {"armv7l": "arm"}

#: The package string of a build behind a tag of QEMU's sources.
_BEHIND = re.compile(r"v(\d+\.\d+\.\d+)-\d+-g[0-9a-f]+")

PLAIN = "x86_64"

#: Architectures of which Debian's own builds give the catalogs of Debian's releases.
_OF_DEBIAN = frozenset({PLAIN, *PACKAGES})


@dataclass(frozen=True)
class File:
    """One file of libvirt's: of which release of libvirt, about which QEMU and architecture."""

    path: Path
    libvirt: str
    version: tuple[int, ...]
    architecture: str


def files(*, offline: bool) -> tuple[list[File], list[str]]:
    """All files that can be had, those of the newest libvirt first, and what is missing, in sentences.

    Raises BuildError when there is no libvirt at all.
    """
    releases, missing = sources("libvirt", offline=offline)
    found = []
    for one in reversed(releases):
        for path in sorted((one.folder / "tests/qemucapabilitiesdata").glob("caps_*.replies")):
            named = _FILE.fullmatch(path.name)
            if named is not None:
                version = tuple(map(int, named[1].split(".")))
                architecture = _TARGETS.get(named[2], named[2])
                found.append(File(path, one.release, version, architecture))
    return found, missing


def compiled(file: File, scratch: Path) -> Catalog | None:
    """The catalog in a file; None where it holds no schema, or says a version that it has not."""
    trace = scratch / "replies.qmptrace"
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        failed = qmpconf(["convert", str(file.path), str(trace), "--force", "--quiet"])
    if failed:
        raise BuildError(f"{file.path}: cannot be converted: {said.getvalue()}")
    reader = TraceReader(str(trace))
    found = look_through(reader)
    if not found.replies:
        return None
    (digest,) = found.replies
    named = found.naming(digest)
    assert named is not None
    version = named.version
    behind = _BEHIND.fullmatch(version.package)
    if behind and behind[1] == str(version):
        return None
    if behind and version.line == (version.major, version.minor):
        return None
    catalog = catalog_of(found, digest, product_of(reader))
    commands = listed(file.path) or catalog.commands.keys()
    catalog = replace(
        catalog, commands={name: one for name, one in catalog.commands.items() if name in commands}
    )
    source = replace(
        catalog.source,
        form="query-qmp-schema, query-commands",
        origin=f"libvirt {file.libvirt}, {file.path.name}",
        architecture="" if file.architecture == PLAIN else file.architecture,
    )
    return replace(catalog, name=name_of(version, file.architecture), source=source)


def listed(path: Path) -> frozenset[str]:
    """The commands in the first reply to ``query-commands`` of a file; none where there is no such reply."""
    text = path.read_text().strip()
    decoder = json.JSONDecoder()
    while text:
        value, end = decoder.raw_decode(text)
        text = text[end:].lstrip()
        names = value.get("return")
        if isinstance(names, list) and {"name": "query-commands"} in names:
            return frozenset(one["name"] for one in names)
    return frozenset()


def name_of(version: Version, architecture: str) -> str:
    """The name of a shipped catalog: "qemu-4.0.0", "qemu-3.1-rc2", "qemu-4.0.0-aarch64"."""
    return f"qemu-{version.name}" + ("" if architecture == PLAIN else f"-{architecture}")


def catalogs(found: Iterable[File]) -> Iterator[Catalog]:
    """One catalog for each release and architecture, those of x86_64 and the oldest release first."""
    groups: dict[tuple[bool, tuple[int, ...], str], list[File]] = {}
    for file in found:
        key = file.architecture != PLAIN, file.version, file.architecture
        groups.setdefault(key, []).append(file)
    with tempfile.TemporaryDirectory() as scratch:
        for (_, _, architecture), group in sorted(groups.items()):
            made = [one for file in group if (one := compiled(file, Path(scratch))) is not None]
            # `min` takes the first of equal ones, which is of the newest libvirt.
            best = min(made, key=lambda one: "-rc" in one.name or "-dev" in one.name, default=None)
            if best is not None and not (architecture in _OF_DEBIAN and _has_debian(best.name)):
                yield best


def _has_debian(name: str) -> bool:
    """Whether one of Debian's suites ships the release that a catalog is of."""
    return "{}.{}".format(*release_of(name)) in RELEASES


def of_debian(answer: Answer) -> Catalog:
    """The catalog of what one of Debian's emulators answered."""
    version = Version.of(answer.version)
    assert version is not None
    catalog = store.from_reply(
        answer.schema,
        name=name_of(version, answer.architecture),
        version=str(version),
        package=version.package,
    )
    source = replace(
        catalog.source, origin=f"Debian's {answer.package}", architecture=answer.architecture
    )
    return replace(catalog, source=source)


def encoded(catalog: Catalog) -> bytes:
    """The catalog as it ships: of another architecture than x86_64, as an overlay over that."""
    if not catalog.source.architecture:
        return store.encode(catalog)
    return store.encode_overlay(catalog, store.load_shipped(base_of(catalog.name)))


def base_of(name: str) -> str:
    """The catalog that an architecture's differs from: that of x86_64 of the same release.

    Raises BuildError when there is none.
    """
    same = [one for one in of_product("qemu") if release_of(one) == release_of(name)]
    found = next(
        (one for one in reversed(same) if store.source_of(one).kind == "introspection"), ""
    )
    if not found:
        raise BuildError(f"there is no catalog of x86_64 that {name} could differ from")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the catalogs, or compare them; exit code 1 where they differ or are missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.real.catalogs", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--offline", action="store_true", help="only what was fetched before")
    parser.add_argument("--check", action="store_true", help="write nothing: say what differs")
    options = parser.parse_args(arguments)
    try:
        found, missing = files(offline=options.offline)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    answered, silent = answers(offline=options.offline)
    for sentence in (*missing, *silent):
        print(f"not there: {sentence}", file=sys.stderr)
    differing = 0
    for catalog in chain(catalogs(found), map(of_debian, answered)):
        path = FOLDER / f"{catalog.name}{store.SUFFIX}"
        data = encoded(catalog)
        same = path.exists() and gzip.decompress(path.read_bytes()) == data
        differing += not same
        done = "as shipped" if same else "differs" if options.check else "written"
        print(f"{done:12}{catalog.name:24}{catalog.source.origin}")
        if not same and not options.check:
            write_file(path, data)
            store._listed.cache_clear()
    return 1 if differing and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
