"""``qmpconf conform --matrix FILE``: many servers, one table of servers and requirements.

The file lists them (TOML)::

    [[server]]
    name = "QEMU 7.2, -M none"
    spawn = "qemu-7.2 -M none -display none -qmp unix:{socket},server=on,wait=off"

The table goes next to it, as ``.md``; ``.html`` is the whole report.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from qmpconf.cli import results
from qmpconf.cli.conform.target import open_target
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.verdicts import CaseResult
from qmpconf.errors import InputError, QmpconfError
from qmpconf.files import read_text
from qmpconf.lists import ListEntry, read_list
from qmpconf.outputs import write_page
from qmpconf.report import conform_matrix as views
from qmpconf.report.progress import Progress
from qmpconf.report.results.merge import merged
from qmpconf.report.results.of_matrix import of_matrix, said_once
from qmpconf.report.results.records import Note
from qmpconf.report.results.stream import ResultFile as ResultOfRun
from qmpconf.report.views import html
from qmpconf.text import harmless


def run_matrix(arguments: argparse.Namespace, options: Options) -> int:
    """Run the suite against every server of the file, write the table, and give the worst code."""
    path, quiet = arguments.matrix, arguments.quiet
    servers = _servers(path)
    outcomes: dict[str, Outcome] = {}
    found = ResultOfRun(results.header_of(arguments, "conform"))
    code = 0
    for number, (name, entry) in enumerate(servers.items()):
        own = options
        if options.folder:
            own = replace(options, folder=str(Path(options.folder) / f"{number:02}"))
        if not quiet:
            print(harmless(f"{name} ..."), file=sys.stderr, flush=True)
        try:
            with ExitStack() as stack:
                target = open_target(stack, entry.text("target"), entry.text("spawn"))
                suite = stack.enter_context(Suite(target, own))
                outcome = outcomes[name] = _run(suite, name, quiet=quiet)
                found.records += of_matrix(name, outcome, f"{number:02}")
                suite.discard()
        except QmpconfError as error:
            print(harmless(f"{name}: {error}"), file=sys.stderr)
            found.records.append(Note(subject="", text=f"{name}: {error}"))
            code = max(code, error.exit_code)
            continue
        code = max(code, outcome.exit_code)
        if outcome.interrupted:
            break
        if not quiet:
            told = f"{name}: {views.counts(outcome)}; {outcome.seconds:.1f} s"
            print(harmless(told), file=sys.stderr, flush=True)
    found.records[:] = said_once(found.every(), len(servers))
    results.write(arguments, found.end(code))
    command = f"qmpconf conform --matrix {path}"
    if options.requirements:
        command += f" --requirements {options.requirements}"
    write_reports(Path(path).with_suffix(""), outcomes, found, command)
    return code


def _run(suite: Suite, name: str, *, quiet: bool) -> Outcome:
    with Progress(name, len(suite.cases), unit="cases", quiet=quiet) as progress:

        def watch(result: CaseResult) -> bool:
            progress.advance(detail=result.case)
            return False

        return suite.run_all(watch)


def write_reports(
    stem: Path, outcomes: Mapping[str, Outcome], found: ResultOfRun, command: str
) -> None:
    """Write the table as `stem` with ``.md``, the result with ``.html``.  Raises OutputError."""
    write_page(f"{stem}.md", views.markdown(outcomes, command))
    write_page(f"{stem}.html", html.page(merged([found])))


def _servers(path: str) -> dict[str, ListEntry]:
    servers: dict[str, ListEntry] = {}
    for entry in read_list(read_text(path), path, "server", "a list of servers"):
        entry.only(("name",), ("spawn", "target"))
        name = entry.text("name")
        if len(entry.values.keys() & {"spawn", "target"}) != 1:
            entry.fail(f"the server {name!r} needs a spawn or a target, one of both")
        if name in servers:
            entry.fail(f"there are two servers with the name {name!r}", "name")
        servers[name] = entry
    if not servers:
        raise InputError(f"{path}: lists no [[server]]")
    return servers
