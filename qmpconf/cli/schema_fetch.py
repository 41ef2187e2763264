"""``qmpconf schema fetch``: a catalog from a running server, or from a recorded session."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Self

from qmpconf.check.choice import catalog_of
from qmpconf.check.run import look_through, product_of
from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.errors import InputError, TargetError
from qmpconf.net.address import FORMS, parse_address
from qmpconf.net.endpoint import connect, reason
from qmpconf.outputs import Outputs
from qmpconf.protocol.framing import SERVER_LIMITS, Framer, Kind
from qmpconf.protocol.messages import Failure, Greeting, Success, from_server
from qmpconf.protocol.values import dumps
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import Version
from qmpconf.schema.store import encode, from_reply, write
from qmpconf.text import harmless
from qmpconf.trace.reader import TraceReader

#: Seconds that the server may take for one answer; a monitor that is in use never greets.
PATIENCE = 20.0


_EPILOG = """\
examples:
  qmpconf schema fetch --target /run/vm/qmp.sock -o mine.json.gz
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the place to fetch from, and the file to write."""
    explain(parser, _EPILOG)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--target", metavar="ADDR", help=f"a running server: {FORMS}")
    where.add_argument("--trace", metavar="TRACE", help="a recording that holds the reply")
    parser.add_argument("--name", default="", help="the catalog's name (default: by the version)")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="write to FILE, compressed when it ends in .gz (default: stdout)",
    )
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, compile and write the catalog."""
    outputs = Outputs([arguments.trace or ""], force=arguments.force)
    outputs.add(arguments.output, "catalog", "-o")
    name = arguments.name
    if arguments.target is not None:
        catalog = _from_server(arguments.target, name)
    else:
        catalog = _from_trace(arguments.trace, name)
    if arguments.output is None:
        print(encode(catalog).decode(), end="")
    else:
        write(catalog, arguments.output)
    counts = f"{len(catalog.commands)} commands, {len(catalog.events)} events"
    print(harmless(f"{catalog.name}: {counts}, {len(catalog.types)} types"), file=sys.stderr)
    return 0


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
            damage = f"{place}: the schema reply is malformed: {error}"
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


def _from_server(target: str, name: str) -> Catalog:
    with _Client(target) as client:
        greeting = client.receive(Greeting)
        version = Version.of(greeting.value["QMP"].get("version")) if greeting.version else None
        client.call("qmp_capabilities")
        entries = client.call("query-qmp-schema")
    known = version or Version(0, 0)
    return from_reply(entries, name=name, version=str(known), package=known.package, where=target)


class _Client:
    """A client that asks one thing after the other.  Raises TargetError."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._socket = connect(parse_address(target), PATIENCE)
        self._socket.settimeout(PATIENCE)
        self._framer = Framer(SERVER_LIMITS)
        self._waiting: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def call(self, command: str) -> Any:
        """What `command` returns."""
        try:
            self._socket.sendall(dumps({"execute": command}) + b"\n")
        except OSError as error:
            raise self._lost(error) from error
        reply = self.receive(Success, Failure)
        if isinstance(reply, Failure):
            text = f"{reply.error_class}: {reply.description}"
            raise TargetError(f"{self._target}: {command} failed with {text}")
        return reply.result

    def receive(self, *kinds: type) -> Any:
        """The next message of one of these kinds; others are passed over."""
        while True:
            while self._waiting:
                message = from_server(self._waiting.pop(0))
                if isinstance(message, kinds):
                    return message
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                raise TargetError(
                    f"{self._target}: no answer within {PATIENCE:.0f} s; "
                    "is another client connected, or is it no QMP monitor?"
                ) from None
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                raise self._lost(None)
            frames = self._framer.feed(data)
            self._waiting += [one.data for one in frames if one.kind is Kind.VALUE]
            if any(one.kind is Kind.MALFORMED for one in frames):
                raise TargetError(f"{self._target}: is no QMP monitor: it sends no JSON")

    def _lost(self, error: OSError | None) -> TargetError:
        how = f" ({reason(error)})" if error else ""
        return TargetError(f"{self._target}: the server closed the connection{how}")
