"""Segments of TCP over IPv4 over Ethernet, built by scapy: what a session looks like on a wire.

A `Conversation` is one connection between two made-up hosts.  It opens, sends, skips what is
missing, ends, and answers for both sides, as two hosts would that lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from qmpconf.trace.capture.segments import ACK, FIN, PSH, RST, SYN

#: Bytes of data in a segment: as on a loopback interface, and in a packet of no more than 65,535
#: bytes, which is as much as some programs read.
MSS = 65_481
#: Segments that a receiver lets come before it acknowledges them.
_UNACKNOWLEDGED = 16
#: The window, and by how many bits it is shifted.
_WINDOW, _SHIFT = 0xFFFF, 7
_WRAP = 1 << 32
_OPTIONS = [("MSS", MSS), ("NOP", None), ("WScale", _SHIFT)]

_HOST = "127.0.0.1"
_MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")

#: 0 is the client, 1 the server.
Index = Literal[0, 1]


class Frame(NamedTuple):
    """One packet to be written, and what is to be remarked about it."""

    data: bytes
    comment: str = ""


class Conversation:
    """One connection; `ports` are the client's and the server's, `mss` as the constant."""

    def __init__(self, ports: tuple[int, int], seed: int, mss: int = MSS) -> None:
        # Numbers that are told apart easily, and the same each time.
        self._next = [(seed * 100_003 + 1) % _WRAP, (seed * 50_021 + 7_000_001) % _WRAP]
        self._unacknowledged = [0, 0]
        self._mss = mss
        # The layers of a packet for each side, of which the numbers and the data change.
        self._layers = [_layers(ports, side) for side in (0, 1)]

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
        """Bytes that one side sends; the other one acknowledges them by what it says next."""
        view = memoryview(data)
        for at in range(0, len(data), self._mss):
            part = bytes(view[at : at + self._mss])
            last = at + self._mss >= len(data)
            yield self._frame(side, ACK | (PSH if last else 0), part, comment if not at else "")
            self._moved(side, len(part))
            self._unacknowledged[side] += 1
            if self._unacknowledged[side] == _UNACKNOWLEDGED:
                yield self._frame(_other(side), ACK)

    def skip(self, side: Index, size: int) -> Iterator[Frame]:
        """Bytes that one side sent, and nobody captured; the other side reports them."""
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
        self._unacknowledged[other] = 0
        link, ip, tcp, load = layers = self._layers[side]
        ip.id = (ip.id + 1) % 0x10000
        tcp.seq = self._next[side]
        tcp.ack = self._next[other] if flags & ACK else 0
        if tcp.flags != flags:
            tcp.flags = flags
            tcp.window = 0 if flags & RST else _WINDOW
            tcp.options = _OPTIONS if flags & SYN else []
        load.load = data
        for layer in layers:
            layer.explicit = 1  # one packet, and no set of them: built twice as fast
        return Frame(bytes(link), comment)


def _layers(ports: tuple[int, int], side: int) -> list[Any]:
    other = 1 - side
    link = Ether(src=_MACS[side], dst=_MACS[other])
    tcp = TCP(sport=ports[side], dport=ports[other])
    return list((link / IP(src=_HOST, dst=_HOST, flags="DF", id=0) / tcp / Raw()).iterpayloads())


def _other(side: Index) -> Index:
    return 1 if side == 0 else 0
