"""A careful client that reports by the testee protocol; its first argument names a weakness, or none.

It has a time-out, matches responses by their ids, listens to events, and shows that it failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from typing import Any

WEAKNESS = sys.argv[1] if len(sys.argv) > 1 else ""
#: Seconds; a server may be slow.
PATIENCE = 1.0 if WEAKNESS == "takes-late" else 7.0
#: Bytes that the weak ones read at once.
SIZES = {"full-4096": 4096, "full-65536": 65536}
#: Seconds that are waited for what surely does not come, because the weakness has lost it.
IN_VAIN = 1.0


class _All:
    def __contains__(self, name: str) -> bool:
        return True


#: The events that are reported.
HEARD = _All() if WEAKNESS in ("all-events", "forgets-events") else ("STOP", "RESUME")


class Client:
    """One connection."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["QMPCONF_SOCKET"])
        self.sock.settimeout(None if WEAKNESS == "no-time-out" else PATIENCE)
        self.buffer = b""
        self.number = 0

    def receive(self) -> bytes:
        """The next bytes."""
        size = SIZES.get(WEAKNESS, 1 << 16)
        data = self.sock.recv(size)
        while WEAKNESS in SIZES and len(data) % size == 0 and data:
            self.sock.settimeout(IN_VAIN)  # what was sent with it is there
            data += self.sock.recv(size)  # a full buffer: there must be more
            self.sock.settimeout(PATIENCE)
        while not data and WEAKNESS == "spins":
            time.sleep(0.01)
        if not data:
            if WEAKNESS == "hides-end":
                sys.exit(0)
            raise EOFError("the server has gone")
        return data

    def message(self) -> Any:
        """The next message."""
        pieces = [self.buffer]
        while b"\n" not in pieces[-1]:
            data = self.receive()
            if WEAKNESS == "wants-crlf" and data[-2:] != b"\r\n":
                raise ValueError("a message ends in CR LF")
            pieces.append(data)
        line, _, rest = b"".join(pieces).partition(b"\n")
        if WEAKNESS == "drops-rest" and rest:
            self.sock.settimeout(IN_VAIN)
            rest = b""
        self.buffer = rest
        return json.loads(line)

    def send(self, name: str, number: int) -> None:
        """Send a command."""
        self.sock.sendall(json.dumps({"execute": name, "id": number}).encode() + b"\n")

    def ask(self, name: str) -> Any:
        """Send a command and wait for its response."""
        self.number += 1
        number = self.number
        self.send(name, number)
        while True:
            got = self.message()
            if "event" in got:
                if WEAKNESS == "shows-event" and name == "query-status":
                    return {}
                if got["event"] in HEARD and WEAKNESS != "deaf":
                    say(event=got["event"], data=got.get("data", {}))
            elif "QMP" in got and WEAKNESS != "greeting-is-response":
                continue
            elif got.get("id") == number and WEAKNESS == "forgets-events":
                self.buffer = b""  # with the events that came in one piece with it
                return got.get("return", {})
            elif got.get("id") == number or WEAKNESS in ("takes-late", "greeting-is-response"):
                return got.get("return", {})

    def told(self, name: str) -> None:
        """Ask, and report."""
        try:
            result = self.ask(name)
        except TimeoutError as error:
            if WEAKNESS == "aborts":
                os.kill(os.getpid(), signal.SIGABRT)
            say(command=name, failed=str(error))
            if WEAKNESS not in ("takes-late"):
                raise
            return
        if WEAKNESS == "rounds" and name == "query-memory-size-summary":
            result = {one: value + 1 for one, value in result.items()}
        if WEAKNESS == "chatty":
            say(at=time.time())
        say(command=name, **{"return": result})


def say(**line: Any) -> None:
    """One line of the protocol."""
    print(json.dumps(line), flush=True)


def work() -> None:
    """A short life."""
    client = Client()
    client.message()
    client.ask("qmp_capabilities")
    if WEAKNESS == "same-id":
        client.send("query-name", 77)
        client.send("query-uuid", 77)
        for _ in range(2):
            while "event" in client.message():
                pass
    if WEAKNESS == "polls":
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            client.ask("query-jobs")
            time.sleep(0.02)
    names = ["query-status", "query-version", "stop", "cont", "query-memory-size-summary"]
    if WEAKNESS == "drops-rest":  # it would also drop what comes behind STOP by chance
        names = ["query-status", "query-version", "query-memory-size-summary"]
    for name in names:
        client.told(name)
    with contextlib.suppress(EOFError, ConnectionError):
        client.ask("quit")
    if WEAKNESS == "after-quit":
        client.send("query-status", 99)
        time.sleep(0.1)
    if WEAKNESS == "leaves-child" and not os.fork():
        os.setsid()
        time.sleep(600)


try:
    work()
except (OSError, EOFError, ValueError) as error:
    print(f"careful: {error}", file=sys.stderr)
    sys.exit(3)
