"""A small client with one weakness, named in its first argument; `good` has none.

It greets, negotiates, asks three times and quits; any exception is its way to fail.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from typing import Any

WEAKNESS = sys.argv[1]
SOCK = socket.socket(socket.AF_UNIX)
SOCK.connect(os.environ["QMPCONF_SOCKET"])
SOCK.settimeout(7.0)
#: When the impatient one gives up: slow messages take longer together, and a busy machine does not.
END = time.monotonic() + 3.5
BUFFER = b""
KNOWN = {"running", "status", "singlestep", "qemu", "package", "name"}


def message() -> Any:
    """The next message of the server."""
    global BUFFER  # noqa: PLW0603 - a script
    if WEAKNESS == "one-read":
        return json.loads(SOCK.recv(1 << 20))
    while b"\n" not in BUFFER:
        if WEAKNESS == "impatient":
            SOCK.settimeout(max(0.01, END - time.monotonic()))
        data = SOCK.recv(65536)
        if not data:
            raise EOFError
        BUFFER += data
        assert WEAKNESS != "small-buffer" or len(BUFFER) < 1 << 19
    line, _, BUFFER = BUFFER.partition(b"\n")
    return json.loads(line)


def ask(name: str, **more: Any) -> Any:
    """A command's result."""
    SOCK.sendall(json.dumps({"execute": name, "id": name, **more}).encode())
    return reply()


def reply() -> Any:
    """The next response."""
    while True:
        got = message()
        if "event" in got and WEAKNESS != "no-events":
            if WEAKNESS == "known-events":
                assert not got["event"].startswith("__"), got
            continue
        break
    if WEAKNESS == "known-members" and isinstance(got["return"], dict):
        assert set(got["return"]) <= KNOWN, got
    return got["return"]


assert "QMP" in message()
if WEAKNESS == "hasty-command":
    SOCK.sendall(b'{"execute": "query-name", "id": 0}')
    assert "error" in message()
ask("qmp_capabilities", **({"arguments": {"enable": ["oob"]}} if "oob" in WEAKNESS else {}))
assert ask("query-status")["running"]
if "oob" in WEAKNESS:
    SOCK.sendall(b'{"execute": "query-version", "id": "slow"}')
    time.sleep(0.1)  # a kind server has answered by now
    SOCK.sendall(b'{"exec-oob": "query-yank", "id": "now"}')
    if WEAKNESS == "oob-in-order":
        assert "qemu" in reply()
        reply()
    else:
        both = [reply(), reply()]
        assert sorted(isinstance(one, list) for one in both) == [False, True]
if WEAKNESS == "misspells":
    SOCK.sendall(b'{"execute": "query-version", "arguments": {"x": 1}, "id": 1}')
    assert "error" in message()
ask("query-version")
if WEAKNESS == "never-ends":
    while True:
        message()
try:
    if WEAKNESS in ("no-events", "one-read"):
        sys.exit()  # an event comes before the response to quit, perhaps in one read with it
    ask("quit")
except (EOFError, ConnectionError):
    assert WEAKNESS != "wants-reply"
