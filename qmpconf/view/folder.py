"""The recordings of a folder, as rows: what they are called, how big they are, of when."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from qmpconf.parts import parts_of
from qmpconf.report.show import size_of
from qmpconf.report.terminal import columns, cut
from qmpconf.text import printable

#: Columns of a size and a time.
_FACTS = 26


class Recording(NamedTuple):
    """A recording: its file (or the name of all its parts), bytes on the disk, when it was written last."""

    path: str
    name: str
    size: int
    changed: float


def recordings(paths: Iterable[str], folder: str) -> list[Recording]:
    """What is known of the files in `folder`; one that has gone meanwhile is left out."""
    found = []
    for path in paths:
        try:
            states = [os.stat(one) for one in parts_of(path) or [path]]
        except OSError:
            continue
        name = os.path.relpath(path, folder)
        size = sum(one.st_size for one in states)
        found.append(Recording(path, name, size, max(one.st_mtime for one in states)))
    return found


def rows_of(found: Sequence[Recording], width: int) -> list[str]:
    """A row each, in `width` columns; in few columns, names alone."""
    longest = max((columns(printable(one.name)) for one in found), default=0)
    room = min(width - _FACTS, max(_FACTS, longest))
    if room < _FACTS:
        return [cut(printable(one.name), max(8, width)) for one in found]
    rows = []
    for one in found:
        name = cut(printable(one.name), room)
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.changed))
        rows.append(f"{name}{' ' * (room - columns(name))} {size_of(one.size):>7}  {when}")
    return rows
