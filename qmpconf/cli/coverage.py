"""``qmpconf coverage TRACE...``: what recorded sessions exercise of a schema, and what is missing."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence

from qmpconf.check.collect import Collector, Exercised, join
from qmpconf.check.run import automatic, check, chooser
from qmpconf.cli import options
from qmpconf.cli.traces import cut_off, traces_in
from qmpconf.errors import UsageError
from qmpconf.outputs import Outputs, write_page
from qmpconf.report import coverage as report
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.text import counted, printable
from qmpconf.trace.reader import TraceReader

#: Width of the page where the output is no terminal.
_WIDTH = 100
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
        "traces", metavar="TRACE", nargs="+", help="a recording (*.qmptrace), or a folder of them"
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
    parser.add_argument(
        "--format", choices=("text", "markdown", "json"), default="text", help="default: text"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write there, not to stdout")
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the coverage; 1 where it is below a limit."""
    paths = list(traces_in(arguments.traces))
    Outputs([*paths, arguments.schema], force=arguments.force).add(arguments.output, "page", "-o")
    found = join(_collected(paths, arguments.schema))
    limits: list[tuple[str, float]] = arguments.fail_under
    wanted = {*arguments.kind, *(kind for kind, _ in limits)} - {"requirements"}
    if not found.catalogs and wanted:
        raise UsageError("there is no schema to hold the traces against: name one with --schema")
    page = _page(found, arguments)
    if arguments.output:
        write_page(arguments.output, page)
    else:
        print(page, end="")
    below = list(_below(found, limits))
    for line in below:
        print(f"qmpconf coverage: {line}", file=sys.stderr)
    return 1 if below else 0


def _collected(paths: Sequence[str], schema: str) -> Iterator[Exercised]:
    choose = chooser(schema)
    # To choose the schema by itself, a trace is read twice.
    total = size_of_files(paths) * (2 if choose is None else 1)
    with Progress("reading", total) as progress:
        for path in paths:
            reader = TraceReader(path)
            with progress.reading(reader):
                collector = Collector()
                chosen = automatic(reader) if choose is None else choose
                outcome = check(reader, chosen, observer=collector)
            for lack in outcome.unjudged:
                if lack.kind == "schema":
                    sessions = counted(lack.count, "session")
                    advice = f"; {lack.advice}" if lack.advice else ""
                    progress.say(f"{path}: {sessions} held against no schema: {lack.text}{advice}")
            if told := cut_off(reader):
                progress.say(told)
            yield collector.data()


def _below(found: Exercised, limits: Iterable[tuple[str, float]]) -> Iterator[str]:
    """A sentence for each limit that a catalog is below."""
    for kind, limit in limits:
        for title, totals in report.figures(found).items():
            places = [one for one in totals if one.kind != "requirements"]
            for total in [report.whole(places)] if not kind else totals:
                if total.kind == (kind or report.WHOLE) and total.percent < limit:
                    where = f"{printable(title)}: " if title and kind != "requirements" else ""
                    yield (
                        f"{where}{total.percent:.1f} % of the {total.kind} are exercised, "
                        f"which is under {limit:g} %"
                    )
            if kind == "requirements":
                break  # they are the same for all catalogs


def _page(found: Exercised, arguments: argparse.Namespace) -> str:
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if sys.stdout.isatty() else _WIDTH
    view = report.View(
        missing=arguments.missing,
        parts=tuple(arguments.kind),
        rows=not arguments.short,
        width=width,
    )
    if arguments.format == "json":
        return json.dumps(report.as_data(found, view), indent=1) + "\n"
    if arguments.format == "markdown":
        return report.as_markdown(found, view, _preamble(arguments))
    return report.as_text(found, view)


def _preamble(arguments: argparse.Namespace) -> str:
    """The head of a page, with the command that makes it again."""
    words = ["qmpconf", "coverage", *arguments.traces, "--format", "markdown"]
    words += ["--schema", arguments.schema] if arguments.schema != "auto" else []
    words += [word for kind in arguments.kind for word in ("--kind", kind)]
    words += ["--missing", str(arguments.missing)] if arguments.missing != _MISSING else []
    words += ["--short"] if arguments.short else []
    words += ["-o", arguments.output] if arguments.output else []
    command = printable(shlex.join(words)).replace("`", "'")
    return f"# Coverage\n\nMade by `{command}`."


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of places")
    return int(text)


def _limit(text: str) -> tuple[str, float]:
    """``KIND=PERCENT`` or ``PERCENT``; the kind is empty for all places."""
    kind, _, percent = text.rpartition("=")
    try:
        number = float(percent)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{percent!r} is no percentage from 0 to 100")
    if kind and kind not in report.PARTS:
        raise argparse.ArgumentTypeError(
            f"{kind!r} is no kind; there are {', '.join(report.PARTS)}"
        )
    return kind, number
