"""``qmpconf conform``: the conformance suite against a live monitor."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.cli import results
from qmpconf.cli.examples import explain
from qmpconf.cli.options import force, seconds
from qmpconf.conform.cases import server_cases
from qmpconf.conform.known import Known, dumped
from qmpconf.conform.outcome import Outcome, to_data
from qmpconf.conform.suite import Options, Suite, chosen, nothing_chosen
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import Result, Verdict
from qmpconf.errors import UsageError
from qmpconf.files import read_text
from qmpconf.net.address import parse_address
from qmpconf.net.process import Server
from qmpconf.outputs import Outputs, write_file
from qmpconf.report import conform as views
from qmpconf.report.progress import Progress
from qmpconf.report.results import of_conform
from qmpconf.report.results.stream import Result as Stream
from qmpconf.report.results.stream import ResultWriter
from qmpconf.trace.redaction import Redactor

_EPILOG = """\
examples:
  qmpconf conform --target /run/vm/qmp.sock
  qmpconf conform --spawn 'qemu-system-x86_64 -M none -display none
      -qmp unix:{socket},server=on,wait=off' --level MUST
  qmpconf conform --target qmp.sock -k framing -x
  qmpconf conform --target qmp.sock --result server.qmpresult

exit codes: 0 conforms; 1 does not, or a failure that is listed as known is gone; 2 usage; 3 a file
cannot be read or written; 4 the target cannot be reached, or went away
"""


#: The pages of a matrix and of a report: the table, and the whole as HTML.
PAGES = (".md", ".html")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    explain(parser, _EPILOG)
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--target", metavar="ADDR", help="the monitor: unix:PATH, a bare path or tcp:HOST:PORT"
    )
    target.add_argument(
        "--spawn",
        metavar="COMMAND",
        help="start this server, with {socket} where its monitor's path goes; it ends with the run",
    )
    target.add_argument(
        "--matrix",
        metavar="FILE",
        help="run against every server that FILE (TOML) lists, and write the table of servers and "
        "requirements next to it, as Markdown and HTML",
    )
    parser.add_argument(
        "-k",
        dest="patterns",
        metavar="PATTERN",
        action="append",
        default=[],
        help="only cases with this in their id, or whose id matches this glob; may be repeated",
    )
    parser.add_argument("-x", "--exitfirst", action="store_true", help="end with the first failure")
    parser.add_argument(
        "--level",
        choices=("MUST", "SHOULD", "MAY"),
        default="MAY",
        help="only requirements that bind at least as much (%(default)s: all)",
    )
    parser.add_argument(
        "--schema",
        metavar="NAME|FILE|auto|none",
        default="auto",
        help="the catalog to make cases from (auto: the target's own introspection, else the "
        "shipped one that fits best)",
    )
    parser.add_argument(
        "--destructive",
        action="store_true",
        help="also call commands that end, reset or change the target",
    )
    parser.add_argument(
        "--fast", action="store_true", help="leave out what takes seconds on a slow reader"
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=10.0,
        metavar="SECONDS",
        help="how long an answer may take (default: %(default)g)",
    )
    parser.add_argument(
        "--known-failing", metavar="FILE", help="failures that are expected; one that passes fails"
    )
    parser.add_argument(
        "--update-known-failing",
        action="store_true",
        help="write the failures of this run to the file of --known-failing",
    )
    parser.add_argument(
        "--no-known-failing",
        action="store_true",
        help="do not apply the shipped list of what real servers are known to do",
    )
    parser.add_argument("--list", action="store_true", help="list the cases, and end")
    parser.add_argument(
        "--dry-run", action="store_true", help="look at the target, and say what would be run"
    )
    parser.add_argument(
        "--report",
        metavar="DIR",
        help="keep every trace there, and write results.json, report.md and report.html",
    )
    force(parser)
    results.configure(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="one line for every case")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing on stderr")


def run(arguments: argparse.Namespace) -> int:
    """Run, print, and give 0 (conforms), 1 (does not) or 4 (not reachable, or gone)."""
    if arguments.update_known_failing and not arguments.known_failing:
        raise UsageError("--update-known-failing needs the file: add --known-failing FILE")
    _outputs(arguments)
    if arguments.matrix:
        from qmpconf.cli.conform_matrix import run_matrix

        return run_matrix(arguments, options_of(arguments))
    if not (arguments.target or arguments.spawn):
        if arguments.list:
            every = server_cases().values()
            cases = [one for one in every if chosen(one.id, arguments.patterns)]
            if not cases:
                raise nothing_chosen(arguments.patterns, [one.id for one in every])
            print(views.listing(cases, _levels(), results.width()))
            return 0
        raise UsageError("what is put to the test? Give --target ADDR or --spawn COMMAND")
    with ExitStack() as stack:
        target = open_target(stack, arguments.target, arguments.spawn)
        suite = stack.enter_context(Suite(target, options_of(arguments)))
        if arguments.list or arguments.dry_run:
            return _look(suite, listed=arguments.list)
        return _run(suite, arguments)


def _outputs(arguments: argparse.Namespace) -> None:
    """Raise UsageError for a file that must not be written."""
    known = arguments.known_failing if not arguments.update_known_failing else ""
    outputs = Outputs(
        [arguments.schema, arguments.matrix or "", known or ""], force=arguments.force
    )
    if arguments.update_known_failing:
        outputs.add(arguments.known_failing, "list", "--known-failing")
    outputs.add(arguments.result, "result", "--result")
    if arguments.matrix:
        for ending in PAGES:
            outputs.add(Path(arguments.matrix).with_suffix(ending), "page", "--matrix: the page")
    if arguments.report:
        for name in ("results.json", *(f"report{ending}" for ending in PAGES)):
            outputs.add(os.path.join(arguments.report, name), "page", "--report: the page")


def open_target(stack: ExitStack, address: str | None, command: str | None) -> Target:
    """The target of a command line; a server that is started ends with `stack`."""
    if address:
        return Target(parse_address(address))
    server = stack.enter_context(Server(command or ""))
    server.start()
    server.wait_until_bound()
    words = f"--spawn {shlex.quote(Redactor().command_line(command or ''))}"
    return Target(server.address, server=server, words=words)


def options_of(arguments: argparse.Namespace) -> Options:
    """The suite's options out of the command line.  Raises InputError for a bad list."""
    known = None
    path = arguments.known_failing
    if path and (os.path.exists(path) or not arguments.update_known_failing):
        known = Known.parse(read_text(path), path)
    return Options(
        patterns=tuple(arguments.patterns),
        level=arguments.level,
        destructive=arguments.destructive,
        slow=not arguments.fast,
        schema=arguments.schema,
        patience=arguments.timeout,
        folder=arguments.report or "",
        known=known,
        shipped=not arguments.no_known_failing,
    )


def _run(suite: Suite, arguments: argparse.Namespace) -> int:
    tell = sys.stderr if not arguments.quiet else None
    own = sys.stderr if arguments.result == "-" else sys.stdout
    if tell:
        print(views.opening(suite.outcome(), len(suite.cases), suite.known), file=tell)
    total = len(suite.cases)
    # With a line for each case, there is progress enough to see.
    quiet = arguments.quiet or arguments.verbose
    with Progress("running", total, unit="cases", quiet=quiet) as progress:

        def watch(result: Result) -> bool:
            progress.advance(detail=result.case)
            if arguments.verbose:
                print(views.line(result), flush=True, file=own)
            return arguments.exitfirst and result.verdict is Verdict.FAIL and not result.known

        outcome = _run_all(suite, arguments, watch)
    if arguments.update_known_failing:
        _write(arguments.known_failing, dumped(outcome.results, suite.known))
        print(f"wrote {arguments.known_failing}", file=sys.stderr)
    if arguments.report:
        from qmpconf.cli.conform_matrix import write_reports
        from qmpconf.report.results.of_matrix import of_matrix

        _write(os.path.join(arguments.report, "results.json"), json.dumps(to_data(outcome)))
        name = of_conform.server_of(outcome)
        found = Stream(results.header_of(arguments, "conform"))
        found.records += of_matrix(name, outcome, "traces")
        found.end(outcome.exit_code, outcome.gone)
        command = f"qmpconf conform {outcome.repeat}"
        write_reports(Path(arguments.report) / "report", {name: outcome}, found, command)
    print(views.closing(outcome), file=own)
    if not arguments.report and not outcome.unexpected and not outcome.gone:
        suite.discard()
    elif tell:
        print(f"the traces are in {suite.traces}", file=tell)
    return 0 if arguments.update_known_failing and not outcome.gone else outcome.exit_code


def _run_all(
    suite: Suite, arguments: argparse.Namespace, watch: Callable[[Result], bool]
) -> Outcome:
    """Run the cases, and write each to the result as soon as it is known."""
    if not arguments.result:
        return suite.run_all(watch)
    opened = suite.outcome()
    told: list[str] = []
    with ResultWriter(arguments.result, results.header_of(arguments, "conform")) as writer:
        writer.write(*of_conform.opening(opened))

        def write(result: Result) -> bool:
            writer.write(of_conform.case(opened, result))
            told.append(result.case)
            return watch(result)

        outcome = suite.run_all(write)
        writer.write(*of_conform.closing(outcome, told))
        writer.finish(outcome.exit_code, outcome.gone)
    return outcome


def _look(suite: Suite, *, listed: bool) -> int:
    if listed:
        print(views.listing(suite.cases, _levels(), results.width()))
    else:
        print(views.opening(suite.outcome(), len(suite.cases), suite.known))
        for case in suite.cases:
            reason = suite.not_applicable(case)
            known = suite.known.reason_for(case.id)
            told = (
                f"skip: {reason}" if reason else f"run, known to fail: {known}" if known else "run"
            )
            print(f"{case.id}: {told}")
    suite.discard()
    return 0


def _levels() -> dict[str, str]:
    return {name: rule.level.value for name, rule in ALL_REQUIREMENTS.items()}


def _write(path: str, text: str) -> None:
    write_file(path, text.encode())
