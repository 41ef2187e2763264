"""``qmpconf schema diff BEFORE AFTER``: what changes for a client, what breaks it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmpconf.cli import baseline, options, results
from qmpconf.cli.examples import explain
from qmpconf.cli.schema.agree import catalog_or_document
from qmpconf.outputs import Outputs
from qmpconf.report.results.of_diff import of_diff
from qmpconf.schema.diff import LEVELS, diff

if TYPE_CHECKING:
    import argparse


_EPILOG = """\
examples:
  qmpconf schema diff qemu-10.0.13 qemu-11.1.3 --level breaks
  qmpconf schema diff qemu-7.2.22-doc qemu-7.2.22 --format markdown

exit codes: 0 nothing breaks a client; 1 something does, or with --strict can surprise it or will go
away; 2 usage; 3 a file cannot be read or written
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the two catalogs, the format and how much to show."""
    explain(parser, _EPILOG)
    help_text = "a shipped catalog's name, a catalog, a reply to query-qmp-schema, a document or QAPI source"
    parser.add_argument("before", metavar="BEFORE", help=help_text)
    parser.add_argument("after", metavar="AFTER", help="the same")
    parser.add_argument("--format", choices=results.FORMATS, default="text", help="default: text")
    parser.add_argument(
        "--level",
        choices=LEVELS,
        default="compatible",
        help="show changes down to this level (default: all)",
    )
    baseline.configure(parser)
    options.force(parser)
    results.configure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the changes; 1 when one of them breaks a client."""
    inputs = [arguments.before, arguments.after, *baseline.inputs(arguments)]
    outputs = Outputs(inputs, force=arguments.force)
    baseline.files(arguments, outputs)
    known = baseline.read(arguments)
    outputs.add(arguments.result, "result", "--result")
    before, after = map(catalog_or_document, (arguments.before, arguments.after))
    changes = diff(before, after)
    result = of_diff(
        results.header_of(arguments, "diff"), before, after, changes, known, arguments.level
    )
    results.write(arguments, result)
    results.show(arguments, result, details=False)
    if arguments.update:
        baseline.update(arguments, "schema diff", result, known)
        return 0
    return result.exit_code
