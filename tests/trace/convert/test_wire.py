"""Bytes become the records that the recorder makes of them."""

from __future__ import annotations

import os
import tempfile

from hypothesis import example, given, settings
from hypothesis import strategies as st

from qmpconf.trace.convert.wire import Wire, frame_of, joined
from qmpconf.trace.reader import TraceReader, items_of
from qmpconf.trace.records import Close, Descriptor, Finish, Gap, Open, Record, Shut, Side, Traffic
from tests.trace.test_roundtrip import CHUNKS, STREAMS, record


def plain(one: Record) -> tuple[object, ...]:
    """A record without its line and time."""
    if isinstance(one, Traffic):
        return one.conn, one.sender, one.form == "msg", one.data + one.end
    return (type(one), getattr(one, "conn", 0), getattr(one, "who", ""))


@given(STREAMS)
@settings(deadline=None)
def test_as_the_recorder(stream: list[tuple[int, Side, bytes]]) -> None:
    wire = Wire()
    made: list[Record] = []
    for conn, sender, data in stream:
        if not wire.is_open(conn):
            made.append(wire.open(0, 0.0, conn))
        made += wire.sent(0, 0.0, conn, sender, data)
    made += wire.finish()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t.qmptrace")
        record(path, stream)
        recorded = list(TraceReader(path).records())
    # The recorder of the other test tells half-closes, and both end every session.
    assert sorted(map(repr, (plain(one) for one in made if isinstance(one, Traffic)))) == sorted(
        repr(plain(one)) for one in recorded if isinstance(one, Traffic)
    )
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


def test_a_record_has_its_frame_again() -> None:
    wire = Wire()
    wire.open(0, 0.0, 1)
    plain_one, raw = [
        *wire.sent(0, 0.0, 1, "client", b'{"a":1}\n'),
        *wire.sent(0, 0.0, 1, "client", b"{'a':1}\n"),
    ]
    assert frame_of(plain_one).plain
    assert not frame_of(raw).plain
    assert frame_of(plain_one).end == b"\n"


#: Pieces of which many say something, and something of it is broken; None is a gap.
SIDES_SAY = st.lists(
    st.tuples(
        st.sampled_from(["client", "server"]),
        st.one_of(
            st.none(),
            CHUNKS,
            st.lists(
                st.sampled_from(
                    [
                        *(b'{"QMP": {}}\r\n', b'{"Q', b'{"id":', b"{'execute':'x'}", b"\n", b"{"),
                        *(b"}", b"hello", b"5", b" ", b"\xff", b'"', b"@", b'{"return": @', b"\0"),
                    ]
                ),
                max_size=8,
            ).map(b"".join),
        ),
    ),
    max_size=12,
)


@given(SIDES_SAY)
@example([("server", None), ("server", b"{"), ("server", b"{")])
@example([("server", None), ("server", b'{"Q'), ("server", b'{"QMP": @@')])
@example([("client", b"")] * 4 + [("client", b"@@@")])
@settings(deadline=None, max_examples=500)
def test_what_is_joined_is_read_as_before(stream: list[tuple[Side, bytes | None]]) -> None:
    wire = Wire()
    fd = (Descriptor("file", "r"),)
    made: list[Record] = [wire.open(0, 0.0, 1)]
    for number, (sender, data) in enumerate(stream):
        if data is None:
            made += wire.gap(number, number, 1, sender)
        else:
            fds = fd if number % 5 == 4 else ()
            made += wire.sent(number, number, 1, sender, data, fds)
    made += wire.finish()
    fewer = list(joined(made))
    assert list(items_of(fewer)) == list(items_of(made))
    assert fewer[-1] == made[-1]
    assert len(fewer) <= len(made)


def test_noise_takes_one_record_a_piece() -> None:
    wire = Wire()
    made: list[Record] = [wire.open(0, 0.0, 1)]
    noise = bytes(range(256)) * 20
    made += wire.sent(1, 1.0, 1, "client", noise)
    made += wire.sent(2, 2.0, 1, "client", noise + b"\n{'a':1}{'b':1}\n" + noise)
    texts = [one.data for one in joined(made) if isinstance(one, Traffic)]
    assert texts == [noise, noise + b"\n", b"{'a':1}", b"{'b':1}\n", noise]


def test_what_was_redacted_in_noise_is_joined_and_descriptors_begin_anew() -> None:
    noise = Traffic(1, 1.0, 1, "client", "raw", b"@@")
    hidden = Traffic(1, 1.0, 1, "client", "raw", b'"password": "REDACTED"@', redacted=("",))
    value = Traffic(1, 1.0, 1, "client", "raw", b"'x'", redacted=("/x",))
    fd = Traffic(1, 1.0, 1, "client", "raw", b"@", fds=(Descriptor("file", "r"),))
    assert list(joined([noise, noise, hidden, noise, value, noise, fd, noise])) == [
        Traffic(1, 1.0, 1, "client", "raw", b"@@@@" + hidden.data + b"@@", redacted=("",)),
        value,
        noise,
        Traffic(1, 1.0, 1, "client", "raw", b"@@@", fds=fd.fds),
    ]
