"""``qmpconf schema list``: the shipped catalogs, by product, kind of source and architecture."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from qmpconf.cli.examples import explain
from qmpconf.errors import UsageError
from qmpconf.report.catalogs import Shipped, as_data, as_text
from qmpconf.report.terminal import Terminal
from qmpconf.schema.select import release_of
from qmpconf.schema.store import counts_of, shipped, source_of

if TYPE_CHECKING:
    import argparse


#: Columns where the output is not a terminal.
_WIDTH = 120

_EPILOG = """\
examples:
  qmpconf schema list
  qmpconf schema list --names
  qmpconf schema show qemu-4.2.0
  qmpconf schema show qemu-5.0.0-aarch64

Where a release is asked for, "qemu-7.2", the newest catalog of it is taken that was introspected.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take ``--names`` for scripts."""
    explain(parser, _EPILOG)
    parser.add_argument("--names", action="store_true", help="names only, one in a line")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="on stdout (default: text)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the list.  Raises UsageError for options that exclude each other."""
    if arguments.names and arguments.format == "json":
        raise UsageError("--names and --format json exclude each other")
    if arguments.names:
        print("\n".join(shipped()))
        return 0
    catalogs = [
        Shipped(name, source_of(name), release_of(name), counts_of(name)) for name in shipped()
    ]
    if arguments.format == "json":
        print(json.dumps(as_data(catalogs), indent=1))
    else:
        print(as_text(catalogs, Terminal(sys.stdout).width(_WIDTH)))
    return 0
