"""Bytes become the records that the recorder makes of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable

from hypothesis import given, settings

from qmpconf.protocol.framing import Framer, Kind
from qmpconf.trace.convert.wire import Wire
from qmpconf.trace.joining import is_noise, joined
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Descriptor, Finish, Gap, Open, Record, Shut, Side, Traffic
from tests.trace.test_roundtrip import STREAMS, record


def said(records: Iterable[Record]) -> dict[tuple[int, Side], list[tuple[bool, bytes]]]:
    """Each way's messages, and the bytes between them that are none."""
    found: dict[tuple[int, Side], list[tuple[bool, bytes]]] = {}
    for one in records:
        if isinstance(one, Traffic):
            way = found.setdefault((one.conn, one.sender), [])
            is_message = one.form == "msg" and not is_noise(one.data)
            before = way.pop()[1] if way and not is_message and not way[-1][0] else b""
            way.append((is_message, before + one.data + one.end))
    return found


@given(STREAMS)
@settings(deadline=None)
def test_as_the_recorder(stream: list[tuple[int, Side, bytes]]) -> None:
    wire = Wire()
    made: list[Record] = []
    for number, (conn, sender, data) in enumerate(stream):
        if not wire.is_open(conn):
            made.append(wire.open(number, 0.0, conn))
        made += wire.sent(number, 0.0, conn, sender, data)
    made = list(joined([*made, *wire.finish()]))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t.qmptrace")
        record(path, stream)
        recorded = list(TraceReader(path).records())
    assert said(made) == said(recorded)
    count = next(one for one in recorded if isinstance(one, Finish))
    assert (count.sessions, count.messages) == (wire.sessions, wire.messages)


def test_the_order_and_the_places_of_everything() -> None:
    wire = Wire()
    fd = Descriptor("file", "r")
    made: list[Record] = [wire.open(1, 1.0, 7, client="c", server="s")]
    made += wire.sent(2, 2.0, 7, "client", b'{"execute":', (fd,))
    made += wire.sent(3, 3.0, 7, "client", b'"x"}\r\n')
    made += wire.sent(4, 4.0, 7, "server", b'{"return": {}}\r\n{"ret')
    made += wire.gap(5, 5.0, 7, "server", 12)
    made += wire.sent(6, 6.0, 7, "server", b'{"event": "A"}\n')
    made += wire.shut(7, 7.0, 7, "client")
    made += wire.close(8, 8.0, 7, "server", error="reset")
    made += wire.finish(9)
    assert made == [
        Open(1, 1.0, 7, "c", "s"),
        Traffic(3, 3.0, 7, "client", "msg", b'{"execute":"x"}', b"\r\n"),
        Traffic(4, 4.0, 7, "server", "msg", b'{"return": {}}', b"\r\n"),
        Traffic(4, 4.0, 7, "server", "raw", b'{"ret'),
        Gap(5, 5.0, 7, "server", 12),
        Traffic(6, 6.0, 7, "server", "msg", b'{"event": "A"}', b"\n"),
        Shut(7, 7.0, 7, "client"),
        Close(8, 8.0, 7, "server", "reset"),
        Finish(9, 8.0, 1, 3),
    ]


def test_sessions_that_did_not_end_end_with_the_input() -> None:
    wire = Wire()
    list(wire.sent(0, 0.0, wire.open(0, 0.0, 1).conn, "server", b"{"))
    made = list(wire.finish())
    assert [type(one) for one in made] == [Traffic, Close, Finish]
    assert not wire.is_open(1)


def test_each_record_has_its_frame() -> None:
    wire = Wire()
    wire.open(0, 0.0, 1)
    text = b"{'a':1}\n@ x\n{\"b\":1}\n"
    kinds = [wire.frame.kind for _ in wire.sent(0, 0.0, 1, "client", text)]
    assert kinds == [one.kind for one in Framer().feed(text)]
    assert Kind.MALFORMED in kinds
