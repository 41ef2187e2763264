"""pcap and pcapng files to packets: streaming, and no further than the file can be trusted.

A file that ends in the middle, or whose lengths contradict each other, gives the packets before
that, and a note.  What is no capture at all raises `InputError`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from qmpconf.errors import InputError
from qmpconf.trace.convert.base import Notes


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


#: A longer packet, or block, is damage: jumbo frames that were glued together have up to 512 KiB.
_LONGEST = 1 << 24

_SECOND = 1_000_000_000
#: The first bytes of a pcap file: byte order, ns in a unit of time, bytes between two packets.
_PCAP: dict[bytes, tuple[str, int, int]] = {
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}

#: What the first bytes of a capture are.
MAGICS = (*_PCAP, _PCAPNG)


def packets(file: BinaryIO, name: str, notes: Notes) -> Iterator[Packet]:
    """The packets of a capture file, in its order.  Raises `InputError` if it is none."""
    magic = file.read(4)
    if not magic:
        raise InputError(f"{name} is empty: a capture begins with its header")
    if magic == _PCAPNG:
        return _Pcapng(file, notes).packets()
    if magic in _PCAP:
        return _pcap(file, name, notes, *_PCAP[magic])
    raise InputError(f"{name}: no capture: neither pcap nor pcapng begins with {magic.hex(' ')}")


def _pcap(
    file: BinaryIO, name: str, notes: Notes, order: str, unit: int, head: int
) -> Iterator[Packet]:
    header = file.read(20)
    if len(header) < 20:
        raise InputError(f"{name}: the capture ends within its header")
    link = struct.unpack(order + "HHiIII", header)[5] & 0xFFFF
    number = 0
    unpack = struct.Struct(order + "IIII").unpack_from
    while record := file.read(head):
        number += 1
        if len(record) < head:
            notes.damage("the file ends in the middle of a packet", number)
            return
        second, part, length, size = unpack(record)
        if length > _LONGEST:
            notes.damage(f"a packet of {length:,} bytes: the file is damaged from there on", number)
            return
        data = file.read(length)
        if len(data) < length:
            notes.damage("the file ends in the middle of a packet", number)
        yield Packet(number, second * _SECOND + part * unit, link, data, max(size, length))


_CUT = "the file ends in the middle of a block"


class _DamagedError(Exception):
    """The file cannot be read any further."""


class _Interface(NamedTuple):
    """Where packets were captured: `units` of time a second, `shift` in seconds."""

    link: int
    longest: int
    units: int
    shift: int


class _Pcapng:
    """One pcapng file."""

    def __init__(self, file: BinaryIO, notes: Notes) -> None:
        self._file = file
        self._notes = notes
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._number = 0
        self._latest = 0
        self._dropped: dict[int, int] = {}

    def packets(self) -> Iterator[Packet]:
        """Every packet; the file's first four bytes have been read."""
        kind = _PCAPNG
        try:
            while kind:
                found = self._block(kind)
                if found is not None:
                    yield found
                kind = self._file.read(4)
        except _DamagedError as error:
            self._notes.damage(str(error), self._number + 1)
        except struct.error:
            self._notes.damage("a block is too short for what it is", self._number + 1)
        dropped = sum(self._dropped.values())
        if dropped:
            self._notes.damage(f"the capture says that it missed {dropped:,} packets")

    def _block(self, kind: bytes) -> Packet | None:
        length = self._file.read(4)
        if len(kind + length) < 8:
            raise _DamagedError(_CUT)
        if kind == _PCAPNG:
            order = self._file.read(4)
            if order not in _ORDERS:
                raise _DamagedError("a section has no byte order: the file is damaged")
            self._order = _ORDERS[order]
            self._interfaces = []
            self._body(length, 4)
            return None
        body = self._body(length, 0)
        number = self._unpack("I", kind)[0]
        if number == 1:
            self._interfaces.append(self._interface(body))
        elif number == 6:
            where, high, low, captured, size = self._unpack("IIIII", body)
            return self._packet(where, high << 32 | low, body[20 : 20 + captured], captured, size)
        elif number == 2:
            where, _, high, low, captured, size = self._unpack("HHIIII", body)
            return self._packet(where, high << 32 | low, body[20 : 20 + captured], captured, size)
        elif number == 3:
            (size,) = self._unpack("I", body)
            longest = self._interfaces[0].longest if self._interfaces else 0
            captured = min(size, longest or size)
            return self._packet(0, None, body[4 : 4 + captured], captured, size)
        elif number == 5:
            self._statistics(body)
        return None

    def _body(self, length: bytes, done: int) -> bytes:
        """The rest of a block without its two lengths, of which `done` bytes have been read."""
        (total,) = self._unpack("I", length)
        size = total - 12 - done
        if size < 0 or total % 4 or total > _LONGEST:
            raise _DamagedError(f"a block of {total:,} bytes: the file is damaged from there on")
        body = self._file.read(size)
        tail = self._file.read(4)
        if len(body) < size or len(tail) < 4:
            raise _DamagedError(_CUT)
        if tail != length:
            raise _DamagedError("a block has two lengths: the file is damaged from there on")
        return body

    def _unpack(self, form: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack_from(self._order + form, data)

    def _interface(self, body: bytes) -> _Interface:
        link, longest = self._unpack("HxxI", body)
        units, shift = 1_000_000, 0
        for code, value in self._options(body[8:]):
            if code == 9 and len(value) == 1:
                units = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
            elif code == 14 and len(value) == 8:
                shift = self._unpack("q", value)[0]
        return _Interface(link, longest, units, shift)

    def _statistics(self, body: bytes) -> None:
        """How many packets an interface has missed."""
        (where,) = self._unpack("I", body)
        for code, value in self._options(body[12:]):
            if code in (5, 7) and len(value) == 8:  # dropped by the interface, by the system
                self._dropped[where << 8 | code] = self._unpack("Q", value)[0]

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(data):
            code, length = self._unpack("HH", data[at : at + 4])
            if not code:
                return
            yield code, data[at + 4 : at + 4 + length]
            at += 4 + (length + 3) // 4 * 4

    def _packet(
        self, where: int, units: int | None, data: bytes, captured: int, size: int
    ) -> Packet | None:
        self._number += 1
        if where >= len(self._interfaces):
            self._notes.damage("a packet of an interface that the file does not tell", self._number)
            return None
        if len(data) < captured:
            self._notes.damage("a packet is longer than its block", self._number)
        interface = self._interfaces[where]
        if units is not None:
            self._latest = units * _SECOND // interface.units + interface.shift * _SECOND
        return Packet(self._number, self._latest, interface.link, data, max(size, len(data)))
