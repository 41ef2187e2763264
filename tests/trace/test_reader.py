"""Files that are not a trace, or not a whole one: one clear error with its line, or what there is."""

from __future__ import annotations

import contextlib
import gzip
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpconf.errors import InputError
from qmpconf.protocol.framing import Framer
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader, direction, holding
from qmpconf.trace.records import Finish, Header
from qmpconf.trace.writer import TraceWriter

HEADER = b'{"qmptrace":1,"started":"2026-11-20T05:17:00.123456Z","recorder":"x","meta":{}}\n'


def written(path: Path, messages: int = 5) -> bytes:
    with TraceWriter(str(path)) as writer:
        writer.open(1)
        framer = Framer()
        for number in range(messages):
            text = f'{{"execute":"stop","id":"é{number}"}}\r\n'.encode()
            writer.frames(1, "client", framer.feed(text))
        writer.close(1, "client")
    return path.read_bytes()


def read(path: Path) -> TraceReader:
    """Read all of it, every way."""
    list(TraceReader(str(path)).items())
    direction(str(path), 1, "client")
    reader = TraceReader(str(path))
    list(reader.records())
    return reader


def test_every_cut_of_a_trace_is_a_trace_that_was_cut_off(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.qmptrace")
    path = tmp_path / "cut.qmptrace"
    header = whole.index(b"\n") + 1
    for cut in range(header, len(whole) + 1):
        path.write_bytes(whole[:cut])
        reader = read(path)
        lines = whole[:cut].count(b"\n")
        complete = cut == len(whole) or whole[cut : cut + 1] == b"\n"  # but for its line feed
        torn = not (whole[:cut].endswith(b"\n") or complete)
        assert reader.torn == (lines + 1 if torn else 0), cut
        assert reader.finished == (cut >= len(whole) - 1)


def test_every_cut_of_a_compressed_trace_gives_what_had_been_flushed(tmp_path: Path) -> None:
    path = tmp_path / "whole.qmptrace.gz"
    writer = TraceWriter(str(path))
    framer = Framer()
    sizes = [os.path.getsize(path)]
    writer.open(1)
    for number in range(5):
        sizes.append(os.path.getsize(path))
        writer.frames(1, "client", framer.feed(b'{"execute":"stop","id":%d}\r\n' % number))
    sizes.append(os.path.getsize(path))
    writer.finish()
    whole = path.read_bytes()
    assert gzip.decompress(whole).count(b"\n") == 8
    cut_off = tmp_path / "cut.qmptrace.gz"
    for cut in range(sizes[0], len(whole) + 1):
        cut_off.write_bytes(whole[:cut])
        reader = TraceReader(str(cut_off))
        records = list(reader.records())
        assert len(records) >= sum(size <= cut for size in sizes[1:])
        assert bool(reader.torn) == (cut < len(whole))
        list(TraceReader(str(cut_off)).items())
    for cut in range(sizes[0]):
        cut_off.write_bytes(whole[:cut])
        with contextlib.suppress(InputError):  # a few bytes may be missing behind the whole header
            assert TraceReader(str(cut_off)).header.version == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n", ":1: is not the first line of a trace"),
        (b"hello\n", ":1: is not the first line of a trace"),
        (os.urandom(64) + b"\0" * 64, "is not the first line of a trace"),
        (b"\x7fELF" + bytes(range(256)) * 40, "is not the first line of a trace"),
        (b"x" * (3 << 20), "is not the first line of a trace"),
        (b"[" * 100_000, "is not the first line of a trace"),
        (b'{"a":1}\n', ":1: is not the first line of a trace"),
        (b"[]\n", ":1: is not the first line of a trace"),
        (b'{"qmptrace":"1"}\n', ":1: is not the first line of a trace"),
        (b'{"qmptrace":true}\n', ":1: is not the first line of a trace"),
        (b'{"qmptrace":1,"started":"\xff"}\n', ":1: is not the first line of a trace"),
        (b'{"qmptrace":1.5}\n', ":1: is not the first line of a trace"),
        (b'{"qmptrace":2,"new":[]}\n{"strange":1}\n', "version 2 is newer"),
        (b'{"qmptrace":99999999999999999999999}\n', "is newer"),
        (b'{"qmptrace":0}\n', "no trace format version 0"),
        (b'{"qmptrace":-1}\n', "no trace format version -1"),
        (b"\x1f\x8b", "gzip"),
        (b"\x1f\x8b" + b"x" * 50, "gzip"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 20, "gzip"),
        (gzip.compress(b"", mtime=0), "empty"),
        (gzip.compress(b"hello\n", mtime=0), ":1: is not the first line of a trace"),
        (gzip.compress(HEADER, mtime=0)[:12], "gzip"),
    ],
)
def test_what_is_no_trace(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "t.qmptrace"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        TraceReader(str(path))
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 3


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        TraceReader(str(tmp_path / "none.qmptrace"))
    with pytest.raises(InputError, match="directory"):
        TraceReader(str(tmp_path))
    with pytest.raises(InputError):
        TraceReader(str(tmp_path / "none" / "t.qmptrace"))
    with pytest.raises(InputError, match="too long"):
        TraceReader("x" * 5000)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    path.write_bytes(HEADER)
    path.chmod(0)
    with pytest.raises(InputError, match="Permission"):
        TraceReader(str(path))


def test_a_header_alone_is_a_trace_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    for content in (HEADER, HEADER[:-1], gzip.compress(HEADER)):
        path.write_bytes(content)
        reader = read(path)
        assert not reader.finished
        assert not reader.torn
        assert list(reader.items()) == []


GOOD = b'{"t":0.1,"conn":1,"from":"client","msg":{"execute":"a"}}\n'


@pytest.mark.parametrize("behind", [b"", GOOD, b'{"t":0.2,"fin'])
@pytest.mark.parametrize(
    "bad",
    [
        *(
            b"\n",
            b"garbage\n",
            b"[]\n",
            b"null\n",
            b"{}\n",
            b'{"t":1,"conn":1}\n',
            b"\0" * 9 + b"\n",
        ),
        b'{"t":0.1,"conn":1,"from":"client","msg":{"execute":}}\n',
        b'{"t":0.1,"conn":1,"from":"nobody","msg":{}}\n',
        b'{"t":0.1,"conn":1,"from":"client"}\n',
        b'{"t":0.1,"conn":1,"from":"client","b64":"=="}\n',
        b'{"t":0.1,"conn":1,"from":"client","b64":"a"}\n',
        b'{"t":0.1,"conn":1,"from":"client","b64":"\\u00e9"}\n',
        b'{"t":0.1,"conn":1,"from":"client","raw":5}\n',
        b'{"t":0.1,"conn":1,"from":"client","raw":"\\ud800"}\n',
        b'{"t":0.1,"conn":1,"from":"client","raw":"\xff"}\n',
        b'{"t":"x","conn":1,"from":"client","msg":{}}\n',
        b'{"t":0.1,"conn":1e99,"from":"client","msg":{}}\n',
        b'{"t":0.1,"conn":1,"open":5}\n',
        b'{"t":0.1,"conn":1,"close":"nobody"}\n',
        b'{"t":0.1,"finish":{}}\n',
        b'{"t":0.1,"conn":1,"from":"client","msg":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n",
        b'{"t":0.1,"conn":1,"from":"client","msg":{}}garbage\n',
        GOOD[:-1] + GOOD,
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, bad: bytes, behind: bytes) -> None:
    path = tmp_path / "t.qmptrace"
    for content in (HEADER + GOOD + bad + behind, gzip.compress(HEADER + GOOD + bad + behind)):
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read(path)
        assert f"{path}:3:" in str(caught.value)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("blank", [b"", b"\r", b" \t"])
def test_a_blank_line_ends_a_reading_of_other_lines(tmp_path: Path, blank: bytes) -> None:
    """Millions of them, packed into a small file, are not looked through one by one."""
    path = tmp_path / "t.qmptrace"
    path.write_bytes(b'{"qmptrace":1,"started":"x"}\n' + (blank + b"\n") * 3)
    asked: list[bytes] = []
    with pytest.raises(InputError, match=r"t\.qmptrace:2: not a record of a trace"):
        list(TraceReader(str(path)).records(lambda line: bool(asked.append(line))))
    assert asked == []


def test_damaged_compressed_data_is_no_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace.gz"
    whole = bytearray(written(path, 200))
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"damaged|not a record"):
        read(path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = str(tmp_path / "t.qmptrace")
    os.mkfifo(pipe)
    with pytest.raises(InputError, match=r"t\.qmptrace: .* a pipe .* write it to a file first"):
        TraceReader(pipe)


def test_members_that_a_later_qmpconf_may_add_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    path.write_bytes(HEADER + GOOD.replace(b'"from"', b'"note":{"x":[1]},"from"'))
    assert len(list(TraceReader(str(path)).records())) == 1


def test_reading_and_writing_take_constant_memory(tmp_path: Path) -> None:
    """The same peak for ten times the trace: many sessions, with messages in pieces."""

    def exchange(path: str, sessions: int) -> None:
        with TraceWriter(path) as writer:
            for conn in range(sessions):
                writer.open(conn)
                framer = Framer()
                text = b'{"execute":"x","arguments":{"filler":"' + b"y" * 2000 + b'"}}\r\n'
                writer.frames(conn, "client", framer.feed(text * 3))
                writer.frames(conn, "client", framer.feed(b"{'a':" + b"\n" * 500 + b"1}{"))
                writer.frames(conn, "client", framer.close())
                writer.close(conn, "client")

    def consume(items: Iterator[object]) -> None:
        for _ in items:
            pass

    def peak(sessions: int) -> int:
        path = str(tmp_path / f"{sessions}.qmptrace")
        tracemalloc.start()
        exchange(path, sessions)
        consume(iter(TraceReader(path).items()))
        consume(TraceReader(path).records())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(20)
    assert peak(1000) < peak(100) + 100_000


def test_the_golden_file_of_version_1() -> None:
    """What was released stays readable, to the last member."""
    path = str(Path(__file__).with_name("golden") / "v1.qmptrace")
    reader = TraceReader(path)
    assert reader.header == Header(
        1,
        "2026-11-20T05:17:00.123456Z",
        "qmpconf 0.1.0",
        {"server": "unix:qmp.sock", "client": ["qmp-shell", "{listen}"]},
    )
    said = []
    for item in reader.items():
        if isinstance(item, Item):
            frame = item.frame
            fds = [(one.kind, one.access) for one in item.fds]
            said.append((item.line, item.sender, frame.kind.value, frame.end, fds, item.redacted))
        else:
            said.append((item.line, type(item).__name__, item.conn))
    assert said == [
        (2, "Open", 1),
        (3, "server", "value", b"\r\n", [], ()),
        (4, "client", "value", b"", [], ()),
        (5, "server", "value", b"\r\n", [], ()),
        (6, "client", "value", b"\n", [("file", "rw"), ("pipe", "r")], ()),
        (7, "Open", 2),
        (8, "client", "value", b"\r\n", [], ()),
        (9, "client", "malformed", b"", [], ()),
        (10, "client", "value", b"\n", [], ("/arguments/password",)),
        (11, "Close", 2),
        (12, "client", "partial", b"", [], ()),
        (13, "Shut", 1),
        (14, "Close", 1),
    ]
    assert reader.finished
    assert direction(path, 1, "client").startswith(b'{"execute":"qmp_capabilities"}{"execute":"g')
    last = list(reader.records())[-1]
    assert (type(last), last.t) == (Finish, 0.0041)


def test_a_bare_word_ends_before_its_answer(tmp_path: Path) -> None:
    """It took the next byte to end it; by then it had been answered, and the file shows it."""
    path = tmp_path / "t.qmptrace"
    with TraceWriter(str(path)) as writer:
        client, server = Framer(), Framer()
        writer.open(1)
        writer.frames(1, "client", client.feed(b"nul{"))
        writer.frames(1, "server", server.feed(b'{"error": {"class": "GenericError"}}\r\n'))
        writer.frames(1, "client", client.feed(b"}\n"))
        writer.close(1, "client")
    items = [item for item in TraceReader(str(path)).items() if isinstance(item, Item)]
    assert [(item.sender, item.frame.data) for item in items] == [
        ("client", b"nul"),
        ("server", b'{"error": {"class": "GenericError"}}'),
        ("client", b"{}"),
    ]
    assert direction(str(path), 1, "client") == b"nul{}\n"


@pytest.mark.parametrize("name", ["a.qmptrace", "a.qmptrace.gz"])
def test_how_far_it_has_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with TraceWriter(str(path)) as writer:
        for number in range(9000):
            text = b'{"execute":"%d"}\r\n' % (number * 7919)
            writer.frames(1, "client", Framer().feed(text))
    reader = TraceReader(str(path))
    assert reader.bytes_read == 0
    seen = [reader.bytes_read for _ in reader.items()]
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    size = path.stat().st_size
    assert reader.bytes_read == size
    items = reader.items()
    next(items)
    assert size < reader.bytes_read < 2 * size
    items.close()


_TRACE = HEADER + b'{"t":1.0,"conn":1,"from":"client","msg":{"execute":"stop"}}\n' * 3


@pytest.mark.parametrize(
    "content",
    [
        HEADER,
        HEADER[:-1],
        _TRACE,
        _TRACE[:-1],
        _TRACE[:-9],
        gzip.compress(_TRACE),
        gzip.compress(_TRACE)[:-9],
        gzip.compress(_TRACE[:-9]),
    ],
)
def test_a_small_file_is_unpacked_once_for_two_readings(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t"
    path.write_bytes(content)
    plain, kept = TraceReader(str(path)), TraceReader(str(path))
    assert list(kept.records(keep=True)) == list(plain.records())
    first = list(plain.items())
    path.unlink()
    assert list(kept.items()) == first
    assert (kept.torn, kept.finished) == (plain.torn, plain.finished)
    assert kept.bytes_read == plain.bytes_read
    with pytest.raises(InputError):  # it was kept for one reading, and not for more
        list(kept.items())


def test_no_file_is_kept_that_takes_much_memory(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(
        HEADER + b'{"t":1.0,"conn":1,"from":"client","msg":{"execute":"stop"}}\n' * 50_000
    )
    reader = TraceReader(str(path))
    assert sum(1 for _ in reader.records(holding(b"nothing"), keep=True)) == 0
    path.unlink()
    with pytest.raises(InputError, match="cannot read"):
        list(reader.items())
