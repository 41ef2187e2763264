"""What the verbs that find something share: where their result goes, as a stream and as a view."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from typing import TYPE_CHECKING

from qmpconf.report.results.merge import merged
from qmpconf.report.results.stream import Result, header, write_result
from qmpconf.report.terminal import Terminal
from qmpconf.trace.redaction import Redactor

if TYPE_CHECKING:
    import argparse

    from qmpconf.report.results.merge import Report
    from qmpconf.report.results.records import Header, Verb


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


def header_of(arguments: argparse.Namespace, verb: Verb) -> Header:
    """The first line of this run's result."""
    words = Redactor().words(sys.argv[1:])
    return header(verb, "qmpconf " + shlex.join(words), arguments.label)


def write(arguments: argparse.Namespace, result: Result) -> None:
    """Write the result where the command line wants it.  Raises `OutputError`."""
    if arguments.result:
        write_result(arguments.result, result)


def say(arguments: argparse.Namespace, text: str) -> None:
    """Print the verb's own view, unless stdout is where the result goes."""
    if arguments.result != "-":
        print(text, end="")


#: Views that a verb prints on stdout itself.
FORMATS = ("text", "markdown", "html", "junit", "sarif", "github", "json")

#: Columns where the output is no terminal.
_WIDTH = 120


def width() -> int:
    """Columns of what is printed on stdout."""
    return Terminal(sys.stdout).width(_WIDTH)


def show(arguments: argparse.Namespace, result: Result, *, details: bool = True) -> None:
    """Print the view of a result that is asked for."""
    terminal = Terminal(sys.stdout)
    say(arguments, page(merged([result]), arguments.format, details=details, terminal=terminal))


def page(
    report: Report, form: str, *, details: bool = True, terminal: Terminal | None = None
) -> str:
    """One view of a report; imported only now, for tables and HTML take their time.

    Text is as wide as `terminal`, and has its colours; without `details` it is short.
    """
    if form == "text":
        from qmpconf.report.views import text

        width = terminal.width(_WIDTH) if terminal else _WIDTH
        paint = terminal.paint if terminal else text.plain
        return text.page(report, width, details=details, paint=paint)
    if form == "github":
        from qmpconf.report.views import github

        return github.page(report, os.environ.get("GITHUB_WORKSPACE", ""))
    module = importlib.import_module(f"qmpconf.report.views.{_MODULES.get(form, form)}")
    return str(module.page(report))


_MODULES = {"json": "as_json"}
