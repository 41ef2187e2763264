"""The recorder beside a QEMU, a process of its own: ``python -m qmpconf.record.emulator.beside``.

`qmpconf.record.emulator.stand_in` starts it, and tells it on standard input (JSON) what to do.  It
says on a socket that it is ready, accepts nobody before it is told to go, and ends with QEMU.

libvirt takes the end of the monitor's connection for the end of the machine, and kills it.  So it
ends for nothing else: not for signals that can be ignored, and not for a trace that cannot be
written any more, when traffic passes unrecorded.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shlex
import signal
import socket
import sys
from typing import Any

from qmpconf.errors import QmpconfError
from qmpconf.net.address import FdAddress, UnixAddress
from qmpconf.net.endpoint import is_bound
from qmpconf.record.arrivals import Ends
from qmpconf.record.emulator.log import Log
from qmpconf.record.emulator.stand_in import GO, READY
from qmpconf.record.recorder import Recorder
from qmpconf.text import counted
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import TraceWriter


def main() -> None:
    """Do what standard input says."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    told = json.load(sys.stdin)
    log = Log(os.path.dirname(told["output"]), told["name"])
    with socket.socket(fileno=told["ready"]) as channel:
        try:
            _record(told, log, channel)
        except QmpconfError as error:
            log(str(error))
            with contextlib.suppress(OSError):
                channel.sendall(str(error).encode("utf-8", "replace"))
        finally:
            _clean(told)


def _record(told: dict[str, Any], log: Log, channel: socket.socket) -> None:
    server = UnixAddress(told["server"])
    redactor = Redactor() if told["redact"] else None
    words = redactor.words(told["words"]) if redactor else told["words"]
    listen = UnixAddress(told["path"]) if "path" in told else FdAddress(told["listen"])
    writer = TraceWriter(
        told["output"],
        meta={
            "server": str(server),
            "listen": str(listen),
            "machine": told["name"],
            "emulator": shlex.join(words),
            "inherited": told["inherited"],
        },
        redact=redactor,
        complain=log,
    )
    try:
        with Recorder(
            Ends(server, FdAddress(told["listen"])),
            writer,
            patience=math.inf,  # QEMU listens when it gets there
            pass_on_error=True,
            complain=log,
        ) as recorder:
            recorder.stop_after_process(
                told["process"],
                goes_on=(lambda: is_bound(server.name)) if told["daemonizes"] else None,
            )
            channel.sendall(READY)
            if channel.recv(len(GO)) != GO:
                writer.discard()
                return
            log(f"is recorded in {told['output']}")
            recorder.run()
        log(
            f"has ended: {counted(writer.messages, 'message')} in "
            f"{counted(recorder.sessions, 'session')}"
        )
    finally:
        writer.abandon()


def _clean(told: dict[str, Any]) -> None:
    """Remove the sockets: QEMU's, and the one that stood where QEMU was to listen."""
    for path in (told["server"], told.get("path")):
        if path and not is_bound(path):
            with contextlib.suppress(OSError):
                os.unlink(path)


if __name__ == "__main__":
    main()
