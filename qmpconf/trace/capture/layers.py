"""Packets to TCP segments: plain ones at once, all others by scapy; fragments are put together.

Lengths are those of the IP header, so that padding is none of the data, and bytes that a capture
has cut off are known to be missing.

scapy could put fragments together, too, but not these: it gives a datagram up whose last fragment
comes first, or of which one comes twice, fills holes with the letter X, and keeps what is never
completed for ever.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from typing import TYPE_CHECKING

from qmpconf.trace.capture.plain import NotPlainError, plain_segment
from qmpconf.trace.capture.segments import Packet, Segment
from qmpconf.trace.convert.base import Notes

if TYPE_CHECKING:
    from qmpconf.trace.capture.dissect import Inner

#: Datagrams that are being put together, at most; the oldest is given up for another one.
_MOST_DATAGRAMS = 256
_LONGEST_DATAGRAM = 65_535


class Decoder:
    """Finds the TCP segment in each packet."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._datagrams: OrderedDict[tuple[bytes, bytes, int], _Datagram] = OrderedDict()

    def segment(self, packet: Packet) -> Segment | None:
        """The segment in `packet`, or that it completes; None for anything else."""
        try:
            return plain_segment(packet)
        except (NotPlainError, struct.error, IndexError):
            return self._dissected(packet)

    def finish(self) -> None:
        """Tell what was never put together."""
        for datagram in self._datagrams.values():
            self._give_up(datagram)
        self._datagrams.clear()

    def _dissected(self, packet: Packet) -> Segment | None:
        """The segment that scapy finds; it is imported when a packet needs it."""
        from qmpconf.trace.capture.dissect import (  # noqa: PLC0415 - takes half a second
            DamagedError,
            dissected,
            segment_of,
        )

        try:
            inner = dissected(packet)
            if inner is not None and inner.fragment:
                inner = self._completed(packet, inner)
            return None if inner is None else segment_of(packet, inner)
        except DamagedError as error:
            self._notes.damage(str(error), packet.number)
            return None

    def _completed(self, packet: Packet, part: Inner) -> Inner | None:
        """The datagram, if the fragment is the last one that was missing."""
        if len(part.data) < part.size or part.where + part.size > _LONGEST_DATAGRAM:
            self._notes.damage("a fragment is cut off, or reaches too far", packet.number)
            return None
        key = part.source, part.target, part.ident
        datagram = self._datagrams.get(key)
        if datagram is None:
            datagram = self._datagrams[key] = _Datagram(packet.number)
            if len(self._datagrams) > _MOST_DATAGRAMS:
                self._give_up(self._datagrams.popitem(last=False)[1])
        whole = datagram.add(part.where, part.data, more=part.more)
        if whole is None:
            return None
        del self._datagrams[key]
        return part._replace(data=whole, size=len(whole))

    def _give_up(self, datagram: _Datagram) -> None:
        self._notes.damage("a datagram of which fragments are missing", datagram.number)


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
