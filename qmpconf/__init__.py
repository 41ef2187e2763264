"""qmpconf: recorder and conformance suite for QMP, the QEMU Machine Protocol."""

from qmpconf.version import __version__

__all__ = ["__version__"]
