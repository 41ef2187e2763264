"""A gap in a trace: written, read, and never spliced over."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.errors import InputError
from qmpconf.protocol.framing import Kind
from qmpconf.trace.convert.wire import Wire
from qmpconf.trace.formatting import record_line
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Gap, Record, Side, Traffic
from qmpconf.trace.writer import TraceWriter

EVENT = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n'
HEADER = b'{"qmptrace":1,"started":"2026-11-20T05:17:00.123456Z","recorder":"x","meta":{}}\n'


def through_wire(*pieces: tuple[Side, bytes | int]) -> list[Record]:
    """Records of a session: bytes that a side sent, or how many are missing."""
    wire = Wire()
    records: list[Record] = [wire.open(0, 0.0, 1)]
    for sender, piece in pieces:
        if isinstance(piece, int):
            records += wire.gap(0, 0.0, 1, sender, piece)
        else:
            records += wire.sent(0, 0.0, 1, sender, piece)
    return [*records, *wire.close(0, 0.0, 1, "client"), *wire.finish()]


def read(path: Path, records: list[Record]) -> TraceReader:
    path.write_bytes(HEADER + b"".join(map(record_line, records)))
    return TraceReader(str(path))


def shown(reader: TraceReader) -> list[str]:
    told = []
    for item in reader.items():
        if isinstance(item, Item):
            told.append(f"{item.frame.kind.value} {item.frame.data.decode()[:12]}")
        elif isinstance(item, Gap):
            told.append(f"gap {item.sender} {item.size}")
    return told


def test_a_writer_writes_it_and_a_reader_reads_it(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    with TraceWriter(path, clock=lambda: 0.0) as writer:
        writer.open(1)
        writer.gap(1, "server", 1448)
        writer.gap(1, "client")
    lines = Path(path).read_bytes().splitlines()
    assert lines[2] == b'{"t":0.000000,"conn":1,"from":"server","gap":1448}'
    gaps = [one for one in TraceReader(path).records() if isinstance(one, Gap)]
    assert gaps == [Gap(3, 0.0, 1, "server", 1448), Gap(4, 0.0, 1, "client", 0)]
    assert [record_line(one) for one in gaps] == [line + b"\n" for line in lines[2:4]]


def test_lines_that_were_not_understood_are_kept_with_it(tmp_path: Path) -> None:
    line = b'{"t":0.000000,"conn":1,"from":"client","gap":0,"messages":1,"lines":3}\n'
    path = tmp_path / "t.qmptrace"
    path.write_bytes(HEADER + line)
    [gap] = TraceReader(str(path)).records()
    assert gap == Gap(2, 0.0, 1, "client", 0, 1, 3)
    assert record_line(gap) == line


def test_behind_a_message_that_is_missing_another_one_begins(tmp_path: Path) -> None:
    wire = Wire()
    records: list[Record] = [
        wire.open(0, 0.0, 1),
        *wire.sent(0, 0.0, 1, "client", b'{"execute'),
        *wire.gap(0, 0.0, 1, "client", messages=1),
        *wire.sent(0, 0.0, 1, "client", b"a\r\n"),
        *wire.close(0, 0.0, 1, "client"),
        *wire.finish(),
    ]
    told = shown(read(tmp_path / "t.qmptrace", records))
    assert told == ['partial {"execute', "gap client 0", "value a"]


def test_what_stands_on_both_sides_is_never_put_together(tmp_path: Path) -> None:
    reader = read(
        tmp_path / "t.qmptrace",
        through_wire(
            ("server", b'{"return": {"a": 1, "b'),
            ("server", 10),
            ("server", b'": {"c": 2}}}\r\n' + EVENT),
            ("server", EVENT),
        ),
    )
    assert shown(reader) == [
        'partial {"return": {',
        "gap server 10",
        'skipped ": {"c": 2}}',
        'value {"timestamp"',
        'value {"timestamp"',
    ]


def test_the_other_direction_and_other_sessions_go_on(tmp_path: Path) -> None:
    reader = read(
        tmp_path / "t.qmptrace",
        through_wire(
            ("client", b'{"execute":'), ("server", 7), ("client", b'"stop"}\n'), ("server", EVENT)
        ),
    )
    assert shown(reader) == ["gap server 7", 'value {"execute":"', 'value {"timestamp"']


@pytest.mark.parametrize(
    "text", [b'{"return":\r\n {}}\r\n', b'{"error": {"class": "\xc3\xa9"}}\r\n', b"{'execute':1}"]
)
def test_a_message_that_is_not_plain_is_one_behind_a_gap_too(tmp_path: Path, text: bytes) -> None:
    reader = read(tmp_path / "t.qmptrace", through_wire(("server", 1), ("server", text)))
    kinds = [one.frame.kind for one in reader.items() if isinstance(one, Item)]
    assert kinds == [Kind.VALUE]


def test_all_bytes_that_were_there_are_there(tmp_path: Path) -> None:
    pieces = [b'"}\r\n', b'{"re', b'turn": 1}\r\n', b'{"ret', 4, b"x}\r\n", EVENT[:5]]
    records = through_wire(("server", 3), *(("server", piece) for piece in pieces))
    reader = read(tmp_path / "t.qmptrace", records)
    found = [one for one in reader.records() if isinstance(one, Traffic)]
    wanted = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    assert b"".join(one.data + one.end for one in found) == wanted
    frames = [one.frame for one in reader.items() if isinstance(one, Item)]
    assert b"".join(one.data + one.end for one in frames) == wanted


@pytest.mark.parametrize("size", [b"-1", b'"a"', b"1.5"])
def test_a_size_that_is_none(tmp_path: Path, size: bytes) -> None:
    path = tmp_path / "t.qmptrace"
    path.write_bytes(HEADER + b'{"t":0,"conn":1,"from":"client","gap":' + size + b"}\n{}\n")
    with pytest.raises(InputError, match=":2: "):
        list(TraceReader(str(path)).items())
