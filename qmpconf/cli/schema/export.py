"""``qmpconf schema export NAME [-o FILE]``: a catalog as one JSON Schema bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.outputs import Outputs, write_file
from qmpconf.schema.bundle import build
from qmpconf.schema.store import load

if TYPE_CHECKING:
    import argparse


_EPILOG = """\
examples:
  qmpconf schema export qemu-7.2.22 -o qemu-7.2.22.schema.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the catalog and the file to write."""
    explain(parser, _EPILOG)
    parser.add_argument("catalog", metavar="NAME", help="a shipped catalog's name, or a file")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write to FILE (default: stdout)"
    )
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the bundle."""
    outputs = Outputs([arguments.catalog], force=arguments.force)
    outputs.add(arguments.output, "schema", "-o")
    text = json.dumps(build(load(arguments.catalog), exported=True), indent=1) + "\n"
    if arguments.output is None:
        print(text, end="")
    else:
        write_file(arguments.output, text.encode())
    return 0
