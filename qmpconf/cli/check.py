"""``qmpconf check TRACE...``: recorded sessions against the protocol and a schema."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from qmpconf.check.baseline import Baseline
from qmpconf.check.basis import Basis
from qmpconf.check.findings import Groups
from qmpconf.check.matrix import Judge
from qmpconf.check.run import automatic, check, chooser, product_of
from qmpconf.errors import InputError
from qmpconf.report import data, matrix, text
from qmpconf.report.progress import Progress, size_of_files
from qmpconf.schema.select import of_product
from qmpconf.schema.store import load
from qmpconf.trace.reader import TraceReader

if TYPE_CHECKING:
    import argparse


#: Width of the table where the output is no terminal.
_WIDTH = 120


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the traces, and what they are checked against."""
    parser.add_argument("traces", metavar="TRACE", nargs="+", help="a recording (*.qmptrace)")
    parser.add_argument(
        "--schema",
        default="auto",
        metavar="NAME|FILE|auto|none|all",
        help="the catalog to check against: a shipped one ('qmpconf schema list') or a file; "
        "auto (the default): the schema reply in the trace, else the shipped catalog that fits "
        "the greeting; none: the wire protocol alone; all: "
        "a matrix of the calls by all shipped catalogs, to see which server can serve this client",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument(
        "--baseline", metavar="FILE", type=Path, help="known findings, which do not fail the run"
    )
    parser.add_argument(
        "-s", "--short", action="store_true", help="text: one line a finding, without details"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing on stderr")


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and give 0 (conforms) or 1 (findings)."""
    if arguments.schema == "all":
        return _matrix(arguments)
    baseline = _baseline(arguments.baseline)
    choose = chooser(arguments.schema)
    groups = Groups()
    checked = []
    # To choose the schema by itself, a trace is read twice.
    total = size_of_files(arguments.traces) * (2 if choose is None else 1)
    with Progress("checking", total, quiet=arguments.quiet) as progress:
        for path in arguments.traces:
            reader = TraceReader(path)
            with progress.reading(reader):
                outcome = check(reader, automatic(reader) if choose is None else choose, groups)
            checked.append(outcome)
            used = "; ".join(outcome.schemas) or "no schema: the wire protocol alone"
            progress.say(f"{path}: checked against {used}")
    compared = baseline.compare(groups)
    if arguments.format == "json":
        print(json.dumps(data.outcomes(checked, compared), indent=1))
    else:
        width = shutil.get_terminal_size((_WIDTH, 24)).columns if sys.stdout.isatty() else _WIDTH
        print(text.outcomes(checked, compared, width, details=not arguments.short), end="")
    return 1 if compared.failed else 0


def _matrix(arguments: argparse.Namespace) -> int:
    """Hold the calls against every shipped catalog; it is an overview, and has no findings."""
    readers = [TraceReader(path) for path in arguments.traces]
    products = sorted({product_of(reader) for reader in readers})
    bases = {name: Basis(load(name)) for product in products for name in of_product(product)}
    total = size_of_files(arguments.traces)
    with (
        Progress("checking", total, quiet=arguments.quiet) as progress,
        progress.reading(*readers),
    ):
        found = Judge(bases).matrix({reader.path: reader.items() for reader in readers})
    if arguments.format == "json":
        print(json.dumps(matrix.as_data(found), indent=1))
    else:
        print(matrix.as_text(found), end="")
    return 0


def _baseline(path: Path | None) -> Baseline:
    if path is None:
        return Baseline({})
    try:
        return Baseline.parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
