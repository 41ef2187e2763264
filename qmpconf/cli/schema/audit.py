"""``qmpconf schema audit FILE...``: documents against themselves."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qmpconf.cli import baseline, options, results
from qmpconf.cli.examples import explain
from qmpconf.outputs import Outputs, write_page
from qmpconf.report.results.merge import merged
from qmpconf.report.results.of_audit import Audited, of_audit
from qmpconf.report.terminal import Terminal
from qmpconf.schema.documents.audit import audit
from qmpconf.schema.sources import compile_file
from qmpconf.schema.store import load

if TYPE_CHECKING:
    import argparse


_EPILOG = """\
examples:
  qmpconf schema audit qmp-commands-1.6.2.txt
  qmpconf schema audit qmp-commands.txt --format markdown -o audit.md

exit codes: 0 nothing was found; 1 findings; 2 usage; 3 a file cannot be read or written
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the documents, the format and the file to write."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="a document, or QAPI source"
    )
    parser.add_argument(
        "--catalog",
        metavar="NAME",
        help="hold the examples against this catalog (default: the document's own)",
    )
    parser.add_argument("--format", choices=results.FORMATS, default="text", help="default: text")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write to FILE (default: stdout)"
    )
    baseline.configure(parser)
    options.force(parser)
    results.configure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Audit each document; 1 when there is any finding."""
    inputs = [*arguments.files, arguments.catalog or "", *baseline.inputs(arguments)]
    outputs = Outputs(inputs, force=arguments.force)
    baseline.files(arguments, outputs)
    known = baseline.read(arguments)
    outputs.add(arguments.output, "page", "-o")
    outputs.add(arguments.result, "result", "--result")
    documents = [_audited(path, arguments.catalog) for path in arguments.files]
    result = of_audit(results.header_of(arguments, "audit"), documents, known)
    results.write(arguments, result)
    terminal = Terminal(sys.stdout) if results.on_stdout(arguments) else None
    text = results.page(merged([result]), arguments.format, details=False, terminal=terminal)
    if arguments.output is None:
        results.say(arguments, text)
    else:
        write_page(arguments.output, text)
    if arguments.update:
        baseline.update(arguments, "schema audit", result, known)
        return 0
    return result.exit_code


def _audited(path: Path, catalog: str | None) -> Audited:
    compilation = compile_file(path)
    if catalog:
        compilation = replace(compilation, catalog=load(catalog))
    return Audited(path.name, compilation, audit(compilation))
