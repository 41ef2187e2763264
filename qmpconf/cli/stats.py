"""``qmpconf stats TRACE...``: how many, how long, how big."""

from __future__ import annotations

import argparse
import sys

from qmpconf.cli import options, results
from qmpconf.cli.converted import readable_in
from qmpconf.cli.corpus import closed, gathered, say
from qmpconf.corpus.work import StatsTask
from qmpconf.outputs import Outputs
from qmpconf.report.results.of_latency import against, by_version, timed_out
from qmpconf.report.results.of_stats import of_stats
from qmpconf.report.views.own import Own
from qmpconf.text import counted, harmless
from qmpconf.trace.filter.empty import nothing_passes
from qmpconf.trace.filter.literals import LiteralError, number

_EPILOG = """\
Commands are listed by the time that their responses took in total, events by their number. The
time of a response runs from the command to the response, as the recorder saw them. Figures of
several traces are put together. A percentile's interval holds that of all such calls with 95 %
confidence, whatever the distribution (order statistics, with open ends where there are too few
calls); a share's interval is Wilson's. --against calls a command slower or faster only where the
intervals of the two medians do not meet.

examples:
  qmpconf stats session.qmptrace
  qmpconf stats night/ --filter 'command ~ block* and not error'
  qmpconf stats night/*.qmptrace.gz --format markdown
  qmpconf stats night/ --latency --timeout 5s
  qmpconf stats qemu-11.1/ --against qemu-7.2/
  qmpconf stats session.qmptrace --format json | jq '.figures.latencies[] | [.name, .p95]'

exit codes: 0 done, 1 no message passes the filter, 2 usage, 3 a trace cannot be read
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the traces, and the form."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "traces",
        metavar="TRACE",
        nargs="+",
        help="a recording (*.qmptrace), a log or other text with messages, or a folder of recordings",
    )
    parser.add_argument(
        "--top", metavar="N", type=_number, default=20, help="rows of a table (20; 0: all)"
    )
    parser.add_argument(
        "--latency",
        action="store_true",
        help="response times by command and server's version: p50, p95, p99 and p99.9, each with the "
        "interval that is 95 %% sure",
    )
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=_time,
        action="append",
        default=[],
        help="how many calls a time-out of so long would have failed (5s, 500ms); can be repeated",
    )
    parser.add_argument(
        "--against",
        metavar="TRACE",
        action="append",
        default=[],
        help="other recordings, or a folder of them, beside whose response times these are put; can "
        "be repeated",
    )
    parser.add_argument(
        "--format",
        choices=results.FORMATS,
        default="text",
        help="default: text; json has all, with the distribution of the times",
    )
    options.filtering(parser, "only the messages that pass, and the sessions that they are in")
    options.protocol(parser)
    options.force(parser)
    results.configure(parser)
    options.jobs(parser)
    options.quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Collect and print; 0, for there is nothing to find wrong, or 1 where no message was selected."""
    paths = list(readable_in("stats", arguments.traces, quiet=arguments.quiet))
    others = list(readable_in("stats", arguments.against, quiet=arguments.quiet))
    outputs = Outputs([*paths, *others], force=arguments.force)
    outputs.add(arguments.result, "result", "--result")
    task = StatsTask(arguments.protocol, arguments.filter)
    times = 1 if arguments.filter is None else 2
    part, found = gathered(arguments, "reading", task, paths, times)
    header = results.header_of(arguments, "stats")
    read = [path for number, path in enumerate(paths) if number in found.said]
    notes = [part.notes[number] for number in sorted(part.notes)]
    some = None
    if arguments.filter is not None:
        some = part.selected
        notes.append(f"{counted(some, 'message')} selected of {part.messages:,} by the filter")
    figures = part.stats.figures()
    more = [*(by_version(figures) if arguments.latency else ())]
    more += [one for limit in arguments.timeout for one in timed_out(figures, limit)]
    if others:
        before, read_too = gathered(arguments, "reading the others", task, others, times)
        if read_too.errors:
            raise read_too.errors[0]
        label = arguments.against[0] if len(arguments.against) == 1 else "the others"
        more += against(figures, before.stats.figures(), label)
    result = closed(of_stats(header, read, figures, notes, some, more), found, paths)
    results.write(arguments, result)
    results.show(arguments, result, own=Own(top=arguments.top))
    say("stats", found, paths)
    if some == 0 and not found.interrupted:
        print(harmless(f"qmpconf stats: {nothing_passes(arguments.filter)}"), file=sys.stderr)
    return result.exit_code


def _time(text: str) -> float:
    try:
        found = number(text, "duration")
    except LiteralError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if found is None or found <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write 5s or 500ms")
    return float(found)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows")
    return int(text)
