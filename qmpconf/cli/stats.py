"""``qmpconf stats TRACE...``: how many, how long, how big."""

from __future__ import annotations

import argparse

from qmpconf.cli import options, results
from qmpconf.cli.corpus import closed, gathered, say
from qmpconf.cli.traces import traces_in
from qmpconf.corpus.work import StatsTask
from qmpconf.outputs import Outputs
from qmpconf.report.results.of_stats import of_stats
from qmpconf.report.views.own import Own

_EPILOG = """\
Commands are listed by the time that their responses took in total, events by their number. The
time of a response runs from the command to the response, as the recorder saw them. Figures of
several traces are put together.

examples:
  qmpconf stats session.qmptrace
  qmpconf stats night/*.qmptrace.gz --format markdown
  qmpconf stats session.qmptrace --format json | jq '.figures.latencies[] | [.name, .p95]'

exit codes: 0 done, 2 usage, 3 a trace cannot be read
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the traces, and the form."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "traces", metavar="TRACE", nargs="+", help="a recording (*.qmptrace), or a folder of them"
    )
    parser.add_argument(
        "--top", metavar="N", type=_number, default=20, help="rows of a table (20; 0: all)"
    )
    parser.add_argument(
        "--format",
        choices=results.FORMATS,
        default="text",
        help="default: text; json has all, with the distribution of the times",
    )
    options.protocol(parser)
    options.force(parser)
    results.configure(parser)
    options.jobs(parser)
    options.quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Collect and print; 0, for there is nothing to find wrong."""
    paths = list(traces_in(arguments.traces))
    outputs = Outputs(paths, force=arguments.force)
    outputs.add(arguments.result, "result", "--result")
    part, found = gathered(arguments, "reading", StatsTask(arguments.protocol), paths)
    header = results.header_of(arguments, "stats")
    read = [path for number, path in enumerate(paths) if number in found.said]
    notes = [part.notes[number] for number in sorted(part.notes)]
    result = closed(of_stats(header, read, part.stats.figures(), notes), found, paths)
    results.write(arguments, result)
    results.show(arguments, result, own=Own(top=arguments.top))
    say("stats", found, paths)
    return result.exit_code


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows")
    return int(text)
