"""The demo's client: a small QMP client that does real work on one connection.

It shows what a client meets: the greeting, negotiation, queries, events between replies, a command
out of band, and an error of its own making.
"""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Any, NamedTuple, Self

from qmpconf.errors import TargetError
from qmpconf.net.address import Address
from qmpconf.net.endpoint import connect
from qmpconf.protocol.framing import SERVER_LIMITS, Framer, Kind
from qmpconf.protocol.values import dumps, loads

#: Seconds without a byte after which the demo gives up.
_PATIENCE = 10.0


class Done(NamedTuple):
    """One step of the work: what it was for, the commands sent, what came of it."""

    step: str
    commands: str
    outcome: str


class DemoClient:
    """A connection to a monitor.  Raises TargetError when the monitor goes away."""

    def __init__(self, address: Address) -> None:
        self._sock = connect(address)
        self._sock.settimeout(_PATIENCE)
        self._framer = Framer(SERVER_LIMITS)
        self._messages: deque[Any] = deque()
        self._events: list[str] = []
        self._sent = 0

    def message(self) -> Any:
        """The next message."""
        while not self._messages:
            try:
                data = self._sock.recv(65536)
            except TimeoutError:
                raise TargetError("the monitor says nothing") from None
            if not data:
                raise TargetError("the monitor has ended the session")
            frames = self._framer.feed(data)
            self._messages += [loads(one.data) for one in frames if one.kind is Kind.VALUE]
        return self._messages.popleft()

    def ask(self, name: str, *, oob: bool = False, **arguments: Any) -> Any:
        """Send a command, and give its reply; events on the way are kept."""
        self._sent += 1
        command: dict[str, Any] = {
            "exec-oob" if oob else "execute": name,
            "id": f"demo-{self._sent}",
        }
        if arguments:
            command["arguments"] = arguments
        self._sock.sendall(dumps(command) + b"\r\n")
        while "event" in (message := self.message()):
            self._events.append(message["event"])
        return message

    def events(self) -> str:
        """Names of the events since the last time."""
        names = ", ".join(self._events) or "none"
        self._events.clear()
        return names

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sock.close()


def work(address: Address) -> list[Done]:
    """Do the demo's work; give its steps."""
    done = []
    with DemoClient(address) as client:
        version = client.message()["QMP"]["version"]["qemu"]
        text = "{major}.{minor}.{micro}".format(**version)
        done.append(Done("read the greeting", "", f"a monitor of version {text}"))
        client.ask("qmp_capabilities", enable=["oob"])
        done.append(Done("negotiate", "qmp_capabilities", "oob is enabled"))
        client.ask("query-version")
        status = client.ask("query-status")["return"]["status"]
        count = len(client.ask("query-commands")["return"])
        queries = "query-version, query-status, query-commands"
        done.append(Done("look around", queries, f"{status}, {count} commands"))
        count = len(client.ask("query-qmp-schema")["return"])
        done.append(Done("read the schema", "query-qmp-schema", f"{count} entries"))
        client.ask("stop")
        client.ask("query-status")
        client.ask("cont")
        outcome = f"events {client.events()}"
        done.append(Done("stop and resume", "stop, query-status, cont", outcome))
        count = len(client.ask("query-yank", oob=True)["return"])
        done.append(Done("ask out of band", "query-yank", f"{count} instance"))
        error = client.ask("yank", instance=[])["error"]["class"]
        done.append(Done("misspell an argument", "yank", f"refused: {error}"))
        client.ask("system_reset")
        done.append(Done("reset", "system_reset", f"event {client.events()}"))
        client.ask("quit")
        done.append(Done("quit", "quit", f"event {client.events()}"))
    return done
