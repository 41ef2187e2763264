"""What the verbs that find something share: where their result goes, as a stream and as a view."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from qmpconf.report.results.stream import Result, header, write_result

if TYPE_CHECKING:
    import argparse

    from qmpconf.report.results.records import Header, Verb


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the result."""
    parser.add_argument(
        "--result",
        metavar="FILE",
        help="write what was found to FILE, for 'qmpconf report' (- is stdout)",
    )
    parser.add_argument(
        "--label", metavar="TEXT", default="", help="what the result calls this run: a shard, a job"
    )


def header_of(arguments: argparse.Namespace, verb: Verb) -> Header:
    """The first line of this run's result."""
    return header(verb, "qmpconf " + shlex.join(sys.argv[1:]), arguments.label)


def write(arguments: argparse.Namespace, result: Result) -> None:
    """Write the result where the command line wants it.  Raises `OutputError`."""
    if arguments.result:
        write_result(arguments.result, result)
