"""Clients whose every byte is known: what they sent and received goes into a ledger."""

from __future__ import annotations

import json
import random
import select
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.real.reliability.ledger import Ledger
from tests.real.wire import Wire

At = Path | tuple[str, int]

#: Seconds after which an experiment gives up on an answer.
PATIENCE = 300.0

#: What is repeated under load: a short reply, one of 207,000 bytes, and on an emulator two events.
QEMU_ROUND = ("query-name", "query-qmp-schema", "cont", "stop")
DAEMON_ROUND = ("query-version", "query-qmp-schema", "query-named-block-nodes", "query-block-jobs")


class Client:
    """One session, called `name`, whose commands have the ids ``NAME/0``, ``NAME/1``, ..."""

    def __init__(self, at: At, name: str, ledger: Ledger) -> None:
        self._at = at
        self._ledger = ledger
        self._begin(name)

    def _begin(self, name: str) -> None:
        self.name = name
        self.wire = Wire(self._at)
        self.wire.sock.settimeout(PATIENCE)
        self._sent = bytearray()
        self._number = 0
        self._noted = False
        self._rest = b""

    def send(self, *commands: str | bytes | tuple[str, dict[str, Any]]) -> None:
        """Send commands at once, by name or with arguments; bytes go as they are, with a line end."""
        data = b"".join(self._text(one) + b"\n" for one in commands)
        self._sent += data  # before it is sent: a part may go before an error
        self.wire.send(data)

    def _text(self, command: str | bytes | tuple[str, dict[str, Any]]) -> bytes:
        if isinstance(command, bytes):
            return command
        name, arguments = (command, {}) if isinstance(command, str) else command
        request: dict[str, Any] = {"execute": name, "id": f"{self.name}/{self._number}"}
        if name.startswith("oob:"):
            request = {"exec-oob": name.removeprefix("oob:"), "id": request["id"]}
        if arguments:
            request["arguments"] = arguments
        self._number += 1
        return json.dumps(request).encode()

    def answers(self, count: int) -> None:
        """Read until so many commands are answered; raises EOFError at the end of the stream."""
        for _ in range(count):
            while (line := self.wire.line()).startswith(b'{"timestamp"'):  # an event
                pass
            if not line.endswith(b"\n"):
                raise EOFError

    def negotiate_once(self, *enable: str) -> None:
        """Send the first command, then read the greeting and the answer."""
        self.send(("qmp_capabilities", {"enable": list(enable)}) if enable else "qmp_capabilities")
        self.answers(2)

    def negotiate(self, *enable: str) -> None:
        """Negotiate, in a second session under another name if need be.

        QEMU and its storage daemon may end a session before they greet, when the client before has
        just gone.
        """
        try:
            self.negotiate_once(*enable)
        except (EOFError, ConnectionError):
            if self.wire.received:
                raise
            self.close()
            self._begin(f"{self.name}-again")
            self.negotiate_once(*enable)

    def read(self, chance: random.Random | None = None) -> int:
        """Read once, as much as there is or as `chance` wants; gives how much, 0 at the end."""
        data = self.wire.sock.recv(chance.randrange(1, 30_000) if chance else 1 << 20)
        self.wire.received += data
        return len(data)

    def drain(self) -> None:
        """Read up to the end of the stream, or to a reset."""
        try:
            while self.read():
                pass
        except ConnectionError:
            pass

    def send_part(self, data: bytes) -> None:
        """Send bytes that are not a message, and no line."""
        self._sent += data
        self.wire.send(data)

    def push(self, data: bytes, patience: int) -> int:
        """Send `data` over and over, until nothing is taken within `patience` milliseconds.

        Gives how many bytes were taken; the last piece may be cut, until `complete` sends the rest.
        """
        sock = self.wire.sock
        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        taken = 0
        sock.setblocking(False)
        while True:
            rest = data[taken % len(data) :]
            try:
                count = sock.send(rest)
            except BlockingIOError:
                if not poller.poll(patience):
                    break
                continue
            self._sent += rest[:count]
            taken += count
        sock.settimeout(PATIENCE)
        self._rest = data[taken % len(data) :] if taken % len(data) else b""
        return taken

    def complete(self) -> None:
        """Send the rest of a piece that was cut."""
        self.send_part(self._rest)

    def half_close(self) -> None:
        """Say no more, and read up to the end."""
        self.wire.rest()

    def reset(self) -> None:
        """Close so that the other side sees a reset, where the transport has one (TCP)."""
        self.wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def waits(self) -> bool:
        """Whether there is nothing to be read now."""
        return not select.select([self.wire.sock], [], [], 0)[0]

    def close(self) -> None:
        """Close the connection, and write into the ledger what was said."""
        self.wire.close()
        if not self._noted:
            self._noted = True
            self._ledger.note(self.name, bytes(self._sent), bytes(self.wire.received))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def round_of(product: str) -> Sequence[str]:
    """What is repeated under load with a server of this kind."""
    return QEMU_ROUND if product == "qemu" else DAEMON_ROUND
