"""qmpconf: recorder and conformance suite for QMP, the QEMU Machine Protocol.

The public names of the package; everything else may change.  They are imported when they are
first used, so that ``import qmpconf`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from qmpconf.version import __version__

if TYPE_CHECKING:
    from qmpconf.errors import InputError as InputError
    from qmpconf.errors import OutputError as OutputError
    from qmpconf.errors import QmpconfError as QmpconfError
    from qmpconf.errors import TargetError as TargetError
    from qmpconf.errors import UsageError as UsageError
    from qmpconf.protocol.framing import Frame as Frame
    from qmpconf.record.recorder import Observe as Observe
    from qmpconf.record.run import Recording as Recording
    from qmpconf.record.run import record_trace as record_trace
    from qmpconf.trace.reader import Item as Item
    from qmpconf.trace.reader import TraceReader as TraceReader
    from qmpconf.trace.records import Side as Side

#: name: module that has it
_PUBLIC = {
    "InputError": "qmpconf.errors",
    "OutputError": "qmpconf.errors",
    "QmpconfError": "qmpconf.errors",
    "TargetError": "qmpconf.errors",
    "UsageError": "qmpconf.errors",
    "Frame": "qmpconf.protocol.framing",
    "Observe": "qmpconf.record.recorder",
    "Recording": "qmpconf.record.run",
    "record_trace": "qmpconf.record.run",
    "Item": "qmpconf.trace.reader",
    "TraceReader": "qmpconf.trace.reader",
    "Side": "qmpconf.trace.records",
}

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    try:
        module = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'qmpconf' has no attribute {name!r}") from None
    return getattr(importlib.import_module(module), name)
