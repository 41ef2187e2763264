"""The result of `qmpconf diff`: two recordings are the subject, what differs between them are findings."""

from __future__ import annotations

from qmpconf.check.baseline import Baseline
from qmpconf.replay.diff.outcome import Diff
from qmpconf.replay.findings import COMPARED
from qmpconf.report.results.common import messages_near
from qmpconf.report.results.of_latency import tables
from qmpconf.report.results.of_replay import differing
from qmpconf.report.results.records import FindingRecord, Header, Subject
from qmpconf.report.results.stream import ResultFile


def of_recordings(
    header: Header, diff: Diff, baseline: Baseline, *, messages: bool = False
) -> ResultFile:
    """The result of comparing two recordings; with `messages`, both are read once more."""
    name = f"{diff.second} against {diff.first}"
    result = ResultFile(header, [_subject(name, diff)])
    result.records += differing(name, diff.found, baseline, COMPARED, diff.second)
    labels = ("median in the first", "in the second")
    result.records += tables(name, diff.times.compared(), labels)
    if messages:
        found = [one for one in result.records if isinstance(one, FindingRecord)]
        for path in dict.fromkeys((diff.first, diff.second)):
            lines = (one.line for one in found if one.path == path)
            result.records += messages_near(path, lines)
    return result.end(diff.exit_code)


def _subject(name: str, diff: Diff) -> Subject:
    found = diff.found
    facts: dict[str, str | int | float | bool] = {
        "first": diff.first,
        "second": diff.second,
        "compare": found.level.value,
        "sessions": found.sessions,
        "in both": diff.commands,
        "only in the first": diff.alone[0],
        "only in the second": diff.alone[1],
        "greetings": found.greetings,
        "replies": found.replies,
        "events": found.events,
    }
    return Subject(name=name, kind="trace", facts=facts)
