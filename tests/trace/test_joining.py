"""Noise stands in few records, live and converted, and is read as if it did not."""

from __future__ import annotations

import itertools
import os
import random
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qmpconf.protocol.framing import Framer, Kind
from qmpconf.trace.convert.wire import Wire
from qmpconf.trace.items import Item, items_of
from qmpconf.trace.joining import joined
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Descriptor, Finish, Record, Side, Traffic
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import TraceWriter
from tests.trace.test_roundtrip import CHUNKS, merged
from tests.usual import examples

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


def spaced(items: Iterable[object]) -> list[object]:
    """Items without what depends on where records begin: whose end white space is."""
    found: list[object] = []
    for item in items:
        last = found[-1] if found else None
        if isinstance(item, Item) and item.frame.kind is Kind.SPACE and isinstance(last, Item):
            way = item.line, item.conn, item.sender, item.fds
            if way == (last.line, last.conn, last.sender, ()):
                end = last.frame.end + item.frame.data
                found[-1] = msgspec.structs.replace(last, frame=last.frame._replace(end=end))
                continue
        found.append(item)
    return found


@given(SIDES_SAY)
@example([("server", None), ("server", b"{"), ("server", b"{")])
@example([("server", None), ("server", b'{"Q'), ("server", b'{"QMP": @@')])
@example([("client", b"")] * 4 + [("client", b"@@@")])
@settings(deadline=None, max_examples=examples(500))
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
    assert spaced(items_of(fewer)) == spaced(items_of(made))
    assert fewer[-1] == made[-1]
    assert len(fewer) <= len(made)


def test_noise_takes_one_record_a_piece() -> None:
    wire = Wire()
    made: list[Record] = [wire.open(0, 0.0, 1)]
    noise = bytes(range(256)) * 20
    made += wire.sent(1, 1.0, 1, "client", noise)
    made += wire.sent(2, 2.0, 1, "client", noise + b"\n{'a':'long'}{'b':'long'}\n" + noise)
    texts = [one.data for one in joined(made) if isinstance(one, Traffic)]
    assert texts == [noise, noise + b"\n", b"{'a':'long'}", b"{'b':'long'}\n", noise]


def test_what_was_redacted_in_noise_is_joined_and_descriptors_begin_anew() -> None:
    noise = Traffic(1, 1.0, 1, "client", "raw", b"@@")
    hidden = Traffic(1, 1.0, 1, "client", "raw", b'"password": "REDACTED"@', redacted=("",))
    value = Traffic(1, 1.0, 1, "client", "raw", b"{'x':'secret'}", redacted=("/x",))
    fd = Traffic(1, 1.0, 1, "client", "raw", b"@", fds=(Descriptor("file", "r"),))
    assert list(joined([noise, noise, hidden, noise, value, noise, fd, noise])) == [
        Traffic(1, 1.0, 1, "client", "raw", b"@@@@" + hidden.data + b"@@", redacted=("",)),
        value,
        noise,
        Traffic(1, 1.0, 1, "client", "raw", b"@@@", fds=fd.fds),
    ]


#: What costs most in a trace: bytes each of which is a frame, or is long as a string.
NOISE = {
    "impossible bytes": b"\xff",
    "zeros": b"\0",
    "an error and its byte": b"x\0",
    "closing brackets": b"}",
    "empty arrays": b"[]",
    "empty objects": b"{}",
    "numbers": b"1 ",
    "strings": b"'a' ",
    "quotes": b'"\n',
    "any bytes": random.Random(5).randbytes(4096),
    "a message that is broken": b'{"execute": "x", "arguments": {"a": @\n',
}


@pytest.mark.parametrize("redact", [False, True])
@pytest.mark.parametrize("unit", NOISE.values(), ids=NOISE)
@pytest.mark.parametrize("size", [4096, 100])
def test_a_trace_of_noise_is_at_most_twice_as_long(
    tmp_path: Path, unit: bytes, size: int, *, redact: bool
) -> None:
    noise = unit * (100_000 // len(unit))
    path = str(tmp_path / "t.qmptrace")
    framer = Framer()
    with TraceWriter(path, redact=Redactor() if redact else None) as writer:
        writer.open(1)
        before = os.path.getsize(path)
        seen = []
        for at in range(0, len(noise), size):
            if frames := framer.feed(noise[at : at + size]):
                writer.frames(1, "client", frames)
                seen += frames
        assert os.path.getsize(path) - before <= (2 if size > 1000 else 3) * len(noise)
    found = [one.frame for one in TraceReader(path).items() if isinstance(one, Item)]
    assert merged(found) == merged(seen)
    finish = list(TraceReader(path).records())[-1]
    assert isinstance(finish, Finish)
    assert finish.messages == sum(one.kind in (Kind.VALUE, Kind.MALFORMED) for one in seen)


@given(st.lists(CHUNKS, max_size=8), st.lists(st.integers(0, 1000), max_size=8))
@settings(deadline=None, max_examples=examples(300))
def test_any_split_of_any_bytes_is_read_as_one(chunks: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(chunks)
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    framer = Framer()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t.qmptrace")
        with TraceWriter(path) as writer:
            writer.open(1)
            for start, end in itertools.pairwise(edges):
                writer.frames(1, "client", framer.feed(stream[start:end]))
            writer.frames(1, "client", framer.close())
            lines = writer.lines
        found = [one.frame for one in TraceReader(path).items() if isinstance(one, Item)]
        assert len(Path(path).read_bytes().splitlines()) == lines + 1
    framer = Framer()
    assert merged(found) == merged([*framer.feed(stream), *framer.close()])
