"""``qmpconf requirements``: the register, and what covers each rule."""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from qmpconf.cli.examples import explain
from qmpconf.conform.coverage import coverage
from qmpconf.report import requirements as views

_WIDTH = 120


_EPILOG = """\
examples:
  qmpconf requirements
  qmpconf requirements --format markdown
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "patterns",
        metavar="PATTERN",
        nargs="*",
        help="only rules with this in their id, or whose id matches this glob",
    )
    parser.add_argument("--level", choices=("MUST", "SHOULD", "MAY"), help="only of this level")
    parser.add_argument("--binds", choices=("client", "server"), help="only what binds this side")
    parser.add_argument("--version", metavar="X.Y", help="only what holds in this version of QEMU")
    parser.add_argument(
        "--uncovered", action="store_true", help="only rules without a case of their own"
    )
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="every case, and known deviations"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the rules; 0, or 1 where one of them is covered by nothing."""
    found = views.chosen(
        coverage(),
        patterns=arguments.patterns,
        level=arguments.level or "",
        binds=arguments.binds or "",
        version=arguments.version or "",
    )
    if arguments.uncovered:
        found = [one for one in found if not one.cases]
    if arguments.format == "json":
        print(json.dumps([views.data(one) for one in found], indent=1))
    elif arguments.format == "markdown":
        print(views.markdown(found), end="")
    else:
        width = shutil.get_terminal_size((_WIDTH, 24)).columns if sys.stdout.isatty() else _WIDTH
        print(views.text(found, width, verbose=arguments.verbose), end="")
    return 0 if all(one.covered for one in found) else 1
