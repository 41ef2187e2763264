"""``qmpconf demo``: the whole product in a second, without a QEMU.

A client works on the embedded monitor, through the recorder, over real UNIX sockets in a temporary
folder; the trace is checked, then replayed against a second monitor.
"""

from __future__ import annotations

import argparse
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tabulate import tabulate

from qmpconf.check.checking import Outcome, check
from qmpconf.cli.demo_client import Done, work
from qmpconf.cli.examples import explain, program
from qmpconf.errors import OutputError, UsageError
from qmpconf.monitor.core import DEFAULT_SCHEMA, Monitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import Address
from qmpconf.net.endpoint import Listener
from qmpconf.net.process import Folder
from qmpconf.outputs import Outputs
from qmpconf.record.arrivals import Ends
from qmpconf.record.recorder import Recorder
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.report.replay import verdict
from qmpconf.schema.model import Catalog
from qmpconf.schema.store import load_shipped
from qmpconf.text import counted
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import TraceWriter

#: Where the trace goes if nothing else is said; a trace of an earlier demo is replaced.
DEFAULT_OUTPUT = "qmpconf-demo.qmptrace"


_EPILOG = """\
examples:
  qmpconf demo
  qmpconf demo -o /tmp/demo.qmptrace
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"the trace to write (./{DEFAULT_OUTPUT}, which replaces that of an earlier demo)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE if it exists")


def run(arguments: argparse.Namespace) -> int:
    """Record, check, replay; print what was found."""
    output = arguments.output or DEFAULT_OUTPUT
    if output == "-":
        raise UsageError("the demo reads what it has recorded: name a file with -o")
    Outputs(force=arguments.force).add(arguments.output, "trace", "-o")
    replaces = arguments.force or arguments.output is None
    catalog = load_shipped(DEFAULT_SCHEMA)
    done = record(catalog, output, overwrite=replaces)
    outcome = check(TraceReader(output))
    with _served(catalog) as address:
        result = replay_trace(output, target=str(address))
    print(_report(done, outcome, result), end="")
    return result.exit_code


def record(catalog: Catalog, output: str, *, overwrite: bool) -> list[Done]:
    """Record the demo's client on a monitor of `catalog`; give what it did."""
    with ExitStack() as stack:
        server = stack.enter_context(_served(catalog))
        writer = TraceWriter(
            output, meta={"demo": catalog.name}, overwrite=overwrite, redact=Redactor()
        )
        stack.callback(writer.abandon)
        folder = Folder()
        stack.callback(folder.close)
        recorder = Recorder(Ends(server, folder.socket("proxy.sock")), writer, once=True)

        def relay() -> None:
            with suppress(OutputError):  # told below, from `recorder.failed`
                recorder.run()

        thread = threading.Thread(target=relay, name="qmpconf-recorder")
        thread.start()
        try:
            done = work(recorder.listen_address)
        except BaseException:
            recorder.stop()
            raise
        finally:
            thread.join()
        if recorder.failed is not None:
            raise recorder.failed
    return done


@contextmanager
def _served(catalog: Catalog) -> Iterator[Address]:
    """A fresh embedded monitor on a socket in a folder of its own."""
    folder = Folder()
    try:
        monitor = Monitor(catalog, lambda: time.time_ns() // 1000)
        with Listener(folder.socket("qmp.sock")) as listener, MonitorServer(monitor, [listener]):
            yield listener.address
    finally:
        folder.close()


def _report(done: list[Done], outcome: Outcome, result: ReplayResult) -> str:
    work_table = tabulate(
        [(number, *step) for number, step in enumerate(done, 1)],
        ("", "the client's work", "commands", "outcome"),
    )
    found = [
        f"{one.severity}, by the {one.blame}: {one.subject}: {one.message}"
        + (f"; did you mean {one.hint!r}?" if one.hint else "")
        for one in (group.first for group in outcome.groups)
    ]
    count = sum(outcome.groups.totals.values())
    masked = ", ".join(sorted({use.mask.name for use in result.masks.values()})) or "nothing"
    size = Path(outcome.path).stat().st_size
    rows = [
        (
            "record",
            f"{counted(outcome.sessions, 'session')}, {counted(outcome.messages, 'message')}",
            f"{outcome.path} ({size / 1024:.0f} KiB)",
        ),
        (
            "check",
            f"{counted(outcome.messages, 'message')} against {'; '.join(outcome.schemas)}",
            f"{count} finding{'' if count == 1 else 's'}",
        ),
        *(("", "", text) for text in found),
        (
            "replay",
            f"{counted(result.sent, 'message')} to a fresh monitor; masked: {masked}",
            verdict(result),
        ),
    ]
    summary = tabulate(rows, ("step", "what", "found"), maxcolwidths=[None, 56, 56])
    call, trace = program(), shlex.quote(outcome.path)
    return (
        f"{work_table}\n\n{summary}\n\n"
        f"The trace is {outcome.path}. Have a look:\n"
        f"  {call} check {trace}\n"
        f"  {call} replay {trace} --spawn {shlex.quote(f'{call} serve --listen {{socket}}')}\n"
    )
