"""The report as JSON."""

from __future__ import annotations

import json

from qmpconf.report.results.merge import merged
from qmpconf.report.results.records import FindingRecord, Gone
from qmpconf.report.views import as_json
from tests.report.results.samples import checked, finding, message, warning


def test_the_members() -> None:
    known = finding(status="known", reason="bug 1", fingerprint="2")
    report = merged([checked(warning(), finding(), known, message(1))], ["x: is not a result"])
    value = json.loads(as_json.page(report))
    assert list(value) == [
        "qmpconf-report",
        "exit_code",
        "failed",
        "totals",
        "unread",
        "runs",
        "subjects",
        "rules",
        "findings",
        "known",
        "verdicts",
        "cases",
        "messages",
        "latencies",
        "coverage",
        "tables",
        "notes",
        "unjudged",
        "gone",
        "exercised",
        "figures",
        "closing",
    ]
    assert (value["exit_code"], value["failed"]) == (3, True)
    assert value["totals"] == {"error": 1, "warning": 4, "note": 0}
    assert value["unread"] == ["x: is not a result"]
    assert [one["line"] for one in value["findings"]] == [16, 8]
    assert list(value["findings"][0]) == list(FindingRecord.__struct_fields__)
    assert value["known"][0]["reason"] == "bug 1"
    assert value["messages"][0]["latency"] is None
    assert value["runs"] == [
        {
            "verb": "check",
            "by": "",
            "started": "2026-11-20T05:17:00Z",
            "command": "qmpconf check s.qmptrace",
            "label": "",
            "strict": False,
            "complete": True,
            "exit_code": 1,
            "failure": "",
        }
    ]


def test_what_fails() -> None:
    assert not as_json.as_data(merged([checked(finding(), exit_code=0)]))["failed"]
    assert as_json.as_data(merged([checked(finding(), exit_code=1)]))["failed"]
    assert as_json.as_data(merged([checked(Gone(subject="", fingerprint="1"))]))["failed"]
    assert not as_json.as_data(merged([checked(exit_code=0)]))["failed"]
    cut = checked()
    cut.finish = None
    assert as_json.as_data(merged([cut]))["failed"]
    assert as_json.as_data(merged([checked().end(4, "it went away")]))["failed"]
