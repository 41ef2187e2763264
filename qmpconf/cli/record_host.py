"""``qmpconf record --dir`` and ``--config``: the monitors of a host."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
from collections.abc import Callable, Sequence

from qmpconf.cli import record_proxy, rotation
from qmpconf.cli.main import INTERRUPTED
from qmpconf.cli.record_watch import Check, without_check
from qmpconf.errors import UsageError
from qmpconf.record.host_config import read_plan
from qmpconf.record.hosts import record_host
from qmpconf.record.metrics import Metrics
from qmpconf.record.plan import Plan, monitors_of
from qmpconf.text import counted

#: What has nothing to do with a host, by its name in the arguments.
_ALONE = (
    "server",
    "spawn",
    "sniff",
    "attach",
    "mode",
    "once",
    "server_dials",
    "client_listens",
    "client",
)
#: What stands in the file of --config.
_IN_FILE = (
    *("output", "listen", "match", "compress", "max_size", "max_age", "keep", "dir"),
    *("share", "observe", "writers"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    host = parser.add_argument_group("the monitors of a host (see below)")
    host.add_argument(
        "--dir", metavar="DIR", help="record all sockets below DIR, as they come and go"
    )
    host.add_argument("--match", metavar="GLOB", help="with --dir: only these ('*/monitor.sock')")
    host.add_argument(
        "--compress", choices=("none", "gz", "zst"), help="with --dir: how (default: gz)"
    )
    host.add_argument("--config", metavar="FILE", help="which monitors, and how (TOML)")
    host.add_argument(
        "--list", action="store_true", help="print which monitors there are now, and end"
    )


def run(arguments: argparse.Namespace, secrets: Sequence[str], say: Callable[[str], None]) -> int:
    """Record until it is interrupted; gives the exit code.  Raises `UsageError` and `InputError`."""
    named = "--config" if arguments.config else "--dir"
    _refuse(arguments, _ALONE, f"{named} records the monitors of a host")
    without_check(arguments)
    if arguments.config:
        _refuse(arguments, _IN_FILE, "--config FILE says all that")
        if arguments.no_redact or arguments.on_write_error != "stop":
            raise UsageError("--config FILE says that: redact = false, on-write-error = ...")
        if arguments.protocol:
            raise UsageError("--config FILE says that: protocol = ...")
        plan = _read(arguments, secrets)
    else:
        plan = _plan(arguments, secrets)

    if arguments.list:
        for monitor in monitors_of(plan, say):
            print(f"{monitor.name}  {monitor.server}  {monitor.listen}")
        return 0

    check = Check(arguments, plan.output, is_host=True) if arguments.check else None

    def ready(count: int) -> None:
        if check is not None:
            check.start()
        _notify("READY=1")
        if not arguments.quiet:
            say(f"recording {counted(count, 'monitor')} into {plan.output}")

    with contextlib.ExitStack() as stack:
        if check is not None:
            stack.enter_context(check)
        metrics = stack.enter_context(Metrics(arguments.metrics)) if arguments.metrics else None
        watch = metrics.watch if metrics is not None else None
        done = record_host(
            plan,
            watch=watch,
            complain=say,
            ready=ready,
            reread=(lambda: _read_again(arguments, secrets, plan)) if arguments.config else None,
        )
        if not arguments.quiet:
            say(
                f"{plan.output}: {counted(done.messages, 'message')} in "
                f"{counted(done.sessions, 'session')} of {counted(done.recordings, 'recording')}"
            )
        return check.code(INTERRUPTED) if check is not None else INTERRUPTED


def _read(arguments: argparse.Namespace, secrets: Sequence[str]) -> Plan:
    return read_plan(
        arguments.config, _raising(rotation.size), _raising(rotation.age), tuple(secrets)
    )


def _read_again(arguments: argparse.Namespace, secrets: Sequence[str], before: Plan) -> Plan:
    """The plan that the file has now.  Raises `UsageError` for one whose recordings nobody checks."""
    plan = _read(arguments, secrets)
    if arguments.check and plan.output != before.output:
        raise UsageError(
            f"{arguments.config}: output = {plan.output!r}, and --check follows {before.output}: start anew for that"
        )
    return plan


def _plan(arguments: argparse.Namespace, secrets: Sequence[str]) -> Plan:
    if not arguments.output or arguments.output == "-":
        raise UsageError("--dir records many monitors: name a folder for the recordings (-o)")
    return Plan(
        arguments.output,
        (),
        arguments.dir,
        arguments.listen or "",
        arguments.match or "*",
        (arguments.compress or "gz").replace("none", ""),
        rotation.rotation_of(arguments),
        arguments.on_write_error == "passthrough",
        not arguments.no_redact,
        tuple(secrets),
        arguments.protocol,
        record_proxy.share_of(arguments),
    )


def _refuse(arguments: argparse.Namespace, names: Sequence[str], why: str) -> None:
    for name in names:
        if getattr(arguments, name):
            what = "a client" if name == "client" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{why}: {what} has nothing to do with it")


def _raising(read: Callable[[str], int]) -> Callable[[str], int]:
    """The same reader, for whoever is not argparse."""

    def value(text: str) -> int:
        try:
            return read(text)
        except argparse.ArgumentTypeError as error:
            raise ValueError(str(error)) from None

    return value


def _notify(state: str) -> None:
    """Tell systemd, if it asks for it (sd_notify(3))."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), "\0" + where[1:] if where.startswith("@") else where)


def wanted(arguments: argparse.Namespace) -> bool:
    """Whether the call is about a host.  Raises UsageError for what goes with it alone, without it."""
    if arguments.dir and arguments.config:
        raise UsageError("--config FILE says which folder: leave --dir away")
    if arguments.dir or arguments.config:
        return True
    for name in ("match", "compress", "list"):
        if getattr(arguments, name):
            raise UsageError(f"--{name} is for the monitors of a host: --dir or --config")
    return False
