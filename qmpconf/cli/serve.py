"""``qmpconf serve``: the embedded monitor on a socket, until it is told to quit."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack

from qmpconf.monitor.commands import is_answered
from qmpconf.monitor.core import Monitor, identity_of
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import FORMS, parse_address
from qmpconf.net.endpoint import Listener
from qmpconf.schema.store import load

#: The catalog that is served where none is named.
DEFAULT_SCHEMA = "qemu-11.1.3"

_INTERRUPTED = 130


_EPILOG = """\
The monitor greets as the version of its catalog, and offers everything in it: all commands are
listed, introspected, and their arguments checked. Implemented for real, as far as the catalog has
it: run state, names, character devices (ring buffers hold data), the graph of block nodes, jobs
with their events, user objects, and descriptors. Other queries return the smallest value that
their schema allows; other commands get a GenericError that says so. Nothing reads or writes a file.

examples:
  qmpconf serve --listen /tmp/qmp.sock
  qmpconf serve --schema qemu-7.2.22 --listen tcp:127.0.0.1:4444
  qmpconf conform --spawn 'qmpconf serve --listen {socket}'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "--listen",
        metavar="ADDR",
        action="append",
        required=True,
        help=f"where to serve: {FORMS}; may be given several times, for one client each",
    )
    parser.add_argument(
        "--schema",
        metavar="NAME|FILE",
        default=DEFAULT_SCHEMA,
        help="the catalog to serve: one of 'qmpconf schema list', or a file (%(default)s)",
    )
    parser.add_argument("--name", default="", help="the name that query-name tells")
    parser.add_argument("--once", action="store_true", help="end with the first session")


def run(arguments: argparse.Namespace) -> int:
    """Serve until ``quit``, SIGINT or SIGTERM; the socket files are removed."""
    catalog = load(arguments.schema)
    addresses = [parse_address(text) for text in arguments.listen]
    monitor = Monitor(catalog, lambda: time.time_ns() // 1000, identity_of(catalog, arguments.name))
    interrupted = False
    with ExitStack() as stack:
        listeners = [stack.enter_context(Listener(address)) for address in addresses]
        server = MonitorServer(monitor, listeners, once=arguments.once)

        def end(number: int, _frame: object) -> None:
            nonlocal interrupted
            interrupted = number == signal.SIGINT
            server.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, end))
        answered = sum(is_answered(catalog, name) for name in catalog.commands)
        where = ", ".join(str(one.address) for one in listeners)
        print(
            f"qmpconf serve: {catalog.name} ({answered} of {len(catalog.commands)} commands do "
            f"something) on {where}",
            file=sys.stderr,
            flush=True,
        )
        server.run()
    return _INTERRUPTED if interrupted else 0
