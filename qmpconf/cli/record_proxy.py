"""``qmpconf record`` between a client and a server, and ``--mode`` for suites of such recordings."""

from __future__ import annotations

import argparse
import sys

import qmpconf
from qmpconf.cli import faults, rotation
from qmpconf.cli.main import INTERRUPTED
from qmpconf.cli.record_watch import Watch, alone, say
from qmpconf.record.modes import is_served, record_again, record_once
from qmpconf.record.plan import NO_AGENT, Share
from qmpconf.record.recorder import ignore
from qmpconf.text import counted


def run(arguments: argparse.Namespace, secrets: list[str]) -> int:
    """Record; give the client's exit code, or one of the tool's own."""
    if arguments.attach:
        alone(arguments, "--attach", ("server", "spawn", "server_dials", "client_listens"))
    share = share_of(arguments)
    if arguments.mode and arguments.force:
        raise qmpconf.UsageError("--mode says when FILE is overwritten: leave --force away")
    if arguments.mode and is_served(arguments.mode, arguments.output):
        return _serve(arguments)
    with Watch(arguments) as watch:
        return watch.code(_record(arguments, secrets, share, watch))


def _record(
    arguments: argparse.Namespace, secrets: list[str], share: Share | None, watch: Watch
) -> int:
    schedule = faults.schedule_of(arguments)

    def happened(one: object) -> None:
        if not arguments.quiet:
            say(f"fault on purpose: {one}")

    def record(output: str, *, overwrite: bool) -> qmpconf.Recording:
        return qmpconf.record_trace(
            output,
            server=arguments.server,
            listen=arguments.listen,
            spawn=arguments.spawn,
            attach=arguments.attach,
            client=arguments.client,
            once=arguments.once,
            overwrite=overwrite,
            rotation=rotation.rotation_of(arguments),
            protocol=arguments.protocol,
            redact=not arguments.no_redact,
            secrets=secrets,
            pass_on_error=arguments.on_write_error == "passthrough",
            server_dials=arguments.server_dials,
            client_listens=arguments.client_listens,
            share=share,
            faults=schedule,
            fault=happened,
            observe=watch.observe,
            ended=watch.ended,
            complain=say,
            ready=ready,
        )

    def ready(address: object) -> None:
        if arguments.attach and not (arguments.listen or arguments.client):
            watch.begun(f"recording what {arguments.attach} says on a monitor of our own")
        else:
            watch.begun(f"listening on {address}")

    news = ""
    if arguments.mode == "all":
        again = record_again(arguments.output, record, say)
        recording = again.recording
        if again.changed >= 0:
            news = f"; {counted(again.changed, 'line')} of {again.lines:,} changed"
    elif arguments.mode:
        recording = record_once(arguments.output, record, say)
    else:
        recording = record(arguments.output, overwrite=arguments.force)
    if not arguments.quiet:
        say(
            f"{recording.path}: {counted(recording.messages, 'message')} in "
            f"{counted(recording.sessions, 'session')}{news}"
        )
    if schedule is not None:
        whence = f"The faults of {recording.path}, in the order in which they happened."
        faults.written(
            arguments.write_faults, recording.faults, whence, ignore if arguments.quiet else say
        )
    if recording.interrupted:
        return INTERRUPTED
    code = _shell_code(recording.client_code or 0)
    return code or (qmpconf.TargetError.exit_code if recording.unreached else 0)


def share_of(arguments: argparse.Namespace) -> Share | None:
    """How clients share the monitor; None: they do not.  Raises `UsageError`."""
    if arguments.share:
        if arguments.client_listens:
            raise qmpconf.UsageError(
                "a client that listens is one, and is connected to: there is nobody to share a monitor with"
            )
        if arguments.protocol == "qga":
            raise qmpconf.UsageError(NO_AGENT)
        return Share(arguments.observe or "", all_write=arguments.writers == "all")
    for name in ("observe", "writers"):
        if getattr(arguments, name):
            raise qmpconf.UsageError(f"--{name} says how a monitor is shared: add --share")
    return None


def _serve(arguments: argparse.Namespace) -> int:
    """Answer from the recording; give the client's exit code, or that of the verdict."""
    from qmpconf.replay.serve.serving import serve_trace
    from qmpconf.report.serve import as_text

    if arguments.client_listens:
        raise qmpconf.UsageError("a recording answers clients that connect, not one that listens")
    if not arguments.quiet:
        say(f"{arguments.output} is there, and answers instead of the server")
    played = serve_trace(
        arguments.output,
        listen=[arguments.listen] if arguments.listen else [],
        client=arguments.client,
        once=arguments.once,
        ready=lambda addresses: None if arguments.quiet else say(f"listening on {addresses[0]}"),
    )
    if played.exit_code not in (0, INTERRUPTED) or not arguments.quiet:
        print(as_text(played), end="", file=sys.stderr, flush=True)
    return _shell_code(played.client_code or 0) or played.exit_code


def _shell_code(code: int) -> int:
    """A client's exit code; for one that a signal has ended, as shells give it."""
    return code if code >= 0 else 128 - code
