"""``qmpconf check TRACE...``: recorded sessions against the protocol and a schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from qmpconf.check.basis import Basis
from qmpconf.check.checking import chooser, product_of
from qmpconf.check.matrix import Judges
from qmpconf.cli import baseline, judging, options, results
from qmpconf.cli.corpus import closed, gathered, say
from qmpconf.cli.examples import explain
from qmpconf.cli.follow import follow
from qmpconf.cli.traces import traces_in
from qmpconf.corpus.work import CheckTask
from qmpconf.errors import UsageError
from qmpconf.outputs import Outputs
from qmpconf.packed import STDIN
from qmpconf.report import matrix
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.report.results.of_check import of_check
from qmpconf.schema.select import of_product
from qmpconf.schema.store import load

if TYPE_CHECKING:
    import argparse


_EPILOG = """\
examples:
  qmpconf check session.qmptrace
  qmpconf check last-month/*.qmptrace.gz --schema qemu-11.1.3
  qmpconf check session.qmptrace --schema all
  qmpconf check session.qmptrace --baseline known.toml --update
  qmpconf check session.qmptrace --result check.qmpresult
  qmpconf check session.qmptrace --follow
  qmpconf check agent.qmptrace --protocol qga --schema qemu-ga-7.2.22-doc
  qmpconf check session.qmptrace --max-latency 500ms --ignore practice.failed

before an upgrade: with --schema NAME (or FILE), whatever the client uses and that catalog lacks is
an error of the client, also when the recorded server took it.  It is only conditional (a note) when
the client sent what a reply had listed before: names of query-commands, query-migrate-capabilities,
query-migrate-parameters, qom-list-types, device-list-properties, qom-list-properties and so on.
The reply to query-qmp-schema lists everything, and does not say why it was asked for: for a
command it makes a warning of the error, for an argument or value it changes nothing.  A call that
the recorded server refused, and that the catalog has nothing against, is not judged.  --schema all
decides in the same way.

exit codes: 0 no errors (with --strict: nor warnings) but what the baseline knows; 1 errors, one of
the baseline that is gone, or not one message; 2 usage; 3 a file cannot be read or written
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the traces, and what they are checked against."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "traces", metavar="TRACE", nargs="+", help="a recording (*.qmptrace), or a folder of them"
    )
    parser.add_argument(
        "--schema",
        default="auto",
        metavar="NAME|FILE|auto|none|all",
        help="the catalog to check against: a shipped one ('qmpconf schema list') or a file; "
        "auto (the default): the schema reply in the trace, else the shipped catalog that fits "
        "the greeting; none: the wire protocol alone; all: "
        "a matrix of the calls by all shipped catalogs, to see which server can serve this client",
    )
    parser.add_argument(
        "--format", choices=results.FORMATS, default="text", help="on stdout (default: text)"
    )
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="print findings in a recording that is being made, each kind as a line on stderr, up to "
        "its end; then check it",
    )
    baseline.configure(parser, old={"--update-baseline": "--update"})
    options.protocol(parser)
    judging.practice(parser)
    options.force(parser)
    results.configure(parser)
    options.lines(parser)
    options.jobs(parser)
    options.quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and give 0 (conforms) or 1 (findings)."""
    if arguments.schema == "all":
        return _matrix(arguments)
    _outputs(arguments)
    known = baseline.read(arguments)
    if arguments.follow:
        if len(arguments.traces) != 1 or arguments.traces[0] == STDIN:
            raise UsageError("--follow goes on as one recording grows: name its file")
        follow(
            arguments.traces[0],
            arguments.protocol,
            chooser(arguments.schema),
            judging.practised(arguments),
        )
    # To choose the schema by itself, a trace is read twice.
    times = 2 if arguments.schema == "auto" else 1
    paths = list(traces_in(arguments.traces))
    part, found = gathered(arguments, "checking", _task(arguments), paths, times)
    header = results.header_of(arguments, "check")
    result = of_check(header, part.in_order(), known, part.exercised)
    closed(result, found, paths)
    results.write(arguments, result)
    results.show(arguments, result, lines=arguments.short)
    say("check", found, paths)
    if arguments.update and not found.unread and not found.interrupted:
        baseline.update(arguments, "check", result, known)
        return 0
    return result.exit_code


def _task(arguments: argparse.Namespace) -> CheckTask:
    """What is done with each trace.  Raises UsageError and InputError for what all need."""
    chooser(arguments.schema)
    full = bool(arguments.result) or arguments.format != "text"
    return CheckTask(arguments.schema, arguments.protocol, judging.practised(arguments), full)


def _outputs(arguments: argparse.Namespace) -> None:
    """Raise UsageError for a file that must not be written."""
    inputs = [*traces_in(arguments.traces), arguments.schema, *baseline.inputs(arguments)]
    outputs = Outputs(inputs, force=arguments.force)
    baseline.files(arguments, outputs)
    outputs.add(arguments.result, "result", "--result")


def _matrix(arguments: argparse.Namespace) -> int:
    """Hold the calls against every shipped catalog; it is an overview, and has no findings.

    Raises `UsageError` for options about findings.
    """
    for name in (
        "baseline",
        "update",
        "result",
        "label",
        "short",
        "follow",
        "ignore",
        "max_latency",
    ):
        if getattr(arguments, name):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is for findings; --schema all is an overview without any")
    if arguments.jobs or arguments.workers:
        option = "jobs" if arguments.jobs else "workers"
        raise UsageError(
            f"--{option} does not go with --schema all, which is one look at all calls"
        )
    if arguments.format not in ("text", "json"):
        raise UsageError("--schema all is an overview: its --format is text or json")
    paths = list(traces_in(arguments.traces))
    readers = [options.opened(path, arguments) for path in paths]
    products = sorted({product_of(reader) for reader in readers})
    bases = {
        name: Basis(load(name), named=True) for product in products for name in of_product(product)
    }
    total = size_of_files(paths)
    with (
        Progress("checking", total, quiet=arguments.quiet) as progress,
        progress.reading(*readers),
    ):
        found = Judges(bases).matrix(
            {reader.path: reader.items() for reader in readers},
            {reader.path: reader.begin for reader in readers},
        )
    if arguments.format == "json":
        print(json.dumps(matrix.as_data(found), indent=1))
    else:
        print(matrix.as_text(found, results.width()), end="")
    return 0
