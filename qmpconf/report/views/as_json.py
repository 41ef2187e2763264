"""The merged report as one JSON object, for programs.

::

    {"qmpconf-report": 1,
     "exit_code": 1,            the verb's, of all results the one that counts most
     "failed": true,            whether the exit code is another one than 0
     "totals": {"error": 1, "warning": 0, "note": 0},      findings that are not known
     "unread": ["..."],         what is wrong with results that could not be read
     "runs": [{"verb", "label", "by", "started", "command", "complete", "exit_code", "failure"}],
     "subjects": [...], "rules": [...], "findings": [...], "known": [...], "verdicts": [...],
     "cases": [...], "messages": [...], "latencies": [...], "coverage": [...], "tables": [...],
     "notes": [...], "unjudged": [...], "gone": [...],
     "exercised": {...},        what traces exercise (`qmpconf.report.coverage.as_data`), or null
     "figures": {...},          how many, how long, how big (`qmpconf.trace.figures`), or null
     "closing": ["..."]}       the lines that end every view: what was found, what was not judged

The lists hold the records of `qmpconf.report.results.records` with all their members, in the
order in which every view shows them; a finding's ``status`` is ``new`` in `findings`, and
``known`` in `known`.  The same results give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from qmpconf.report import coverage
from qmpconf.report.results.merge import Report, Run
from qmpconf.report.views import judged

VERSION = 1


def page(report: Report) -> str:
    """The whole report."""
    data = as_data(report)
    try:  # more than twice as quick, and the same
        return msgspec.json.format(json.dumps(data), indent=1) + "\n"
    except msgspec.DecodeError:  # half a surrogate pair, which our own writer escapes
        return json.dumps(data, indent=1) + "\n"


def as_data(report: Report) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "qmpconf-report": VERSION,
        "exit_code": report.exit_code,
        "failed": report.exit_code != 0,
        "totals": dict(report.totals()),
        "unread": report.unread,
        "runs": [_run(one) for one in report.runs],
        "subjects": _records(report.subjects),
        "rules": _records(report.rules.values()),
        "findings": _records(report.new),
        "known": _records(report.known),
        "verdicts": _records(report.verdicts),
        "cases": _records(report.cases),
        "messages": _records(one for same in report.messages.values() for one in same),
        "latencies": _records(report.latencies),
        "coverage": _records(report.coverage),
        "tables": _records(report.tables),
        "notes": _records(report.notes),
        "unjudged": _records(report.unjudged),
        "gone": _records(report.gone),
        "exercised": coverage.as_data(report.exercised) if report.exercised else None,
        "figures": msgspec.to_builtins(report.figures) if report.figures else None,
        "closing": judged.closings(report),
    }


def _run(run: Run) -> dict[str, Any]:
    head = msgspec.structs.asdict(run.header)
    del head["qmpresult"]
    ended = {"complete": run.complete, "exit_code": run.exit_code, "failure": run.failure}
    return {**head, **ended}


def _records(records: Iterable[msgspec.Struct]) -> list[Any]:
    return [msgspec.to_builtins(msgspec.structs.asdict(one)) for one in records]
