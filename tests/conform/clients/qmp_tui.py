"""qmp-tui as a client: the terminal program of qemu.qmp, with a terminal of its own and a user who types.

What it has understood is in its log; it is printed by the testee protocol.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.conform.clients.prepare import TUI

COMMANDS = ("query-status", "query-version", "stop", "cont", "quit")
#: Seconds that the user waits for an answer.
PATIENCE = 10.0
MESSAGE, RUNNING = "Request: ", "to 'Runstate.RUNNING'"
#: Bytes of the screen that are kept, for last words.
_MOST = 4096
DOWN, SEND, LEAVE = b"\x1b[B" * 20, b"\x1b\r", b"\x1b"


class Screen:
    """The program on its terminal, and its log."""

    def __init__(self, address: str, log: Path) -> None:
        self.log = log
        code = "import sys; sys.argv[0] = 'qmp-tui'; from qemu.qmp.qmp_tui import main; main()"
        words = [sys.executable, "-c", code, "--num-retries", "0", "--log-level", "DEBUG"]
        self.shown = b""
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.environ |= {"PYTHONPATH": str(TUI), "TERM": "xterm"}
            os.execv(sys.executable, [*words, "--log-file", str(log), address])
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))

    def see(self, reached: Callable[[], bool]) -> bool:
        """Read what it shows until that is so; False when it is not in time, or the program has ended."""
        until = time.monotonic() + PATIENCE
        while not reached():
            if time.monotonic() > until:
                return False
            if select.select([self.terminal], [], [], 0.05)[0]:
                try:
                    self.shown = self.shown[-_MOST:] + os.read(self.terminal, 1 << 16)
                except OSError:
                    return reached()
        return True

    def written(self) -> str:
        """The log so far."""
        return self.log.read_text() if self.log.exists() else ""

    def messages(self) -> list[dict[str, object]]:
        """All messages so far, of both sides."""
        found, text = [], self.written()
        for begun in text.split(MESSAGE)[1:]:
            with contextlib.suppress(ValueError):  # it is being written
                found.append(json.JSONDecoder().raw_decode(begun)[0])
        return found

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.terminal, keys)


def main(address: str) -> int:
    """Type each command, wait for its answer, and leave."""
    with tempfile.TemporaryDirectory() as folder:
        screen = Screen(address, Path(folder) / "log")
        if not screen.see(lambda: RUNNING in screen.written()):
            print("it does not connect", file=sys.stderr)
            return 1
        screen.type(DOWN)  # from the history to the editor
        code = 0
        for name in COMMANDS:
            screen.type(json.dumps({"execute": name, "id": name}).encode() + SEND)

            def over(name: str = name) -> bool:
                of_it = [one for one in screen.messages() if one.get("id") == name]
                return len(of_it) > 1 or "server disconnected" in screen.written()

            if not screen.see(over) or (
                "server disconnected" in screen.written() and name != "quit"
            ):
                print(f"{name} is not answered", file=sys.stderr)
                code = 1
                break
        for one in screen.messages():
            if "execute" not in one and "id" in one:
                print(json.dumps({"command": one["id"], **one}))
            elif "event" in one:
                print(json.dumps({"event": one["event"], "data": one.get("data", {})}))
        screen.type(LEAVE)
        screen.see(lambda: False)
        ended = os.waitstatus_to_exitcode(os.waitpid(screen.pid, 0)[1])
        if ended:
            print(screen.shown.decode("utf-8", "replace"), file=sys.stderr)
        return code or ended


if __name__ == "__main__":
    sys.exit(main(os.environ["QMPCONF_SOCKET"]))
