"""The format ``pcapng`` of `qmpconf.trace.convert`."""

from qmpconf.trace.capture.reading import read
from qmpconf.trace.capture.writing import write_pcapng as write

__all__ = ["read", "write"]
