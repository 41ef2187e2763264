"""Capture files in all their forms: byte orders, units of time, blocks, sections."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from qmpconf.trace.capture.files import packets, pcap, pcapng
from qmpconf.trace.capture.segments import Packet
from qmpconf.trace.convert.base import Notes
from tests.trace.capture.captures import START, texts

DATA = bytes(range(61))


def read(data: bytes) -> tuple[list[Packet], list[str]]:
    notes = Notes()
    return list(packets(io.BytesIO(data), "test", notes)), texts(notes)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_pcap(order: str, magic: int, unit: int) -> None:
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 113)
    record = struct.pack(order + "IIII", 1_700_000_000, 123_456, 61, 90) + DATA
    found, notes = read(head + record * 2)
    assert found[0] == Packet(1, START + 123_456 * unit, 113, DATA, 90)
    assert [one.number for one in found] == [1, 2]
    assert not notes


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("options", "units"),
    [
        ([], 10**6),
        ([(9, b"\x09")], 10**9),
        ([(9, b"\x03")], 10**3),
        ([(9, b"\x8a")], 1024),
        ([(2, b"lo"), (9, b"\x06"), (14, "shift")], 10**6),
    ],
)
def test_pcapng(order: str, options: list[tuple[int, object]], units: int) -> None:
    shift = 3600 if any(value == "shift" for _, value in options) else 0
    listed = b"".join(
        option(order, code, struct.pack(order + "q", shift) if value == "shift" else bytes(value))  # type: ignore[call-overload]
        for code, value in options
    )
    section = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(order, 1, struct.pack(order + "HHI", 101, 0, 40) + listed + bytes(4))
    stamp = 1_700_000_000 * units
    stamped = stamp >> 32, stamp & 0xFFFFFFFF
    enhanced = (
        struct.pack(order + "IIIII", 0, *stamped, 61, 90) + DATA + bytes(3) + option(order, 1, b"x")
    )
    old = struct.pack(order + "HHIIII", 0, 0, *stamped, 61, 61) + DATA
    simple = struct.pack(order + "I", 90) + DATA[:40]
    whole = section + interface
    whole += block(order, 6, enhanced) + block(order, 99, b"unknown!")
    whole += block(order, 2, old) + block(order, 3, simple)
    found, notes = read(whole)
    ns = START + shift * 10**9
    assert found == [
        Packet(1, ns, 101, DATA, 90),
        Packet(2, ns, 101, DATA, 61),
        Packet(3, ns, 101, DATA[:40], 90),
    ]
    assert not notes


def test_sections_have_interfaces_and_byte_orders_of_their_own() -> None:
    whole = b""
    for order, link in (("<", 1), (">", 113)):
        whole += block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        whole += block(order, 1, struct.pack(order + "HHI", link, 0, 0))
        whole += block(order, 6, struct.pack(order + "IIIII", 0, 0, 0, 61, 61) + DATA)
        whole += block(order, 6, struct.pack(order + "IIIII", 1, 0, 0, 61, 61) + DATA)
    found, notes = read(whole)
    assert [(one.number, one.link) for one in found] == [(1, 1), (2, 113)]
    assert notes == ["2 packets of interfaces that the file does not tell"]


def test_each_interface_has_its_link_layer_its_times_and_its_limit() -> None:
    whole = block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link, units in ((1, b"\x09"), (113, b"\x06"), (101, b"\x00")):
        listed = option("<", 9, units) + bytes(4)
        whole += block("<", 1, struct.pack("<HHI", link, 0, 0) + listed)
    for number, units in ((0, 10**9), (1, 10**6), (2, 1), (1, 10**6)):
        stamp = 1_700_000_000 * units
        stamped = stamp >> 32, stamp & 0xFFFFFFFF
        whole += block("<", 6, struct.pack("<IIIII", number, *stamped, 61, 61) + DATA)
    whole += block("<", 3, struct.pack("<I", 61) + DATA)
    found, notes = read(whole)
    assert [one.link for one in found] == [1, 113, 101, 113, 1]
    assert {(one.ns, one.data) for one in found} == {(START, DATA)}
    assert not notes


@pytest.mark.parametrize("ng", [True, False])
@pytest.mark.parametrize("size", [65_535, 65_536, 262_140, 262_150])
def test_long_packets(ng: bool, size: int) -> None:
    file = io.BytesIO()
    put = pcapng(file) if ng else pcap(file)
    data = bytes(range(250)) * (size // 250 + 1)
    for _ in range(2):
        put(START, data[:size], "")
    found, notes = read(file.getvalue())
    assert [one.size for one in found] == [size, size]
    assert all(data.startswith(one.data) for one in found)
    if size <= 262_140:
        assert {len(one.data) for one in found} == {size}
        assert not notes
    else:
        assert {len(one.data) for one in found} <= {size, 262_140}
        assert bool(notes) == (len(found[0].data) < size)


@pytest.mark.parametrize("what", [5, 99, 6])
def test_what_a_block_says_of_itself_is_not_believed(what: int) -> None:
    section = block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    whole = section + block("<", 1, struct.pack("<HHI", 1, 0, 0))
    packet = block("<", 6, struct.pack("<IIIII", 0, 0, 0, 61, 61) + DATA)
    for bad in (
        struct.pack("<II", what, 0xFFFFFFFC) + bytes(100),
        struct.pack("<III", what, 8, 8),
        struct.pack("<IIII", what, 16, 0, 20),
        struct.pack("<II", what, 1000),
    ):
        found, notes = read(whole + packet + bad + packet)
        assert [one.data for one in found] == [DATA]
        assert len(notes) == 1
        assert "damaged from there on" in notes[0] or "ends in the middle of a block" in notes[0]


def test_what_the_capture_says_that_it_missed_is_told() -> None:
    section = block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    counts = option("<", 5, struct.pack("<Q", 40)) + option("<", 7, struct.pack("<Q", 2))
    whole = section + block("<", 5, struct.pack("<III", 0, 0, 0) + counts + bytes(4))
    assert read(whole) == ([], ["the capture says that it missed 42 packets"])


@pytest.mark.parametrize("ng", [True, False])
def test_what_is_written_scapy_reads(tmp_path: Path, ng: bool) -> None:
    utils = pytest.importorskip("scapy.utils")
    path = tmp_path / "t"
    with path.open("wb") as file:
        put = pcapng(file) if ng else pcap(file)
        put(START + 5_000, DATA, "a remark")
        put(START + 7_001, DATA + b"x", "")
        put(0, DATA, "y" * 70_000)
    found, notes = read(path.read_bytes())
    assert [one.ns for one in found] == [START + 5_000, START + 7_000, 0]
    assert [one.data for one in found] == [DATA, DATA + b"x", DATA]
    assert not notes
    with utils.PcapReader(str(path)) as reader:
        listed = list(reader)
    assert [bytes(one) for one in listed] == [DATA, DATA + b"x", DATA]
    if ng:
        assert [one.comments for one in listed] == [[b"a remark"], None, [b"y" * 65_535]]


def test_what_scapy_writes_is_read(tmp_path: Path) -> None:
    utils = pytest.importorskip("scapy.utils")
    for name, writer in (("a", utils.PcapWriter), ("b", utils.PcapNgWriter)):
        path = tmp_path / name
        with writer(str(path)) as file:
            file.linktype = 1
            file.write_header(None)
            file.write_packet(DATA, sec=1_700_000_000, usec=0)
        assert read(path.read_bytes()) == ([Packet(1, START, 1, DATA, 61)], [])
