"""Captures made for tests, and what is read from them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from qmpconf.trace.capture import reading, writing
from qmpconf.trace.capture.build import Conversation, Frame
from qmpconf.trace.capture.files import pcap, pcapng
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.records import Close, Gap, Header, Open, Record, Shut, Traffic

GREETING = b'{"QMP": {"version": {}, "capabilities": []}}\r\n'
ASKED = b'{"execute":"qmp_capabilities"}\n'
DONE = b'{"return": {}}\r\n'
EVENT = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n'
START = 1_700_000_000_000_000_000


def session(conn: int = 1, port: int = 4444) -> list[Frame]:
    """A short session from its first to its last packet."""
    talk = Conversation((50_000 + conn, port), conn)
    return [
        *talk.open(),
        *talk.send(1, GREETING),
        *talk.send(0, ASKED),
        *talk.send(1, DONE),
        *talk.send(1, EVENT),
        *talk.shut(0),
        *talk.shut(1),
    ]


def capture(frames: Iterable[Frame | bytes], *, ng: bool = True, step: int = 1_000_000) -> bytes:
    """A capture file of Ethernet packets, `step` ns apart."""
    file = io.BytesIO()
    put = pcapng(file) if ng else pcap(file)
    for number, frame in enumerate(frames):
        data = frame if isinstance(frame, bytes) else frame.data
        put(START + number * step, data, "")
    return file.getvalue()


def source(data: bytes) -> Source:
    return Source("test.pcapng", "", io.BytesIO(data), data[:100])


def read(data: bytes, port: int = 0, notes: Notes | None = None) -> tuple[Header, list[Record]]:
    """Everything that is in a capture."""
    found = reading.read(source(data), Options(port), notes or Notes())
    return found.header, list(found.records)


def written(header: Header, records: Sequence[Record], *, ng: bool = True) -> bytes:
    """A trace as a capture."""
    file = io.BytesIO()
    write = writing.write_pcapng if ng else writing.write_pcap
    write(file, Reading(header, iter(records)), Options(), Notes())
    return file.getvalue()


def shown(records: Iterable[Record]) -> list[str]:
    """Records in words."""
    told = []
    for one in records:
        if isinstance(one, Open):
            told.append(f"{one.conn} open {one.client} {one.server}")
        elif isinstance(one, Traffic):
            told.append(f"{one.conn} {one.sender} {one.form} {(one.data + one.end).decode()!r}")
        elif isinstance(one, Gap):
            told.append(f"{one.conn} {one.sender} gap {one.size}")
        elif isinstance(one, Shut):
            told.append(f"{one.conn} shut {one.who}")
        elif isinstance(one, Close):
            told.append(f"{one.conn} close {one.who} {one.error}".rstrip())
        else:
            told.append(f"finish {one.sessions} {one.messages}")
    return told


def said(records: Iterable[Record], conn: int = 1) -> dict[str, bytes]:
    """What each side of a session said."""
    found = {"client": b"", "server": b""}
    for one in records:
        if isinstance(one, Traffic) and one.conn == conn:
            found[one.sender] += one.data + one.end
    return found


def texts(notes: Notes) -> list[str]:
    return [text for _, _, text in notes.told()]
