"""A server that says what a recorded one said, with one change: a target without QEMU.

It answers the client's messages by their number: to each it says all that the recorded server said
between that message and the next one.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from qmpconf.protocol.framing import CLIENT_LIMITS, Framer, Kind
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader

#: Takes the position of a message among the server's, and its bytes; gives what is said instead.
Change = Callable[[int, bytes], bytes]

ANSWERED = (Kind.VALUE, Kind.MALFORMED)


class Parrot:
    """Serves the first session of `trace` at `path`, once, in a thread."""

    def __init__(self, path: Path, trace: str, change: Change | None = None) -> None:
        self._change = change or (lambda _, data: data + b"\r\n")
        self._turns: list[list[bytes]] = [[]]
        for item in TraceReader(trace).items():
            if not isinstance(item, Item) or item.conn != 1:
                continue
            if item.sender == "client":
                if item.frame.kind in ANSWERED:
                    self._turns.append([])
            elif item.frame.kind is Kind.VALUE:
                self._turns[-1].append(item.frame.data)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            with client:
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        client.settimeout(60)
        framer = Framer(CLIENT_LIMITS)
        turns = iter(self._turns)
        position = 0

        def speak() -> None:
            nonlocal position
            for data in next(turns, []):
                client.sendall(self._change(position, data))
                position += 1

        speak()
        while data := client.recv(65536):
            for frame in framer.feed(data):
                if frame.kind in ANSWERED:
                    speak()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
