"""``qmpconf check TRACE...``: recorded sessions against the protocol and a schema."""

from __future__ import annotations

import argparse
import json
import os
import sys

from qmpconf.check.basis import Basis
from qmpconf.check.checking import chooser, product_of
from qmpconf.check.matrix import Judges
from qmpconf.cli import baseline, judging, options, results
from qmpconf.cli.converted import readable_in
from qmpconf.cli.corpus import closed, gathered, say
from qmpconf.cli.examples import explain
from qmpconf.cli.follow import follow
from qmpconf.cli.follow_folder import FolderFollower
from qmpconf.cli.several import are_several, named_in
from qmpconf.cli.traces import traces_in
from qmpconf.corpus.work import CheckTask
from qmpconf.errors import UsageError
from qmpconf.outputs import Outputs
from qmpconf.packed import STDIN
from qmpconf.report import matrix
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.report.results.of_check import of_check
from qmpconf.schema.store import load
from qmpconf.text import harmless
from qmpconf.trace.filter.empty import nothing_passes

_EPILOG = """\
examples:
  qmpconf check session.qmptrace
  qmpconf check last-month/*.qmptrace.gz --schema qemu-11.1.3
  qmpconf check session.qmptrace --schema all
  qmpconf check session.qmptrace --schema qemu-7.2..qemu-11.1
  qmpconf check session.qmptrace --schema qemu-7.2,qemu-10.0,mine.json.gz
  qmpconf check session.qmptrace --baseline known.toml --update
  qmpconf check session.qmptrace --result check.qmpresult
  qmpconf check session.qmptrace --filter 'session = 2 and command ~ block*'
  qmpconf check session.qmptrace --follow
  qmpconf check --follow /var/log/qmp
  qmpconf check agent.qmptrace --protocol qga --schema qemu-ga-7.2.22-doc
  qmpconf check session.qmptrace --max-latency 500ms --ignore practice.failed

with --filter the whole recording is read, and what is found at other messages is only counted; of
the baseline nothing counts as gone.

before an upgrade: with --schema NAME (or FILE), whatever the client uses and that catalog lacks is
an error of the client, also when the recorded server took it.  It is only conditional (a note) when
the client sent what a reply had listed before: names of query-commands, query-migrate-capabilities,
query-migrate-parameters, qom-list-types, device-list-properties, qom-list-properties and so on. The
reply to query-qmp-schema lists everything, and does not say why it was asked for: for a command it
makes a warning of the error, for an argument or value it changes nothing.  A call that the recorded
server refused, and that the catalog has nothing against, is not judged.  Several catalogs (all
releases, from one to another, or a list) are decided in the same way, and make a matrix: which of
them can serve this client.

exit codes: 0 no errors (with --strict: nor warnings) but what the baseline knows; 1 errors, one of
the baseline that is gone, or not one message (that passes the filter); 2 usage; 3 a file cannot be
read or written
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the traces, and what they are checked against."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "traces",
        metavar="TRACE",
        nargs="+",
        help="a recording (*.qmptrace), a log or other text with messages, or a folder of recordings",
    )
    parser.add_argument(
        "--schema",
        default="auto",
        metavar="NAME|FILE|auto|none|all",
        help="the catalog to check against: a shipped one ('qmpconf schema list') or a file; "
        "auto (the default): the schema reply in the trace, else the shipped catalog that fits "
        "the greeting; none: the wire protocol alone; all, FROM..TO or NAME,NAME,...: "
        "a matrix of the calls by releases, to see which server can serve this client",
    )
    parser.add_argument(
        "--format", choices=results.FORMATS, default="text", help="on stdout (default: text)"
    )
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="print findings in a recording that is being made, each kind as a line on stderr, up to "
        "its end; then check it. Of a folder: in all that are being made there, and those that begin, "
        "until it is interrupted",
    )
    # What 'record --check' says of a host: since when it records, until standard input ends.
    parser.add_argument("--beside", metavar="SECONDS", type=float, help=argparse.SUPPRESS)
    options.filtering(parser, "show and count only what is found at messages that pass")
    baseline.configure(parser, old={"--update-baseline": "--update"})
    parser.add_argument(
        "--partial",
        action="store_true",
        help="the recordings are only some of those that the baseline is about: nothing in it counts as "
        "gone (of what is committed, pre-commit names what has changed)",
    )
    options.protocol(parser)
    judging.practice(parser)
    options.force(parser)
    results.configure(parser)
    options.lines(parser)
    options.jobs(parser)
    options.quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and give 0 (conforms) or 1 (findings)."""
    if are_several(arguments.schema):
        return _matrix(arguments)
    if arguments.partial and arguments.update:
        raise UsageError("--update writes all that is known: with --partial the rest would be lost")
    if arguments.filter is not None and (arguments.follow or arguments.update):
        option = "--follow" if arguments.follow else "--update"
        raise UsageError(f"{option} is about all findings: --filter does not go with it")
    if arguments.follow:
        if len(arguments.traces) != 1 or arguments.traces[0] == STDIN:
            raise UsageError("--follow goes on as one recording grows: name its file, or a folder")
        if os.path.isdir(arguments.traces[0]):
            return _follow_folder(arguments)
    elif arguments.beside is not None:
        raise UsageError("--beside is what 'record --check' says, with --follow")
    _outputs(arguments)
    known = baseline.read(arguments)
    if arguments.follow:
        follow(
            arguments.traces[0],
            arguments.protocol,
            chooser(arguments.schema),
            judging.practised(arguments),
        )
    # To choose the schema by itself, a trace is read twice.
    times = (2 if arguments.schema == "auto" else 1) + (arguments.filter is not None)
    paths = list(readable_in("check", arguments.traces, quiet=arguments.quiet))
    part, found = gathered(arguments, "checking", _task(arguments), paths, times)
    header = results.header_of(arguments, "check")
    checked = part.in_order()
    result = of_check(header, checked, known, part.exercised, partial=arguments.partial)
    closed(result, found, paths)
    results.write(arguments, result)
    results.show(arguments, result, lines=arguments.short)
    say("check", found, paths)
    if arguments.filter is not None and not any(one.outcome.selected for one in checked):
        print(harmless(f"qmpconf check: {nothing_passes(arguments.filter)}"), file=sys.stderr)
    if arguments.update and not found.unread and not found.interrupted:
        baseline.update(arguments, "check", result, known)
        return 0
    return result.exit_code


def _follow_folder(arguments: argparse.Namespace) -> int:
    """Follow what is recorded into a folder; what was found by then is the result."""
    if arguments.jobs or arguments.workers:
        raise UsageError("--follow judges as recordings grow, in one process: leave --jobs away")
    outputs = Outputs([arguments.schema, *baseline.inputs(arguments)], force=arguments.force)
    baseline.files(arguments, outputs)
    outputs.add(arguments.result, "result", "--result")
    known = baseline.read(arguments)
    folder = FolderFollower(
        arguments.traces[0],
        arguments.protocol,
        chooser(arguments.schema),
        judging.practised(arguments),
        since=arguments.beside,
        full=bool(arguments.result) or arguments.format != "text",
        quiet=arguments.quiet,
    )
    part = folder.run()
    header = results.header_of(arguments, "check")
    result = of_check(header, part.in_order(), known, part.exercised, partial=arguments.partial)
    results.write(arguments, result)
    results.show(arguments, result, lines=arguments.short)
    if arguments.update:
        baseline.update(arguments, "check", result, known)
        return 0
    return result.exit_code


def _task(arguments: argparse.Namespace) -> CheckTask:
    """What is done with each trace.  Raises UsageError and InputError for what all need."""
    chooser(arguments.schema)
    full = bool(arguments.result) or arguments.format != "text"
    practised = judging.practised(arguments)
    return CheckTask(arguments.schema, arguments.protocol, practised, full, arguments.filter)


def _outputs(arguments: argparse.Namespace) -> None:
    """Raise UsageError for a file that must not be written."""
    inputs = [*traces_in(arguments.traces), arguments.schema, *baseline.inputs(arguments)]
    outputs = Outputs(inputs, force=arguments.force)
    baseline.files(arguments, outputs)
    outputs.add(arguments.result, "result", "--result")


def _matrix(arguments: argparse.Namespace) -> int:
    """Hold the calls against several catalogs; it is an overview, and has no findings.

    Raises `UsageError` for options about findings.
    """
    for name in (
        "baseline",
        "update",
        "partial",
        "result",
        "label",
        "short",
        "follow",
        "filter",
        "ignore",
        "max_latency",
    ):
        if getattr(arguments, name):
            option = name.replace("_", "-")
            raise UsageError(
                f"--{option} is for findings; --schema {arguments.schema} is an overview without any"
            )
    if arguments.jobs or arguments.workers:
        option = "jobs" if arguments.jobs else "workers"
        raise UsageError(
            f"--{option} does not go with --schema {arguments.schema}, which is one look at all calls"
        )
    if arguments.format not in ("text", "json"):
        raise UsageError(
            f"--schema {arguments.schema} is an overview: its --format is text or json"
        )
    paths = list(readable_in("check", arguments.traces, quiet=arguments.quiet))
    readers = [options.opened(path, arguments) for path in paths]
    products = sorted({product_of(reader) for reader in readers})
    names = named_in(arguments.schema, products)
    bases = {name: Basis(load(name), named=True) for name in names}
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
