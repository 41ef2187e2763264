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
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from qmpconf.cli import results
from qmpconf.cli.conform import open_target
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.verdicts import Result
from qmpconf.errors import InputError, QmpconfError
from qmpconf.files import read_text
from qmpconf.outputs import write_page
from qmpconf.report import conform_matrix as views
from qmpconf.report.conform import counts
from qmpconf.report.progress import Progress
from qmpconf.report.results.merge import merged
from qmpconf.report.results.of_matrix import of_matrix
from qmpconf.report.results.records import Note
from qmpconf.report.results.stream import Result as ResultOfRun
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
                target = open_target(stack, entry.get("target"), entry.get("spawn"))
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
        if not quiet:
            print(harmless(f"{name}: {counts(outcome)}"), file=sys.stderr, flush=True)
    results.write(arguments, found.end(code))
    write_reports(Path(path).with_suffix(""), outcomes, found, f"qmpconf conform --matrix {path}")
    return code


def _run(suite: Suite, name: str, *, quiet: bool) -> Outcome:
    with Progress(name, len(suite.cases), unit="cases", quiet=quiet) as progress:

        def watch(result: Result) -> bool:
            progress.advance(detail=result.case)
            return False

        return suite.run_all(watch)


def write_reports(
    stem: Path, outcomes: Mapping[str, Outcome], found: ResultOfRun, command: str
) -> None:
    """Write the table as `stem` with ``.md``, the result with ``.html``.  Raises OutputError."""
    write_page(f"{stem}.md", views.markdown(outcomes, command))
    write_page(f"{stem}.html", html.page(merged([found])))


def _servers(path: str) -> dict[str, dict[str, Any]]:
    try:
        value = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is no list of servers: {error}") from None
    servers: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(value.get("server", []), 1):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not name or len(entry.keys() & {"spawn", "target"}) != 1:
            raise InputError(f"{path}: server {number} needs a name, and spawn or target")
        if odd := entry.keys() - {"name", "spawn", "target"}:
            raise InputError(f"{path}: server {number}: unexpected {', '.join(sorted(odd))}")
        servers[name] = entry
    if not servers:
        raise InputError(f"{path}: lists no [[server]]")
    return servers
