"""QAPI source of real releases against their servers, and QEMU's own test schemas: the published page.

::

    python -m tests.real.qapi [-o reports/qapi-source.md] [--offline]

The sources are those of Debian's packages (`tests.real.sources`), the servers the same builds
(`tests.real.builds`).  Each schema is compiled, and its conditions are resolved by what the server says
about itself; then every fact that both have is compared (`qmpconf.schema.agreement`).  The guest agent has no
introspection: its list of commands is compared.  The test schemas of QEMU's own parser come with what that
reports for each, its file and line.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pytest
from tabulate import tabulate

from qmpconf.errors import InputError
from qmpconf.schema.agreement import Agreement, compare
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.model import Catalog
from qmpconf.schema.qapi.compiler import compile_qapi
from qmpconf.schema.qapi.places import SourceError
from qmpconf.schema.resolve import Learned, Resolved, learned, resolved
from qmpconf.schema.sources import compile_file
from qmpconf.schema.store import from_reply
from tests.real.agents import agent, ask, synced
from tests.real.builds import RELEASES, Build, BuildError, find
from tests.real.machines import start
from tests.real.sources import Sources, sources
from tests.real.wire import Wire

COMMAND = "python -m tests.real.qapi"

#: Product -> the main file of its schema.
SCHEMAS = {
    "qemu": "qapi/qapi-schema.json",
    "qemu-storage-daemon": "storage-daemon/qapi/qapi-schema.json",
}
AGENT = "qga/qapi-schema.json"
SUITE = "tests/qapi-schema"

#: How a test schema's expected error begins: the file, the line.
_EXPECTED = re.compile(rf"(?m)^(?:{SUITE}/)?([\w-]+\.json):(\d+):")
_LISTED = re.compile(r"'([\w-]+\.json)'")
#: An error without a place: the main file cannot be read.
_UNREADABLE = ("", 0)


# ── schemas and servers ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Compared:
    """A schema's source and its server."""

    source: Catalog
    server: Catalog
    learned: Learned
    resolved: Resolved
    agreement: Agreement

    @property
    def differences(self) -> Iterator[str]:
        """Whatever is not the same in both."""
        for one in self.agreement.differences:
            yield f"{one.place} ({one.aspect}): {one.here or 'nothing'} / {one.there or 'nothing'}"
        for entries, word in (
            (self.agreement.only_here, "source"),
            (self.agreement.only_there, "server"),
        ):
            yield from (f"{one.place}: only in the {word}" for one in entries)
        yield from (f"{text}: holds, and does not" for text in self.learned.contradictory)


def introspected(build: Build) -> Catalog:
    """What the build says about itself."""
    with (
        tempfile.TemporaryDirectory() as folder,
        start(build, Path(folder)) as server,
        Wire(server.at) as wire,
    ):
        wire.negotiate()
        entries = ask(wire, "query-qmp-schema")
    return from_reply(entries, version=build.version)


def compared(found: Sources, build: Build) -> Compared:
    """The schema of a release's source, held against the build of that release."""
    path = found.folder / SCHEMAS[build.product]
    source = compile_file(path).catalog
    server = introspected(build)
    known = learned(source, server)
    final = resolved(source, known.settings)
    return Compared(source, server, known, final, compare(final.catalog, server))


def pairs(releases: Sequence[Sources]) -> Iterator[tuple[Sources, Build]]:
    """Each build that is on this machine, and the newest source of its release."""
    for release in RELEASES:
        of_it = [one for one in releases if f"{one.release}.".startswith(f"{release}.")]
        for product in SCHEMAS if of_it else ():
            try:
                yield of_it[-1], find(f"{product}-{release}")
            except BuildError as error:
                print(error, file=sys.stderr)


# ── the guest agent ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Agents:
    """The agent's commands in its source, and in what a running one lists.

    `lacking` are those that the agent does not list, each with its condition; `unknown` those that only
    the agent lists; `answers` those where the two differ about whether a success is answered.
    """

    source: Catalog
    version: str
    shared: list[str]
    lacking: dict[str, str]
    unknown: list[str]
    answers: list[str]


def agents(found: Sources, folder: Path) -> Agents:
    """The agent's schema, held against the agent that is installed."""
    source = compile_file(found.folder / AGENT).catalog
    with agent(folder) as path, Wire(path) as wire:
        synced(wire)
        info = ask(wire, "guest-info")
    listed = {one["name"]: one for one in info["supported_commands"]}
    return Agents(
        source,
        info["version"],
        sorted(source.commands.keys() & listed.keys()),
        {
            name: source.commands[name].facts.condition
            for name in sorted(source.commands.keys() - listed.keys())
        },
        sorted(listed.keys() - source.commands.keys()),
        [
            name
            for name in sorted(source.commands.keys() & listed.keys())
            if source.commands[name].silent == listed[name]["success-response"]
        ],
    )


# ── test schemas ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Tested:
    """A test schema: the place of the error that QEMU reports (None: it is right), and of ours."""

    name: str
    expected: tuple[str, int] | None
    found: tuple[str, int] | None
    words: str

    @property
    def is_same(self) -> bool:
        """Whether both say the same."""
        return self.expected == self.found


def tested(found: Sources) -> list[Tested]:
    """QEMU's own test schemas of a release, by the rules of that release."""
    folder = found.folder / SUITE
    listed = (folder / "meson.build").read_text().partition("schemas = [")[2].partition("]")[0]
    version = (found.folder / "VERSION").read_text().strip()
    with chdir(folder):
        return [_tested(name, version) for name in _LISTED.findall(listed)]


def _tested(name: str, version: str) -> Tested:
    text = Path(name).with_suffix(".err").read_text()
    place = _EXPECTED.search(text)
    expected = (place[1], int(place[2])) if place else _UNREADABLE if text else None
    try:
        compile_qapi(name, lambda file: read_document(Path(file)), release=version)
    except SourceError as error:
        return Tested(name, expected, (error.place.file, error.place.line), str(error))
    except InputError as error:
        return Tested(name, expected, _UNREADABLE, str(error))
    return Tested(name, expected, None, "")


# ── the page ─────────────────────────────────────────────────────────────────────────────────

_PREAMBLE = f"""\
# QAPI source against real servers

Made by `{COMMAND} -o reports/qapi-source.md`.

What `qmpconf schema compile` makes of QEMU's own schema files, and what servers of the same builds say about
themselves (`query-qmp-schema`). Conditions are resolved by `--introspection`: a condition holds where the server has
what depends on it; one that held in one place and not in another would be a disagreement. Compared is every fact
that both have: members, whether they are optional, types, values, branches, features, out-of-band execution. A server
can be a later stable version of its source's release (7.2.22 of 7.2.0).
"""


def page(releases: Sequence[Sources], missing: Iterable[str]) -> tuple[str, bool]:
    """The page, and whether everything agrees."""
    rows, notes, suites = [], [], []
    for found, build in pairs(releases):
        one = compared(found, build)
        rows.append(_row(one, build))
        notes += [f"- {build.name}: {text}" for text in one.differences]
    for found in releases:
        if (found.folder / SUITE / "meson.build").exists():
            suites.append((found, tested(found)))
    parts = [_PREAMBLE, *(f"- Not had: {one}." for one in missing)]
    head = ("source", "server", "commands, events", "agree", "disagree", "undetermined")
    head += ("only in source", "only in server", "conditions", "places: there, not there, open")
    parts += ["", tabulate(rows, (*head, "agreement"), tablefmt="github", disable_numparse=True)]
    parts += [
        "",
        *(["Not the same:", "", *notes] if notes else ["Every fact is the same in both."]),
    ]
    agent_lines, agent_good = _agents(releases)
    parts += ["", "## The guest agent", "", *agent_lines]
    suite_lines, suite_good = _suites(suites)
    parts += ["", "## QEMU's own test schemas", "", *suite_lines]
    return "\n".join(parts) + "\n", not notes and agent_good and suite_good


def _row(one: Compared, build: Build) -> list[object]:
    found = one.agreement
    ratio = int(found.ratio() * 10_000) / 100
    return [
        f"{one.source.source.product} {one.source.source.version}",
        f"{build.product} {build.version}",
        len(found.shared),
        *(found.count(outcome) for outcome in ("agree", "disagree", "undetermined")),
        len(found.only_here),
        len(found.only_there),
        len(one.learned.places),
        f"{one.resolved.kept}, {one.resolved.dropped}, {one.resolved.open.total()}",
        f"{ratio:.2f} %",
    ]


def _agents(releases: Sequence[Sources]) -> tuple[list[str], bool]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = next(one for one in releases if one.release.startswith("7.2"))
            one = agents(found, Path(folder))
        except (StopIteration, pytest.skip.Exception) as error:
            return [f"Not compared: {error or 'no source of its release'}."], True
    lines = [
        (
            f"qemu-ga {one.version} lists its commands (`guest-info`); its source is that of {found.release}. "
            f"Both have {len(one.shared)} of the {len(one.source.commands)} commands in the source; "
            f"{len(one.unknown)} are only in the agent's list; about whether a success is answered they "
            f"differ for {len(one.answers)}."
        ),
        *([""] if one.lacking else []),
        *(
            f"- {name}: only in the source: if {text or '(always)'}"
            for name, text in one.lacking.items()
        ),
    ]
    return lines, not one.unknown and not one.answers and all(one.lacking.values())


def _suites(suites: Sequence[tuple[Sources, list[Tested]]]) -> tuple[list[str], bool]:
    rows = [
        [
            found.release,
            len(tests),
            (
                f"{sum(one.is_same for one in tests if not one.expected)} of "
                f"{sum(not one.expected for one in tests)}"
            ),
            (
                f"{sum(one.is_same for one in tests if one.expected)} of "
                f"{sum(bool(one.expected) for one in tests)}"
            ),
        ]
        for found, tests in suites
    ]
    head = (
        "release",
        "schemas",
        "right, and compiled",
        "wrong, with the error in the same file and line",
    )
    newest = suites[-1] if suites else None
    lines = [
        (
            "`tests/qapi-schema` has a small schema for each class of error, with what QEMU's parser reports. The rules "
            "of 10.0 are held in full; of older releases, those of the sections of documentation comments (and before "
            "6.1, of upper case in names) are not: such source is read as far as it can be."
        ),
        "",
        tabulate(rows, head, tablefmt="github", disable_numparse=True),
    ]
    wrong = [one for one in newest[1] if not one.is_same] if newest else []
    lines += [f"- {one.name}: expected {one.expected}, found {one.found}" for one in wrong]
    failed = [one for _, tests in suites for one in tests if not one.expected and not one.is_same]
    return lines, not wrong and not failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; exit code 1 if anything is not the same, 4 when sources are missing."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    parser.add_argument("-o", "--output", type=Path, help="the page (default: stdout)")
    parser.add_argument("--offline", action="store_true", help="use what was fetched before")
    options = parser.parse_args(arguments)
    try:
        releases, missing = sources("qemu", offline=options.offline)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 4
    text, good = page(releases, missing)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
