"""What is found without scapy is what scapy finds."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.trace.capture.dissect import DamagedError, dissected, segment_of
from qmpconf.trace.capture.plain import NotPlainError, plain_segment
from qmpconf.trace.capture.segments import Packet, Segment
from tests.trace.capture.test_layers import FRAMES, OTHERS, packet
from tests.usual import examples

PLAIN = {
    *("ethernet", "ethernet, padded", "ethernet, ipv6", "cooked", "cooked, ipv6", "cooked 2"),
    *("loopback", "loopback, big-endian", "loopback, macOS", "openbsd's loopback", "raw"),
    *("raw, ipv6", "raw, as on a bsd", "ipv4", "ipv6", "no length"),
}


def by_scapy(one: Packet) -> Segment | None:
    inner = dissected(one)
    return None if inner is None else segment_of(one, inner)


@pytest.mark.parametrize("name", FRAMES)
def test_which_packets_are_plain(name: str) -> None:
    one = packet(*FRAMES[name])
    assert by_scapy(one)
    if name in PLAIN:
        assert plain_segment(one) == by_scapy(one)
    else:
        with pytest.raises(NotPlainError):
            plain_segment(one)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_tcp_is_nothing_for_both(name: str) -> None:
    one = packet(1, OTHERS[name]())
    assert by_scapy(one) is None
    with contextlib.suppress(NotPlainError):
        assert plain_segment(one) is None


WHOLE = [(link, bytes(frame)) for link, frame in FRAMES.values()]  # type: ignore[call-overload]


@settings(max_examples=examples(1000), deadline=None)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=3),
    st.integers(0, 40),
    st.integers(0, 100),
)
def test_both_find_the_same(
    frame: tuple[int, bytes], changes: list[tuple[int, int]], cut: int, more: int
) -> None:
    link, whole = frame
    data = bytearray(whole)
    for at, byte in changes:
        data[at % len(data)] = byte
    one = Packet(1, 5, link, bytes(data[: len(data) - cut]), len(whole) + more)
    try:
        found = plain_segment(one)
    except (NotPlainError, IndexError, struct.error):
        return
    if found is None:
        with contextlib.suppress(DamagedError):
            assert by_scapy(one) is None
    elif not has_no_length(one):  # scapy does not know how many bytes there were on the wire
        assert found == by_scapy(one)


def has_no_length(one: Packet) -> bool:
    at = {1: 14, 113: 16, 276: 20, 0: 4, 108: 4}.get(one.link, 0)
    return not any(
        one.data[at + 2 : at + 4] if one.data[at] >> 4 == 4 else one.data[at + 4 : at + 6]
    )
