"""Whatever a capture file holds: a clear error, or what could be read with a note; no traceback."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.cli.main import main
from qmpconf.errors import InputError
from qmpconf.trace.convert.base import Notes
from qmpconf.trace.formatting import record_line
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Record, Traffic
from tests.trace.capture.captures import capture, read, said, session, texts
from tests.usual import examples

WHOLE = {ng: capture([*session(1), *session(2)], ng=ng) for ng in (True, False)}


def survives(data: bytes, port: int = 0) -> tuple[list[Record], list[str], str]:
    """What is read from a file, the notes, and the error that ended it."""
    notes = Notes()
    try:
        _, records = read(data, port, notes)
    except InputError as error:
        return [], texts(notes), str(error)
    for one in records:
        assert record_line(one)
    return records, texts(notes), ""


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes(data: bytes) -> None:
    assert survives(data)[2]


@settings(max_examples=examples(300), deadline=None)
@given(
    ng=st.booleans(),
    changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=20),
    cut=st.integers(0, 1 << 20),
    port=st.sampled_from([0, 4444]),
)
def test_damaged_captures(ng: bool, changes: list[tuple[int, int]], cut: int, port: int) -> None:
    data = bytearray(WHOLE[ng])
    for at, byte in changes:
        data[at % len(data)] = byte
    survives(bytes(data[: cut % (2 * len(data)) + 1]), port)


@settings(max_examples=examples(100), deadline=None)
@given(
    ng=st.booleans(), order=st.permutations(range(len(session()))), port=st.sampled_from([0, 4444])
)
def test_packets_in_any_order(ng: bool, order: list[int], port: int) -> None:
    frames = session()
    survives(capture([frames[at] for at in order], ng=ng), port)


@pytest.mark.parametrize("ng", [True, False])
def test_every_cut_of_a_capture_gives_what_was_before(ng: bool) -> None:
    whole, before = WHOLE[ng], 0
    for cut in range(0, len(whole) + 1, 7):
        records, notes, error = survives(whole[:cut])
        traffic = sum(isinstance(one, Traffic) for one in records)
        assert traffic >= before or error
        before = max(before, traffic)
        told = (
            "ends in the middle of a",
            "too short for its headers",
            "is not QMP",
            "wrong lengths",
        )
        assert all(any(words in one for words in told) for one in notes), notes
    assert said(survives(whole)[0], 2) == said(survives(whole)[0], 1)


PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
SECTION = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
INTERFACE = struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"\xd4", "no capture"),
        (b"hello world", "no capture: neither pcap nor pcapng begins with 68 65 6c 6c"),
        (PCAP[:10], "header is damaged, or cut off"),
        (PCAP, "holds no packet"),
        (PCAP + bytes(10), "no packet"),
        (PCAP + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF), "no packet"),
        (PCAP + struct.pack("<IIII", 0, 0, 100, 100) + b"abc", "no QMP session"),
        (SECTION, "no packet"),
        (SECTION[:8] + b"nope" + SECTION[12:], "header is damaged, or cut off"),
        (SECTION + INTERFACE, "no packet"),
        (SECTION + struct.pack("<II", 6, 0xFFFFFFFC), "no packet"),
        (SECTION + struct.pack("<II", 6, 0), "no packet"),
        (SECTION + struct.pack("<III", 6, 12, 12), "no packet"),
        (SECTION + INTERFACE[:-4] + b"xxxx", "no packet"),
    ],
)
def test_what_is_no_capture(data: bytes, says: str) -> None:
    assert says in survives(data)[2]


def test_times_beyond_all_calendars() -> None:
    data = bytearray(WHOLE[True])
    at = data.index(struct.pack("<I", 6), 60)
    data[at + 12 : at + 20] = b"\xff" * 8
    records, _, error = survives(bytes(data))
    assert not error
    assert said(records, 2)["server"]


def test_the_command_keeps_what_could_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "cut.pcapng", tmp_path / "out.qmptrace"
    source.write_bytes(WHOLE[True][:-500])
    assert main(["convert", str(source), str(target)]) == 3
    assert (
        "cut.pcapng, packet 18: the file ends in the middle of a block" in capsys.readouterr().err
    )
    assert TraceReader(str(target)).header.recorder
    assert main(["convert", str(source), str(tmp_path / "two.qmptrace"), "--port", "1"]) == 3
    assert "no QMP session in" in capsys.readouterr().err
    assert not (tmp_path / "two.qmptrace").exists()
