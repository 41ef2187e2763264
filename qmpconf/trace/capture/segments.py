"""Packets as they were captured, and the TCP segments in them."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Packet(NamedTuple):
    """One packet.

    `number` counts from 1; `ns` is the time since 1970; `link` the link layer's number in the
    registry of tcpdump.org; `size` how many bytes there were on the wire.
    """

    number: int
    ns: int
    link: int
    data: bytes
    size: int


#: An address in its 4 or 16 bytes, and a port.
End = tuple[bytes, int]

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


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


def shown(end: End) -> str:
    """An end as users write it: ``tcp:127.0.0.1:4444``, ``tcp:[::1]:4444``."""
    address, port = end
    if len(address) == 4:
        return f"tcp:{socket.inet_ntop(socket.AF_INET, address)}:{port}"
    return f"tcp:[{socket.inet_ntop(socket.AF_INET6, address)}]:{port}"


def moment(ns: int) -> datetime:
    """A time in ns since 1970; that itself, where it is beyond all calendars."""
    try:
        return _EPOCH + timedelta(microseconds=ns // 1000)
    except OverflowError:
        return _EPOCH
