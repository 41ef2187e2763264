"""Segments of TCP over IPv4 over Ethernet, with checksums: what a session looks like on a wire.

A `Conversation` is one connection between two made-up hosts.  It opens, sends, skips what is
missing, ends, and answers for both sides, as two hosts would that lose nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

from qmpconf.trace.capture.layers import ACK, FIN, RST, SYN

PSH = 0x08

#: Bytes of data in a segment: what fits into an Ethernet packet.
MSS = 1460
#: Segments that a receiver lets come before it acknowledges them.
_UNACKNOWLEDGED = 16
#: The window, and by how many bits it is shifted.
_WINDOW, _SHIFT = 0xFFFF, 7
_WRAP = 1 << 32

_HOSTS = (b"\x7f\0\0\x01", b"\x7f\0\0\x01")
_MACS = (b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02")

#: 0 is the client, 1 the server.
Index = Literal[0, 1]

_pseudo = struct.Struct(">4s4sBBH").pack
_header = struct.Struct(">HHIIBBHHH").pack
_ip = struct.Struct(">BBHHHBBH4s4s").pack
_options = struct.pack(">BBHBBBB", 2, 4, MSS, 1, 3, 3, _SHIFT)


class Frame(NamedTuple):
    """One packet to be written, and what is to be remarked about it."""

    data: bytes
    comment: str = ""


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data, "big") % 0xFFFF  # the sum of its 16-bit words, carries added
    return 0xFFFF - total if total or not any(data) else 0


class Conversation:
    """One connection; `ports` are the client's and the server's."""

    def __init__(self, ports: tuple[int, int], seed: int) -> None:
        self._ports = ports
        # Numbers that are told apart easily, and the same each time.
        self._next = [(seed * 100_003 + 1) % _WRAP, (seed * 50_021 + 7_000_001) % _WRAP]
        self._told = list(self._next)  # what the other side has acknowledged
        self._ident = [0, 0]

    def open(self) -> Iterator[Frame]:
        """The three segments of a connection that is made."""
        yield self._frame(0, SYN)
        self._moved(0, 1)
        yield self._frame(1, SYN | ACK)
        self._moved(1, 1)
        yield self._frame(0, ACK)

    def refuse(self) -> Iterator[Frame]:
        """A connection that the server refuses."""
        yield self._frame(0, SYN)
        self._moved(0, 1)
        yield self._frame(1, RST | ACK)

    def send(self, side: Index, data: bytes, comment: str = "") -> Iterator[Frame]:
        """Bytes that one side sends, and how the other one acknowledges them."""
        view = memoryview(data)
        for number, at in enumerate(range(0, len(data), MSS), 1):
            part = bytes(view[at : at + MSS])
            last = at + MSS >= len(data)
            yield self._frame(side, ACK | (PSH if last else 0), part, comment if not at else "")
            self._moved(side, len(part))
            if last or not number % _UNACKNOWLEDGED:
                yield self._frame(_other(side), ACK)

    def skip(self, side: Index, size: int) -> Iterator[Frame]:
        """Bytes that one side sent, and nobody captured; the other side tells of them."""
        self._moved(side, size)
        yield self._frame(_other(side), ACK)

    def shut(self, side: Index) -> Iterator[Frame]:
        """One side ends its direction."""
        yield self._frame(side, FIN | ACK)
        self._moved(side, 1)
        yield self._frame(_other(side), ACK)

    def reset(self, side: Index) -> Iterator[Frame]:
        """One side breaks the connection off."""
        yield self._frame(side, RST | ACK)

    def _moved(self, side: Index, count: int) -> None:
        self._next[side] = (self._next[side] + count) % _WRAP

    def _frame(self, side: Index, flags: int, data: bytes = b"", comment: str = "") -> Frame:
        other = _other(side)
        ack = self._next[other] if flags & ACK else 0
        options = _options if flags & SYN else b""
        window = 0 if flags & RST else _WINDOW
        offset = (20 + len(options)) // 4 << 4
        fields = (self._ports[side], self._ports[other], self._next[side], ack, offset, flags)
        tcp = _header(*fields, window, 0, 0) + options + data
        pseudo = _pseudo(_HOSTS[side], _HOSTS[other], 0, 6, len(tcp))
        tcp = tcp[:16] + checksum(pseudo + tcp).to_bytes(2, "big") + tcp[18:]
        ident = self._ident[side] = (self._ident[side] + 1) % 0x10000
        ip = _ip(0x45, 0, 20 + len(tcp), ident, 0x4000, 64, 6, 0, _HOSTS[side], _HOSTS[other])
        ip = ip[:10] + checksum(ip).to_bytes(2, "big") + ip[12:]
        return Frame(_MACS[other] + _MACS[side] + b"\x08\0" + ip + tcp, comment)


def _other(side: Index) -> Index:
    return 1 if side == 0 else 0
