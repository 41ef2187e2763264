"""What was on the wire comes out of the file: every byte, every frame, for arbitrary bytes."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer, Kind
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader, direction, holding
from qmpconf.trace.records import Close, Descriptor, Finish, Open, Shut, Side, Traffic
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import TraceWriter
from tests.usual import examples

PIECES = st.sampled_from(
    [
        *(b'{"execute":"stop"}\r\n', b'{"return": {}}\r\n', b"{'execute':'x','id':'\\''}"),
        *(
            b'{"a":\n[1,\r\n2]}',
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b"'",
            b"\\",
            b"\xff",
            b"\xc3",
            b"\x00",
        ),
        *(b" ", b"\r", b"\n", b"1 ", b"truex", b"0E1", b'"\\ud800"', b"\x7f", "é\u2028😀".encode()),
        *(b'{"password":"x', b"N", b",", b":", b'{"execute":"qom-get"}', b"[" * 300, b"]" * 300),
    ]
)
CHUNKS = st.one_of(st.binary(max_size=12), st.lists(PIECES, max_size=5).map(b"".join))
#: (session, sender, bytes of one read)
STREAMS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["client", "server"]), CHUNKS), max_size=12
)


def record(
    path: str, stream: list[tuple[int, Side, bytes]], *, redact: bool = False
) -> dict[tuple[int, Side], list[Frame]]:
    """Write `stream` as the recorder does; gives the frames that it saw."""
    seen: dict[tuple[int, Side], list[Frame]] = {}
    framers: dict[tuple[int, Side], Framer] = {}
    with TraceWriter(path, redact=Redactor() if redact else None) as writer:
        for conn, sender, data in stream:
            if conn not in {number for number, _ in framers}:
                writer.open(conn, client="unix:c", server="unix:s")
                framers[conn, "client"] = Framer(CLIENT_LIMITS)
                framers[conn, "server"] = Framer(SERVER_LIMITS)
            frames = framers[conn, sender].feed(data)
            seen.setdefault((conn, sender), []).extend(frames)
            if frames:
                writer.frames(conn, sender, frames)
        for conn in sorted({number for number, _ in framers}):
            for sender in ("client", "server"):
                frames = framers[conn, sender].close()
                seen.setdefault((conn, sender), []).extend(frames)
                if frames:
                    writer.frames(conn, sender, frames)
                if sender == "client":
                    writer.shut(conn, "client")
            writer.close(conn, "client")
    return seen


def merged(frames: list[Frame]) -> list[tuple[Kind, bytes]]:
    """Frames without what depends on how the bytes were split."""
    flat: list[tuple[Kind, bytes]] = []
    for frame in frames:
        for kind, data in ((frame.kind, frame.data), (Kind.SPACE, frame.end)):
            if flat and kind in (Kind.SPACE, Kind.SKIPPED) and flat[-1][0] is kind:
                flat[-1] = (kind, flat[-1][1] + data)
            elif data:
                flat.append((kind, data))
    return flat


@pytest.fixture(scope="module")
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as path:
        yield path


@pytest.mark.parametrize("name", ["a.qmptrace", "a.qmptrace.gz"])
@given(stream=STREAMS)
@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_byte_and_every_frame_comes_back(
    folder: str, name: str, stream: list[tuple[int, Side, bytes]]
) -> None:
    path = os.path.join(folder, name)
    if os.path.exists(path):
        os.unlink(path)
    seen = record(path, stream)
    sent: dict[tuple[int, Side], bytes] = {}
    for conn, sender, data in stream:
        sent[conn, sender] = sent.get((conn, sender), b"") + data
    for (conn, sender), data in sent.items():
        assert direction(path, conn, sender) == data
    found: dict[tuple[int, Side], list[Frame]] = {}
    for item in TraceReader(path).items():
        if isinstance(item, Item):
            found.setdefault((item.conn, item.sender), []).append(item.frame)
    for key, frames in seen.items():
        assert merged(found.get(key, [])) == merged(frames), key
    for key, frames in found.items():
        plain = [frame.data for frame in frames if frame.plain]
        assert plain == [frame.data for frame in seen[key] if frame.plain]


@given(stream=STREAMS)
@settings(max_examples=examples(150), deadline=None)
def test_a_redacted_recording_has_the_same_frames(
    folder: str, stream: list[tuple[int, Side, bytes]]
) -> None:
    """Redaction changes bytes, never where messages begin and end."""
    path = os.path.join(folder, "redacted.qmptrace")
    if os.path.exists(path):
        os.unlink(path)
    seen = record(path, stream, redact=True)
    found: dict[tuple[int, Side], list[Frame]] = {}
    for item in TraceReader(path).items():
        if isinstance(item, Item):
            found.setdefault((item.conn, item.sender), []).append(item.frame)
    for key, frames in seen.items():
        kinds = [kind for kind, _ in merged(found.get(key, []))]
        assert kinds == [kind for kind, _ in merged(frames)]


@given(stream=STREAMS)
@settings(max_examples=examples(100), deadline=None)
def test_every_line_is_strict_json(folder: str, stream: list[tuple[int, Side, bytes]]) -> None:
    path = os.path.join(folder, "strict.qmptrace")
    if os.path.exists(path):
        os.unlink(path)
    record(path, stream)

    def refuse(token: str) -> None:
        raise AssertionError(token)

    lines = Path(path).read_bytes().split(b"\n")
    assert lines.pop() == b""
    for line in lines:
        assert isinstance(json.loads(line.decode("utf-8"), parse_constant=refuse), dict)


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_jq_reads_every_line(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    odd = [
        b'{"execute":"stop"}{"execute":"cont"}\r\n',
        b"{'execute':'x'}\xff\xfe\xc3\x28 truex 1 ",
        '{"a":"\u2028\x7f😀é"}'.encode(),
        b'{"a":"\\ud83d\\ude00\\u0000"}\n\n{"big":123456789012345678901234567890,"f":1e400}',
        b'{"dup":1,"dup":2}\x00\x01"\x0b"',
        b"[" * 200 + b"]" * 200,
        b'{"open',
    ]
    record(path, [(1, sender, data) for data in odd for sender in ("client", "server")])
    lines = Path(path).read_bytes().count(b"\n")
    done = subprocess.run(["jq", "-c", ".", path], capture_output=True, check=False)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == lines


def test_records_of_a_small_session(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    ticks = itertools.count()
    with TraceWriter(path, meta={"by": "hand"}, clock=lambda: next(ticks) / 8) as writer:
        writer.open(1, client="unix:a", server="tcp:h:1")
        framer = Framer()
        frames = framer.feed(b'{"execute":"a"} {"execute":"b"}\r\n')
        writer.frames(1, "client", frames, (Descriptor("file", "rw"), Descriptor("null", "r")))
        writer.frames(1, "client", framer.feed(b"{'execute':\n'c'}\r\n"))
        writer.frames(1, "server", Framer().feed(b'"\xfe'))
        writer.shut(1, "client")
        writer.close(1, "server", error="reset")
    lines = Path(path).read_text().splitlines()
    assert lines[1:] == [
        '{"t":0.125000,"conn":1,"open":{"client":"unix:a","server":"tcp:h:1"}}',
        (
            '{"t":0.250000,"conn":1,"from":"client","end":" ",'
            '"fds":[{"kind":"file","access":"rw"},{"kind":"null","access":"r"}],'
            '"msg":{"execute":"a"}}'
        ),
        '{"t":0.250000,"conn":1,"from":"client","msg":{"execute":"b"}}',
        '{"t":0.375000,"conn":1,"from":"client","raw":"{\'execute\':\\n\'c\'}\\r\\n"}',
        '{"t":0.500000,"conn":1,"from":"server","b64":"Iv4="}',
        '{"t":0.625000,"conn":1,"shut":"client"}',
        '{"t":0.750000,"conn":1,"close":"server","error":"reset"}',
        '{"t":0.875000,"finish":{"sessions":1,"messages":4}}',
    ]
    reader = TraceReader(path)
    assert reader.header.version == 1
    assert reader.header.meta == {"by": "hand"}
    assert reader.header.started.endswith("Z")
    records = list(reader.records())
    assert records[0] == Open(2, 0.125, 1, "unix:a", "tcp:h:1")
    assert isinstance(records[1], Traffic)
    assert records[1].fds == (Descriptor("file", "rw"), Descriptor("null", "r"))
    assert records[-3:] == [
        Shut(7, 0.625, 1, "client"),
        Close(8, 0.75, 1, "server", "reset"),
        Finish(9, 0.875, 1, 4),
    ]
    assert reader.finished
    assert reader.torn == 0


def test_what_stood_with_the_parts_of_a_message_comes_with_the_message(tmp_path: Path) -> None:
    """Descriptors on a message that never ended; a scalar that its successor ended."""
    path = str(tmp_path / "t.qmptrace")
    with TraceWriter(path) as writer:
        framer = Framer()
        writer.open(1)
        writer.frames(1, "client", framer.feed(b"'x'\n"), (Descriptor("pipe", "r"),))
        assert framer.feed(b'{"execute":') == []
        writer.frames(1, "client", framer.close(), (Descriptor("file", "w"),))
        writer.shut(1, "client")
        writer.frames(1, "server", Framer().feed(b'{"return": {}}\r\n'))
        writer.close(1, "server")
    items = list(TraceReader(path).items())
    said = [
        (item.line, item.frame.kind, item.fds) if isinstance(item, Item) else type(item)
        for item in items
    ]
    assert said == [
        Open,
        (3, Kind.VALUE, (Descriptor("pipe", "r"),)),
        (4, Kind.PARTIAL, (Descriptor("file", "w"),)),
        Shut,
        (6, Kind.VALUE, ()),
        Close,
    ]


def test_only_records_that_hold_something(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    stream: list[tuple[int, Side, bytes]] = [(1, "client", b'{"execute":"stop"}\r\n')] * 3
    record(path, [*stream, (1, "client", b'{"execute":"cont"}\r\n')])
    found = list(TraceReader(path).records(holding(b'"cont"', b'"finish"')))
    assert [type(one) for one in found] == [Traffic, Finish]


def test_deeply_nested_messages_are_read_from_deep_inside_a_program(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    text = b'{"a":' * 960 + b"1" + b"}" * 960

    def deep(levels: int) -> list[object]:
        return deep(levels - 1) if levels else list(TraceReader(path).items())

    record(path, [(1, "client", text + b"\r\n")])
    item = deep(300)[1]
    assert isinstance(item, Item)
    assert item.frame.data == text
