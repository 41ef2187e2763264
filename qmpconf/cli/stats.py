"""``qmpconf stats TRACE...``: how many, how long, how big."""

from __future__ import annotations

import argparse

from qmpconf.cli import options, results
from qmpconf.cli.traces import cut_off, traces_in
from qmpconf.outputs import Outputs
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.report.results.of_stats import of_stats
from qmpconf.report.views.own import Own
from qmpconf.trace.shared import of_clients
from qmpconf.trace.stats import Stats
from qmpconf.trace.summary import summarize

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
    options.quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Collect and print; 0, for there is nothing to find wrong."""
    paths = list(traces_in(arguments.traces))
    outputs = Outputs(paths, force=arguments.force)
    outputs.add(arguments.result, "result", "--result")
    collected, notes = _collected(arguments, paths)
    header = results.header_of(arguments, "stats")
    result = of_stats(header, paths, collected.figures(), notes)
    results.write(arguments, result)
    results.show(arguments, result, own=Own(top=arguments.top))
    return result.exit_code


def _collected(arguments: argparse.Namespace, paths: list[str]) -> tuple[Stats, list[str]]:
    """The figures, and what is wrong with files that are not whole."""
    whole: Stats | None = None
    notes = []
    total = size_of_files(paths)
    with Progress("reading", total, quiet=arguments.quiet) as progress:
        for path in paths:
            reader = options.opened(path, arguments)
            with progress.reading(reader):
                one = Stats.of(summarize(of_clients(reader.items()), reader.begin), path)
            if told := cut_off(reader):
                progress.say(told)
                notes.append(told)
            if whole is None:
                whole = one
            else:
                whole.merge(one)
    return whole or Stats(), notes


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows")
    return int(text)
