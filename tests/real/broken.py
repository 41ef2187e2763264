"""Defects in front of a real server: a proxy that changes what either side says.

Each defect is a class with one sentence, registered with the requirement that it breaks::

    @defect("event.comes")
    class NoStop(Honest):
        \"\"\"STOP is never told.\"\"\"

        def event(self, event): ...
"""

from __future__ import annotations

import json
import os
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmpconf.net.endpoint import polled
from qmpconf.protocol.values import dumps
from tests.real.machines import bind

Message = dict[str, Any]


class Honest:
    """Passes everything on; `session` counts the connections, from 1.

    A `crowd` is taken in at once; else a second client waits for the first one's end.  So does, in
    either case, who comes after the first one has gone, although its session may not have ended yet.
    """

    crowd = False

    def __init__(self) -> None:
        self.session = 0
        self.said = b""  # what the client of this session has said so far

    def begin(self) -> None:
        """A session begins."""
        self.session += 1
        self.said = b""

    def end(self) -> None:
        """A session has ended."""

    def heard(self, data: bytes) -> bytes:
        """What the server gets in place of what the client has sent."""
        return data

    def greeting(self, greeting: Message) -> Iterable[Message]:
        """What is sent in place of the greeting."""
        yield greeting

    def event(self, event: Message) -> Iterable[Message]:
        """What is sent in place of an event."""
        yield event

    def response(self, response: Message) -> Iterable[Message]:
        """What is sent in place of a response."""
        yield response

    def line(self, line: bytes) -> bytes:
        """What is sent in place of a line of the server."""
        try:
            message = json.loads(line)
        except ValueError:  # QEMU writes a number beyond all doubles as inf
            return line
        if "QMP" in message:
            found = self.greeting(message)
        else:
            found = self.event(message) if "event" in message else self.response(message)
        return b"".join(line if one is message else self.encode(one) for one in found)

    def encode(self, message: Message) -> bytes:
        """A message that is not the server's own, as bytes with their end."""
        return dumps(message) + b"\r\n"

    def send(self, client: socket.socket, data: bytes) -> None:
        """Send to the client; it is waited for where it does not read."""
        client.sendall(data)

    def shut(self) -> None:
        """The client has shut its sending side down.  `Hangup` ends the session at once."""

    def second(self, client: socket.socket) -> None:
        """Another client connects during a session; asked only where `crowd` is True."""
        client.close()


class Hangup(OSError):  # noqa: N818 - an order, not an error
    """Raised by an editor to end the session."""


@dataclass(frozen=True)
class Defect:
    """A defect: what it breaks, what breaks with it, and the cases that are run."""

    make: type[Honest]
    breaks: str
    also: tuple[str, ...]
    cases: tuple[str, ...]
    destructive: bool
    rich: bool


DEFECTS: list[Defect] = []

#: What is run unless a defect says otherwise: something of each requirement of events.
CASES = (
    *("event.shape/*", "event.timestamp/steps", "event.not-inside/*", "event.comes/run-state"),
    *("event.comes/job-status", "event.as-many/*", "event.delivered/*", "event.own-session/*"),
    "event.clock/*",
)


def defect(
    breaks: str,
    *also: str,
    cases: tuple[str, ...] = CASES,
    destructive: bool = False,
    rich: bool = False,
) -> Callable[[type[Honest]], type[Honest]]:
    """Register a defect; `rich` needs a machine with buses."""

    def register(made: type[Honest]) -> type[Honest]:
        DEFECTS.append(Defect(made, breaks, also, cases, destructive, rich))
        return made

    return register


@contextmanager
def in_front(editor: Honest, server: Path, at: Path) -> Iterator[None]:
    """Serve clients at the socket `at`, one after the other, in front of `server`."""
    waker, woken = os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        bind(listener, at)
        listener.listen()
        thread = threading.Thread(target=_serve, args=(editor, server, listener, waker))
        thread.start()
        try:
            yield
        finally:
            os.close(woken)
            thread.join()
            os.close(waker)


def _serve(editor: Honest, server: Path, listener: socket.socket, waker: int) -> None:
    """Accept clients until the other end of `waker` is closed."""
    while waker not in select.select([listener, waker], [], [])[0]:
        client, _ = listener.accept()
        with client, socket.socket(socket.AF_UNIX) as behind, suppress(OSError):
            behind.connect(os.path.relpath(server))
            editor.begin()
            _relay(editor, client, behind, listener, waker)
        editor.end()


def _relay(
    editor: Honest,
    client: socket.socket,
    behind: socket.socket,
    listener: socket.socket,
    waker: int,
) -> None:
    """Pass on what both sides say until the server ends, or the client has gone."""
    left = b""
    ways = {client: behind, behind: client}
    reading: list[Any] = [client, behind, waker]
    if editor.crowd:
        reading.insert(0, listener)  # first, so that the second client comes before what follows
    while behind in reading:
        ready = select.select(reading, [], [])[0]
        if waker in ready:
            return
        for one in ready:
            if one is listener:
                if polled(client, 0):  # it has gone, whatever there is still to read of it
                    reading.remove(listener)  # for the next session
                else:
                    editor.second(listener.accept()[0])
                continue
            data = one.recv(1 << 16)
            if not data:
                reading.remove(one)
                if one is client:
                    editor.shut()
                ways[one].shutdown(socket.SHUT_WR)
            elif one is client:
                editor.said += data
                behind.sendall(editor.heard(data))
            else:
                *lines, left = (left + data).split(b"\r\n")
                editor.send(client, b"".join(editor.line(line + b"\r\n") for line in lines))
