"""``qmpconf view --live``: a recorder in a process of its own, whose recording is shown as it grows.

No session waits for whoever looks: the view reads the file, as ``--follow`` does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time

from qmpconf.cli.main import INTERRUPTED
from qmpconf.closing import Closing
from qmpconf.errors import QmpconfError, UsageError
from qmpconf.text import printable

#: Seconds between two looks whether it listens.
_PAUSE = 0.05
#: How it says that the recording is there.
_OWN = "qmpconf record: "
_READY = (f"{_OWN}listening on ", f"{_OWN}recording what ")

#: The options that are the recorder's.
WORDS = ("server", "spawn", "attach", "listen", "output")


class Recorder(Closing):
    """``qmpconf record``, which is there once this is made; `close` ends it.

    Raises `UsageError` for options that do not go together, and `QmpconfError` with the exit code of a recorder that could
    not begin.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        if not arguments.output or arguments.output == "-":
            raise UsageError("--live writes a recording: name its file with -o/--output FILE")
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        words = [sys.executable, "-m", "qmpconf", "record"]
        for name in WORDS:
            if getattr(arguments, name):
                words += [f"--{name}={getattr(arguments, name)}"]
        words += ["--force"] if arguments.force else []
        words += ["--protocol", arguments.protocol] if arguments.protocol else []
        # A terminal that is closed ends us, and we end it: by itself it would leave its server behind.
        self._before = signal.signal(signal.SIGHUP, signal.default_int_handler)
        self._child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            process_group=0,
        )
        self._open, self._ready = True, False
        try:
            self._begun()
        except BaseException:
            self.close()
            raise

    def _begun(self) -> None:
        """Wait until it listens."""
        while not self._is_ready():
            if self._child.poll() is not None:
                raise _EndedError(self.said(), self._child.returncode)
            time.sleep(_PAUSE)

    def _is_ready(self) -> bool:
        """Whether it has said so; the server, or what it speaks for, may say something before."""
        self._ready = any(line.startswith(_READY) for line in self.said().splitlines())
        return self._ready

    def said(self) -> str:
        """All that it said."""
        size = os.fstat(self._said.fileno()).st_size
        return os.pread(self._said.fileno(), size, 0).decode("utf-8", "replace")

    def news(self) -> str:
        """The last line of that; where the recorder itself said something, its last one."""
        lines = self.said().splitlines()
        own = [line.removeprefix(_OWN) for line in lines if line.startswith(_OWN)]
        return (own or lines or [""])[-1]

    def close(self) -> None:
        """End it, and print what it said on stderr."""
        if not self._open:
            return
        self._open = False
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
        with contextlib.suppress(KeyboardInterrupt):
            self._child.wait()
        self._child.wait()
        signal.signal(signal.SIGHUP, self._before)
        said = self.said()
        self._said.close()
        if self._ready:
            print("\n".join(map(printable, said.splitlines())), file=sys.stderr)

    @property
    def code(self) -> int:
        """Its exit code; 0 where we have ended it."""
        code = self._child.returncode
        return 0 if code in (None, INTERRUPTED, -signal.SIGINT) else abs(code)


class _EndedError(QmpconfError):
    """The recorder has ended before it began; its words, its exit code."""

    def __init__(self, said: str, code: int) -> None:
        self.exit_code = code
        words = said.strip().removeprefix(_OWN)
        super().__init__(f"the recorder could not begin: {words}")


def refuse_words(arguments: argparse.Namespace) -> None:
    """Raise `UsageError` for options of the recorder without ``--live``."""
    for name in (*WORDS, "force"):
        if getattr(arguments, name):
            raise UsageError(f"--{name} is for --live, which records what is shown")
