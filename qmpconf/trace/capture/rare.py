"""Link layers that are rare in captures of QMP (PPPoE, MPLS, 802.11, ...), dissected by scapy.

Importing this module takes a third of a second: it is imported when a packet needs it.
"""

from __future__ import annotations

import socket
from typing import Any

from scapy.config import conf
from scapy.layers import all as _layers  # noqa: F401 - makes the link layers known
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from qmpconf.trace.capture.packets import Packet


def find_tcp(packet: Packet) -> tuple[bytes, bytes, bytes, int] | None:
    """Source, target, bytes and length of the TCP segment in a packet; None without one."""
    layer: Any = conf.l2types.get(packet.link)
    if layer is None:
        return None
    try:
        found: Any = layer(packet.data)
        if not found.haslayer(TCP):
            return None
        inner = found[TCP].underlayer
        data = bytes(found[TCP].original)
        if isinstance(inner, IP):
            size = inner.len - inner.ihl * 4 if inner.len else len(data)
            ends = [socket.inet_pton(socket.AF_INET, one) for one in (inner.src, inner.dst)]
        elif isinstance(inner, IPv6):
            size = inner.plen or len(data)
            ends = [socket.inet_pton(socket.AF_INET6, one) for one in (inner.src, inner.dst)]
        else:
            return None
    except Exception:  # noqa: BLE001 - dissectors of hundreds of protocols, on hostile input
        return None
    return ends[0], ends[1], data[: max(0, size)], size
