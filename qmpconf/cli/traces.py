"""What the verbs that read recordings share: folders of them, and how one ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from qmpconf.errors import UsageError
from qmpconf.trace.settle import MOST_OPEN

if TYPE_CHECKING:
    from qmpconf.trace.reader import TraceReader


def traces_in(named: Iterable[str]) -> Iterator[str]:
    """The traces; a folder stands for those in it.  Raises UsageError for one without any."""
    for one in named:
        folder = Path(one)
        if not folder.is_dir():
            yield one
            continue
        found = sorted(str(path) for path in folder.rglob("*.qmptrace*") if path.is_file())
        if not found:
            raise UsageError(f"{one}: there is no trace (*.qmptrace, *.qmptrace.gz) in this folder")
        yield from found


def cut_off(reader: TraceReader) -> str:
    """A sentence about a recording that was read to its end, and has none; empty for a whole one."""
    if reader.torn:
        return f"{reader.path}:{reader.torn}: the last line is torn; what is before it was read"
    if not reader.finished:
        return f"{reader.path}: the recording was cut off: no finish line"
    if reader.settled:
        return (
            f"{reader.path}: {reader.settled:,} sessions were not followed to their end, because "
            f"more than {MOST_OPEN:,} were open at once"
        )
    return ""
