"""``qmpconf schema history [ENTRY]``: when it came, was deprecated and went, over all catalogs that ship."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import sys
from typing import TYPE_CHECKING

from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.cli.schema.agree import catalog_or_document
from qmpconf.errors import UsageError
from qmpconf.outputs import Outputs, write_page
from qmpconf.report.history import tables
from qmpconf.report.history.told import Selection
from qmpconf.schema.history import Entries, History, Place, Row
from qmpconf.schema.select import PRODUCTS, Version, of_product
from qmpconf.schema.store import load_shipped

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from qmpconf.schema.model import Catalog

_FORMATS = ("text", "markdown", "json", "html")
#: Columns where the output is not a terminal.
_WIDTH = 120
#: Names and places that an error gives, and how near a name is that is meant for sure.
_MOST, _CLOSE = 4, 0.8

_ENTRY = re.compile(r"\s*(?:(command|event)\s+)?([^\s/=\[(]+)\s*(.*?)\s*", re.DOTALL)

_EPILOG = """\
examples:
  qmpconf schema history migrate
  qmpconf schema history block_resize --all
  qmpconf schema history 'query-block/return/*/inserted/encryption_key_missing'
  qmpconf schema history migrate-set-capabilities/arguments/capabilities/*/capability=xbzrle
  qmpconf schema history --format html -o history.html
  qmpconf schema history --product qemu-ga

A place is written as 'schema diff' writes it: COMMAND/arguments/MEMBER, COMMAND/return/MEMBER,
EVENT/data/MEMBER, MEMBER=VALUE for a value, [TAG=VALUE] for a branch of a union. The /* of a list
can be left out.

exit codes: 0 shown; 2 usage, or there never was such a place; 3 a file cannot be read or written
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the place, the product, further catalogs and the format."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "entry",
        metavar="ENTRY",
        nargs="?",
        help="a command, an event, or a place in one (default: all commands and events)",
    )
    parser.add_argument(
        "--product", choices=PRODUCTS, default="qemu", help="whose catalogs (default: qemu)"
    )
    parser.add_argument(
        "--catalog",
        metavar="CATALOG",
        action="append",
        default=[],
        help="one more of that product: a catalog, a document or QAPI source that says its release (can be "
        "repeated)",
    )
    parser.add_argument("--format", choices=_FORMATS, default="text", help="default: text")
    parser.add_argument(
        "--all",
        action="store_true",
        help="text, markdown: also places whose history is that of the place above them",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write there, not to stdout")
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the history."""
    outputs = Outputs(arguments.catalog, force=arguments.force)
    outputs.add(arguments.output, "page", "-o")
    catalogs = [load_shipped(name) for name in of_product(arguments.product)]
    catalogs += [_one_more(name, arguments.product) for name in arguments.catalog]
    history = History(catalogs)
    rows = list(_rows(history, arguments))
    selection = Selection(arguments.product, history, rows, whole=arguments.entry is None)
    page = _page(selection, arguments)
    if arguments.output:
        write_page(arguments.output, page)
    else:
        print(page, end="")
    return 0


def _one_more(name: str, product: str) -> Catalog:
    """A catalog that has a place among those of `product`.  Raises UsageError for any other one."""
    found = catalog_or_document(name)
    if Version.parse(found.source.version) is None:
        raise UsageError(
            f"{name} does not say which release it describes: make a catalog that does, of a server with "
            "'qmpconf schema fetch', of a document with 'qmpconf schema compile --release X.Y'"
        )
    # A document or source that does not say otherwise counts as QEMU's.
    is_sure = found.source.kind == "introspection" or found.source.product != "qemu"
    if is_sure and found.source.product != product:
        raise UsageError(
            f"{name} describes {found.source.product}, and the history is that of {product}: "
            f"--product {found.source.product}"
        )
    return found


def _page(selection: Selection, arguments: argparse.Namespace) -> str:
    if arguments.format == "html":
        from qmpconf.report.history.page import page

        return page(selection)
    if arguments.format == "json":
        return json.dumps(tables.data(selection), indent=1) + "\n"
    if arguments.format == "markdown":
        return tables.markdown(selection, everything=arguments.all)
    on_terminal = sys.stdout.isatty() and not arguments.output
    width = shutil.get_terminal_size().columns if on_terminal else _WIDTH
    return tables.text(selection, width, everything=arguments.all)


def _rows(history: History, arguments: argparse.Namespace) -> Iterator[Row]:
    """The place and what is below it; all commands and events, in pages and data with what is below."""
    if arguments.entry is not None:
        yield from history.rows(_found(history, arguments.entry, arguments.product))
        return
    deep = arguments.format in {"json", "html"} or arguments.all
    number = 0
    for kind, names in history.names.items():
        for name in names:
            place = history.entry(kind, name)
            rows = list(history.rows(place)) if deep else [Row(place, 0, -1)]
            for row in rows:
                above = row.above + number if row.above >= 0 else -1
                yield Row(row.place, row.depth, above, row.again)
            number += len(rows)


def _found(history: History, text: str, product: str) -> Place:
    """The place that the user named; UsageError, with near ones, where there never was one."""
    parts = _ENTRY.fullmatch(text)
    if parts is None:
        raise UsageError(f"{text!r} is not a place; name a command or event first, as in {_LIKE!r}")
    asked, name, rest = parts[1], parts[2], parts[3].replace(" ", "")
    kinds: list[Entries] = [
        kind for kind, names in history.names.items() if name in names and asked in {None, kind}
    ]
    if not kinds:
        raise UsageError(f"no catalog of {product} has {text!r}; {_near(history, name)}")
    place, lost = history.follow(history.entry(kinds[0], name), rest)
    if lost:
        below = [one.step for one in history.below(place)]
        near = difflib.get_close_matches(lost, below, _MOST) or sorted(below)[:_MOST]
        there = f"there are {', '.join(near)}" if near else "nothing is known below it"
        more = f" and {len(below) - len(near)} more" if near and len(below) > len(near) else ""
        raise UsageError(
            f"no catalog of {product} has {lost!r} below {place.path!r}; {there}{more}"
        )
    return place


_LIKE = "block_resize/arguments/size"


def _near(history: History, name: str) -> str:
    """What may have been meant: a command or event, or places with that name or type."""
    every = [one for names in history.names.values() for one in names]
    close = difflib.get_close_matches(name, every, _MOST, _CLOSE)
    found = [] if close else list(_places(history, name))
    if found:
        more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
        return f"it stands in {', '.join(found[:_MOST])}{more}"
    close = close or difflib.get_close_matches(name, every, _MOST)
    return f"did you mean {', '.join(close)}?" if close else "'qmpconf schema history' lists all"


def _places(history: History, name: str) -> Iterator[str]:
    """The places of members and values with that name, or with a type of that name."""
    ends = (f"/{name}", f"={name}", f"={name}]")
    for kind, names in history.names.items():
        for one in names:
            for row in history.rows(history.entry(kind, one)):
                if row.place.step.endswith(ends) or name in history.types(row.place):
                    yield row.place.path
