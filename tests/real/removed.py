"""QEMU's own list of removed features, held against what `schema diff` says of each pair of releases.

QEMU's sources have docs/about/removed-features.rst; its sections about QMP name commands, events, members and
values, each with the release that removed it.  The newest that Debian's suites give is fetched once, into the
cache of `tests.real.builds`::

    python -m tests.real.removed -o reports/removed-features.md

Each heading is read by rules (`Listed`), never by hand, but for slips of the document (`SLIPS`) and for what no
schema can show (`REASONS`).  The other way round, a command or event that is gone between two releases, and that the
document does not name, is listed as well.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qmpconf.schema.diff import Change, diff
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import Version, of_product
from qmpconf.schema.store import load_shipped
from qmpconf.text import counted
from tests.real.builds import Apt, BuildError, cache_folder, locked
from tests.real.sources import SUITES

COMMAND = "python -m tests.real.removed -o reports/removed-features.md"

#: Names that the document spells otherwise than the schemas.
SLIPS: Mapping[str, str] = {
    "migrate_set_cache_size": "migrate-set-cache-size",
    "migrate-set-parameter": "migrate-set-parameters",
    "migrate-set-capability": "migrate-set-capabilities",
}
#: The beginning of a heading: why no schema shows what it is about.
REASONS: Mapping[str, str] = {
    "chardev client socket with ``wait``": "the member stays, for sockets that listen; that it is refused with others "
    "is a rule about two values, for which schemas have no words",
    "``vcpu`` trace events": "trace points, which are not part of the protocol",
}

_S390 = "of s390x: from 4.0 on, builds for x86 do not have it"
#: Commands and events that are gone without a line in the list: what is known of them.
UNLISTED: Mapping[str, str] = {
    "command block_passwd": "it had answered nothing but an error since encrypted images could not be used any more",
    "command cpu": "it did nothing",
    "command dump-skeys": _S390,
    "command query-cpu-model-baseline": _S390,
    "command query-cpu-model-comparison": _S390,
    "command query-gic-capabilities": "of Arm: from 4.0 on, builds for x86 do not have it",
    "command query-migrationthreads": "removed after the release of the list",
    "event COMMAND_DROPPED": "of the first form of out-of-band execution, in 3.0 and 3.1",
    "event RDMA_GID_STATUS_CHANGED": "of the device pvrdma, which the list has among the devices",
}

_SECTION = re.compile(r"QEMU Machine Protocol \(QMP\) (commands|events)\n-+\n")
_HEADING = re.compile(r"(?m)^(\S.*) \(removed in (\d+\.\d+(?:\.\d+)?)\)\n'{4,}$")
_NAME = re.compile(r"``([^`]+)``|\"([^\"]+)\"|(?<= )([\w-]+(?:\[i\])?(?:\.[\w-]+(?:\[i\])?)+)")
_FILE = "docs/about/removed-features.rst"
_HEAD = """\
# What QEMU lists as removed, and what `schema diff` says

QEMU's sources list removed features in `{file}`. Each heading of its sections about QMP is held against `qmpconf schema diff`
of two catalogs that come with qmpconf: the last one before the removal that has the thing, and the first one behind it. Made from the
list of QEMU {version} by:

```console
$ {command}
```
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One heading: the commands or events that it names, the path below them if any, and the release."""

    heading: str
    kind: str
    subjects: tuple[str, ...]
    path: tuple[str, ...]
    release: str

    @property
    def version(self) -> Version:
        """The release as a version."""
        found = Version.parse(self.release)
        assert found is not None
        return found

    def is_about(self, change: Change, subject: str) -> bool:
        """Whether a change is that removal, or the removal of all below."""
        if change.what != "removed":
            return False
        named = {change.place.partition("/")[0].partition("=")[0], *change.also}
        if f"{self.kind} {subject}" not in named:
            return False
        steps = [
            one
            for one in re.split(r"[/=\[\]]", change.place.partition("/")[2])
            if one not in {"*", ""}
        ]
        return (
            not self.path
            if not steps
            else bool(self.path) and steps[-len(self.path) :] == list(self.path)
        )


def listed(text: str) -> list[Listed]:
    """The headings of the sections about QMP."""
    found = []
    for section in _SECTION.finditer(text):
        rest = text[section.end() :]
        end = re.search(r"(?m)^\S.*\n-{4,}$", rest)
        for heading in _HEADING.finditer(rest[: end.start()] if end else rest):
            found.append(_heading(heading[1], heading[2], section[1].removesuffix("s")))
    return found


def _heading(text: str, release: str, kind: str) -> Listed:
    """A heading: names that are joined by "and" at its beginning are its subjects, others a path."""
    names = [
        (one.start(), one.end(), next(filter(None, one.groups()))) for one in _NAME.finditer(text)
    ]
    subjects, path, end = list[str](), list[str](), 0
    for begin, after, name in names:
        if not path and (not subjects or text[end:begin] == " and "):
            subjects.append(SLIPS.get(name, name))
        else:
            path += name.replace("[i]", "").split(".")
        end = after
    return Listed(text, kind, tuple(subjects), tuple(path), release)


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of one subject of a heading: the pair of catalogs and the change, or the reason why not.

    `missed` says that schemas could show it, and that `schema diff` does not.
    """

    listed: Listed
    subject: str
    before: str = ""
    after: str = ""
    change: Change | None = None
    reason: str = ""
    missed: bool = False


class Compared:
    """A list held against the introspected catalogs that ship."""

    def __init__(self, found: Sequence[Listed]) -> None:
        self.listed = found
        every = [load_shipped(name) for name in of_product("qemu")]
        self._catalogs = [
            (version, one)
            for one in every
            if one.source.kind == "introspection" and (version := Version.parse(one.source.version))
        ]
        self._catalogs.sort(key=lambda one: (one[0].release, one[0].micro))
        self._diffs: dict[tuple[str, str], list[Change]] = {}
        self.shown = [
            self._look(one, subject) for one in found for subject in one.subjects or ("",)
        ]

    def _look(self, one: Listed, subject: str) -> Shown:
        for begin, reason in REASONS.items():
            if one.heading.startswith(begin):
                return Shown(one, subject, reason=reason)
        removed = one.version.release
        after = [found for version, found in self._catalogs if version.release >= removed]
        before = [found for version, found in self._catalogs if version.release < removed]
        if not before or not after:
            side = "before" if not before else "from"
            return Shown(
                one, subject, reason=f"there is no catalog of a server {side} {one.release}"
            )
        # A build may lack what others of its release have.
        for last in reversed(before):
            for change in self.diff(last, after[0]):
                if one.is_about(change, subject):
                    return Shown(one, subject, last.name, after[0].name, change)
        return Shown(one, subject, reason="schema diff does not name it", missed=True)

    def diff(self, before: Catalog, after: Catalog) -> list[Change]:
        """The changes between two catalogs."""
        key = before.name, after.name
        if key not in self._diffs:
            self._diffs[key] = diff(before, after)
        return self._diffs[key]

    def unlisted(self, until: Version) -> Iterator[tuple[str, str, str]]:
        """(before, after, what) of commands and events that are gone, and that the document does not name.

        `until` is the release whose list it is.  What is there again later was only not built.
        """
        named = {f"{one.kind} {subject}" for one in self.listed for subject in one.subjects}
        ordered = [found for version, found in self._catalogs if version.release <= until.release]
        for at, (before, after) in enumerate(itertools.pairwise(ordered)):
            later = {
                place
                for one in ordered[at + 2 :]
                for kind, names in (("command", one.commands), ("event", one.events))
                for place in (f"{kind} {name}" for name in names)
            }
            for change in self.diff(before, after):
                place = change.place
                if change.what == "removed" and "/" not in place and place not in named | later:
                    yield before.name, after.name, place


def known(what: str) -> str:
    """What is known of a command or event that is gone without a line in the list; else nothing."""
    return (
        "unstable: it may go without notice"
        if what.startswith("command x-")
        else UNLISTED.get(what, "")
    )


def page(compared: Compared, version: str) -> str:
    """The comparison as Markdown."""
    rows = [
        f"| {one.listed.heading} | {one.listed.release} | {f'{one.before} to {one.after}' if one.before else ''} "
        f"| {f'`{one.change.place}`: {one.change.message}' if one.change else f'not shown: {one.reason}'} |"
        for one in compared.shown
    ]
    good = sum(one.change is not None for one in compared.shown)
    missed = sum(one.missed for one in compared.shown)
    summary = (
        f"{len(compared.listed)} headings name {counted(len(rows), 'thing')}: `schema diff` says of {good} that they "
        f"are gone; {len(rows) - good - missed} cannot be shown, each with the reason; {missed} are missed.\n"
    )
    beside = "Commands and events that one catalog has and the later ones have not, up to the release of the list.\n"
    found = Version.parse(version)
    assert found is not None
    lines = [
        _HEAD.format(file=_FILE, version=version, command=COMMAND),
        summary,
        "| heading | removed in | catalogs | `schema diff` says |",
        "| --- | --- | --- | --- |",
        *rows,
        "\n## Gone, and not in the document\n",
        beside,
        "| catalogs | gone | what is known of it |",
        "| --- | --- | --- |",
        *(
            f"| {before} to {after} | `{what}` | {known(what)} |"
            for before, after, what in compared.unlisted(found)
        ),
    ]
    return "\n".join(lines) + "\n"


def document(*, offline: bool = False) -> tuple[str, str]:
    """The newest list that can be had, and the release of QEMU whose it is.

    Without `offline`, suites are asked where none is in the cache.  Raises BuildError when there is none.
    """
    cache = cache_folder() / "sources"
    kept = sorted(cache.glob("removed-features-*.rst"), key=_number)
    if not kept and not offline:
        with locked(cache.parent):
            _fetch(cache)
        kept = sorted(cache.glob("removed-features-*.rst"), key=_number)
    if not kept:
        raise BuildError(f"there is no list of removed features in {cache}; get it with: {COMMAND}")
    return kept[-1].read_text(), kept[-1].stem.rpartition("-")[2]


def _number(path: Path) -> list[int]:
    return [int(one) for one in re.findall(r"\d+", path.stem)]


def _fetch(cache: Path) -> None:
    """Keep the list of the newest source package that a suite gives."""
    cache.mkdir(parents=True, exist_ok=True)
    for suite in reversed(SUITES):
        with (
            tempfile.TemporaryDirectory(prefix=f".fetch-{suite}-", dir=cache) as folder,
            contextlib.suppress(BuildError),
        ):
            apt = Apt(Path(folder), suite, sources=True)
            apt.run("source", "--download-only", "--tar-only", "qemu")
            tarball = next((apt.folder / "debs").glob("qemu_*.orig.tar.*"))
            command = ["tar", "-x", "-O", "-f", str(tarball), "--wildcards", f"*/{_FILE}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            version = re.match(r"qemu_(\d+(?:\.\d+)+)", tarball.name)
            if done.returncode == 0 and version:
                (cache / f"removed-features-{version[1]}.rst").write_text(done.stdout)
                return


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; exit code 1 where `schema diff` misses something."""
    parser = argparse.ArgumentParser(prog="python -m tests.real.removed", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("-o", "--output", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        text, version = document()
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    compared = Compared(listed(text))
    if options.output:
        options.output.write_text(page(compared, version))
    else:
        print(page(compared, version), end="")
    return int(any(one.missed for one in compared.shown))


if __name__ == "__main__":
    sys.exit(main())
