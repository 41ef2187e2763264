"""Captures: QMP over TCP out of packets, and packets out of a trace.

::

    file ──files──> Packet ──layers──> Segment ──stream, connection──> bytes, gaps ──sessions──> Record
    Record ──build──> frames ──files──> pcap, pcapng

The bytes of a session are put together by TCP's sequence numbers, never by the order in which
packets stand in the file: reordered, repeated and overlapping segments give the same bytes once.
Bytes that were not captured are a gap of known size; the other side's acknowledgements report
those that nothing follows.

scapy reads and writes the files, and dissects and builds the packets; it also captures live
(`qmpconf.record.sniff`).  To put sessions together is what is done here, and two things before that:
the segments of plain packets are found without scapy, which takes ten times as long
(`qmpconf.trace.capture.plain`), and fragments are put together (`qmpconf.trace.capture.layers`).

What is not done: checksums are not looked at, for network cards fill them in behind the back of a
capture; encrypted sessions (TLS) stay what they are.
"""

import logging

# Before scapy is imported: what is wrong with a file, qmpconf says in its own words.
logging.getLogger("scapy").setLevel(logging.ERROR)
