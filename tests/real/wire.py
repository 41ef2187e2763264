"""A QMP connection in its barest form: bytes out, lines in.

It leaves everything to its user and hides nothing: what it gives back is what travelled.  Servers
end each message with CR LF and put none inside (only ``pretty=on`` does), so lines are enough.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

#: Seconds without a byte after which a test gives up.
PATIENCE = 60.0


class Wire:
    """One connection to the monitor at a UNIX socket or TCP address, or over an open `sock`."""

    def __init__(
        self,
        path: Path | str | tuple[str, int] | None = None,
        *,
        sock: socket.socket | None = None,
    ) -> None:
        if sock is None:
            tcp = isinstance(path, tuple)
            sock = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
            try:
                sock.connect(path if isinstance(path, tuple) else str(path))
            except OSError:
                sock.close()
                raise
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.received = bytearray()
        self._at = 0

    def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send all of `data`; `descriptors` ride on its first byte."""
        if descriptors:
            sent = socket.send_fds(self.sock, [data], list(descriptors))
            data = data[sent:]
        self.sock.sendall(data)

    def line(self) -> bytes:
        """The next message with its CR LF, or b"" at the end of the stream."""
        while (end := self.received.find(b"\n", self._at)) < 0:
            data = self.sock.recv(65536)
            if not data:
                rest = bytes(self.received[self._at :])
                self._at = len(self.received)
                return rest
            self.received += data
        line = bytes(self.received[self._at : end + 1])
        self._at = end + 1
        return line

    def message(self) -> Any:
        """The next message as a value; raises EOFError at the end of the stream."""
        line = self.line()
        if not line:
            raise EOFError
        return json.loads(line)

    def reply(self) -> Any:
        """The next message that is not an event."""
        while "event" in (message := self.message()):
            pass
        return message

    def event(self, name: str) -> Any:
        """The next event `name`; messages before it are passed over."""
        while (message := self.message()).get("event") != name:
            pass
        return message

    def command(self, name: str, descriptors: Sequence[int] = (), **arguments: Any) -> Any:
        """The reply to a command."""
        request: dict[str, Any] = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        self.send(json.dumps(request).encode() + b"\n", descriptors)
        return self.reply()

    def negotiate(self, *enable: str) -> Any:
        """Read the greeting, enable the capabilities `enable`; gives the greeting."""
        greeting = self.message()
        reply = self.command("qmp_capabilities", enable=list(enable))
        assert reply == {"return": {}}, reply
        return greeting

    def rest(self) -> bytes:
        """Everything up to the end of the stream; the sending side is shut down first."""
        self.sock.shutdown(socket.SHUT_WR)
        start = self._at
        while data := self.sock.recv(65536):
            self.received += data
        self._at = len(self.received)
        return bytes(self.received[start:])

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
