"""``qmpconf diff A B``: two recordings compared, without a server."""

from __future__ import annotations

import argparse

from qmpconf.cli import baseline, judging, options, results
from qmpconf.cli.converted import read_text
from qmpconf.outputs import Outputs
from qmpconf.replay.compare import Level
from qmpconf.replay.diff.differing import diff_traces
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.report.results.of_recordings import of_recordings

_EPILOG = """\
Sessions are compared in their order. Of each, the clients' commands are paired: those that say the
same, then those of one name, as far as their order allows. What the servers answered is compared as
in a replay of the first against the server of the second: by value, with the same masks; values
that a server chose (names, descriptors) stand for each other. Where the two are of different
releases, the report says what broke, what changed, and what is new by design, which is a note.

Commands that only one of the two has, answers and events that differ, and events about one thing
that come in another order are differences. How long calls took is a table, and never a difference:
medians with the interval that holds them with 95 % confidence (it needs six calls of a command in
each recording); only where the two intervals do not meet, a command is called slower or faster.

--masks takes what 'qmpconf learn' finds in two recordings of one build.

examples:
  qmpconf diff before.qmptrace after.qmptrace
  qmpconf diff monday.qmptrace.gz tuesday.qmptrace.gz --masks masks.toml
  qmpconf diff before.qmptrace after.qmptrace --result diff.qmpresult
  qmpconf diff before.qmptrace after.qmptrace --format markdown

exit codes: 0 no differences but known ones, 1 differences, or there was nothing to compare, 2
usage, or recordings of two products, 3 a file cannot be read or written, 130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the two recordings, and how they are compared."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("before", metavar="TRACE", help="the first recording (*.qmptrace)")
    parser.add_argument("after", metavar="TRACE", help="the second one, of the same scenario")
    parser.add_argument(
        "--compare",
        choices=("value", "shape", "outcome"),
        default="value",
        help="how strictly: values, members and types, or success and error class (%(default)s)",
    )
    parser.add_argument(
        "--masks",
        metavar="FILE",
        action="append",
        default=[],
        help="masks besides the built-in and configured ones (see 'qmpconf learn'); can be repeated",
    )
    baseline.configure(parser)
    options.protocol(parser)
    parser.add_argument(
        "--format", choices=results.FORMATS, default="text", help="of the report (%(default)s)"
    )
    options.force(parser)
    results.configure(parser)
    options.lines(parser)
    options.quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare and report; give the exit code of the verdict."""
    paths = [arguments.before, arguments.after]
    for path in paths:
        read_text("diff", path, quiet=arguments.quiet)
    outputs = Outputs(
        [*paths, *arguments.masks, *baseline.inputs(arguments)], force=arguments.force
    )
    outputs.add(arguments.result, "result", "--result")
    baseline.files(arguments, outputs)
    masks, known = judging.judging(arguments)
    with Progress("comparing", 2 * size_of_files(paths), quiet=arguments.quiet) as progress:
        found = diff_traces(
            *paths,
            level=Level(arguments.compare),
            masks=masks,
            known=known.reasons,
            protocol=arguments.protocol,
            watch=progress.follow,
        )
    full = bool(arguments.result) or arguments.format != "text"
    header = results.header_of(arguments, "trace-diff")
    result = of_recordings(header, found, known, messages=full)
    results.write(arguments, result)
    results.show(arguments, result, lines=arguments.short)
    if arguments.update:
        baseline.update(arguments, "diff", result, known)
        return 0
    return found.exit_code
