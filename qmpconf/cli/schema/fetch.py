"""``qmpconf schema fetch``: a catalog from a running server, or from a recorded session."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from qmpconf.check.checking import look_through, product_of
from qmpconf.check.choice import PartError, catalog_of
from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.cli.schema.property_fetch import Begin, Fetched, at, spawned
from qmpconf.errors import InputError, UsageError
from qmpconf.net.address import FORMS
from qmpconf.outputs import Outputs
from qmpconf.packed import Pieces, exists
from qmpconf.schema.model import Catalog
from qmpconf.schema.property_catalog import beside
from qmpconf.schema.property_catalog import write as write_properties
from qmpconf.schema.store import encode, from_reply, load, shipped, write
from qmpconf.text import counted, harmless
from qmpconf.trace.reader import TraceReader

#: What a trace begins with.
_TRACE = b'{"qmptrace"'

_EPILOG = """\
examples:
  qmpconf schema fetch --target /run/vm/qmp.sock -o mine.json.gz
  qmpconf schema fetch --properties -o mine.json.gz
      --spawn 'qemu-system-x86_64 -M none -display none -qmp unix:{socket},server=on,wait=off'

With --properties, the properties of all device and object types go into a second file, beside the
catalog: mine.properties.json.gz beside mine.json.gz.  'check --schema mine.json.gz' finds it there.
To list the properties of a type, QEMU makes an instance of it, and some builds abort on some types:
so ask a server of your own, which --spawn starts (and starts again), and not one that is in use.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the place to fetch from, and the file to write."""
    explain(parser, _EPILOG)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--target", metavar="ADDR", help=f"a running server: {FORMS}")
    where.add_argument(
        "--spawn", metavar="COMMAND", help="start a server, with {socket} for its socket's path"
    )
    where.add_argument("--trace", metavar="TRACE", help="a recording that holds the reply")
    parser.add_argument(
        "--name",
        type=options.name,
        default="",
        help="the catalog's name (default: by the version)",
    )
    parser.add_argument(
        "--properties",
        action="store_true",
        help="fetch the properties of all device and object types, too, into a file beside FILE",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="write to FILE, compressed when it ends in .gz (default: stdout)",
    )
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, compile and write the catalog, and the property catalog if it is wanted."""
    if arguments.properties and str(arguments.output or "-") == "-":
        raise UsageError(
            "--properties makes a second file beside the catalog: name it with -o FILE"
        )
    if arguments.properties and arguments.trace is not None:
        raise UsageError("--properties asks a running server: use --target or --spawn, not --trace")
    outputs = Outputs([arguments.trace or ""], force=arguments.force)
    outputs.add(arguments.output, "catalog", "-o")
    if arguments.properties:
        outputs.add(beside(arguments.output), "catalog", "--properties")
    name = arguments.name
    if arguments.trace is not None:
        catalog = _from_trace(arguments.trace, name)
    else:
        begin = at(arguments.target) if arguments.target is not None else spawned(arguments.spawn)
        catalog = _from_server(begin, name, arguments.target or "the server's reply")
        if arguments.properties:
            _properties(arguments, begin, catalog.name)
    if arguments.output is None:
        print(encode(catalog).decode(), end="")
    else:
        write(catalog, arguments.output)
    parts = (catalog.commands, "command"), (catalog.events, "event"), (catalog.types, "type")
    counts = ", ".join(counted(len(part), word) for part, word in parts)
    print(harmless(f"{catalog.name}: {counts}"), file=sys.stderr)
    return 0


def _properties(arguments: argparse.Namespace, begin: Begin, name: str) -> None:
    """Fetch and write the property catalog."""
    fetched = Fetched(begin, name, again=arguments.spawn is not None)
    found = fetched.catalog
    write_properties(found, beside(arguments.output))
    counts = f"{len(found.devices)} device types, {len(found.objects)} object types"
    print(harmless(f"{found.name}: properties of {counts}"), file=sys.stderr)
    if fetched.left_out:
        left_out = ", ".join(sorted(fetched.left_out))
        print(harmless(f"{found.name}: left out: {left_out}"), file=sys.stderr)


def catalog_of_server(name: str) -> Catalog:
    """The catalog in a trace, which holds the schema reply, or else what `load` gives.

    Raises as `load` does, and InputError for a trace without such a reply.
    """
    if name not in shipped() and exists(Path(name)):
        with Pieces(name) as pieces:
            if next(iter(pieces), b"").lstrip().startswith(_TRACE):
                return _from_trace(name, "")
    return load(name)


def _from_trace(path: str, name: str) -> Catalog:
    """The first schema reply in the trace that can be compiled; the others are reported."""
    reader = TraceReader(path)
    found = look_through(reader)
    product, catalog, damage = product_of(reader), None, ""
    for digest, reply in found.replies.items():
        place = f"{path}:{reply.line}"
        try:
            one = catalog_of(found, digest, product, name)
        except InputError as error:
            flaw = "is not whole" if isinstance(error, PartError) else "is malformed"
            damage = f"{place}: the schema reply {flaw}: {error}"
            print(harmless(damage), file=sys.stderr)
            continue
        if catalog is None:
            catalog = one
            continue
        source = one.source
        whose = " ".join(filter(None, (source.product, source.version, source.package)))
        print(harmless(f"{place}: the schema of {whose} is left out"), file=sys.stderr)
    if catalog is not None:
        return catalog
    cut = next((one.broken for _, one in found if one.broken), 0)
    if cut:
        raise InputError(f"{path}:{cut}: the schema reply is cut off")
    raise InputError(
        damage
        or f"{path}: holds no reply to query-qmp-schema; record a session in which the client asks "
        "for it, or use --target"
    )


def _from_server(begin: Begin, name: str, where: str) -> Catalog:
    with begin() as (client, version):
        entries = client.call("query-qmp-schema")
    return from_reply(
        entries, name=name, version=str(version), package=version.package, where=where
    )
