"""``qmpconf conform``: the conformance suite against a live monitor."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.cli import baseline, options, results
from qmpconf.cli.conform.target import open_target
from qmpconf.cli.conform.weight import fail_on, requirements, weighed
from qmpconf.cli.examples import explain
from qmpconf.cli.options import force, seconds
from qmpconf.conform.cases import server_cases
from qmpconf.conform.frozen import RequirementSet, load_set
from qmpconf.conform.known import Known, dumped
from qmpconf.conform.outcome import Outcome, to_data
from qmpconf.conform.suite import Options, Suite, chosen, nothing_chosen
from qmpconf.conform.verdicts import CaseResult, Verdict
from qmpconf.errors import UsageError
from qmpconf.outputs import Outputs, write_file
from qmpconf.report import conform as views
from qmpconf.report.progress import Progress
from qmpconf.report.results import of_conform
from qmpconf.report.results.stream import ResultFile as Stream
from qmpconf.report.results.stream import ResultWriter
from qmpconf.report.views.words import case_line
from qmpconf.text import printable

_EPILOG = """\
examples:
  qmpconf conform --target /run/vm/qmp.sock
  qmpconf conform --spawn 'qemu-system-x86_64 -M none -display none
      -qmp unix:{socket},server=on,wait=off' --level MUST
  qmpconf conform --target qmp.sock -k framing -x
  qmpconf conform --target qmp.sock --result server.qmpresult
  qmpconf conform --target qga.sock --protocol qga

exit codes: 0 conforms; 1 does not (with --strict: or breaks a SHOULD), or is undecided (of
something that binds as a MUST no case could find out), or a failure that --baseline lists
passes; 2 usage; 3 a file cannot be read or written; 4 the target cannot be reached, or went
away; 130 interrupted (what was found so far is reported)
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
    parser.add_argument(
        "-j",
        "--jobs",
        type=_jobs,
        default=1,
        metavar="N|auto",
        help="run cases in N processes (auto: one for each processor), each with a server of its own "
        "(--spawn); with --target, the cases of the schema, where it serves several clients at once",
    )
    parser.add_argument("-x", "--exitfirst", action="store_true", help="end with the first failure")
    parser.add_argument(
        "--level",
        choices=("MUST", "SHOULD", "MAY"),
        default="MAY",
        help="only requirements that bind at least as much (%(default)s: all)",
    )
    requirements(parser, "the target")
    parser.add_argument(
        "--schema",
        metavar="NAME|FILE|auto|none",
        default="auto",
        help="the catalog to make cases from (auto: the target's own introspection, else the "
        "shipped one that fits best)",
    )
    options.protocol(parser, auto="qmp")
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
    old = {"--known-failing": "--baseline", "--update-known-failing": "--update"}
    baseline.configure(parser, old=old)
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
    parser.add_argument(
        "--format", choices=results.FORMATS, default="text", help="on stdout (default: text)"
    )
    force(parser)
    results.configure(parser)
    fail_on(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="one line for every case")
    options.quiet(parser)


def _jobs(text: str) -> int:
    try:
        jobs = len(os.sched_getaffinity(0)) if text == "auto" else int(text)
    except ValueError:
        jobs = 0
    if jobs < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes; write 4, or auto")
    return jobs


def run(arguments: argparse.Namespace) -> int:
    """Run, print, and give 0 (conforms), 1 (does not) or 4 (not reachable, or gone)."""
    return weighed(arguments, _any)


def _any(arguments: argparse.Namespace) -> int:
    _outputs(arguments)
    if arguments.matrix:
        from qmpconf.cli.conform.matrix import run_matrix

        return run_matrix(arguments, options_of(arguments))
    if not (arguments.target or arguments.spawn):
        if arguments.list:
            frozen = load_set(arguments.requirements)
            every = [one for one in server_cases().values() if one.requirements[0] in frozen]
            cases = [one for one in every if chosen(one.id, arguments.patterns)]
            if not cases:
                raise nothing_chosen(arguments.patterns, [one.id for one in every])
            print(views.listing(cases, _levels(frozen), results.width()))
            return 0
        raise UsageError("what is put to the test? Give --target ADDR or --spawn COMMAND")
    with ExitStack() as stack:
        target = open_target(stack, arguments.target, arguments.spawn, arguments.protocol)
        suite = stack.enter_context(Suite(target, options_of(arguments)))
        if arguments.list or arguments.dry_run:
            return _look(suite, listed=arguments.list)
        return _run(suite, arguments)


def _outputs(arguments: argparse.Namespace) -> None:
    """Raise UsageError for a file that must not be written."""
    inputs = [arguments.schema, arguments.matrix or "", *baseline.inputs(arguments)]
    outputs = Outputs(inputs, force=arguments.force)
    baseline.files(arguments, outputs)
    outputs.add(arguments.result, "result", "--result")
    if arguments.matrix:
        for ending in PAGES:
            outputs.add(Path(arguments.matrix).with_suffix(ending), "page", "--matrix: the page")
    if arguments.report:
        for name in ("results.json", *(f"report{ending}" for ending in PAGES)):
            outputs.add(os.path.join(arguments.report, name), "page", "--report: the page")


def options_of(arguments: argparse.Namespace) -> Options:
    """The suite's options out of the command line.  Raises InputError for a bad list."""
    path = arguments.baseline
    known = Known.parse(baseline.text_of(arguments), path) if path else None
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
        strict=arguments.strict,
        requirements=arguments.requirements,
    )


def _run(suite: Suite, arguments: argparse.Namespace) -> int:
    tell = sys.stderr if not arguments.quiet else None
    stays = arguments.format == "text" and arguments.result != "-"
    live = sys.stdout if stays else sys.stderr
    if tell:
        print(views.opening(suite.outcome(), len(suite.cases), suite.known), file=tell)
    total = len(suite.cases)
    # With a line for each case, there is progress enough to see.
    quiet = arguments.quiet or arguments.verbose
    with Progress("running", total, unit="cases", quiet=quiet) as progress:

        def watch(result: CaseResult) -> bool:
            progress.advance(detail=result.case)
            told = printable(case_line(of_conform.case("", result)))
            if arguments.verbose:
                print(told, flush=True, file=live)
            elif result.verdict is Verdict.FAIL and not result.known:
                progress.say(told)  # as it happens: a run may take minutes
            return arguments.exitfirst and result.verdict is Verdict.FAIL and not result.known

        outcome = _run_all(suite, arguments, watch)
    if arguments.update:
        text = dumped(outcome.results, suite.known, "conform")
        broken = sum(one.verdict.broken for one in outcome.results)
        baseline.save(arguments, "conform", text, broken)
    if arguments.report:
        from qmpconf.cli.conform.matrix import write_reports
        from qmpconf.report.results.of_matrix import of_matrix

        _write(os.path.join(arguments.report, "results.json"), json.dumps(to_data(outcome)))
        name = of_conform.server_of(outcome)
        found = Stream(results.header_of(arguments, "conform"))
        found.records += of_matrix(name, outcome, "traces")
        found.end(outcome.exit_code, outcome.gone)
        command = f"qmpconf conform {outcome.repeat}"
        write_reports(Path(arguments.report) / "report", {name: outcome}, found, command)
    header = results.header_of(arguments, "conform")
    results.show(arguments, of_conform.of_conform(header, outcome))
    whole = outcome.interrupted or not outcome.gone
    if not arguments.report and not outcome.unexpected and whole:
        suite.discard()
    elif tell:
        print(f"the traces are in {suite.traces}", file=tell)
    return 0 if arguments.update and not outcome.gone else outcome.exit_code


def _cases(
    suite: Suite, arguments: argparse.Namespace, watch: Callable[[CaseResult], bool]
) -> Outcome:
    if arguments.jobs == 1:
        return suite.run_all(watch)
    from qmpconf.conform import parallel

    reopen = partial(
        open_target,
        address=arguments.target,
        command=arguments.spawn,
        protocol=arguments.protocol,
    )
    return parallel.run_all(suite, arguments.jobs, reopen, watch)


def _run_all(
    suite: Suite, arguments: argparse.Namespace, watch: Callable[[CaseResult], bool]
) -> Outcome:
    """Run the cases, and write each to the result as soon as it is known."""
    if not arguments.result:
        return _cases(suite, arguments, watch)
    opened = suite.outcome()
    told: list[str] = []
    with ResultWriter(arguments.result, results.header_of(arguments, "conform")) as writer:
        writer.write(*of_conform.opening(opened))

        def write(result: CaseResult) -> bool:
            writer.write(of_conform.case(of_conform.server_of(opened), result))
            told.append(result.case)
            return watch(result)

        outcome = _cases(suite, arguments, write)
        writer.write(*of_conform.closing(outcome, told))
        writer.finish(outcome.exit_code, outcome.gone)
    return outcome


def _look(suite: Suite, *, listed: bool) -> int:
    if listed:
        print(
            views.listing(
                suite.cases, _levels(load_set(suite.options.requirements)), results.width()
            )
        )
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


def _levels(frozen: RequirementSet) -> dict[str, str]:
    return {name: frozen.level(name).value for name in ALL_REQUIREMENTS if name in frozen}


def _write(path: str, text: str) -> None:
    write_file(path, text.encode())
