"""A trace as a capture: each session a TCP connection, at the times of the trace.

The addresses are made up (127.0.0.1), because a recorder does not know the client's port, and a
UNIX socket has none; the server's port is that of the trace, where it gives one, and each session
has a client's port of its own.  A gap is a hole in the sequence numbers that the other side has
acknowledged.  A session whose end was not recorded has none here either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from qmpconf.trace.capture.build import Conversation, Frame, Index
from qmpconf.trace.capture.files import Put, pcap, pcapng
from qmpconf.trace.convert.base import Notes, Options, Reading
from qmpconf.trace.records import (
    Close,
    Fault,
    Finish,
    Gap,
    Header,
    Open,
    Record,
    Shut,
    Side,
    Traffic,
)

#: The server's port where neither the trace nor the user gives one.
_PORT = 4444

#: Seconds that a record may be away from the start, so that every format can hold its time.
_FARTHEST = 1e9
#: The clients' ports: those that nothing is registered for.
_FIRST_PORT, _PORTS = 49_152, 16_384

_INDEX: dict[Side, Index] = {"client": 0, "server": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_pcapng(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write a trace as a pcapng file; `options.port` is the server's port."""
    _Writer(pcapng(file), reading.header, options.port, notes).write(reading.records)


def write_pcap(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
    """Write a trace as a pcap file; `options.port` is the server's port."""
    _Writer(pcap(file), reading.header, options.port, notes).write(reading.records)


class _Session:
    """One session; `begun` says whether anything of it was written."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.begun = False
        self.shut: set[Index] = set()


class _Writer:
    def __init__(self, put: Put, header: Header, port: int, notes: Notes) -> None:
        self._put = put
        self._port = port
        self._notes = notes
        self._start = _started(header, notes)
        self._sessions: dict[int, _Session] = {}

    def write(self, records: Iterator[Record]) -> None:
        """Write every record."""
        for record in records:
            if isinstance(record, Finish):
                continue
            if isinstance(record, Fault):
                self._notes.lost("what the recorder did on purpose cannot be held", record.line)
                continue
            t = min(max(record.t, -_FARTHEST), _FARTHEST)
            ns = self._start + round(t * 1e6) * 1000
            for frame in self._frames(record):
                self._put(max(0, ns), frame.data, frame.comment)
            if isinstance(record, Close):
                self._sessions.pop(record.conn, None)

    def _frames(self, record: Open | Traffic | Gap | Shut | Close) -> Iterator[Frame]:
        session = self._sessions.get(record.conn)
        if session is None:
            session = self._sessions[record.conn] = self._begin(record)
        if isinstance(record, Open):
            return  # how it begins shows in what comes next
        if isinstance(record, Traffic):
            yield from self._traffic(session, record)
        elif isinstance(record, Gap):
            yield from self._gap(session, record)
        elif isinstance(record, Shut):
            yield from self._shut(session, record)
        else:
            yield from self._close(session, record)
        session.begun = True

    def _begin(self, record: Record) -> _Session:
        conn = getattr(record, "conn", 0)
        server = record.server if isinstance(record, Open) else ""
        told = re.fullmatch(r"tcp:.*:([0-9]{1,5})", server)
        if not told:
            self._notes.lost("a session that was not over TCP stands as one that was")
        port = self._port or (int(told[1]) & 0xFFFF if told else 0) or _PORT
        client = _FIRST_PORT + conn % _PORTS
        if client == port:
            client = _FIRST_PORT - 1
        return _Session(Conversation((client, port), conn))

    def _traffic(self, session: _Session, record: Traffic) -> Iterator[Frame]:
        if not session.begun:
            yield from session.conversation.open()
        comment = ""
        if record.fds:
            kinds = ", ".join(f"{one.kind} ({one.access})" for one in record.fds)
            comment = f"descriptors rode on this message: {kinds}"
            self._notes.lost("descriptors cannot be held: a comment reports them", record.line)
        if record.redacted:
            comment = "; ".join(filter(None, [comment, f"redacted: {' '.join(record.redacted)}"]))
            self._notes.lost("that a value was redacted stands in a comment alone", record.line)
        data = record.data + record.end
        yield from session.conversation.send(_INDEX[record.sender], data, comment)

    def _gap(self, session: _Session, record: Gap) -> Iterator[Frame]:
        size = record.size
        if not size:
            if not session.begun:
                return  # it began before the recording did: there is no handshake, and no number
            size = 1
            self._notes.lost("a gap of unknown size stands as one of 1 byte", record.line)
        elif not session.begun:
            yield from session.conversation.open()
        yield from session.conversation.skip(_INDEX[record.sender], size)

    def _shut(self, session: _Session, record: Shut) -> Iterator[Frame]:
        if not session.begun:
            yield from session.conversation.open()
        session.shut.add(_INDEX[record.who])
        yield from session.conversation.shut(_INDEX[record.who])

    def _close(self, session: _Session, record: Close) -> Iterator[Frame]:
        talk = session.conversation
        if record.who == "recorder":
            if not session.begun:
                yield from talk.open()
            self._notes.lost("that the recorder ended a session is not told", record.line)
            return
        side = _INDEX[record.who]
        if record.error and not session.begun:
            self._notes.lost("why a server cannot be reached stands as a refusal", record.line)
            yield from talk.refuse()
            return
        if not session.begun:
            yield from talk.open()
        if record.error:
            yield from talk.reset(side)
            return
        both: tuple[Index, Index] = (0, 1) if side == 0 else (1, 0)
        for one in both:
            if one not in session.shut:
                yield from talk.shut(one)


def _started(header: Header, notes: Notes) -> int:
    """When the trace was started, in ns since 1970."""
    try:
        moment = datetime.fromisoformat(header.started)
    except ValueError:
        notes.lost("the trace does not say when it was started: it begins in 1970")
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, (moment - _EPOCH) // timedelta(microseconds=1) * 1000)
