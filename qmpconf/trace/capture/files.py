"""pcap and pcapng files, read and written by scapy: streaming, and no further than can be trusted.

A file that ends in the middle, or whose lengths contradict each other, gives the packets before
that, and a note.  What is not a capture at all raises `InputError`.

Times are whole numbers all the way.  Written are microseconds, which is what a trace has, and what
scapy writes into a pcapng file.  What scapy (2.8) does not do is done here, on top of its reader:
a section of a pcapng file has interfaces of its own, an interface may shift its times or have no
limit to its packets, and packets that were missed are said.  Of a packet of more than 262,140 bytes
scapy may cut off the end, which is noted, and is a gap in the session.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, BinaryIO, Self

from scapy.data import DLT_EN10MB
from scapy.error import Scapy_Exception
from scapy.utils import RawPcapNgReader, RawPcapNgWriter, RawPcapReader, RawPcapWriter

from qmpconf.errors import InputError
from qmpconf.text import counted
from qmpconf.trace.capture.segments import Packet
from qmpconf.trace.convert.base import Notes

_PCAPNG = b"\x0a\x0d\x0d\x0a"
_PCAP = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1")

#: A longer packet, or block, is damage: jumbo frames that were glued together have up to 512 KiB.
_LONGEST = 1 << 24
_SECOND = 1_000_000_000
#: The longest option of pcapng.
_LONGEST_OPTION = 0xFFFF

#: What scapy raises where a file is damaged.
_DAMAGE = (EOFError, Scapy_Exception, struct.error, ValueError, LookupError)

#: Writes one packet: its time in ns since 1970, its bytes, a comment or an empty string.
Put = Callable[[int, bytes, str], None]


def packets(file: BinaryIO, name: str, notes: Notes) -> Iterator[Packet]:
    """The packets of a capture file, in its order.  Raises `InputError` if it is none."""
    source: Any = _File(file)  # scapy takes files as well as names, but its types do not tell
    magic = source.peek(4)[:4]
    if not magic:
        raise InputError(f"{name} is empty: a capture begins with its header")
    if magic != _PCAPNG and magic not in _PCAP:
        what = "neither pcap nor pcapng begins with"
        raise InputError(f"{name}: no capture: {what} {magic.hex(' ')}")
    try:
        if magic == _PCAPNG:
            return _blocks(source, _Pcapng(source), notes)
        return _records(source, RawPcapReader(source), notes)
    except _DAMAGE:
        raise InputError(f"{name}: the capture's header is damaged, or cut off") from None


class _File(io.BufferedReader):
    """What scapy reads from: it gives no more at once than a packet or a block can hold."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, 1 << 16)

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes."""
        if size is None or not 0 <= size <= _LONGEST:
            raise ValueError(size)
        return super().read(size)


def _records(file: _File, reader: Any, notes: Notes) -> Iterator[Packet]:
    """The packets of a pcap file."""
    unit = 1 if reader.nano else 1000
    link = reader.linktype & 0xFFFF
    number = 0
    while file.peek(1):
        number += 1
        try:
            data, meta = reader._read_packet(_LONGEST)  # noqa: SLF001 - how scapy says it is used
        except _DAMAGE:
            notes.damage(_cut(file, "packet"), number)
            return
        if meta.caplen > _LONGEST:
            what = f"a packet of {meta.caplen:,} bytes: the file is damaged from there on"
            notes.damage(what, number)
            return
        if len(data) < meta.caplen:
            cut = "a packet is too long, and was cut off" if file.peek(1) else _cut(file, "packet")
            notes.damage(cut, number)
        ns = meta.sec * _SECOND + meta.usec * unit
        yield Packet(number, ns, link, data, max(meta.wirelen, meta.caplen))


class _Pcapng(RawPcapNgReader):
    """Blocks of a pcapng file; an interface's `tsresol` has the shift of its times with it.

    `dropped` counts what interfaces have missed, `strangers` packets of interfaces that the
    file does not tell.
    """

    def __init__(self, *opened: Any) -> None:
        self.dropped: dict[tuple[int, int], int] = {}
        self.strangers = 0
        super().__init__(*opened)
        wanted = (1, 2, 3, 6)
        self.blocktypes = {kind: self.blocktypes[kind] for kind in wanted} | {5: self._statistics}

    def _read_block_shb(self) -> None:
        self.interfaces = []
        super()._read_block_shb()

    def _read_block_idb(self, block: bytes, size: int) -> None:
        super()._read_block_idb(block, size)
        link, longest, options = self.interfaces[-1]
        shift: Any = self._read_options(block[8:]).get(14, bytes(8))
        units = options["tsresol"], struct.unpack(self.endian + "q", shift)[0]
        self.interfaces[-1] = link, longest or _LONGEST, {"tsresol": units}

    def _check_interface_id(self, number: int) -> bool:
        known = number < len(self.interfaces)
        self.strangers += not known
        return known

    def _statistics(self, block: bytes, _size: int) -> None:
        interface = struct.unpack(self.endian + "I", block[:4])[0]
        value: Any
        for code, value in self._read_options(block[12:]).items():
            if code in (5, 7):  # dropped by the interface, by the system
                self.dropped[interface, code] = struct.unpack(self.endian + "Q", value)[0]


def _blocks(file: _File, reader: Any, notes: Notes) -> Iterator[Packet]:
    """The packets of a pcapng file."""
    number = ns = 0
    try:
        while file.peek(1):
            found = reader._read_block(_LONGEST)  # noqa: SLF001 - `_read_packet` hides a cut
            if found is None:
                continue
            number += 1
            data, meta = found
            if meta.tshigh is not None:  # else it has no time: it is that of the one before
                units, shift = meta.tsresol
                stamp = meta.tshigh << 32 | meta.tslow
                ns = stamp * _SECOND // units + shift * _SECOND
            yield Packet(number, ns, meta.linktype, data, max(meta.wirelen, len(data)))
    except _DAMAGE:
        notes.damage(_cut(file, "block"), number + 1)
    if reader.strangers:
        what = f"{counted(reader.strangers, 'packet')} of interfaces that the file does not tell"
        notes.damage(what)
    if dropped := sum(reader.dropped.values()):
        notes.damage(f"the capture says that it missed {counted(dropped, 'packet')}")


def _cut(file: _File, what: str) -> str:
    """Why no more can be read, in the middle of a packet or a block."""
    if file.peek(1):
        return f"a {what} has lengths that cannot be: the file is damaged from there on"
    return f"the file ends in the middle of a {what}"


def pcap(file: BinaryIO) -> Put:
    """A pcap file; it holds no comments."""
    writer = RawPcapWriter(file, linktype=DLT_EN10MB, endianness="<", snaplen=1 << 18)
    writer.write_header(None)

    def put(ns: int, data: bytes, _comment: str) -> None:
        second, rest = divmod(ns, _SECOND)
        writer.write_packet(data, sec=second & 0xFFFFFFFF, usec=rest // 1000)

    return put


def pcapng(file: BinaryIO) -> Put:
    """A pcapng file."""
    writer = RawPcapNgWriter(os.devnull)  # it takes nothing but a name
    writer.f.close()
    writer.f = file
    writer.linktype = DLT_EN10MB
    writer.write_header(None)

    def put(ns: int, data: bytes, comment: str) -> None:
        second: Any = Fraction(ns // 1000, 1_000_000)
        writer.write_packet(_Remarked(data, comment) if comment else data, sec=second)

    return put


class _Remarked(bytes):
    """A packet with a comment where scapy looks for it."""

    comments: list[bytes]

    def __new__(cls, data: bytes, comment: str) -> Self:
        made = super().__new__(cls, data)
        made.comments = [comment.encode()[:_LONGEST_OPTION]]
        return made
