"""What pytest's traces and recorders did not judge, at the end of a run: silence is not a verdict.

It comes as properties of reports, also from workers of xdist; equal ones count once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from qmpconf.check.checking import Outcome
from qmpconf.report.results.merge import Report
from qmpconf.report.results.of_check import lacks_of
from qmpconf.report.results.records import Subject, Unjudged
from qmpconf.report.views import judged
from qmpconf.testing.failures import shown_path
from qmpconf.testing.names import UNJUDGED


def properties(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """A property for each thing that was not judged of a trace."""
    for one in lacks_of(outcome):
        near = msgspec.structs.replace(one, subject=shown_path(outcome.path))
        yield UNJUDGED, msgspec.json.encode(near).decode()


def lines(values: Iterable[Any]) -> list[str]:
    """The lines that end a run, out of the values of the properties of its reports."""
    found = [msgspec.json.decode(one, type=Unjudged) for one in dict.fromkeys(map(str, values))]
    names = dict.fromkeys(one.subject for one in found)
    subjects = [Subject(name=name, kind="trace") for name in names]
    return judged.unjudged(Report(subjects=subjects, unjudged=found))
