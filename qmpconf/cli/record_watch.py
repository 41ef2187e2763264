"""Who sees what is recorded while it is: the live view, ``--metrics``, and ``--check``."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import qmpconf
from qmpconf.cli.main import INTERRUPTED
from qmpconf.closing import Closing
from qmpconf.errors import UsageError
from qmpconf.net.process import end, send_signal, start
from qmpconf.record.metrics import Metrics
from qmpconf.record.recorder import ignore

if TYPE_CHECKING:
    from qmpconf.record.hosts import Watcher

#: By how much a check gives way to the recorder (setpriority(2)).
_NICE = 10
#: What the name of a trace ends in.
_ENDING = re.compile(r"(?:\.qmptrace)?(?:\.gz|\.zst)?\Z")


def say(text: str) -> None:
    """Print what the user should know, on stderr."""
    print(f"qmpconf record: {text}", file=sys.stderr, flush=True)


def alone(arguments: argparse.Namespace, option: str, others: Sequence[str]) -> None:
    """Raise `UsageError` for what has nothing to do with an option that records in its own way."""
    for name in others:
        if getattr(arguments, name):
            what = "a client" if name == "client" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{what} has nothing to do with {option}")


class Watch(Closing):
    """Who sees the sessions of one recording, by the call's arguments.

    `observe` and `ended` are given to the recorder; `begun` is called once the trace is there.
    Raises `UsageError` for what cannot be.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._quiet = arguments.quiet
        without_check(arguments)
        self._check = _check_of(arguments)
        self._metrics = Metrics(arguments.metrics) if arguments.metrics else None
        self._watched: Watcher | None = None
        if self._metrics is not None:
            name = _ENDING.sub("", os.path.basename(arguments.output))
            self._watched = self._metrics.watch(name)
        live = not arguments.quiet and sys.stderr.isatty() and self._check is None
        self._live = _live_view() if live else None

    @property
    def observe(self) -> qmpconf.Observe | None:
        """Who sees each message."""
        seen_by = [one for one in (self._live, self._watched and self._watched.observe) if one]
        if len(seen_by) < 2:
            return seen_by[0] if seen_by else None

        def all_of_them(
            conn: int, sender: qmpconf.Side, frames: Sequence[qmpconf.Frame], t: float
        ) -> None:
            for one in seen_by:
                one(conn, sender, frames, t)

        return all_of_them

    @property
    def ended(self) -> Callable[[int], None]:
        """Who sees that a session is over."""
        return self._watched.ended if self._watched is not None else ignore

    def begun(self, news: str) -> None:
        """The trace is there; `news` is what the user is to know of it."""
        if not self._quiet:
            say(news)
            if self._metrics is not None:
                say(f"metrics are at {self._metrics.url}")
        if self._check is not None:
            self._check.start()

    def code(self, code: int) -> int:
        """The call's exit code, where it is `code` without a check; waits until the check is through."""
        return self._check.code(code) if self._check is not None else code

    def close(self) -> None:
        """See no more."""
        if self._check is not None:
            self._check.close()
        if self._metrics is not None:
            self._metrics.close()


class Check(Closing):
    """``qmpconf check --follow`` of `path`, in a process of its own: the sessions do not wait for it.

    `path` is the trace, or the folder of a host's traces; there, it goes on until `wait` is called.
    """

    def __init__(self, arguments: argparse.Namespace, path: str, *, is_host: bool = False) -> None:
        path = path if path[:1] != "-" else f"./{path}"
        words = ["check", "--follow", path, "--schema", arguments.schema]
        words += ["--protocol", arguments.protocol] if arguments.protocol and not is_host else []
        words += ["--quiet"] if arguments.quiet or is_host else []
        words += ["--beside", str(time.time())] if is_host else []
        self._words = [sys.executable, "-m", "qmpconf", *words]
        self._is_host = is_host
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin."""
        stdin = subprocess.PIPE if self._is_host else subprocess.DEVNULL
        self._child = start(self._words, background=True, stdin=stdin)
        with contextlib.suppress(OSError):  # it has ended
            os.setpriority(os.PRIO_PROCESS, self._child.pid, _NICE)

    def code(self, code: int) -> int:
        """The call's exit code, where it is `code` without a check: waits until the check is through."""
        found = self._wait()
        return found if code in (0, INTERRUPTED) else code

    def _wait(self) -> int:
        """Its exit code; an interrupt ends it, and is its code."""
        if self._child is None:
            return 0
        try:
            if self._child.stdin is not None:
                self._child.stdin.close()
            return abs(self._child.wait())
        except KeyboardInterrupt:
            send_signal(self._child, signal.SIGINT)  # it says what it has left
            return abs(self._child.wait())

    def close(self) -> None:
        """End it, if it goes on."""
        if self._child is not None:
            end(self._child)


def _check_of(arguments: argparse.Namespace) -> Check | None:
    """The check of one trace, if there is to be one.  Raises `UsageError`."""
    if not arguments.check:
        return None
    if arguments.output == "-":
        raise UsageError("--check reads the recording as it grows, and -o - is a pipe: name a file")
    if arguments.mode:
        raise UsageError("--check is for a new recording: it does not go with --mode")
    return Check(arguments, arguments.output)


def without_check(arguments: argparse.Namespace) -> None:
    """Raise `UsageError` for what says how to check, where nothing is checked."""
    if arguments.schema != "auto" and not arguments.check:
        raise UsageError("--schema says what is checked against: add --check")


def _live_view() -> qmpconf.Observe:
    """A line a message on the terminal; imported here, because it is not needed elsewhere."""
    from rich.console import Console
    from rich.text import Text

    from qmpconf.record.live import Live
    from qmpconf.trace.wording import STYLES

    console = Console(stderr=True, highlight=False)
    live = Live()

    def show(conn: int, sender: qmpconf.Side, frames: Sequence[qmpconf.Frame], t: float) -> None:
        for line, style in live.lines(conn, sender, frames, t):
            console.print(Text(line, style=STYLES[style]), soft_wrap=True)

    return show
