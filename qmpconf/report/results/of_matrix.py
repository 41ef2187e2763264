"""The result of a matrix of servers: each is a subject, by the name that the matrix gives it.

Servers of one build are told apart by that name alone, and traces by the folder of their server:
where they were written is often gone when a page is read.
"""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from qmpconf.conform.outcome import Outcome
from qmpconf.report.results.of_conform import closing, opening, server_of
from qmpconf.report.results.records import Case, FindingRecord, Message, Note, Record, Subject


def of_matrix(name: str, outcome: Outcome, folder: str) -> Iterator[Record]:
    """The records of the server `name`; its traces, which are read here, are in `folder`."""
    facts = {"target": server_of(outcome), "schema": outcome.schema}
    for one in (*opening(outcome), *closing(outcome, ())):
        record = _placed(one, folder)
        if isinstance(record, Subject):
            yield msgspec.structs.replace(record, name=name, facts=facts)
        elif hasattr(record, "subject"):
            yield msgspec.structs.replace(record, subject=name)
        else:
            yield record


def said_once(records: Iterable[Record], servers: int) -> Iterator[Record]:
    """The records; a note that is the same on all `servers` comes once, at its first place, for all."""
    kept = list(records)
    times = Counter(one.text for one in kept if isinstance(one, Note))
    said: set[str] = set()
    for one in kept:
        if servers < 2 or not isinstance(one, Note) or times[one.text] < servers:
            yield one
        elif one.text not in said:
            said.add(one.text)
            yield msgspec.structs.replace(one, subject="")


def _placed(record: Record, folder: str) -> Record:
    if isinstance(record, FindingRecord | Message):
        return msgspec.structs.replace(record, path=_moved(record.path, folder))
    if isinstance(record, Case):
        return msgspec.structs.replace(record, trace=_moved(record.trace, folder))
    return record


def _moved(path: str, folder: str) -> str:
    return os.path.join(folder, os.path.basename(path)) if path else ""
