"""Packets to pcap and pcapng files: headers once, then a block a packet, forward only."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

_ETHERNET = 1
_SECOND = 1_000_000_000
#: The longest option of pcapng.
_LONGEST_OPTION = 0xFFFF

#: Writes one packet: its time in ns since 1970, its bytes, a comment or an empty string.
Put = Callable[[int, bytes, str], None]


def pcap(file: BinaryIO) -> Put:
    """A pcap file with times in microseconds, which every tool reads; it holds no comments."""
    file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, _ETHERNET))

    def put(ns: int, data: bytes, _comment: str) -> None:
        second, rest = divmod(ns, _SECOND)
        file.write(
            struct.pack("<IIII", second & 0xFFFFFFFF, rest // 1000, len(data), len(data)) + data
        )

    return put


def pcapng(file: BinaryIO, program: str) -> Put:
    """A pcapng file with times in nanoseconds, made by `program`."""
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _option(4, program.encode()) + _END
    file.write(_block(0x0A0D0D0A, section))
    interface = struct.pack("<HHI", _ETHERNET, 0, 0) + _option(9, b"\x09") + _END
    file.write(_block(1, interface))

    def put(ns: int, data: bytes, comment: str) -> None:
        body = struct.pack("<IIIII", 0, ns >> 32, ns & 0xFFFFFFFF, len(data), len(data))
        body += _padded(data)
        if comment:
            body += _option(1, comment.encode()[:_LONGEST_OPTION]) + _END
        file.write(_block(6, body))

    return put


_END = bytes(4)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size
