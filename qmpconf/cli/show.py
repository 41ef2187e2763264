"""``qmpconf show TRACE``: what a recording holds."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from qmpconf.cli import options
from qmpconf.cli.converted import read_text
from qmpconf.errors import UsageError
from qmpconf.packed import STDIN
from qmpconf.report.terminal import Terminal
from qmpconf.text import harmless
from qmpconf.trace.filter.empty import nothing_passes
from qmpconf.trace.filter.literals import Range
from qmpconf.trace.filter.selecting import Selector, selected
from qmpconf.trace.filter.syntax import EVERYTHING, Compare, Filter, Has, In, Place, both, either
from qmpconf.trace.follow import FollowingReader
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.summary import Summable, Summary

_EPILOG = """\
A line a message: its line in the trace, seconds since the recording began, the session, who sent
it (-> the client, <- the server), how long the response took, its size, and what it says. A
message must pass all filters; with both --command and --event, one of these two. NAME may hold *
and ?. All of these options are short forms of a --filter ('qmpconf help filter'), in which a
response is selected together with its command. With --follow, a filter that asks for the response
shows a command once it is answered.

examples:
  qmpconf show session.qmptrace
  qmpconf show session.qmptrace --command 'block*' --slow 50
  qmpconf show session.qmptrace --filter 'command ~ block* and took > 50ms and not error'
  qmpconf show session.qmptrace --filter 'arguments/device = disk0 or data/device = disk0'
  qmpconf show session.qmptrace --line 120-140 --pretty
  qmpconf show session.qmptrace.gz --errors --format json | jq .text
  qmpconf show session.qmptrace --follow --event '*'

exit codes: 0 shown, 1 nothing passes the filters, 2 usage, 3 the trace cannot be read, or is no
longer there to be followed, 130 interrupted. --follow ends, too, where a recorder has died and left
no last line; stderr says so
"""

#: Seconds between two looks at a file that is followed.
_PAUSE = 0.1
_WIDTH = 120


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the trace, and what is asked about it."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "trace",
        metavar="TRACE",
        help="a recording (*.qmptrace, *.qmptrace.gz), or a log or other text with messages",
    )
    some = parser.add_argument_group("which messages")
    options.filtering(some, "what passes this filter")
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
    """Show it: 0, or 1 where nothing passes the filters."""
    wanted = _wanted(arguments)
    if arguments.bindings:
        if wanted != EVERYTHING or arguments.pretty or arguments.follow:
            raise UsageError("--bindings looks at the whole recording: no filters, no --follow")
        return _bindings(arguments.trace, arguments.format)
    if arguments.pretty and arguments.format == "json":
        raise UsageError("--pretty is for text; with --format json, pipe into jq")
    if arguments.follow and arguments.trace == STDIN:
        raise UsageError("--follow goes on as a file grows: name the file; - is shown to its end")
    if not arguments.follow:
        read_text("show", arguments.trace)
    reader = _open(arguments)
    found = _show(reader, wanted, arguments)
    sys.stdout.flush()
    if told := reader.cut_off:
        print(harmless(told), file=sys.stderr)
    if found or wanted == EVERYTHING:
        return 0
    print(harmless(f"{reader.path}: {nothing_passes(wanted)}"), file=sys.stderr)
    return 1


def _wanted(arguments: argparse.Namespace) -> Filter:
    """All that is asked of a message, as one filter."""
    command, event, took, kind, session, line = (
        Place(name) for name in ("command", "event", "took", "kind", "session", "line")
    )
    parts: list[Filter] = [] if arguments.filter is None else [arguments.filter]
    names = [Compare(command, "~", name) for name in arguments.command]
    names += [Compare(event, "~", name) for name in arguments.event]
    if names:
        parts.append(either(*names))
    if arguments.errors:
        parts.append(Has(Place("wrong")))
    if arguments.slow is not None:
        parts += [In(kind, ("return", "error")), Compare(took, ">=", arguments.slow)]
    if arguments.session:
        parts.append(In(session, tuple(arguments.session)))
    if arguments.line:
        parts.append(In(line, tuple(arguments.line)))
    return both(*parts)


def _open(arguments: argparse.Namespace) -> TraceReader:
    def pause() -> None:
        sys.stdout.flush()
        time.sleep(_PAUSE)

    if arguments.follow:
        from qmpconf.cli.follow import Pace

        pace = Pace(arguments.trace, pause)
        reader = pace.reader = FollowingReader(arguments.trace, pace.wait, arguments.protocol)
        return reader
    return options.opened(arguments.trace, arguments)


def _show(reader: TraceReader, wanted: Filter, arguments: argparse.Namespace) -> int:
    """Print what passes, and give how many."""
    from qmpconf.report import show

    terminal = Terminal(sys.stdout)
    as_text = arguments.format == "text"
    found = 0
    if as_text:
        for line in show.head(reader.path, reader.header, terminal):
            print(line)
    for one, item in _passing(reader, wanted):
        found += 1
        print(show.row(one, terminal, terminal.width(_WIDTH)) if as_text else show.as_json(one))
        if arguments.pretty and isinstance(item, Item):
            for line in show.below(item.frame, terminal):
                print(line)
    return found


def _passing(reader: TraceReader, wanted: Filter) -> Iterator[tuple[Summary, Summable]]:
    """What passes; of a recording that grows, each message as soon as that is known."""
    if not isinstance(reader, FollowingReader):
        yield from selected(wanted, reader.all_items, reader.begin)
        return
    from qmpconf.cli.follow import OverError, say

    selector = Selector(wanted, reader.begin)
    try:
        for item in reader.all_items():
            yield from ((one.summary, one.item) for one in selector.take(item) if one.passes)
    except OverError as over:
        sys.stdout.flush()
        say(f"{reader.path}: {over}")
    yield from ((one.summary, one.item) for one in selector.end() if one.passes)


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


def _lines(text: str) -> Range:
    first, dash, last = text.partition("-")
    ends = last or first
    if not first.isdecimal() or not ends.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a line: write 120, 120-140 or 120-")
    if int(ends) < int(first):
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins")
    return Range(int(first), None if dash and not last else int(ends))
