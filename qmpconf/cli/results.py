"""What the verbs that find something share: where their result goes, as a stream and as a view."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from typing import TYPE_CHECKING

from qmpconf.report.results.merge import merged
from qmpconf.report.results.stream import ResultFile, header, write_result
from qmpconf.report.terminal import Terminal
from qmpconf.trace.redaction import Redactor

if TYPE_CHECKING:
    import argparse

    from qmpconf.report.results.merge import Report
    from qmpconf.report.results.records import Header, Verb
    from qmpconf.report.views.own import Own


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the result."""
    parser.add_argument(
        "--result",
        metavar="FILE",
        help="write what was found to FILE, for 'qmpconf report' (- is stdout, where "
        "nothing else goes then)",
    )
    parser.add_argument(
        "--label", metavar="TEXT", default="", help="what the result calls this run: a shard, a job"
    )
    strict(parser)


def strict(parser: argparse.ArgumentParser) -> None:
    """Add ``--strict``."""
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 for warnings, too, not for errors alone"
    )


def header_of(arguments: argparse.Namespace, verb: Verb) -> Header:
    """The first line of this run's result, the same at each call."""
    if not hasattr(arguments, "header"):
        words = "qmpconf " + shlex.join(Redactor().words(sys.argv[1:]))
        arguments.header = header(verb, words, arguments.label, strict=arguments.strict)
    made: Header = arguments.header
    return made


def write(arguments: argparse.Namespace, result: ResultFile) -> None:
    """Write the result where the command line wants it.  Raises `OutputError`."""
    if arguments.result:
        write_result(arguments.result, result)


def say(arguments: argparse.Namespace, text: str) -> None:
    """Print the verb's own view, unless stdout is where the result, or what -o names, goes."""
    if arguments.result != "-":
        print(text, end="", file=sys.stderr if takes_stdout(arguments) else sys.stdout)


def takes_stdout(arguments: argparse.Namespace) -> bool:
    """Whether stdout is where the file of ``-o`` goes."""
    return str(getattr(arguments, "output", None) or "") == "-"


def on_stdout(arguments: argparse.Namespace) -> bool:
    """Whether the page itself is printed on stdout, and not written to a file."""
    return arguments.output is None or takes_stdout(arguments)


#: Views that show what stands around a finding, or latencies.
_ALL = frozenset({"html", "junit", "json"})
#: Views that a verb prints on stdout itself.
FORMATS = ("text", "markdown", "html", "junit", "sarif", "github", "json")

#: Columns where the output is not a terminal.
WIDTH = 120


def width() -> int:
    """Columns of what is printed on stdout."""
    return Terminal(sys.stdout).width(WIDTH)


def show(
    arguments: argparse.Namespace,
    result: ResultFile,
    *,
    details: bool = True,
    lines: bool = False,
    own: Own | None = None,
) -> None:
    """Print the view of a result that is asked for."""
    terminal = Terminal(sys.stdout)
    report = merged([result], packed=arguments.format in _ALL)
    made = page(report, arguments.format, details=details, lines=lines, terminal=terminal, own=own)
    say(arguments, made)


def page(
    report: Report,
    form: str,
    *,
    details: bool = True,
    lines: bool = False,
    terminal: Terminal | None = None,
    own: Own | None = None,
) -> str:
    """One view of a report; imported only now, for tables and HTML take their time.

    Text is as wide as `terminal`, and has its colours; without `details` it is short, and with `lines` for editors.
    """
    if form == "text":
        from qmpconf.report.views import text

        width = terminal.width(WIDTH) if terminal else WIDTH
        paint = terminal.paint if terminal else text.plain
        return text.page(report, width, details=details, lines=lines, paint=paint, own=own)
    if form == "markdown":
        from qmpconf.report.views import markdown

        return markdown.page(report, own=own)
    if form == "github":
        from qmpconf.report.views import github

        return github.page(report, os.environ.get("GITHUB_WORKSPACE", ""))
    module = importlib.import_module(f"qmpconf.report.views.{_MODULES.get(form, form)}")
    return str(module.page(report))


_MODULES = {"json": "as_json"}
