"""What was said, as both peers know it, held against a trace.

*Lost* is a message that a peer received and the trace lacks; *invented* one that the trace has and
nobody sent.  Every session has a name, which the ids of its commands begin with (``NAME/number``),
so that it is found in the trace and in the server's own notes whatever its number is there.
Peers end each message with a line end, so that lines are messages.

Bytes are compared: a side's stream in the trace begins with all that its receiver got, and is
itself how the stream begins that its sender has sent.  Only where it is not, messages are counted.
A recorder that was cut off in the middle of a message has passed on a part that is not a message yet:
such a `cut` stream counts up to its last line end.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple, Protocol

from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Open, Shut, Traffic
from qmpconf.trace.redaction.names import REPLACEMENT

#: The id of a command: the session's name, and the command's number in it.
ID = re.compile(rb'"id": ?"([^"/]+)/(\d+)"')
_GREETING = b'{"QMP": '

#: What stands for the rest of a message that was cut off behind a sensitive word.
REDACTED = REPLACEMENT.encode()


class Stream(NamedTuple):
    """What a client sent and received in one session."""

    sent: bytes
    received: bytes


class Serving(Protocol):
    """What a server knows of itself."""

    def sent(self, name: str, early: int = 0) -> bytes:
        """All that it sent in the session `name`, or tried to; `early` bytes of it before it greeted."""

    def handled(self, name: str) -> Sequence[int]:
        """The numbers of the commands that it took up in that session, in their order."""

    def begins(self, part: bytes) -> bool:
        """Whether a message that it sent in any session begins with these bytes."""


class Recorded(NamedTuple):
    """One session as a trace has it; `closed` is who ended it ("" where it has no end)."""

    conn: int
    client: bytes
    server: bytes
    shut: str
    closed: str
    error: str

    @property
    def name(self) -> str:
        """The name that its commands' ids begin with; "" when there is no command."""
        found = ID.search(self.client)
        return found[1].decode() if found else ""


class Ledger:
    """What clients sent and received, session by session; kept in the file `path`, not in memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._where: dict[str, tuple[int, int, int]] = {}
        self._lock = threading.Lock()
        self.silent = 0

    def note(self, name: str, sent: bytes, received: bytes) -> None:
        """A session is over.  One in which nothing was sent has no name, and is only counted."""
        with self._lock:
            if not sent:
                self.silent += 1
                return
            at = self._file.seek(0, 2)
            self._file.write(sent)
            self._file.write(received)
            self._where[name] = (at, len(sent), len(received))

    def of(self, name: str) -> Stream | None:
        """What the client of the session `name` sent and received."""
        where = self._where.get(name)
        if where is None:
            return None
        at, sent, received = where
        self._file.seek(at)
        return Stream(self._file.read(sent), self._file.read(received))

    def names(self) -> Iterator[str]:
        """The names of all sessions."""
        yield from self._where

    def close(self) -> None:
        """Nothing more is asked."""
        self._file.close()


def recorded(trace: str) -> Iterator[Recorded]:
    """The sessions of a trace, each when it ends; those without an end at last.

    Raises `InputError` for anything but a torn last line.
    """
    streams: dict[int, dict[str, bytearray]] = {}
    shut: dict[int, str] = {}
    for record in TraceReader(trace).records():
        if isinstance(record, Open):
            streams[record.conn] = {"client": bytearray(), "server": bytearray()}
        elif isinstance(record, Traffic):
            stream = streams[record.conn][record.sender]
            stream += record.data
            stream += record.end
        elif isinstance(record, Shut):
            shut.setdefault(record.conn, record.who)
        elif isinstance(record, Close):
            both = streams.pop(record.conn)
            yield Recorded(
                record.conn,
                bytes(both["client"]),
                bytes(both["server"]),
                shut.pop(record.conn, ""),
                record.who,
                record.error,
            )
    for conn, both in streams.items():
        yield Recorded(
            conn, bytes(both["client"]), bytes(both["server"]), shut.get(conn, ""), "", ""
        )


def missing(said: bytes, among: bytes) -> list[bytes]:
    """The messages of `said` that are not in `among`, in their order.

    What `said` ends with and is not a whole message is there if a message begins like that: both
    streams may have been cut off in the middle of it, each at another byte; and of a message that was
    cut off behind a sensitive word, a trace has no more than `REDACTED`.
    """
    if among.startswith(said):
        return []
    ours, theirs = said.splitlines(keepends=True), among.splitlines(keepends=True)
    if not ours[-1].endswith(b"\n"):
        last = ours[-1].removesuffix(REDACTED)
        shorter = [_redacted(one) for one in theirs if one.endswith(REDACTED)]
        if any(one.startswith(last) for one in theirs) or any(map(last.startswith, shorter)):
            ours.pop()
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    matcher = SequenceMatcher(None, ours[same:], theirs[same:], autojunk=False)
    left = dict(enumerate(ours[same:]))
    for block in matcher.get_matching_blocks():
        for number in range(block.a, block.a + block.size):
            del left[number]
    return list(left.values())


def _redacted(message: bytes) -> bytes:
    """How a message begins that was cut off and redacted; itself for any other one."""
    return message.removesuffix(REDACTED)


def whole(stream: bytes) -> bytes:
    """The complete messages of a stream that was cut off."""
    return stream[: stream.rfind(b"\n") + 1]


#: Bytes that are shown of a message that is lost or invented.
_SHOWN = 100


@dataclass
class Tally:
    """What a comparison came to, in messages; `problems` says where something is wrong."""

    sessions: int = 0
    messages: int = 0
    lost: int = 0
    invented: int = 0
    problems: list[str] = field(default_factory=list)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.sessions + other.sessions,
            self.messages + other.messages,
            self.lost + other.lost,
            self.invented + other.invented,
            self.problems + other.problems,
        )

    def found(self, where: str, lost: int, invented: int, messages: Sequence[bytes] = ()) -> None:
        """Add what was found at one place; `messages` are some of those that it is about."""
        self.lost += lost
        self.invented += invented
        if lost or invented:
            shown = "".join(f"; {one[:_SHOWN]!r}" for one in messages[:2])
            self.problems.append(f"{where}: {lost} lost, {invented} invented{shown}")


class Comparison:
    """Traces against what the clients (`ledger`) and the server know; `tally` is the outcome."""

    def __init__(self, ledger: Ledger, server: Serving) -> None:
        self.tally = Tally()
        self._ledger = ledger
        self._server = server
        self._seen: set[str] = set()

    def trace(self, path: str, *, cut: bool = False) -> list[Recorded]:
        """Compare one trace; with `cut`, of a recorder that was cut off.  Gives its sessions' ends."""
        ends = []
        for session in recorded(path):
            self._session(path, session, cut)
            ends.append(session._replace(client=b"", server=b""))
        return ends

    def rest(self, unrecorded: Sequence[str] = ()) -> Tally:
        """Count what no trace has: a session of which nothing was recorded, as in `unrecorded`."""
        for name in self._ledger.names():
            if name in self._seen or name in unrecorded:
                continue
            stream = self._ledger.of(name)
            assert stream is not None
            lost = whole(stream.received).count(b"\n") + len(self._server.handled(name))
            self.tally.found(f"session {name}, which no trace has", lost, 0)
        return self.tally

    def _session(self, path: str, session: Recorded, cut: bool) -> None:
        tally = self.tally
        tally.sessions += 1
        tally.messages += session.client.count(b"\n") + session.server.count(b"\n")
        name = session.name
        where = f"{os.path.basename(path)}, session {session.conn} ({name or 'without a command'})"
        if not name:
            if session.client:
                tally.found(where, 0, session.client.count(b"\n") or 1)
            return
        if name in self._seen:
            tally.found(f"{where}, for the second time", 0, session.client.count(b"\n"))
            return
        self._seen.add(name)
        stream = self._ledger.of(name)
        if stream is None:
            tally.found(f"{where}, which nobody had", 0, session.client.count(b"\n"))
            return
        received = whole(stream.received) if cut else stream.received
        early = max(0, session.server.find(_GREETING))
        there = {int(found[2]) for found in ID.finditer(session.client)}
        lost = missing(received, session.server)
        unheard = sum(number not in there for number in self._server.handled(name))
        invented = missing(session.client, stream.sent)
        sent = self._server.sent(name, early)
        replies = missing(session.server, sent)
        if session.closed == "client":
            replies = self._unnoted(name, replies, sent)
        invented += replies
        tally.found(where, len(lost) + unheard, len(invented), [*lost, *invented])

    def _unnoted(self, name: str, replies: list[bytes], sent: bytes) -> list[bytes]:
        """Of replies that a server did not note, those that it did not send either.

        QEMU notes nothing of a write whose first part went out before the client had gone
        (io_channel_send_full in its chardev/char-io.c gives an error then).  It has sent what
        answers a command that it took up, and noted no other answer to; and of a message that was
        cut off, what others begin with.
        """
        noted = {int(found[2]) for found in ID.finditer(sent)}
        answers = set(self._server.handled(name)) - noted
        left = []
        for one in replies:
            found = ID.search(one)
            if found is None:
                sent_by_it = not one.endswith(b"\n") and self._server.begins(_redacted(one))
            else:
                number = int(found[2])
                sent_by_it = found[1].decode() == name and number in answers
                answers.discard(number)
            if not sent_by_it:
                left.append(one)
        return left
