"""A proxy that spoils what a server says: a target whose answers were changed in one place.

It stands between a client and a server, both on UNIX sockets, and gives every message of the
server to a function, which gives the bytes to send on: other ones, several, or none.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from qmpconf.protocol.framing import SERVER_LIMITS, Framer, Kind

#: Takes a message's bytes and its position in the session; gives what is sent instead.
Spoil = Callable[[bytes, int], bytes]

PATIENCE = 60.0


class Spoiler:
    """Serves at `path`, in threads, until it is left; each client gets a connection upstream."""

    def __init__(self, path: Path, upstream: Path | str, spoil: Spoil) -> None:
        #: Gives the server's socket for the next client.
        self.choose = lambda: str(upstream)
        self._spoil = spoil
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.choose())
            self._sockets += [client, server]
            for work in (self._forward, self._backward):
                thread = threading.Thread(target=work, args=(client, server))
                self._threads.append(thread)
                thread.start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _backward(self, client: socket.socket, server: socket.socket) -> None:
        framer = Framer(SERVER_LIMITS)
        count = 0
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                for frame in framer.feed(data):
                    if frame.kind is Kind.VALUE:
                        client.sendall(self._spoil(frame.data + b"\r\n", count))
                        count += 1
            client.shutdown(socket.SHUT_WR)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for sock in self._sockets:
            sock.close()
