"""The result of `qmpconf stats`: each trace is a subject; there is nothing to find wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qmpconf.report.results.common import latencies
from qmpconf.report.results.records import Header, Note, Record, Subject, Traffic
from qmpconf.report.results.stream import ResultFile
from qmpconf.trace.figures import Figures


def of_stats(
    header: Header,
    traces: Sequence[str],
    found: Figures,
    notes: Sequence[str] = (),
    selected: int | None = None,
    more: Iterable[Record] = (),
) -> ResultFile:
    """The result of adding up some traces; `notes` say what their files lack.

    Where a filter was to select messages, `selected` is how many it did; `more` is what else was asked.
    """
    result = ResultFile(header, [Subject(name=path, kind="trace") for path in traces])
    result.records.append(Traffic(figures=found))
    result.records += latencies(traces[0] if len(traces) == 1 else "", found)
    result.records += more
    result.records += [Note(subject="", text=text) for text in notes]
    return result.end(int(selected == 0))
