"""The log beside the traces: one line for each thing that whoever looks after the machines should know."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime

from qmpconf.text import harmless

#: The log's name in the folder of the traces.
NAME = "emulator.log"


class Log:
    """Appends lines to the log in `folder`; `who` is the machine.

    Where nothing can be written, lines go to standard error, which libvirt keeps in the machine's own
    log.  Never raises.
    """

    def __init__(self, folder: str, who: str = "") -> None:
        self.path = os.path.join(folder, NAME)
        self.who = who

    def __call__(self, text: str) -> None:
        """Write one line: when, the process, the machine, and `text`."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        who = f" {self.who}" if self.who else ""
        line = harmless(f"{now} {os.getpid()}{who}: {text}".replace("\n", " ")) + "\n"
        data = line.encode("utf-8", "backslashreplace")
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            with suppress(OSError, ValueError):
                print(f"qmpconf emulator: {line}", end="", file=sys.stderr, flush=True)
            return
        with suppress(OSError):
            os.write(fd, data)
        os.close(fd)
