"""Traces and clients for the plugin's tests.

What the plugin imports late is imported here: runs of pytest inside of tests then share it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import qmpconf.testing.fixtures
import qmpconf.testing.stale
import qmpconf.testing.traces  # noqa: F401 - see above

GREETING = {
    "QMP": {
        "version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""},
        "capabilities": ["oob"],
    }
}
NEGOTIATION = [("<-", GREETING), ("->", {"execute": "qmp_capabilities"}), ("<-", {"return": {}})]

GOOD = [
    *NEGOTIATION,
    ("->", {"execute": "query-status"}),
    ("<-", {"return": {"status": "running", "singlestep": False, "running": True}}),
]
#: The size is a string: one error of the client, in the fifth line of its session.
BAD = [
    *NEGOTIATION,
    ("->", {"execute": "block_resize", "arguments": {"device": "none", "size": "1M"}}),
    ("<-", {"error": {"class": "GenericError", "desc": "Invalid parameter type for 'size'"}}),
]
#: Its fingerprint.
RESIZE = "a6c07ef7defaac9c"
#: A second one: a command that there is not.
UNKNOWN = [
    *NEGOTIATION,
    ("->", {"execute": "no-such-command"}),
    ("<-", {"error": {"class": "CommandNotFound", "desc": "The command was not found"}}),
]

Talk = Iterable[tuple[str, Any]]


def write_trace(path: Path, *sessions: Talk) -> Path:
    """A trace of these sessions, one after the other; each begins with a line for its opening."""
    lines: list[dict[str, Any]] = [
        {"qmptrace": 1, "started": "2026-11-20T05:17:00.123456Z", "recorder": "test", "meta": {}}
    ]
    for conn, talk in enumerate(sessions, 1):
        lines.append({"t": 0.0, "conn": conn, "open": {"client": "a", "server": "b"}})
        for arrow, message in talk:
            side = "client" if arrow == "->" else "server"
            lines.append({"t": 0.0, "conn": conn, "from": side, "msg": message})
        lines.append({"t": 0.0, "conn": conn, "close": "client"})
    lines.append({"t": 0.0, "finish": {"sessions": len(sessions), "messages": 0}})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


#: A module for tests inside tests: somebody's own client.
CLIENT = """
import json, socket

class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.lines = self.sock.makefile("rb")
        self.events = []
        self.greeting = json.loads(self.lines.readline())
        self.ask("qmp_capabilities")

    def send(self, command, **arguments):
        message = {"execute": command, "arguments": arguments}
        self.sock.sendall(json.dumps(message).encode() + b"\\n")

    def ask(self, command, **arguments):
        self.send(command, **arguments)
        while "event" in (answer := json.loads(self.lines.readline())):
            self.events.append(answer["event"])
        return answer

    def close(self):
        self.lines.close()
        self.sock.close()
"""
