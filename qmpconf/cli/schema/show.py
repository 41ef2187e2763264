"""``qmpconf schema show NAME [ENTRY]``: a catalog, or one of its entries in full.

With a property catalog beside it, also the properties of a device or object type.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from typing import TYPE_CHECKING

from qmpconf.cli.examples import explain
from qmpconf.errors import UsageError
from qmpconf.report.catalog import entry, names_of, overview, properties
from qmpconf.schema.problems import suggest
from qmpconf.schema.property_catalog import properties_with
from qmpconf.schema.select import releases_of
from qmpconf.schema.store import load, load_shipped

if TYPE_CHECKING:
    import argparse

    from qmpconf.schema.model import Catalog


_EPILOG = """\
examples:
  qmpconf schema show qemu-7.2.22
  qmpconf schema show qemu-7.2.22 block_resize
  qmpconf schema show qemu-7.2.22 virtio-net-pci
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the catalog and the entry."""
    explain(parser, _EPILOG)
    parser.add_argument("catalog", metavar="NAME", help="a shipped catalog's name, or a file")
    parser.add_argument(
        "entry",
        metavar="ENTRY",
        nargs="?",
        help="a command, an event or a named type; a device or object type, for its properties",
    )


def _load(name: str) -> Catalog:
    """The catalog; of an entry in its place, the error says how that is shown."""
    try:
        return load(name)
    except UsageError as error:
        newest = load_shipped(releases_of("qemu")[-1])
        if name not in names_of(newest):
            raise
        raise UsageError(
            f"{error}; to see the entry: 'qmpconf schema show {newest.name} {name}', or "
            f"'qmpconf schema history {name}'"
        ) from None


def run(arguments: argparse.Namespace) -> int:
    """Print it, in the width of the terminal."""
    catalog = _load(arguments.catalog)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
    if arguments.entry is None:
        print(overview(catalog, width), end="")
        return 0
    typed = properties_with(arguments.catalog)
    found = ""
    with contextlib.suppress(KeyError):
        found = entry(catalog, arguments.entry, width)
    if typed is not None:
        with contextlib.suppress(KeyError):
            found += properties(typed, arguments.entry)
    if not found:
        known = [*names_of(catalog), *(typed.devices if typed else ())]
        close = suggest(arguments.entry, known)
        hint = f"did you mean {close!r}?" if close else "see 'qmpconf schema show NAME'"
        raise UsageError(f"{catalog.name} has no {arguments.entry!r}; {hint}")
    print(found, end="")
    return 0
