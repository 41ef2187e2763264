"""``qmpconf record --sniff`` and ``--trace-log``: recordings without anything between client and server."""

from __future__ import annotations

import argparse

import qmpconf
from qmpconf.cli import rotation
from qmpconf.cli.main import INTERRUPTED
from qmpconf.cli.record_watch import Watch, alone, say
from qmpconf.text import counted

#: What concerns a recorder that stands between a client and a server.
_PROXIED = (
    *("server", "spawn", "listen", "mode", "server_dials", "client_listens", "client", "attach"),
    *("share", "observe", "writers"),
)


def follow(arguments: argparse.Namespace, secrets: list[str]) -> int:
    """Follow a machine's trace log until it is interrupted, or the machine ends."""
    from qmpconf.record.follow import follow_trace

    if not (arguments.trace_log and arguments.target):
        raise qmpconf.UsageError("a trace log needs both: --trace-log LOG and --target ADDR")
    alone(arguments, "--trace-log", (*_PROXIED, "sniff", "port", "once"))
    with Watch(arguments) as watch:
        followed = follow_trace(
            arguments.output,
            log=arguments.trace_log,
            target=arguments.target,
            overwrite=arguments.force,
            rotation=rotation.rotation_of(arguments),
            redact=not arguments.no_redact,
            secrets=secrets,
            observe=watch.observe,
            ended=watch.ended,
            complain=say,
            ready=lambda log: watch.begun(f"following {log}"),
        )
        if not arguments.quiet:
            say(
                f"{followed.path}: {counted(followed.messages, 'message')} in "
                f"{counted(followed.sessions, 'session')}"
            )
        return watch.code(INTERRUPTED if followed.interrupted else 0)


def sniff(arguments: argparse.Namespace, secrets: list[str]) -> int:
    """Capture until it is interrupted, or with --once until a session has ended."""
    from qmpconf.record.sniff import sniff_trace

    if not (arguments.sniff and arguments.port):
        raise qmpconf.UsageError("a capture needs both: --sniff INTERFACE and --port N")
    alone(arguments, "--sniff", _PROXIED)
    with Watch(arguments) as watch:
        sniffed = sniff_trace(
            arguments.output,
            interface=arguments.sniff,
            port=arguments.port,
            once=arguments.once,
            overwrite=arguments.force,
            rotation=rotation.rotation_of(arguments),
            redact=not arguments.no_redact,
            secrets=secrets,
            observe=watch.observe,
            ended=watch.ended,
            complain=say,
            ready=lambda where: watch.begun(f"capturing on {where}"),
        )
        if not arguments.quiet:
            say(
                f"{sniffed.path}: {counted(sniffed.messages, 'message')} in "
                f"{counted(sniffed.sessions, 'session')}, out of {counted(sniffed.packets, 'packet')}"
            )
        return watch.code(INTERRUPTED if sniffed.interrupted else 0)
