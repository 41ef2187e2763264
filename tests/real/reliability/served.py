"""What servers know of themselves.

QEMU and its storage daemon note what they send, byte for byte (``logfile`` of the character device),
and which commands they take up (its trace event `handle_qmp_command`).  `Peer` is a server of our
own, for what QEMU does not do: it half-closes, resets, and speaks with many clients at once.
"""

from __future__ import annotations

import contextlib
import mmap
import re
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from tests.real.machines import LOOPBACK, Server, bind
from tests.real.reliability.ledger import ID
from tests.real.wire import PATIENCE

_GREETING = b'{"QMP": {"version"'
_FIRST = re.compile(rb'"id": "([^"/]+)/0"')
_HANDLED = re.compile(rb'handle_qmp_command .*?"id": "([^"/]+)/(\d+)"')


class Notes:
    """The notes of a server that was started as `watched`, and has ended."""

    def __init__(self, server: Server) -> None:
        self.commands = 0
        self.bytes = 0
        self._sent: dict[str, tuple[int, int]] = {}
        self._handled: dict[str, list[int]] = {}
        self._greeting = b""
        path = server.folder / f"{server.path.name}.sent"
        self._file = path.open("rb")
        self._notes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self.bytes = len(self._notes)
        self._index()
        with (server.folder / f"{server.path.name}.err").open("rb") as lines:
            for line in lines:
                if found := _HANDLED.search(line):
                    self._handled.setdefault(found[1].decode(), []).append(int(found[2]))
                    self.commands += 1

    def _index(self) -> None:
        """A greeting begins a session; the answer to its first command has its name.

        Between them may be what QEMU still owes the client before: it carries out the commands of
        one that has gone, and the next one gets the answers.
        """
        notes = self._notes
        start = notes.find(_GREETING)
        self._greeting = notes[start : notes.find(b"\n", start) + 1]
        while start >= 0:
            end = notes.find(_GREETING, start + 1)
            stop = end if end >= 0 else len(notes)
            for found in _FIRST.finditer(notes, start, stop):
                self._sent[found[1].decode()] = (start, stop)
            start = end

    def sent(self, name: str, early: int = 0) -> bytes:
        """All that it sent in the session `name`; it greets also where it answers nothing.

        `early` bytes that it owed another client went before its greeting.
        """
        where = self._sent.get(name)
        return self._notes[where[0] - early : where[1]] if where else self._greeting

    def handled(self, name: str) -> Sequence[int]:
        """The numbers of the commands that it took up in that session."""
        return self._handled.get(name, ())

    def begins(self, part: bytes) -> bool:
        """Whether a message that it sent begins with these bytes."""
        return self._notes.find(b"\n" + part) >= 0

    def close(self) -> None:
        """Nothing more is asked."""
        self._notes.close()
        self._file.close()


class Peer:
    """A server of our own: `serve` is called in a thread for each connection.

    It gives what it sent and received, for the name that its client's first command had.
    """

    def __init__(
        self, folder: Path, serve: Callable[[socket.socket], tuple[bytes, bytes]], *, tcp: bool
    ) -> None:
        self._serve = serve
        self._listener = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        if tcp:
            self._listener.bind((LOOPBACK, 0))
        else:
            bind(self._listener, folder / "peer.sock")
        self._listener.listen(1024)
        self.at = self._listener.getsockname() if tcp else folder / "peer.sock"
        self._streams: dict[str, tuple[bytes, bytes]] = {}
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.settimeout(PATIENCE)
                thread = threading.Thread(target=self._run, args=(sock,))
                thread.start()
                self._threads.append(thread)

    def _run(self, sock: socket.socket) -> None:
        with sock:
            sent, received = self._serve(sock)
        if found := ID.search(received):
            self._streams[found[1].decode()] = (sent, received)

    def sent(self, name: str, early: int = 0) -> bytes:
        """What it sent in the session `name`."""
        return self._streams.get(name, (b"", b""))[0]

    def handled(self, name: str) -> Sequence[int]:
        """The numbers of the commands that it received."""
        received = self._streams.get(name, (b"", b""))[1]
        return [int(found[2]) for found in ID.finditer(received)]

    def begins(self, part: bytes) -> bool:
        """Whether a message that it sent begins with these bytes."""
        return any(b"\n" + part in sent for sent, _ in self._streams.values())

    def stop(self) -> None:
        """Accept nobody any more, and wait for the sessions."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
