"""``qmpconf report RESULT...``: reading results, as work that is shared out."""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.corpus.gathered import Watch
from qmpconf.report.results.heap import Heap
from qmpconf.report.results.stream import read_result

#: A result is read more quickly than a recording is checked: see ``README.md``, Results of many runs.
LIGHT = 4


@dataclass(frozen=True, slots=True)
class ResultTask:
    """Read a result."""

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[Heap, list[str]]:
        """All that is in it.  Raises InputError for what is not a result."""
        del number, watch
        return Heap.of(read_result(path)), []
