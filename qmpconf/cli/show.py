"""``qmpconf show TRACE``: what a recording holds."""

from __future__ import annotations

import argparse

from qmpconf.replay.explain import explain
from qmpconf.report.bindings import as_json, as_text


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the trace, and what is asked about it."""
    parser.add_argument("trace", metavar="TRACE", help="a recording (*.qmptrace)")
    parser.add_argument(
        "--bindings",
        action="store_true",
        required=True,
        help="the values that the server chose and the client sent back: what a replay puts in "
        "their place, and what it does not, with the reasons",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(arguments: argparse.Namespace) -> int:
    """Show it; 0, for there is nothing to find wrong."""
    found = explain(arguments.trace)
    print((as_json if arguments.format == "json" else as_text)(found), end="")
    return 0
