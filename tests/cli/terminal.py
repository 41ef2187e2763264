"""A program on a terminal: what it draws there, and what it writes to its standard output."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

#: What steers a terminal and shows nothing.
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs `command` with its stderr on a new terminal of `columns`; with `whole`, stdout too; with `keys`,
    it is its terminal in every way, and `type` presses some.

    `drawn` is what came to the terminal so far; `wait` gives (exit code, terminal, stdout).  Left
    without that, the program is killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        whole: bool = False,
        keys: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}
        }
        self.process = subprocess.Popen(
            command,
            stdin=inner if keys else subprocess.DEVNULL,
            stdout=inner if whole else subprocess.PIPE,
            stderr=inner,
            env=inherited | {"TERM": "xterm"} | dict(environment or {}),
            start_new_session=keys,
            preexec_fn=_take_over if keys else None,  # noqa: PLW1509 - no thread of ours holds a lock
        )
        os.close(inner)
        self.drawn = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            self.process.kill()
            self.wait()

    def until(self, found: Callable[[str], bool], patience: float = 60) -> None:
        """Wait until the terminal shows something."""
        with self._news:
            assert self._news.wait_for(lambda: found(self.drawn), patience), self.drawn

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._fd, text.encode())

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown by the terminal itself, as a shell has it."""
        local: int = termios.tcgetattr(self._fd)[3]
        return bool(local & termios.ECHO)

    def stop_and_go_on(self, by: signal.Signals) -> None:
        """Stop the program, if it has not ended before, and have it go on."""
        self.process.send_signal(by)
        stat = Path(f"/proc/{self.process.pid}/stat")
        while self.process.poll() is None and stat.read_text().rpartition(") ")[2][0] != "T":
            time.sleep(0.01)
        self.process.send_signal(signal.SIGCONT)

    def wait(self) -> tuple[int, str, str]:
        """The end of it."""
        out = b"" if self.process.stdout is None else self.process.stdout.read()
        if self.process.stdout is not None:
            self.process.stdout.close()
        code = self.process.wait()
        self._reader.join()
        os.close(self._fd)
        self._fd = -1
        return code, self.drawn, out.decode()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # Linux gives EIO for the end
            while data := os.read(self._fd, 65536):
                with self._news:
                    self.drawn += data.decode(errors="replace").replace("\r\n", "\n")
                    self._news.notify_all()


def _take_over() -> None:
    """Make the terminal at the standard input that of the new session."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def bare(text: str) -> str:
    """`text` without colours and the like."""
    return _STEERING.sub("", text)


def left_on_screen(text: str) -> str:
    """What still stands there once everything was drawn: lines that are erased are gone."""
    lines = [""]
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\n|\r|[^\x1b\n\r]+", text):
        if piece == "\n":
            lines.append("")
        elif piece == "\x1b[2K":
            lines[-1] = ""
        elif piece == "\x1b[1A":
            lines.pop()
        elif piece != "\r" and not piece.startswith("\x1b"):
            lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)
