"""``qmpconf schema list``: the shipped catalogs, one in a line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qmpconf.cli.examples import explain
from qmpconf.report.catalog import listing
from qmpconf.report.terminal import Terminal
from qmpconf.schema.store import load_shipped, shipped

if TYPE_CHECKING:
    import argparse


#: Columns where the output is not a terminal.
_WIDTH = 120

_EPILOG = """\
examples:
  qmpconf schema list
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take ``--names`` for scripts."""
    explain(parser, _EPILOG)
    parser.add_argument("--names", action="store_true", help="names only, one in a line")


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    names = shipped()
    width = Terminal(sys.stdout).width(_WIDTH)
    print("\n".join(names) if arguments.names else listing(map(load_shipped, names), width))
    return 0
