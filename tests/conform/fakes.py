"""Targets that are not a QMP server, or hardly one: each a function that serves one connection."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qmpconf.net.address import UnixAddress
from qmpconf.net.endpoint import Listener

Serve = Callable[[socket.socket], None]

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 8}, "package": "fake"}, '
    b'"capabilities": []}}\r\n'
)


def echo(sock: socket.socket) -> None:
    while data := sock.recv(4096):
        sock.sendall(data)


def http(sock: socket.socket) -> None:
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def silence(sock: socket.socket) -> None:
    while sock.recv(4096):
        pass


def instant_close(sock: socket.socket) -> None:
    """Nothing to do: it is closed behind this."""


def garbage(sock: socket.socket) -> None:
    while True:
        sock.sendall(bytes(range(256)) * 64)


def banner(sock: socket.socket) -> None:
    sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    silence(sock)


def other_json(sock: socket.socket) -> None:
    sock.sendall(b'{"jsonrpc": "2.0", "method": "hello"}\n')
    silence(sock)


def agent(sock: socket.socket) -> None:
    """Know no qmp_capabilities, as a guest agent."""
    if sock.recv(4096):
        sock.sendall(b'{"error": {"class": "CommandNotFound", "desc": "not found"}}\n')


def mute(sock: socket.socket) -> None:
    """Greets, and never answers."""
    sock.sendall(GREETING)
    silence(sock)


def talkative(sock: socket.socket) -> None:
    """Greets, and sends events without end."""
    sock.sendall(GREETING)
    event = b'{"timestamp": {"seconds": 1, "microseconds": 1}, "event": "STOP"}\r\n'
    while True:
        sock.sendall(event * 1000)


def simple(sock: socket.socket) -> None:
    """As much of a server as fits into a few lines: reads lines, knows three commands."""
    sock.sendall(GREETING)
    ready = False
    with sock.makefile("rb") as file:
        for line in file:
            try:
                command = json.loads(line)
                name = command["execute"]
            except (ValueError, KeyError, TypeError):
                reply: dict[str, object] = {"error": {"class": "GenericError", "desc": "bad"}}
            else:
                known = name == "query-version" if ready else name == "qmp_capabilities"
                ready |= known
                reply = {"return": {}} if known else _missing()
                if "id" in command:
                    reply["id"] = command["id"]
            sock.sendall(json.dumps(reply).encode() + b"\r\n")


def dies(sock: socket.socket) -> None:
    """Greets, and ends the session with the first byte that it gets."""
    sock.sendall(GREETING)
    sock.recv(1)


def _missing() -> dict[str, object]:
    return {"error": {"class": "CommandNotFound", "desc": "no such command"}}


@contextmanager
def serving(folder: Path, serve: Serve) -> Iterator[UnixAddress]:
    """`serve` each connection to a socket in `folder`, one at a time."""
    address = UnixAddress(str(folder / "fake.sock"))
    with Listener(address) as listener:
        listener.socket.settimeout(0.05)
        over = threading.Event()

        def loop() -> None:
            while not over.is_set():
                try:
                    sock, _ = listener.socket.accept()
                except TimeoutError:
                    continue
                sock.settimeout(60)
                with sock, suppress(OSError):
                    serve(sock)

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        yield address
        over.set()
        thread.join(timeout=60)
