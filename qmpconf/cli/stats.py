"""``qmpconf stats TRACE...``: how many, how long, how big."""

from __future__ import annotations

import argparse
import sys

from qmpconf.cli.traces import cut_off, traces_in
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.report.terminal import Terminal
from qmpconf.text import defused
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.stats import Stats
from qmpconf.trace.summary import summarize

_EPILOG = """\
Commands are listed by the time that their responses took in total, events by their number. The
time of a response runs from the command to the response, as the recorder saw them. Figures of
several traces are put together.

examples:
  qmpconf stats session.qmptrace
  qmpconf stats night/*.qmptrace.gz --format markdown
  qmpconf stats session.qmptrace --format json | jq '.latencies[] | [.name, .p95]'

exit codes: 0 done, 2 usage, 3 a trace cannot be read
"""

#: Columns where the output is no terminal.
_WIDTH = 120


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
        choices=("text", "markdown", "json"),
        default="text",
        help="default: text; json has all, with the distribution of the times",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing on stderr")


def run(arguments: argparse.Namespace) -> int:
    """Collect and print; 0, for there is nothing to find wrong."""
    collected = _collected(arguments)
    from qmpconf.report import stats

    found = collected.figures()
    if arguments.format == "json":
        text = stats.as_json(found)
    elif arguments.format == "text":
        text = stats.as_text(found, arguments.top, Terminal(sys.stdout).width(_WIDTH))
    else:
        text = stats.as_markdown(found, arguments.top)
    print(defused(text), end="")
    return 0


def _collected(arguments: argparse.Namespace) -> Stats:
    whole: Stats | None = None
    paths = list(traces_in(arguments.traces))
    total = size_of_files(paths)
    with Progress("reading", total, quiet=arguments.quiet) as progress:
        for path in paths:
            reader = TraceReader(path)
            with progress.reading(reader):
                one = Stats.of(summarize(reader.items()), path)
            if told := cut_off(reader):
                progress.say(told)
            if whole is None:
                whole = one
            else:
                whole.merge(one)
    return whole or Stats()


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows")
    return int(text)
