"""``qmpconf conform-client``: the client suite, a legal but unkind server for one client."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace

from qmpconf.cli import baseline, results
from qmpconf.cli.conform.weight import fail_on, requirements, weighed
from qmpconf.cli.options import force, seconds
from qmpconf.conform.client.suite import OUTPUTS, Options, conform_client, opened, scenarios
from qmpconf.conform.frozen import load_set
from qmpconf.conform.known import Known, dumped
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.verdicts import CaseResult
from qmpconf.errors import TargetError, UsageError
from qmpconf.files import read_text
from qmpconf.monitor.core import DEFAULT_SCHEMA
from qmpconf.net.address import parse_address
from qmpconf.outputs import Outputs, make_folder, write_page
from qmpconf.report import conform_client as views
from qmpconf.report.results import of_conform
from qmpconf.report.results.stream import ResultWriter
from qmpconf.report.views.words import case_line
from qmpconf.schema.store import load
from qmpconf.text import printable

_EPILOG = """\
The client is started once for each scenario. {listen} in its command line is replaced by the
address to connect to, which stands in QMPCONF_SOCKET, too. It gets no input, and has to end by
itself. At first the server is kind, twice: what the client does in both runs, what it prints on
stdout, and how it ends, is what it is held to when the server is unkind; what differs between the
two is not. Where the server fails, the client may fail as well, if it ends in time and shows it.
What it sends is checked against the protocol and the schema.

examples:
  qmpconf conform-client -- python3 my_client.py {listen}
  qmpconf conform-client -k event -- sh -c 'echo query-status | qmp-shell {listen}'
  qmpconf conform-client --output testee -- ./my_testee {listen}
  qmpconf conform-client --matrix reports/clients.toml

exit codes: 0 copes; 1 does not, or is undecided (it did not in one of two runs alone); 4 fails even
with a kind server; 130 interrupted (what was found so far is reported)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.usage = "qmpconf conform-client [options] -- CLIENT ..."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "--listen", metavar="ADDR", help="where the client connects (default: a private socket)"
    )
    parser.add_argument(
        "--schema",
        metavar="NAME|FILE",
        default=DEFAULT_SCHEMA,
        help="the catalog that is served (%(default)s)",
    )
    parser.add_argument(
        "-k",
        dest="patterns",
        metavar="PATTERN",
        action="append",
        default=[],
        help="only scenarios with this in their id, or whose id matches this glob",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long the client may take in one scenario (default: %(default)g); once it was too "
        "long, a third of it, but where the server fails",
    )
    parser.add_argument(
        "--expect-exit",
        metavar="N",
        type=int,
        default=0,
        help="the client's exit code with a kind server (default: %(default)d)",
    )
    parser.add_argument(
        "--kind-runs",
        metavar="N",
        type=_runs,
        default=2,
        help="how often the server is kind at first (default: %(default)d, and two more where these "
        "differ)",
    )
    parser.add_argument(
        "--output",
        choices=OUTPUTS,
        default=OUTPUTS[0],
        help="what of the client's stdout is compared: its lines, with the kind runs; its reports by "
        "the testee protocol, with what was sent; or nothing (default: %(default)s)",
    )
    requirements(parser, "the client")
    baseline.configure(parser, old={"--known-failing": "--baseline"})
    parser.add_argument("--report", metavar="DIR", help="keep the trace of every scenario there")
    parser.add_argument("--list", action="store_true", help="list the scenarios, and end")
    parser.add_argument(
        "--matrix",
        metavar="FILE",
        help="put every client that FILE (TOML) lists to the test, and write the table of clients "
        "and scenarios next to it, as Markdown",
    )
    parser.add_argument(
        "--format", choices=results.FORMATS, default="text", help="on stdout (default: text)"
    )
    force(parser)
    results.configure(parser)
    fail_on(parser)
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="one line for every scenario, and what the client prints, on stderr",
    )
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="the client's output is hidden, with -v too"
    )
    parser.add_argument("client", metavar="CLIENT", nargs="*", help="the client's command line")


def run(arguments: argparse.Namespace) -> int:
    """Run, print, and give 0 (copes), 1 (does not) or 4 (cannot be used)."""
    return weighed(arguments, _any)


def _any(arguments: argparse.Namespace) -> int:
    if arguments.list:
        meant = scenarios(tuple(arguments.patterns), load_set(arguments.requirements))
        print(views.listing(meant, results.width()))
        return 0
    if arguments.matrix:
        return _matrix(arguments)
    if not arguments.client:
        raise UsageError("which client is put to the test? Give its command line behind --")
    outputs = Outputs(baseline.inputs(arguments), force=arguments.force)
    baseline.files(arguments, outputs)
    outputs.add(arguments.result, "result", "--result")
    folder = arguments.report or tempfile.mkdtemp(prefix="qmpconf-client-")
    make_folder(folder, "--report")

    stays = arguments.format == "text" and arguments.result != "-"
    live = sys.stdout if stays else sys.stderr

    def watch(result: CaseResult) -> None:
        if arguments.verbose:
            print(printable(case_line(of_conform.case("", result))), flush=True, file=live)

    options = _options(arguments, folder)
    try:
        outcome = _run_all(arguments, options, watch)
    except BaseException:
        if not arguments.report:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if arguments.update:
        text = dumped(outcome.results, options.known, "conform-client")
        broken = sum(one.verdict.broken for one in outcome.results)
        baseline.save(arguments, "conform-client", text, broken)
    header = results.header_of(arguments, "conform-client")
    results.show(arguments, of_conform.of_conform(header, outcome))
    if arguments.report or outcome.unexpected:
        print(f"the traces are in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if arguments.update and not outcome.gone else outcome.exit_code


def _run_all(
    arguments: argparse.Namespace, options: Options, watch: Callable[[CaseResult], None]
) -> Outcome:
    """Run the scenarios, and write each to the result as soon as it is known."""
    catalog = load(arguments.schema)
    if not arguments.result:
        return conform_client(arguments.client, catalog, options, watch)
    empty = opened(arguments.client, catalog, options)
    told: list[str] = []
    with ResultWriter(arguments.result, results.header_of(arguments, "conform-client")) as writer:
        writer.write(*of_conform.opening(empty))

        def write(result: CaseResult) -> None:
            writer.write(of_conform.case(of_conform.server_of(empty), result))
            told.append(result.case)
            watch(result)

        outcome = conform_client(arguments.client, catalog, options, write)
        writer.write(*of_conform.closing(outcome, told))
        writer.finish(outcome.exit_code, outcome.gone)
    return outcome


def _options(arguments: argparse.Namespace, folder: str) -> Options:
    known = Known.parse(baseline.text_of(arguments), arguments.baseline or "")
    return Options(
        folder,
        parse_address(arguments.listen) if arguments.listen else None,
        tuple(arguments.patterns),
        arguments.timeout,
        known,
        _hear if arguments.verbose and not arguments.quiet else None,
        arguments.strict,
        arguments.kind_runs,
        arguments.expect_exit,
        arguments.output,
        arguments.requirements,
    )


def _hear(said: str) -> None:
    """Show what the client printed, without what a terminal would obey."""
    for line in said.splitlines():
        print("  " + printable(line), file=sys.stderr)


def _runs(text: str) -> int:
    """A number of kind runs, for argparse."""
    if not text.isdecimal() or not 2 <= int(text) <= 20:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 2 to 20")
    return int(text)


def _matrix(arguments: argparse.Namespace) -> int:
    """Run every client of a list; the page stands next to it."""
    path = arguments.matrix
    target = os.path.splitext(path)[0] + ".md"
    outputs = Outputs([path, *baseline.inputs(arguments)], force=arguments.force)
    outputs.add(target, "page", "--matrix: the page")
    clients = views.parse_list(read_text(path), path)
    catalog = load(arguments.schema)
    here = os.path.dirname(os.path.abspath(path))
    outcomes = {}
    for one in clients:
        if one.unjudged:
            continue
        words = [
            word.replace("{python}", sys.executable).replace("{here}", here) for word in one.words
        ]
        with tempfile.TemporaryDirectory(prefix="qmpconf-client-") as folder:
            print(f"qmpconf conform-client: {one.name}", file=sys.stderr)
            options = _options(arguments, folder)
            options = replace(
                options,
                output=one.output or options.output,
                expected=options.expected if one.exit is None else one.exit,
            )
            try:
                outcomes[one.name] = conform_client(words, catalog, options)
            except TargetError as error:
                outcomes[one.name] = opened(words, catalog, options)
                outcomes[one.name].gone = str(error)
        if outcomes[one.name].interrupted:
            print("a page of some clients is not written", file=sys.stderr)
            raise KeyboardInterrupt
    write_page(target, views.page(clients, outcomes, catalog.name))
    print(f"wrote {target}", file=sys.stderr)
    return 0
