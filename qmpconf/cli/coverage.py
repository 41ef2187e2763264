"""``qmpconf coverage TRACE...``: what recorded sessions exercise of a schema, and what is missing."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator

from qmpconf.check.checking import chooser
from qmpconf.check.collect import Exercised
from qmpconf.cli import options, results
from qmpconf.cli.converted import readable_in
from qmpconf.cli.corpus import closed, gathered, say
from qmpconf.corpus.work import CoverageTask
from qmpconf.errors import UsageError
from qmpconf.outputs import Outputs, write_page
from qmpconf.report import coverage as report
from qmpconf.report.results.merge import merged
from qmpconf.report.results.of_coverage import Missed, of_coverage
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.terminal import Terminal
from qmpconf.report.views.own import Own
from qmpconf.text import printable

#: Places of each group of what is missing, unless told otherwise.
_MISSING = 10

_EPILOG = """\
What counts: a command that succeeded exercises itself, its arguments and its result; one that was
refused or not answered only tries them.  'values' and 'variants' are those of arguments; 'returns'
and 'data' are members of results and events, with their values and branches.  A type that stands
several times in one payload, or inside itself, is counted once, where it stands nearest to the top.

examples:
  qmpconf coverage traces/ --schema qemu-11.1.3
  qmpconf coverage my.qmptrace --kind arguments --missing 50
  qmpconf coverage *.qmptrace --schema mine.json --fail-under commands=60 --fail-under values=20
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the traces, the schema, and what is shown."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "traces",
        metavar="TRACE",
        nargs="+",
        help="a recording (*.qmptrace), a log or other text with messages, or a folder of recordings",
    )
    parser.add_argument(
        "--schema",
        default="auto",
        metavar="NAME|FILE|auto|none",
        help="the catalog whose places count: a shipped one ('qmpconf schema list') or a file; "
        "auto (the default): as 'qmpconf check' finds it, with a section for each one found; "
        "none: requirements alone",
    )
    parser.add_argument(
        "--kind",
        action="append",
        choices=report.PARTS,
        default=[],
        help="show this kind only (can be given again)",
    )
    parser.add_argument(
        "--missing",
        type=_number,
        default=_MISSING,
        metavar="N",
        help="list at most N places of each group of what is missing (default: %(default)s; 0: none)",
    )
    parser.add_argument(
        "-s", "--short", action="store_true", help="no rows for the commands and events"
    )
    parser.add_argument(
        "--fail-under",
        action="append",
        type=_limit,
        default=[],
        metavar="[KIND=]PERCENT",
        help="exit with 1 where less is exercised: of all places, or of one kind",
    )
    parser.add_argument("--format", choices=results.FORMATS, default="text", help="default: text")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there, not to stdout")
    options.force(parser)
    results.configure(parser)
    options.jobs(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the coverage; 1 where it is below a limit."""
    paths = list(readable_in("coverage", arguments.traces))
    outputs = Outputs([*paths, arguments.schema], force=arguments.force)
    outputs.add(arguments.output, "page", "-o")
    outputs.add(arguments.result, "result", "--result")
    chooser(arguments.schema)  # raises what is wrong with it
    # To choose the schema by itself, a trace is read twice.
    times = 2 if arguments.schema == "auto" else 1
    part, heap = gathered(arguments, "reading", CoverageTask(arguments.schema), paths, times)
    found = part.exercised
    limits: list[tuple[str, float]] = arguments.fail_under
    wanted = {*arguments.kind, *(kind for kind, _ in limits)} - {"requirements"}
    if not found.catalogs and wanted:
        raise UsageError("there is no schema to hold the traces against: name one with --schema")
    below = list(_below(found, limits))
    header = results.header_of(arguments, "coverage")
    read = [path for number, path in enumerate(paths) if number in heap.said]
    result = of_coverage(header, read, found, below, part.lacking())
    closed(result, heap, paths)
    results.write(arguments, result)
    page = _page(result, arguments)
    if arguments.output:
        write_page(arguments.output, page)
    else:
        results.say(arguments, page)
    for one in below:
        where = f"{printable(one.catalog)}: " if one.catalog else ""
        print(f"qmpconf coverage: {where}{one.sentence}", file=sys.stderr)
    say("coverage", heap, paths)
    return result.exit_code


def _below(found: Exercised, limits: Iterable[tuple[str, float]]) -> Iterator[Missed]:
    """Each limit that a catalog is below."""
    for kind, limit in limits:
        for title, totals in report.figures(found).items():
            places = [one for one in totals if one.kind != "requirements"]
            for total in [report.whole(places)] if not kind else totals:
                if total.kind == (kind or report.WHOLE) and total.percent < limit:
                    catalog = "" if kind == "requirements" else title
                    yield Missed(catalog, total.kind, total.percent, limit)
            if kind == "requirements":
                break  # they are the same for all catalogs


def _page(result: ResultFile, arguments: argparse.Namespace) -> str:
    terminal = Terminal(sys.stdout) if results.on_stdout(arguments) else None
    view = report.View(
        missing=arguments.missing,
        parts=tuple(arguments.kind),
        rows=not arguments.short,
        width=terminal.width(results.WIDTH) if terminal else results.WIDTH,
    )
    own = Own(coverage=view, made_by=_command(arguments))
    return results.page(merged([result]), arguments.format, terminal=terminal, own=own)


def _command(arguments: argparse.Namespace) -> str:
    """The command that makes a page again."""
    words = ["qmpconf", "coverage", *arguments.traces, "--format", "markdown"]
    words += ["--schema", arguments.schema] if arguments.schema != "auto" else []
    words += [word for kind in arguments.kind for word in ("--kind", kind)]
    words += ["--missing", str(arguments.missing)] if arguments.missing != _MISSING else []
    words += ["--short"] if arguments.short else []
    words += ["-o", arguments.output] if arguments.output else []
    return shlex.join(words)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of places")
    return int(text)


def _limit(text: str) -> tuple[str, float]:
    """``KIND=PERCENT`` or ``PERCENT``; the kind is empty for all places."""
    kind, _, percent = text.rpartition("=")
    try:
        number = float(percent)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{percent!r} is not a percentage from 0 to 100")
    if kind and kind not in report.PARTS:
        raise argparse.ArgumentTypeError(
            f"{kind!r} is not a kind; there are {', '.join(report.PARTS)}"
        )
    return kind, number
