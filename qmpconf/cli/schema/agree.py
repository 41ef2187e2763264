"""``qmpconf schema agree DOCUMENT SERVER ...``: how far documents agree with what their servers do.

Takes any number of pairs.  ``--notes`` names a TOML file with the reasons of disagreements, and
perhaps the pairs and the beginning of the page::

    preamble = "# Documents and servers"
    pairs = [["qemu-10.0.13-doc", "qemu-10.0.13"]]

    [[note]]
    catalog = "qemu-10.0.13-doc"
    place = "command netdev_add/arguments/type=vmnet-*"
    blame = "build"
    reason = "..."
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.errors import InputError, UsageError
from qmpconf.lists import ListEntry, Source
from qmpconf.outputs import Outputs, write_page
from qmpconf.packed import exists
from qmpconf.report import agreement as report
from qmpconf.schema import store
from qmpconf.schema.agreement import Note, compare
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.qapi.files import is_qapi
from qmpconf.schema.sources import compile_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from qmpconf.schema.model import Catalog

_MEMBERS = ("catalog", "place", "blame", "reason")
_BLAMES = ("document", "build", "compiler")


_EPILOG = """\
examples:
  qmpconf schema agree qemu-7.2.22-doc qemu-7.2.22
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the pairs, the notes, the format and the least agreement."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "catalogs",
        metavar="CATALOG",
        nargs="*",
        help="pairs: a document or a catalog, then the catalog to hold it against "
        "(default: those in the file of --notes)",
    )
    parser.add_argument("--notes", metavar="FILE", help="TOML file with reasons")
    parser.add_argument(
        "--format", choices=("text", "markdown", "json"), default="text", help="default: text"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write there, not to stdout")
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the agreement; 1 when a disagreement has no reason, or a reason no disagreement."""
    inputs = [*arguments.catalogs, arguments.notes or ""]
    Outputs(inputs, force=arguments.force).add(arguments.output, "page", "-o")
    told = _told(Path(arguments.notes)) if arguments.notes else _Told((), (), "")
    pairs = _pairs(arguments.catalogs) or told.pairs
    if not pairs:
        raise UsageError("nothing to compare: give pairs of catalogs")
    compared = tuple(
        compare(catalog_or_document(here), catalog_or_document(there)) for here, there in pairs
    )
    explained = report.Explained(compared, told.notes)
    if arguments.format == "json":
        page = json.dumps(report.data(explained), indent=1) + "\n"
    elif arguments.format == "markdown":
        page = report.markdown(explained, told.preamble)
    else:
        page = report.text(explained)
    if arguments.output:
        write_page(arguments.output, page)
    else:
        print(page, end="")
    return int(bool(explained.unexplained or explained.stale))


def catalog_or_document(name: str) -> Catalog:
    """A shipped catalog by its name; else the catalog, the reply, the document or the source there.

    Raises UsageError when it is neither, InputError when the file is nothing of that.
    """
    path = Path(name)
    if name in store.shipped() or not exists(path):
        return store.load(name)
    text = read_document(path)
    if text.lstrip()[:1] in {"{", "["} and not is_qapi(path, text):
        return store.read(path)
    return compile_file(path).catalog


@dataclass(frozen=True, slots=True)
class _Told:
    """What the file of ``--notes`` says."""

    notes: tuple[Note, ...]
    pairs: tuple[tuple[str, str], ...]
    preamble: str


def _pairs(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if len(names) % 2:
        raise UsageError(f"{len(names)} is an odd number of catalogs: give them in pairs")
    return tuple(zip(names[::2], names[1::2], strict=True))


def _told(path: Path) -> _Told:
    source = Source(str(path), read_document(path), "note")
    found = source.parsed()
    source.only(found, ("note", "pairs", "preamble"))
    pairs, preamble = found.get("pairs", []), found.get("preamble", "")
    if not isinstance(preamble, str):
        raise InputError(f"{source.line(key='preamble')}: the preamble must be a text")
    if not _are_pairs(pairs):
        raise InputError(f"{source.line(key='pairs')}: 'pairs' must be a list of two names each")
    return _Told(
        tuple(map(_note, source.entries(found.get("note", [])))),
        tuple((here, there) for here, there in pairs),
        preamble,
    )


def _are_pairs(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
        for pair in value
    )


def _note(entry: ListEntry) -> Note:
    entry.only(_MEMBERS)
    texts = {name: entry.text(name) for name in _MEMBERS}
    if texts["blame"] not in _BLAMES:
        entry.fail(f"blame is one of {', '.join(_BLAMES)}", "blame")
    return Note(**texts)
