"""``qmpconf schema compile FILE... [-o CATALOG.json] [--name NAME]``: a document becomes a catalog."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.cli.schema.fetch import catalog_of_server
from qmpconf.errors import UsageError
from qmpconf.files import read_text
from qmpconf.outputs import Outputs
from qmpconf.report.documents import compiled
from qmpconf.report.qapi import compiled_source
from qmpconf.schema.conditions import Settings
from qmpconf.schema.resolve import Learned, learned, resolved
from qmpconf.schema.select import Version
from qmpconf.schema.sources import compile_files
from qmpconf.schema.store import write

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from qmpconf.schema.model import Catalog


_EPILOG = """\
examples:
  qmpconf schema compile /usr/share/man/man7/qemu-qmp-ref.7.gz -o mine.json.gz
  qmpconf schema compile qemu/qapi/qapi-schema.json --introspection session.qmptrace -o mine.json.gz
  qmpconf schema compile qapi-schema.json --release 2.9 --config CONFIG_LINUX

Documents are the manuals qemu-qmp-ref, qemu-storage-daemon-qmp-ref and qemu-ga-ref since 2.9, as
manual page (source, or as man prints it), text, Info or HTML; and before, qmp-commands.txt or .hx
with qmp-events.txt of the same release:

  qmpconf schema compile docs/qmp-commands.txt docs/qmp-events.txt --release 2.6 -o mine.json.gz

Product and release are those that a document has in its title, footer or first lines, else those of
its newest entry; --product and --release say them.  A document of which less than half of the
headings can be read is an error.

QAPI source is QEMU's schema itself: qapi/qapi-schema.json, qga/qapi-schema.json and
storage-daemon/qapi/qapi-schema.json, with all files that they include, and the one file of old
releases.  Its rules changed with the releases: it is held to those of --release, else of the file
VERSION of its tree, else to any that fit.  The catalog keeps what the comments say, and 'schema
show' prints it.

Much in it depends on settings of the build.  --config says which are defined (CONFIG_LINUX,
CONFIG_LINUX=y) and which not (!CONFIG_WIN32, CONFIG_WIN32=n), or names a config-host.h;
--introspection takes the schema of a server of that build, and concludes them.  What neither
decides stays in the catalog, marked: a client that uses it gets a note, and a server that lacks it
is not to blame.
"""

PRODUCTS = ("qemu", "qemu-storage-daemon", "qemu-ga")

_SETTING = re.compile(r"(!?)([A-Za-z_]\w*)(?:=(\w*))?")
_VALUES = {"y": True, "1": True, "true": True, "n": False, "0": False, "false": False}
_DEFINED = re.compile(r"^[ \t]*#[ \t]*(define|undef)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the document, the file to write, the catalog's name, and what is known of the build."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "files",
        metavar="FILE",
        type=Path,
        nargs="+",
        help="a document: qmp-commands.txt, qmp-commands.hx, qmp-events.txt, qemu-qmp-ref; .gz too; several "
        "of one release; or QAPI source: qapi-schema.json",
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
    parser.add_argument(
        "--release",
        metavar="X.Y[.Z]",
        default="",
        help="the QEMU release that is described (default: as the document, or the file VERSION, says)",
    )
    parser.add_argument(
        "--product",
        choices=PRODUCTS,
        default="",
        help="the product that a document describes (default: as its title says)",
    )
    parser.add_argument(
        "--config",
        metavar="SETTING|FILE",
        action="append",
        default=[],
        help="QAPI source: a setting that is defined, or with '!' or '=n' is not; or a file of '#define' lines",
    )
    parser.add_argument(
        "--introspection",
        metavar="FILE",
        default="",
        help="QAPI source: a server of the same build: a trace or a reply of query-qmp-schema, or a "
        "catalog of one",
    )
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compile, write the catalog, print the report."""
    outputs = Outputs([*arguments.files, arguments.introspection], force=arguments.force)
    outputs.add(arguments.output, "catalog", "-o")
    if arguments.release and Version.parse(arguments.release) is None:
        raise UsageError(f"--release {arguments.release}: expected a release, like 7.2 or 7.2.0")
    settings = _settings(arguments.config)
    compilation = compile_files(
        arguments.files, name=arguments.name, product=arguments.product, release=arguments.release
    )
    if compilation.catalog.source.kind == "qapi" and arguments.product:
        raise UsageError("--product is for documents; QAPI source says what it belongs to")
    Outputs(compilation.files, force=arguments.force).add(arguments.output, "catalog", "-o")
    if compilation.catalog.source.kind == "qapi":
        shown = _learned(compilation.catalog, arguments.introspection, settings)
        found = resolved(compilation.catalog, settings)
        compilation = replace(compilation, catalog=found.catalog)
        report = compiled_source(compilation, found, shown)
    elif arguments.config or arguments.introspection:
        raise UsageError(
            f"{arguments.files[0]} is a document; --config and --introspection are for QAPI source"
        )
    else:
        report = compiled(compilation)
    if arguments.output is not None:
        write(compilation.catalog, arguments.output)
    printed = arguments.output is not None and str(arguments.output) == "-"
    print(report, end="", file=sys.stderr if printed else sys.stdout)
    return 0


def _settings(told: Iterable[str]) -> Settings:
    """What ``--config`` says: single settings, and files of them.  Raises UsageError."""
    known: dict[str, bool] = {}
    for one in told:
        single = _SETTING.fullmatch(one)
        value = _VALUES.get((single[3] or "y").lower()) if single else None
        if single and value is not None and not (single[1] and single[3]):
            known[single[2]] = value and not single[1]
            continue
        found = _DEFINED.findall(read_text(one)) if os.path.exists(one) else []
        if not found:
            raise UsageError(
                f"--config {one}: expected NAME or NAME=y for a setting that is defined, !NAME or NAME=n for "
                "one that is not, or a file with '#define NAME' lines, such as config-host.h"
            )
        known |= {name: word == "define" for word, name in found}
    return Settings(known)


def _learned(catalog: Catalog, server: str, settings: Settings) -> Learned | None:
    """What the server's own schema shows of its build, which is added to the settings."""
    if not server:
        return None
    found = catalog_of_server(server)
    if found.source.kind != "introspection":
        raise UsageError(f"--introspection {server}: is not made from a server's schema reply")
    return learned(catalog, found, settings)
