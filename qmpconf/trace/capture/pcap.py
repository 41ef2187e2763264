"""The format ``pcap`` of `qmpconf.trace.convert`; read is what the file is, pcap or pcapng."""

from qmpconf.trace.capture.reading import read
from qmpconf.trace.capture.writing import write_pcap as write

__all__ = ["read", "write"]
