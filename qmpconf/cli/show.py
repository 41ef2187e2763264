"""``qmpconf show TRACE``: what a recording holds."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from qmpconf.cli import options
from qmpconf.errors import UsageError
from qmpconf.packed import STDIN
from qmpconf.report.terminal import Terminal
from qmpconf.text import harmless
from qmpconf.trace.follow import FollowingReader
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.selection import Selection
from qmpconf.trace.summary import Summaries

_EPILOG = """\
A line a message: its line in the trace, seconds since the recording began, the session, who sent
it (-> the client, <- the server), how long the response took, its size, and what it says. A
message must pass all filters; with both --command and --event, one of these two. NAME may hold *
and ?.

examples:
  qmpconf show session.qmptrace
  qmpconf show session.qmptrace --command 'block*' --slow 50
  qmpconf show session.qmptrace --line 120-140 --pretty
  qmpconf show session.qmptrace.gz --errors --format json | jq .text
  qmpconf show session.qmptrace --follow --event '*'

exit codes: 0 shown (also where nothing matches), 2 usage, 3 the trace cannot be read, or is no
longer there to be followed, 130 interrupted
"""

#: Seconds between two looks at a file that is followed.
_PAUSE = 0.1
_WIDTH = 120


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the trace, and what is asked about it."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("trace", metavar="TRACE", help="a recording (*.qmptrace, *.qmptrace.gz)")
    some = parser.add_argument_group("which messages")
    some.add_argument(
        "--command",
        metavar="NAME",
        action="append",
        default=[],
        help="this command and its responses; can be repeated",
    )
    some.add_argument(
        "--event", metavar="NAME", action="append", default=[], help="this event; can be repeated"
    )
    some.add_argument(
        "--errors",
        action="store_true",
        help="errors, what is not a message, gaps, and sessions that did not end well",
    )
    some.add_argument(
        "--slow", metavar="MS", type=_thousandths, help="responses that took as long, or longer"
    )
    some.add_argument(
        "--session",
        metavar="N",
        type=_number,
        action="append",
        default=[],
        help="this session; can be repeated",
    )
    some.add_argument(
        "--line",
        metavar="A[-B]",
        type=_lines,
        action="append",
        default=[],
        help="these lines of the trace (A-: from there on); can be repeated",
    )
    options.protocol(parser)
    parser.add_argument(
        "--pretty", action="store_true", help="the message itself below, laid out as JSON"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on as the recording grows, up to its end"
    )
    parser.add_argument(
        "--bindings",
        action="store_true",
        help="instead: the values that the server chose and the client sent back: what a replay "
        "puts in their place, and what it does not, with the reasons",
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="json: an object a line"
    )


def run(arguments: argparse.Namespace) -> int:
    """Show it; 0, for there is nothing to find wrong."""
    selection = Selection(
        tuple(arguments.command),
        tuple(arguments.event),
        arguments.errors,
        arguments.slow,
        frozenset(arguments.session),
        tuple(arguments.line),
    )
    if arguments.bindings:
        if not selection.everything or arguments.pretty or arguments.follow:
            raise UsageError("--bindings looks at the whole recording: no filters, no --follow")
        return _bindings(arguments.trace, arguments.format)
    if arguments.pretty and arguments.format == "json":
        raise UsageError("--pretty is for text; with --format json, pipe into jq")
    if arguments.follow and arguments.trace == STDIN:
        raise UsageError("--follow goes on as a file grows: name the file; - is shown to its end")
    reader = _open(arguments)
    lines = _shown(reader, selection, arguments)
    for line in lines:
        print(line)
    sys.stdout.flush()
    if told := reader.cut_off:
        print(harmless(told), file=sys.stderr)
    return 0


def _open(arguments: argparse.Namespace) -> TraceReader:
    def wait() -> None:
        sys.stdout.flush()
        time.sleep(_PAUSE)

    if arguments.follow:
        return FollowingReader(arguments.trace, wait, arguments.protocol)
    return options.opened(arguments.trace, arguments)


def _shown(
    reader: TraceReader, selection: Selection, arguments: argparse.Namespace
) -> Iterator[str]:
    from qmpconf.report import show

    terminal = Terminal(sys.stdout)
    as_text = arguments.format == "text"
    take = Summaries(reader.begin).take
    wanted = selection.matcher()
    found = 0
    if as_text:
        yield from show.head(reader.path, reader.header, terminal)
    for item in reader.items():
        one = take(item)
        if one is None or not wanted(one):
            continue
        found += 1
        yield show.row(one, terminal, terminal.width(_WIDTH)) if as_text else show.as_json(one)
        if arguments.pretty and isinstance(item, Item):
            yield from show.below(item.frame, terminal)
    if not found and not selection.everything:
        print(harmless(f"{reader.path}: no message passes the filters"), file=sys.stderr)


def _bindings(path: str, form: str) -> int:
    from qmpconf.replay.play.explain import explain
    from qmpconf.report.bindings import as_json, as_text

    print((as_json if form == "json" else as_text)(explain(path)), end="")
    return 0


def _thousandths(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e12:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds")
    return value / 1000


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of a session")
    return int(text)


def _lines(text: str) -> tuple[int, float]:
    first, dash, last = text.partition("-")
    ends = last or (dash and "inf") or first
    if not first.isdecimal() or not (ends == "inf" or ends.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a line: write 120, 120-140 or 120-")
    if float(ends) < int(first):
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins")
    return int(first), float(ends)
