"""``qmpconf schema diff BEFORE AFTER``: what changes for a client, what breaks it first."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

from qmpconf.cli import options, results
from qmpconf.cli.examples import explain
from qmpconf.cli.schema_agree import catalog_or_document
from qmpconf.outputs import Outputs
from qmpconf.report import schema_diff
from qmpconf.report.results.of_diff import of_diff
from qmpconf.schema.diff import LEVELS, diff

if TYPE_CHECKING:
    import argparse


_EPILOG = """\
examples:
  qmpconf schema diff qemu-10.0.13 qemu-11.1.3 --level breaks
  qmpconf schema diff qemu-7.2.22-doc qemu-7.2.22 --format markdown

exit codes: 0 no change down to the level that is shown; 1 changes; 2 usage; 3 a file cannot be read
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the two catalogs, the format and how much to show."""
    explain(parser, _EPILOG)
    help_text = "a shipped catalog's name, a catalog, a reply to query-qmp-schema or a document"
    parser.add_argument("before", metavar="BEFORE", help=help_text)
    parser.add_argument("after", metavar="AFTER", help="the same")
    parser.add_argument(
        "--format", choices=("text", "markdown", "json"), default="text", help="default: text"
    )
    parser.add_argument(
        "--level",
        choices=LEVELS,
        default="compatible",
        help="show changes down to this level (default: all)",
    )
    options.force(parser)
    results.configure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the changes; 1 when there is any, down to the level that is shown."""
    outputs = Outputs([arguments.before, arguments.after], force=arguments.force)
    outputs.add(arguments.result, "result", "--result")
    before, after = map(catalog_or_document, (arguments.before, arguments.after))
    changes = diff(before, after)
    if arguments.format == "json":
        page = json.dumps(schema_diff.data(before, after, changes), indent=1) + "\n"
    elif arguments.format == "markdown":
        page = schema_diff.markdown(before, after, changes, down_to=arguments.level)
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
        page = schema_diff.text(before, after, changes, width, down_to=arguments.level)
    results.say(arguments, page)
    shown = LEVELS[: LEVELS.index(arguments.level) + 1]
    code = int(any(one.level in shown for one in changes))
    header = results.header_of(arguments, "diff")
    results.write(arguments, of_diff(header, before, after, changes, code))
    return code
