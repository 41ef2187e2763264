"""``qmpconf serve``: the embedded monitor, or a trace that answers as the server, on a socket."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from qmpconf.cli import faults, options
from qmpconf.errors import UsageError
from qmpconf.faults.engine import Faults, Happened
from qmpconf.faults.rules import Schedule
from qmpconf.monitor.agent import DEFAULT_SCHEMA as AGENT_SCHEMA
from qmpconf.monitor.agent import GuestAgent
from qmpconf.monitor.commands import is_answered
from qmpconf.monitor.core import DEFAULT_SCHEMA, Monitor, identity_of
from qmpconf.monitor.faulty import FaultyMonitor
from qmpconf.monitor.guest import COMMANDS
from qmpconf.monitor.server import MonitorServer, Served
from qmpconf.monitor.taped import Tape, Taped
from qmpconf.net.address import FORMS, Address, parse_address
from qmpconf.net.endpoint import Listener
from qmpconf.outputs import Outputs
from qmpconf.protocol.dialect import of_product
from qmpconf.record.recording import Signals
from qmpconf.replay.serve.serving import serve_trace
from qmpconf.report.serve import as_text
from qmpconf.schema.store import load
from qmpconf.text import counted
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import TraceWriter

_INTERRUPTED = 130


_EPILOG = """\
With TRACE, the recording answers in the place of its server: the n-th client gets the n-th session,
what it says is compared with the recording by value, and ids are echoed. With --order strict it
has to say what was recorded, in the recorded order; with --order request each message gets the
next recorded answer to an equal one. What was not recorded gets a GenericError. It ends when all
sessions were played, and says what was not.

Without TRACE, the embedded monitor greets as the version of its catalog, and offers everything in
it: all commands are listed, introspected, and their arguments checked. Implemented for real, as far
as the catalog has it: run state, names, character devices (ring buffers hold data), the graph of
block nodes, jobs with their events, user objects, and descriptors. Other queries return the
smallest value that their schema allows; other commands get a GenericError that says so. Nothing
reads or writes a file.

With --protocol qga, or a catalog of qemu-ga, it is an embedded guest agent: syncs, files in memory,
a freeze, and the programs true, false and echo, of which nothing is started.

With -o, what it and its clients say is recorded.

With --faults or --seed what clients are given is lost, late, doubled or cut, connections are
refused or read slowly; each fault is said on stderr. With -o they stand in the trace as the
recorder's own, beside all that the server has said: 'qmpconf check' blames nobody for them. Who
records that server from outside sees its faults as the server's.

examples:
  qmpconf serve session.qmptrace --listen /tmp/qmp.sock
  qmpconf serve --listen /tmp/qmp.sock
  qmpconf serve --schema qemu-7.2.22 --listen tcp:127.0.0.1:4444
  qmpconf serve --protocol qga --listen /tmp/qga.sock
  qmpconf serve --listen /tmp/qmp.sock --faults late-reply -o late.qmptrace
  qmpconf conform --spawn 'qmpconf serve --listen {socket}'

exit codes with TRACE: 0 all of it was played, 1 differences (not recorded, or not played), 3 the
trace cannot be read or holds no session, 4 no client came within --timeout, or it fell silent,
130 interrupted
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("trace", metavar="TRACE", nargs="?", help="a recording to serve")
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
        help="without TRACE, the catalog to serve: one of 'qmpconf schema list', or a file "
        f"({DEFAULT_SCHEMA})",
    )
    parser.add_argument(
        "--name", type=options.name, help="without TRACE, the name that query-name gives"
    )
    options.protocol(parser, auto="as the trace shows, or that of --schema")
    parser.add_argument("--once", action="store_true", help="end with the first session")
    parser.add_argument(
        "--order",
        choices=("strict", "request"),
        help="with TRACE: the recorded order, or by equal requests (strict)",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=options.seconds,
        help="with TRACE: how long to wait for a client to connect, and to say something (for ever)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="record all sessions; compressed if *.gz or *.zst",
    )
    parser.add_argument("--no-redact", action="store_true", help="keep secrets in the trace of -o")
    options.force(parser)
    faults.configure(parser)


Way = Callable[[Served], Served]


def run(arguments: argparse.Namespace) -> int:
    """Serve a trace until it was played, or the monitor until ``quit``, SIGINT, SIGTERM or SIGHUP."""
    if arguments.output == "-":
        raise UsageError("-o needs a file: what is served says on standard output how it went")
    outputs = Outputs([arguments.trace or "", *faults.inputs(arguments)], force=arguments.force)
    outputs.add(arguments.output, "trace", "-o")
    faults.add(outputs, arguments)
    schedule = faults.schedule_of(arguments)
    with ExitStack() as stack:
        tape: Tape | None = None
        if arguments.output:
            tape = Tape(stack.enter_context(_writer(arguments)), ", ".join(arguments.listen))

        def happened(one: Happened) -> None:
            if tape is not None:
                tape.happened(one)
            _say(f"fault on purpose: {one}")

        given = Faults(schedule or Schedule(), happened)
        plain = schedule is None and tape is None
        code = _run(arguments, _itself if plain else partial(_by_way, given=given, tape=tape))
    if schedule is not None:
        whence = "The faults of 'qmpconf serve', in the order in which they happened."
        faults.written(arguments.write_faults, given.happened, whence, _say)
    return code


def _writer(arguments: argparse.Namespace) -> TraceWriter:
    return TraceWriter(
        arguments.output,
        meta={"served": arguments.trace or arguments.schema or _default(arguments.protocol)},
        overwrite=arguments.force,
        redact=None if arguments.no_redact else Redactor(),
        complain=_say,
    )


def _itself(served: Served) -> Served:
    return served


def _by_way(served: Served, *, given: Faults, tape: Tape | None) -> Served:
    """With faults, and recorded."""
    if tape is None:
        return FaultyMonitor(served, given, time.monotonic)
    return Taped(FaultyMonitor(served, given, time.monotonic, tape.said), tape)


def _run(arguments: argparse.Namespace, way: Way) -> int:
    if arguments.trace is None:
        for option in ("order", "timeout"):
            if getattr(arguments, option) is not None:
                raise UsageError(f"--{option} is for a TRACE; the monitor has no recorded order")
        return _run_monitor(arguments, way)
    for option in ("schema", "name"):
        if getattr(arguments, option) is not None:
            raise UsageError(f"--{option} is for the embedded monitor; a TRACE answers by itself")
    return _run_trace(arguments, way)


def _default(protocol: str) -> str:
    """The catalog that is served where none is named."""
    return AGENT_SCHEMA if protocol == "qga" else DEFAULT_SCHEMA


def _say(text: str) -> None:
    print(f"qmpconf serve: {text}", file=sys.stderr, flush=True)


def _now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def _run_trace(arguments: argparse.Namespace, way: Way) -> int:
    def announce(addresses: Sequence[Address]) -> None:
        where = ", ".join(map(str, addresses))
        print(f"qmpconf serve: {arguments.trace} on {where}", file=sys.stderr, flush=True)

    played = serve_trace(
        arguments.trace,
        listen=arguments.listen,
        order=arguments.order or "strict",
        once=arguments.once,
        timeout=arguments.timeout,
        protocol=arguments.protocol,
        way=way,
        ready=announce,
    )
    print(as_text(played), end="")
    if played.failure:
        print(f"qmpconf serve: {played.failure}", file=sys.stderr)
    return played.exit_code


def _run_monitor(arguments: argparse.Namespace, way: Way) -> int:
    catalog = load(arguments.schema or _default(arguments.protocol))
    dialect = of_product(catalog.source.product)
    if arguments.protocol not in ("", dialect.name):
        raise UsageError(f"{catalog.name} is a catalog of {dialect.title}: leave --protocol away")
    addresses = [parse_address(text) for text in arguments.listen]
    name = arguments.name or ""
    served: Served
    if dialect.greets:
        served = Monitor(catalog, _now, identity_of(catalog, name))
    else:
        served = GuestAgent(catalog, _now, name)
    served = way(served)
    with ExitStack() as stack:
        signals = stack.enter_context(Signals())
        listeners = [stack.enter_context(Listener(address)) for address in addresses]
        server = MonitorServer(served, listeners, once=arguments.once)
        signals.stops(server)
        answered = sum(
            is_answered(catalog, one) if dialect.greets else one in COMMANDS
            for one in catalog.commands
        )
        where = ", ".join(str(one.address) for one in listeners)
        print(
            f"qmpconf serve: {catalog.name} ({counted(len(catalog.commands), 'command')}, "
            f"{answered:,} of them with an effect) on {where}",
            file=sys.stderr,
            flush=True,
        )
        server.run()
    return _INTERRUPTED if signal.SIGINT in signals.came else 0
