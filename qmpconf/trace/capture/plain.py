"""The segment in a plain packet, without scapy: what nearly all packets of a capture are.

Ethernet, Linux cooked (1 and 2), a loopback or no link layer at all; behind it IPv4 without options
and fragments, or IPv6 without extension headers; then TCP.  All else is left to scapy
(`qmpconf.trace.capture.dissect`), and the tests hold the two against each other.

It is here because scapy takes some 150 microseconds for a packet, also where it is told to leave
what TCP carries alone.  Measured with scapy 2.8: a capture of 325 MB is converted in 6 s, and in
56 s without this module; one of short messages, 27 MB, in 4 s and in 37 s.  A live capture would
lose packets.
"""

from __future__ import annotations

from struct import Struct

from qmpconf.trace.capture.segments import Packet, Segment

#: Where a link layer's packets say what is in them (-1: nowhere), and where that is.
_PLACES = {1: (12, 14), 113: (14, 16), 276: (0, 20), 0: (-1, 4), 108: (-1, 4)}
_PLACES |= dict.fromkeys((12, 101, 228, 229), (-1, 0))
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_TCP = 6
#: ICMP, UDP and ICMPv6.
_OTHERS = frozenset({1, 17, 58})

_v4 = Struct(">xxHxxHxBxx4s4s").unpack_from
_v6 = Struct(">4xHBx16s16s").unpack_from
_tcp = Struct(">HHIIBB6x").unpack_from


class NotPlainError(Exception):
    """A packet that is for scapy to look at."""


def plain_segment(packet: Packet) -> Segment | None:
    """The segment in `packet`, None where something else is in it.

    Raises `NotPlainError`; `struct.error` or `IndexError` where it is too short.
    """
    data = packet.data
    if packet.link not in _PLACES:
        raise NotPlainError
    told, at = _PLACES[packet.link]
    version = data[at] >> 4
    if told >= 0 and data[told : told + 2] != (_IPV4 if version == 4 else _IPV6):
        raise NotPlainError
    if data[at] == 0x45:
        total, fragment, protocol, source, target = _v4(data, at)
        if fragment & 0x3FFF:
            raise NotPlainError
        # A card that cuts segments itself may leave the length to be filled in.
        size = (total or packet.size - at) - 20
        at += 20
    elif version == 6:
        size, protocol, source, target = _v6(data, at)
        at += 40
        size = size or packet.size - at
    else:
        raise NotPlainError
    if protocol in _OTHERS:
        return None
    if protocol != _TCP:
        raise NotPlainError
    sport, tport, seq, ack, offset, flags = _tcp(data, at)
    head = (offset >> 4) * 4
    if not 20 <= head <= size:
        raise NotPlainError
    body = data[at + head : at + size]
    lost = size - head - len(body)
    ends = (source, sport), (target, tport)
    return Segment(packet.number, packet.ns, *ends, seq, ack, flags, body, lost)
