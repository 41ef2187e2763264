"""Captures: QMP over TCP out of packets, and packets out of a trace.

::

    file ──packets──> Packet ──layers──> Segment ──stream, connection──> bytes, gaps ──sessions──> Record
    Record ──build──> frames ──files──> pcap, pcapng

The bytes of a session are put together by TCP's sequence numbers, never by the order in which
packets stand in the file: reordered, repeated and overlapping segments give the same bytes once.
Bytes that were not captured are a gap of known size; the other side's acknowledgements tell of
those that nothing follows.

Why this is not left to scapy: a packet takes it a third of a millisecond, its readers cut packets
at 65,535 bytes (a loopback interface has longer ones), and its writers keep time in a float.
Scapy dissects the link layers that are rare (`qmpconf.trace.capture.rare`) and captures live
(`qmpconf.record.sniff`), and the tests hold every layer here against it and against tshark.

What is not done: checksums are not looked at, for network cards fill them in behind the back of a
capture; encrypted sessions (TLS) stay what they are; IP tunnels are not opened.
"""
