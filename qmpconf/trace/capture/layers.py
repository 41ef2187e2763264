"""Packets to TCP segments: link layers, VLAN tags, IPv4, IPv6 with its headers, and fragments.

Only what is needed to find TCP is looked at.  Lengths are those of the IP header, so that padding
is none of the data, and bytes that a capture has cut off are known to be missing.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Callable
from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

from qmpconf.trace.capture.packets import Packet
from qmpconf.trace.convert.base import Notes

#: An address in its 4 or 16 bytes, and a port.
End = tuple[bytes, int]

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


class Segment(NamedTuple):
    """One TCP segment.

    `lost` bytes behind `data` were sent, and cut off by the capture.
    """

    number: int
    ns: int
    source: End
    target: End
    seq: int
    ack: int
    flags: int
    data: bytes
    lost: int


_VLAN = frozenset({0x8100, 0x88A8, 0x9100})
_IPV4, _IPV6 = 0x0800, 0x86DD
#: PPPoE and MPLS.
_RARE_ETHERTYPES = frozenset({0x8864, 0x8847, 0x8848})
#: Link layers that hold IP and nothing else.
_RAW = frozenset({12, 14, 101, 228, 229})
#: AF_INET and AF_INET6, as the BSDs, macOS and Linux number them.
_FAMILIES = {2: _IPV4, 10: _IPV6, 23: _IPV6, 24: _IPV6, 28: _IPV6, 30: _IPV6}
_TCP = 6
_FRAGMENT = 44
_IPV6_OPTIONS = frozenset({0, 43, 60, 135, 139, 140})
_AUTHENTICATION = 51

_u16 = Struct(">H").unpack_from
_u32 = Struct(">I").unpack_from
_v4 = Struct(">BxHHHxB2x4s4s").unpack_from
_v6 = Struct(">4xHBx16s16s").unpack_from
_tcp = Struct(">HHIIBB").unpack_from

#: Datagrams that are being put together, at most; the oldest is given up for another one.
_MOST_DATAGRAMS = 256
_LONGEST_DATAGRAM = 65_535

#: What scapy finds in a packet: source, target, and the TCP segment's bytes and length.
Rare = Callable[[Packet], tuple[bytes, bytes, bytes, int] | None]


class Decoder:
    """Finds the TCP segment in each packet.

    `rare` looks into link layers that are not known here.
    """

    def __init__(self, notes: Notes, rare: Rare | None = None) -> None:
        self._notes = notes
        self._rare = rare
        self._datagrams: OrderedDict[tuple[bytes, bytes, int], _Datagram] = OrderedDict()

    def segment(self, packet: Packet) -> Segment | None:
        """The segment in `packet`, or that it completes; None for anything else."""
        try:
            kind, at = self._link(packet)
            if kind == _IPV4:
                return self._ipv4(packet, at)
            if kind == _IPV6:
                return self._ipv6(packet, at)
        except (IndexError, struct_error):
            self._notes.damage("a packet is too short for its headers", packet.number)
            return None
        if kind == 0 and self._rare is not None:
            found = self._rare(packet)
            if found is not None:
                source, target, data, size = found
                return self._segment(packet, source, target, data, size)
        return None

    def finish(self) -> None:
        """Tell what was never put together."""
        for datagram in self._datagrams.values():
            self._give_up(datagram)
        self._datagrams.clear()

    def _link(self, packet: Packet) -> tuple[int, int]:
        """What a packet holds (an Ethernet type, 0: a link layer not known here), and where."""
        data, link = packet.data, packet.link
        if link == 1:
            kind, at = _u16(data, 12)[0], 14
        elif link == 113:  # Linux cooked
            kind, at = _u16(data, 14)[0], 16
        elif link == 276:  # the same, version 2
            kind, at = _u16(data, 0)[0], 20
        elif link in (0, 108):  # a BSD's loopback, in its or in the network's byte order
            family = int.from_bytes(data[:4], "big")
            if family not in _FAMILIES:
                family = int.from_bytes(data[:4], "little")
            return _FAMILIES.get(family, -1), 4
        elif link in _RAW:
            return {4: _IPV4, 6: _IPV6}.get(data[0] >> 4, -1), 0
        else:
            return 0, 0
        while kind in _VLAN:
            kind, at = _u16(data, at + 2)[0], at + 4
        return (0 if kind in _RARE_ETHERTYPES else kind), at

    def _ipv4(self, packet: Packet, at: int) -> Segment | None:
        data = packet.data
        first, total, ident, fragment, protocol, source, target = _v4(data, at)
        if protocol != _TCP or first >> 4 != 4:
            return None
        head = (first & 15) * 4
        # A card that cuts segments itself may leave the length to be filled in.
        size = (total or packet.size - at) - head
        if head < 20 or size < 0:
            self._notes.damage("a packet with wrong lengths", packet.number)
            return None
        body = data[at + head : at + head + size]
        if not fragment & 0x3FFF:
            return self._segment(packet, source, target, body, size)
        where, more = (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)
        return self._fragment(packet, (source, target, ident), where, body, size, more)

    def _ipv6(self, packet: Packet, at: int) -> Segment | None:
        data = packet.data
        length, kind, source, target = _v6(data, at)
        at += 40
        end = at + (length or packet.size - at)
        while kind != _TCP:
            if kind in _IPV6_OPTIONS:
                kind, at = data[at], at + (data[at + 1] + 1) * 8
            elif kind == _AUTHENTICATION:
                kind, at = data[at], at + (data[at + 1] + 2) * 4
            elif kind == _FRAGMENT:
                kind, place, ident = data[at], _u16(data, at + 2)[0], _u32(data, at + 4)[0]
                at += 8
                if kind != _TCP and not place & 0xFFF8:
                    return None  # headers behind that of the fragment: nobody sends those
                if place & 0xFFF9:
                    body, more = data[at:end], bool(place & 1)
                    key = (source, target, ident)
                    return self._fragment(packet, key, place & 0xFFF8, body, end - at, more)
            else:
                return None
        return self._segment(packet, source, target, data[at:end], end - at)

    def _fragment(
        self,
        packet: Packet,
        key: tuple[bytes, bytes, int],
        where: int,
        body: bytes,
        size: int,
        more: bool,
    ) -> Segment | None:
        """One fragment of a datagram; the segment, if it is the last that was missing."""
        if len(body) < size or where + size > _LONGEST_DATAGRAM:
            self._notes.damage("a fragment is cut off, or reaches too far", packet.number)
            return None
        datagram = self._datagrams.get(key)
        if datagram is None:
            datagram = self._datagrams[key] = _Datagram(packet.number)
            if len(self._datagrams) > _MOST_DATAGRAMS:
                self._give_up(self._datagrams.popitem(last=False)[1])
        whole = datagram.add(where, body, more=more)
        if whole is None:
            return None
        del self._datagrams[key]
        return self._segment(packet, key[0], key[1], whole, len(whole))

    def _give_up(self, datagram: _Datagram) -> None:
        self._notes.damage("a datagram of which fragments are missing", datagram.number)

    def _segment(
        self, packet: Packet, source: bytes, target: bytes, data: bytes, size: int
    ) -> Segment | None:
        sport, tport, seq, ack, offset, flags = _tcp(data)
        head = (offset >> 4) * 4
        if head < 20 or head > size:
            self._notes.damage("a TCP segment with wrong lengths", packet.number)
            return None
        body = data[head:]
        return Segment(
            packet.number,
            packet.ns,
            (source, sport),
            (target, tport),
            seq,
            ack,
            flags,
            body,
            size - head - len(body),
        )


class _Datagram:
    """A datagram that came in fragments; `number` is its first packet's."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._pieces: dict[int, bytes] = {}
        self._size = -1

    def add(self, where: int, body: bytes, *, more: bool) -> bytes | None:
        """Take a fragment; give the whole, if nothing is missing."""
        self._pieces.setdefault(where, body)
        if not more:
            self._size = where + len(body)
        if self._size < 0:
            return None
        whole = b""
        for start in sorted(self._pieces):
            if start > len(whole):
                return None
            whole += self._pieces[start][len(whole) - start :]
        return whole[: self._size] if len(whole) >= self._size else None


def shown(end: End) -> str:
    """An end as users write it: ``tcp:127.0.0.1:4444``, ``tcp:[::1]:4444``."""
    address, port = end
    if len(address) == 4:
        return f"tcp:{socket.inet_ntop(socket.AF_INET, address)}:{port}"
    return f"tcp:[{socket.inet_ntop(socket.AF_INET6, address)}]:{port}"
