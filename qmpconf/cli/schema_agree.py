"""``qmpconf schema agree DOCUMENT SERVER ...``: how far documents tell what their servers do.

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
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.errors import InputError, UsageError
from qmpconf.outputs import Outputs, write_page
from qmpconf.report import agreement as report
from qmpconf.schema import store
from qmpconf.schema.agreement import Note, compare
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.files import read_document

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
    """A shipped catalog by its name; else the catalog, the reply or the document in that file.

    Raises UsageError when it is neither, InputError when the file is nothing of that.
    """
    path = Path(name)
    if name in store.shipped() or not path.exists():
        return store.load(name)
    text = read_document(path)
    if text.lstrip()[:1] in {"{", "["}:
        return store.read(path)
    try:
        return compile_document(text).catalog
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Told:
    """What the file of ``--notes`` tells."""

    notes: tuple[Note, ...]
    pairs: tuple[tuple[str, str], ...]
    preamble: str


def _pairs(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if len(names) % 2:
        raise UsageError(f"{len(names)} catalogs make no pairs: give an even number")
    return tuple(zip(names[::2], names[1::2], strict=True))


def _told(path: Path) -> _Told:
    try:
        found = tomllib.loads(read_document(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is no TOML: {error}") from None
    unknown = set(found) - {"note", "pairs", "preamble"}
    if unknown:
        raise InputError(f"{path}: unknown: {', '.join(sorted(unknown))}")
    notes, pairs, preamble = (
        found.get("note", []),
        found.get("pairs", []),
        found.get("preamble", ""),
    )
    if not isinstance(notes, list) or not isinstance(preamble, str):
        raise InputError(f"{path}: expected [[note]] tables, and a text as the preamble")
    if not _are_pairs(pairs):
        raise InputError(f"{path}: expected `pairs` to be a list of two names each")
    return _Told(
        tuple(_note(path, number, note) for number, note in enumerate(notes, 1)),
        tuple((here, there) for here, there in pairs),
        preamble,
    )


def _are_pairs(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
        for pair in value
    )


def _note(path: Path, number: int, note: object) -> Note:
    if not isinstance(note, dict) or set(note) != set(_MEMBERS):
        raise InputError(f"{path}: note {number}: expected {', '.join(_MEMBERS)}")
    if not all(isinstance(value, str) and value for value in note.values()):
        raise InputError(f"{path}: note {number}: every value is a text")
    if note["blame"] not in _BLAMES:
        raise InputError(f"{path}: note {number}: blame is one of {', '.join(_BLAMES)}")
    return Note(**note)
