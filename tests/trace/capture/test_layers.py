"""Link layers, tags, headers and fragments: what scapy builds is found, and found the same."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.trace.capture.layers import Decoder
from qmpconf.trace.capture.segments import Packet, Segment, shown
from qmpconf.trace.convert.base import Notes
from tests.trace.capture.captures import session, texts
from tests.usual import examples

logging.getLogger("scapy").setLevel(logging.ERROR)
scapy = pytest.importorskip("scapy.all")

DATA = b'{"execute":"stop"}\r\n'
TCP = scapy.TCP(sport=50000, dport=4444, seq=77, ack=88, flags="PA") / DATA
IPV4 = scapy.IP(src="10.0.0.1", dst="10.0.0.2") / TCP
IPV6 = scapy.IPv6(src="fe80::1", dst="fe80::2") / TCP
ETHER = scapy.Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")

FRAMES = {
    "ethernet": (1, ETHER / IPV4),
    "ethernet, padded": (1, bytes(ETHER / IPV4) + bytes(20)),
    "ethernet, ipv6": (1, ETHER / IPV6),
    "vlan": (1, ETHER / scapy.Dot1Q(vlan=5) / IPV4),
    "qinq": (1, ETHER / scapy.Dot1AD(vlan=7) / scapy.Dot1Q(vlan=5) / IPV6),
    "two old tags": (1, ETHER / scapy.Dot1Q(vlan=7) / scapy.Dot1Q(vlan=5) / IPV4),
    "cooked": (113, scapy.CookedLinux(proto=0x0800) / IPV4),
    "cooked, ipv6": (113, scapy.CookedLinux(proto=0x86DD) / IPV6),
    "cooked 2": (276, scapy.CookedLinuxV2(proto=0x0800, lladdrlen=6) / IPV4),
    "loopback": (0, struct.pack("<I", 2) + bytes(IPV4)),
    "loopback, big-endian": (0, struct.pack(">I", 2) + bytes(IPV4)),
    "loopback, macOS": (0, struct.pack("<I", 30) + bytes(IPV6)),
    "openbsd's loopback": (108, struct.pack(">I", 24) + bytes(IPV6)),
    "raw": (101, IPV4),
    "raw, ipv6": (101, IPV6),
    "raw, as on a bsd": (12, IPV4),
    "ipv4": (228, IPV4),
    "ipv6": (229, IPV6),
    "ip options": (
        101,
        scapy.IP(src="10.0.0.1", dst="10.0.0.2", options=[scapy.IPOption_Timestamp()]) / TCP,
    ),
    "no length": (1, ETHER / scapy.IP(src="10.0.0.1", dst="10.0.0.2", len=0) / TCP),
    "extension headers": (
        101,
        scapy.IPv6(src="fe80::1", dst="fe80::2")
        / scapy.IPv6ExtHdrHopByHop()
        / scapy.IPv6ExtHdrDestOpt(options=scapy.PadN(optdata=bytes(12)))
        / scapy.IPv6ExtHdrFragment(id=5)
        / TCP,
    ),
    "pppoe": (1, ETHER / scapy.PPPoE(sessionid=1) / scapy.PPP(proto=0x21) / IPV4),
    "gre": (1, ETHER / scapy.IP(src="1.1.1.1", dst="1.1.1.2") / scapy.GRE() / IPV4),
    "ppp": (9, scapy.PPP(proto=0x57) / IPV6),
}


def packet(link: int, data: object, number: int = 1, size: int = 0) -> Packet:
    raw = bytes(data)  # type: ignore[call-overload]
    return Packet(number, 5, link, raw, size or len(raw))


def decoded(*packets: Packet) -> tuple[list[Segment], list[str]]:
    notes = Notes()
    decoder = Decoder(notes)
    found = [one for one in map(decoder.segment, packets) if one is not None]
    decoder.finish()
    return found, texts(notes)


@pytest.mark.parametrize("name", FRAMES)
def test_a_segment_is_found(name: str) -> None:
    (found,), notes = decoded(packet(*FRAMES[name]))
    assert (found.source[1], found.target[1], found.seq, found.ack) == (50000, 4444, 77, 88)
    assert (found.data, found.lost, notes) == (DATA, 0, [])
    assert shown(found.source) in ("tcp:10.0.0.1:50000", "tcp:[fe80::1]:50000")


@pytest.mark.parametrize(
    "name", [name for name in FRAMES if name not in ("no length", "ethernet, padded")]
)
def test_what_a_capture_has_cut_off_is_counted(name: str) -> None:
    link, frame = FRAMES[name]
    whole = bytes(frame)  # type: ignore[call-overload]
    for cut in (1, 5, len(DATA)):
        (found,), _ = decoded(packet(link, whole[:-cut], size=len(whole)))
        assert (found.data, found.lost) == (DATA[:-cut], cut)


@pytest.mark.parametrize("name", FRAMES)
def test_headers_that_were_cut_off_are_told(name: str) -> None:
    link, frame = FRAMES[name]
    whole = bytes(frame)  # type: ignore[call-overload]
    for size in range(len(whole) - len(DATA)):
        found, _ = decoded(packet(link, whole[:size], size=len(whole)))
        assert all(DATA.startswith(one.data) for one in found)


OTHERS: dict[str, Callable[[], object]] = {
    "udp": lambda: ETHER / scapy.IP() / scapy.UDP() / DATA,
    "arp": lambda: ETHER / scapy.ARP(),
    "icmp6": lambda: ETHER / scapy.IPv6() / scapy.ICMPv6EchoRequest(),
    "802.3": lambda: scapy.Dot3(len=46) / scapy.LLC() / scapy.STP(),
    "icmp, which quotes a segment": lambda: ETHER / scapy.IP() / scapy.ICMP(type=3) / IPV4,
    "icmp6, which quotes one": lambda: ETHER / scapy.IPv6() / scapy.ICMPv6DestUnreach() / IPV6,
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_tcp_is_passed_over(name: str) -> None:
    assert decoded(packet(1, OTHERS[name]())) == ([], [])


LONG = scapy.TCP(sport=50000, dport=4444, seq=77, flags="PA") / bytes(range(256)) * 1
BIG = bytes(range(256)) * 20


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("version", [4, 6])
def test_fragments_are_put_together(version: int, order: int) -> None:
    tcp = scapy.TCP(sport=50000, dport=4444, seq=77, flags="PA") / BIG
    if version == 4:
        parts = scapy.fragment(scapy.IP(src="10.0.0.1", dst="10.0.0.2", id=9) / tcp, 600)
    else:
        whole = scapy.IPv6(src="fe80::1", dst="fe80::2") / scapy.IPv6ExtHdrFragment(id=9) / tcp
        parts = scapy.fragment6(whole, 600)
    assert len(parts) > 5
    packets = [packet(101, part, number) for number, part in enumerate(parts, 1)][::order]
    (found,), notes = decoded(*packets, packets[0])
    assert (found.data, found.lost) == (BIG, 0)
    found_less, notes = decoded(*packets[:-1])
    assert (found_less, notes) == ([], ["a datagram of which fragments are missing"])


def test_many_datagrams_of_which_fragments_are_missing_take_no_endless_memory() -> None:
    first = [
        scapy.fragment(scapy.IP(id=number) / scapy.TCP() / bytes(1000), 600)[0]
        for number in range(300)
    ]
    found, notes = decoded(*(packet(101, part) for part in first))
    assert (found, notes) == ([], ["a datagram of which fragments are missing (300 times)"])


def test_a_frame_of_our_own_is_what_scapy_says_it_is() -> None:
    for frame in session():
        built = scapy.Ether(frame.data)
        again = scapy.Ether(frame.data)
        del again[scapy.IP].chksum, again[scapy.TCP].chksum
        assert bytes(again) == frame.data, "checksums"
        (found,), _ = decoded(packet(1, frame.data))
        assert found.seq == built[scapy.TCP].seq
        assert found.data == bytes(built[scapy.TCP].payload)


@settings(max_examples=examples(300), deadline=None)
@given(
    st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276]),
    st.one_of(
        st.binary(max_size=120),
        st.tuples(
            st.sampled_from([bytes(frame) for _, frame in FRAMES.values()]),
            st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=6),
        ),
    ),
    st.integers(0, 1 << 20),
)
def test_any_bytes_at_all_are_survived(
    link: int, made: bytes | tuple[bytes, list[tuple[int, int]]], size: int
) -> None:
    if isinstance(made, tuple):
        data = bytearray(made[0])
        for at, byte in made[1]:
            data[at % len(data)] = byte
    else:
        data = bytearray(made)
    found, _ = decoded(packet(link, bytes(data), size=max(size, len(data))))
    for one in found:
        assert one.lost >= 0
        shown(one.source)


def test_rare_layers_survive_any_bytes() -> None:
    for link in (9, 105, 127, 143, 147, 192, 220, 250, 999):
        for size in range(0, 100, 7):
            decoded(packet(link, bytes(range(100, 100 + size))))
