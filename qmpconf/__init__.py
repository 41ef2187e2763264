"""qmpconf: recorder and conformance suite for QMP, the QEMU Machine Protocol.

The public names of the package; everything else may change.  ``python -m pydoc qmpconf`` prints
all of them.  They are imported when they are first used, so that ``import qmpconf`` costs nothing.

- `open_trace(path)` reads a trace: its header, records, and the messages of each side.
- `load_catalog(name_or_file)` and `compile_document(text)` give catalogs.
- `record_trace`, `check_trace`, `replay_trace` and `convert_trace` do the work of the verbs of that
  name; what only the command line has (baselines, views, several files) is built around them.
- `summarize(items)` gives a `Summary` for each message, as ``qmpconf show`` prints them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from qmpconf.version import __version__

if TYPE_CHECKING:
    from qmpconf.check.checking import Outcome as Outcome
    from qmpconf.check.checking import check_trace as check_trace
    from qmpconf.errors import InputError as InputError
    from qmpconf.errors import OutputError as OutputError
    from qmpconf.errors import QmpconfError as QmpconfError
    from qmpconf.errors import TargetError as TargetError
    from qmpconf.errors import UsageError as UsageError
    from qmpconf.findings import Finding as Finding
    from qmpconf.protocol.framing import Frame as Frame
    from qmpconf.record.recorder import Observe as Observe
    from qmpconf.record.recording import Recording as Recording
    from qmpconf.record.recording import record_trace as record_trace
    from qmpconf.replay.play.replaying import replay_trace as replay_trace
    from qmpconf.replay.result import ReplayResult as Replay
    from qmpconf.schema.documents.compiler import compile_document as compile_document
    from qmpconf.schema.model import Catalog as Catalog
    from qmpconf.schema.store import load as load_catalog
    from qmpconf.trace.convert.converting import convert as convert_trace
    from qmpconf.trace.items import Item as Item
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
    "Finding": ("qmpconf.findings", "Finding"),
    "Frame": ("qmpconf.protocol.framing", "Frame"),
    "Item": ("qmpconf.trace.items", "Item"),
    "Observe": ("qmpconf.record.recorder", "Observe"),
    "Outcome": ("qmpconf.check.checking", "Outcome"),
    "Recording": ("qmpconf.record.recording", "Recording"),
    "Replay": ("qmpconf.replay.result", "ReplayResult"),
    "Summary": ("qmpconf.trace.summary", "Summary"),
    "summarize": ("qmpconf.trace.summary", "summarize"),
    "convert_trace": ("qmpconf.trace.convert.converting", "convert"),
    "Side": ("qmpconf.trace.records", "Side"),
    "check_trace": ("qmpconf.check.checking", "check_trace"),
    "compile_document": ("qmpconf.schema.documents.compiler", "compile_document"),
    "load_catalog": ("qmpconf.schema.store", "load"),
    "open_trace": ("qmpconf.trace.reader", "open_trace"),
    "TraceReader": ("qmpconf.trace.reader", "TraceReader"),
    "record_trace": ("qmpconf.record.recording", "record_trace"),
    "replay_trace": ("qmpconf.replay.play.replaying", "replay_trace"),
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


def __dir__() -> list[str]:
    """The public names, so that completion and ``pydoc`` show them."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    try:
        module, attribute = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'qmpconf' has no attribute {name!r}") from None
    return getattr(importlib.import_module(module), attribute)
