"""``qmpconf conform-client``: the client suite, a legal but unkind server for one client."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile

from qmpconf.cli import results
from qmpconf.cli.options import force
from qmpconf.conform.client.run import Options, conform_client
from qmpconf.conform.client.scenarios import SCENARIOS
from qmpconf.conform.known import Known
from qmpconf.conform.verdicts import Result
from qmpconf.errors import OutputError, UsageError
from qmpconf.files import read_text
from qmpconf.monitor.core import DEFAULT_SCHEMA
from qmpconf.net.address import parse_address
from qmpconf.outputs import Outputs, write_page
from qmpconf.report import conform as lines
from qmpconf.report import conform_client as views
from qmpconf.schema.store import load

_EPILOG = """\
The client is started once for each scenario. {listen} in its command line is replaced by the
address to connect to, which stands in QMPCONF_SOCKET, too. It has to end by itself. The first
scenario is a kind server: what the client does there, and how it ends, is what it is held to when
the server is unkind. What it sends is checked against the protocol and the schema as well.

examples:
  qmpconf conform-client -- python3 my_client.py {listen}
  qmpconf conform-client -k event -- sh -c 'echo query-status | qmp-shell {listen}'
  qmpconf conform-client --matrix reports/clients.toml

exit codes: 0 copes, 1 does not, 4 cannot even be used with a kind server.
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
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long the client may take in one scenario (default: %(default)g)",
    )
    parser.add_argument("--known-failing", metavar="FILE", help="failures that are expected")
    parser.add_argument("--report", metavar="DIR", help="keep the trace of every scenario there")
    parser.add_argument("--list", action="store_true", help="list the scenarios, and end")
    parser.add_argument(
        "--matrix",
        metavar="FILE",
        help="put every client that FILE (TOML) lists to the test, and write the table of clients "
        "and scenarios next to it, as Markdown",
    )
    force(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="one line for every scenario")
    parser.add_argument("-q", "--quiet", action="store_true", help="the client's output is hidden")
    parser.add_argument("client", metavar="CLIENT", nargs="*", help="the client's command line")


def run(arguments: argparse.Namespace) -> int:
    """Run, print, and give 0 (copes), 1 (does not) or 4 (cannot be used)."""
    if arguments.list:
        print(views.listing(SCENARIOS, results.width()))
        return 0
    if arguments.matrix:
        return _matrix(arguments)
    if not arguments.client:
        raise UsageError("which client is put to the test? Give its command line behind --")
    folder = arguments.report or tempfile.mkdtemp(prefix="qmpconf-client-")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error

    def watch(result: Result) -> None:
        if arguments.verbose:
            print(lines.line(result), flush=True)

    options = _options(arguments, folder)
    try:
        outcome = conform_client(arguments.client, load(arguments.schema), options, watch)
    except BaseException:
        if not arguments.report:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    print(views.closing(outcome))
    if arguments.report or outcome.unexpected:
        print(f"the traces are in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome.exit_code


def _options(arguments: argparse.Namespace, folder: str) -> Options:
    known = Known()
    if arguments.known_failing:
        known = Known.parse(read_text(arguments.known_failing), arguments.known_failing)
    return Options(
        folder,
        parse_address(arguments.listen) if arguments.listen else None,
        tuple(arguments.patterns),
        arguments.timeout,
        known,
        arguments.quiet,
    )


def _matrix(arguments: argparse.Namespace) -> int:
    """Run every client of a list; the page stands next to it."""
    path = arguments.matrix
    target = os.path.splitext(path)[0] + ".md"
    outputs = Outputs([path, arguments.known_failing or ""], force=arguments.force)
    outputs.add(target, "page", "--matrix: the page")
    clients = views.parse_list(read_text(path), path)
    catalog = load(arguments.schema)
    here = os.path.dirname(os.path.abspath(path))
    outcomes = {}
    for one in clients:
        words = [
            word.replace("{python}", sys.executable).replace("{here}", here) for word in one.words
        ]
        with tempfile.TemporaryDirectory(prefix="qmpconf-client-") as folder:
            print(f"qmpconf conform-client: {one.name}", file=sys.stderr)
            options = _options(arguments, folder)
            outcomes[one.name] = conform_client(words, catalog, options)
    write_page(target, views.page(clients, outcomes, catalog.name))
    print(f"wrote {target}", file=sys.stderr)
    return 0
