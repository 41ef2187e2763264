"""What scapy finds in a packet: a TCP segment, or a fragment of one.

Importing this module takes half a second: it is imported when a packet needs it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scapy.config import conf
from scapy.layers import all as _layers  # noqa: F401 - makes the link layers known
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv46

from qmpconf.trace.capture.segments import Packet, Segment

#: A BSD's loopback; scapy knows the numbers of families of the system alone that it runs on.
_LOOPBACKS = (0, 108)
#: What is not looked into.
_LEAVES: Any = (TCP, UDP, ICMP)
_PROTOCOL = 6

_SHORT = "a packet is too short for its headers"
_WRONG = "a packet with wrong lengths"


class DamagedError(Exception):
    """A packet that cannot be; the text says why."""


class Inner(NamedTuple):
    """What is in an IP packet: a TCP segment, or (`fragment`) a part of one.

    `size` is how long it is, `data` what of it was captured.  A fragment stands at `where`, and
    has `more` behind it, or is the last one; the datagram has the number `ident`.
    """

    source: bytes
    target: bytes
    data: bytes
    size: int
    fragment: bool = False
    ident: int = 0
    where: int = 0
    more: bool = False


def dissected(packet: Packet) -> Inner | None:
    """The segment in `packet`, None for anything else.  Raises `DamagedError`."""
    loopback = packet.link in _LOOPBACKS
    layer: Any = IPv46 if loopback else conf.l2types.get(packet.link)
    if layer is None:
        return None
    try:
        found = layer(packet.data[4:] if loopback else packet.data, stop_dissection_after=_LEAVES)
        return _inner(found)
    except DamagedError:
        raise
    except Exception:  # noqa: BLE001 - dissectors of hundreds of protocols, on hostile input
        raise DamagedError(_SHORT) from None


def segment_of(packet: Packet, inner: Inner) -> Segment:
    """The segment that is whole.  Raises `DamagedError`."""
    try:
        tcp = TCP(inner.data, stop_dissection_after=_LEAVES)
    except Exception:  # noqa: BLE001 - as above
        raise DamagedError(_SHORT) from None
    head = tcp.dataofs * 4
    if not 20 <= head <= inner.size:
        raise DamagedError(_WRONG)
    body = inner.data[head:]
    ends = (inner.source, tcp.sport), (inner.target, tcp.dport)
    lost = inner.size - head - len(body)
    flags = int(tcp.flags) & 0xFF
    return Segment(packet.number, packet.ns, *ends, tcp.seq, tcp.ack, flags, body, lost)


def _inner(found: Any) -> Inner | None:
    """The segment, or fragment, in the innermost IP packet."""
    ip = options = tcp = None
    for layer in found.iterpayloads():
        # What an error of ICMP quotes has classes of its own.
        if type(layer) in (IP, IPv6):
            ip, options = layer, None
        elif type(layer) is IPv6ExtHdrFragment:
            options = layer
        elif type(layer) is TCP:
            tcp = layer
    if ip is None:
        return None
    whole = _bytes(ip.payload)
    place: tuple[int, int, bool] | None = None
    if type(ip) is IP:
        ends = ip.original[12:16], ip.original[16:20]
        # A card that cuts segments itself may leave the length to be filled in.
        given, protocol = (ip.len - ip.ihl * 4 if ip.len else len(whole)), ip.proto
        if ip.frag or ip.flags.MF:
            place = ip.id, ip.frag * 8, bool(ip.flags.MF)
    else:
        ends = ip.original[8:24], ip.original[24:40]
        given, protocol = ip.plen, ip.nh
        if options is not None and (options.offset or options.m):
            place, protocol = (options.id, options.offset * 8, bool(options.m)), options.nh
            before, whole = len(whole), _bytes(options.payload)
            given -= before - len(whole)
    if place is not None:
        if protocol != _PROTOCOL:
            return None
        ident, where, more = place
        return Inner(*ends, whole, given, fragment=True, ident=ident, where=where, more=more)
    if tcp is None:
        if protocol == _PROTOCOL:
            raise DamagedError(_SHORT)
        return None
    size = given - (len(whole) - len(tcp.original))
    return Inner(*ends, tcp.original, size)


def _bytes(layer: Any) -> bytes:
    """The bytes that a layer, and what is in it, were dissected from."""
    return layer.original if layer else b""
