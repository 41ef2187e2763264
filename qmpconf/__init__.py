"""qmpconf: recorder and conformance suite for QMP, the QEMU Machine Protocol.

The public names of the package; everything else may change.  They are imported when they are
first used, so that ``import qmpconf`` costs nothing.

- `open_trace(path)` reads a trace: its header, records, and the messages of each side.
- `load_catalog(name_or_file)` and `compile_document(text)` give catalogs.
- `record_trace`, `check_trace`, `replay_trace` and `convert_trace` do what the verbs of that name do.
- `summarize(items)` gives a `Summary` for each message, as ``qmpconf show`` prints them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from qmpconf.version import __version__

if TYPE_CHECKING:
    from qmpconf.check.findings import Finding as Finding
    from qmpconf.check.run import Outcome as Outcome
    from qmpconf.check.run import check_trace as check_trace
    from qmpconf.errors import InputError as InputError
    from qmpconf.errors import OutputError as OutputError
    from qmpconf.errors import QmpconfError as QmpconfError
    from qmpconf.errors import TargetError as TargetError
    from qmpconf.errors import UsageError as UsageError
    from qmpconf.protocol.framing import Frame as Frame
    from qmpconf.record.recorder import Observe as Observe
    from qmpconf.record.run import Recording as Recording
    from qmpconf.record.run import record_trace as record_trace
    from qmpconf.replay.result import Result as Replay
    from qmpconf.replay.run import replay_trace as replay_trace
    from qmpconf.schema.documents.compiler import compile_document as compile_document
    from qmpconf.schema.model import Catalog as Catalog
    from qmpconf.schema.store import load as load_catalog
    from qmpconf.trace.convert.run import convert as convert_trace
    from qmpconf.trace.reader import Item as Item
    from qmpconf.trace.reader import TraceReader as TraceReader
    from qmpconf.trace.reader import open_trace as open_trace
    from qmpconf.trace.records import Side as Side
    from qmpconf.trace.summary import Summary as Summary
    from qmpconf.trace.summary import summarize as summarize

#: Public name: the module that has it, and its name there.
_PUBLIC = {
    "InputError": ("qmpconf.errors", "InputError"),
    "OutputError": ("qmpconf.errors", "OutputError"),
    "QmpconfError": ("qmpconf.errors", "QmpconfError"),
    "TargetError": ("qmpconf.errors", "TargetError"),
    "UsageError": ("qmpconf.errors", "UsageError"),
    "Catalog": ("qmpconf.schema.model", "Catalog"),
    "Finding": ("qmpconf.check.findings", "Finding"),
    "Frame": ("qmpconf.protocol.framing", "Frame"),
    "Item": ("qmpconf.trace.reader", "Item"),
    "Observe": ("qmpconf.record.recorder", "Observe"),
    "Outcome": ("qmpconf.check.run", "Outcome"),
    "Recording": ("qmpconf.record.run", "Recording"),
    "Replay": ("qmpconf.replay.result", "Result"),
    "Summary": ("qmpconf.trace.summary", "Summary"),
    "summarize": ("qmpconf.trace.summary", "summarize"),
    "convert_trace": ("qmpconf.trace.convert.run", "convert"),
    "Side": ("qmpconf.trace.records", "Side"),
    "check_trace": ("qmpconf.check.run", "check_trace"),
    "compile_document": ("qmpconf.schema.documents.compiler", "compile_document"),
    "load_catalog": ("qmpconf.schema.store", "load"),
    "open_trace": ("qmpconf.trace.reader", "open_trace"),
    "TraceReader": ("qmpconf.trace.reader", "TraceReader"),
    "record_trace": ("qmpconf.record.run", "record_trace"),
    "replay_trace": ("qmpconf.replay.run", "replay_trace"),
}

__all__ = [
    "Catalog",
    "Finding",
    "Frame",
    "InputError",
    "Item",
    "Observe",
    "Outcome",
    "OutputError",
    "QmpconfError",
    "Recording",
    "Replay",
    "Side",
    "Summary",
    "TargetError",
    "TraceReader",
    "UsageError",
    "__version__",
    "check_trace",
    "compile_document",
    "convert_trace",
    "load_catalog",
    "open_trace",
    "record_trace",
    "replay_trace",
    "summarize",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    try:
        module, attribute = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'qmpconf' has no attribute {name!r}") from None
    return getattr(importlib.import_module(module), attribute)
