"""A capture file as a trace's header and records, packet by packet, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

from qmpconf.errors import InputError
from qmpconf.text import counted
from qmpconf.trace.capture.files import packets
from qmpconf.trace.capture.layers import Decoder
from qmpconf.trace.capture.segments import Packet, moment
from qmpconf.trace.capture.sessions import Sessions
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.formatting import RECORDER, utc_text
from qmpconf.trace.records import VERSION, Header, Record


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """What a capture says; `options.port` is the server's port.

    Raises `InputError` for what is not a capture, or holds no packet; while the records are read, at
    the end, if none of it is QMP.
    """
    notes.unit = "packet"
    found = packets(source.file, source.name, notes)
    first = next(found, None)
    if first is None:
        raise InputError(f"{source.name}: the capture holds no packet")
    start = first.ns // 1000 * 1000
    meta = {"capture": os.path.basename(source.name)}
    header = Header(VERSION, utc_text(moment(start)), RECORDER, meta)
    return Reading(header, _records(source.name, first, found, options.port, start, notes))


def _records(
    name: str, first: Packet, rest: Iterator[Packet], port: int, start: int, notes: Notes
) -> Iterator[Record]:
    sessions = Sessions(port, start, notes)
    decoder = Decoder(notes)
    packet: Packet | None = first
    number = 0
    while packet is not None:
        number = packet.number
        segment = decoder.segment(packet)
        if segment is not None:
            yield from sessions.take(segment)
        packet = next(rest, None)
    decoder.finish()
    yield from sessions.finish()
    if not sessions.wire.sessions:
        what = f"{sessions.segments:,} of them TCP{f' on port {port}' if port else ''}"
        hint = "" if port else "; --port takes whatever is said on a port"
        raise InputError(f"{name}: no QMP session in {counted(number, 'packet')}, {what}{hint}")
