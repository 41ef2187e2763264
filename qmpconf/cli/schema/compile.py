"""``qmpconf schema compile FILE [-o CATALOG.json] [--name NAME]``: a document becomes a catalog."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.errors import InputError
from qmpconf.outputs import Outputs
from qmpconf.report.documents import compiled
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.store import write

if TYPE_CHECKING:
    import argparse


_EPILOG = """\
examples:
  qmpconf schema compile /usr/share/man/man7/qemu-qmp-ref.7.gz -o mine.json.gz
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the document, the file to write and the catalog's name."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="a document: qmp-commands.txt, qmp-commands.hx, qemu-qmp-ref(7); .gz too",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="CATALOG.json",
        type=Path,
        help="write the catalog there (compressed when the name ends in .gz)",
    )
    parser.add_argument(
        "--name",
        type=options.name,
        default="",
        help="the catalog's name (default: after the version that the document describes)",
    )
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compile, write the catalog, print the report."""
    outputs = Outputs([arguments.file], force=arguments.force)
    outputs.add(arguments.output, "catalog", "-o")
    text = read_document(arguments.file)
    try:
        compilation = compile_document(text, arguments.name)
    except InputError as error:
        raise InputError(f"{arguments.file}: {error}") from None
    if arguments.output is not None:
        write(compilation.catalog, arguments.output)
    printed = arguments.output is not None and str(arguments.output) == "-"
    print(compiled(compilation), end="", file=sys.stderr if printed else sys.stdout)
    return 0
