"""A replay in words, for callers that have its result and no stream."""

from __future__ import annotations

from qmpconf.check.baseline import Baseline
from qmpconf.replay.result import ReplayResult
from qmpconf.report.results.merge import Report, merged
from qmpconf.report.results.of_replay import of_replay
from qmpconf.report.results.stream import header
from qmpconf.report.views import text, words


def as_text(result: ReplayResult, width: int = 120) -> str:
    """The text of `qmpconf replay`, in `width` columns."""
    return text.page(_report(result), width)


def verdict(result: ReplayResult) -> str:
    """What the replay came to, in a few words."""
    return words.headline(_report(result))


def _report(result: ReplayResult) -> Report:
    return merged([of_replay(header("replay"), result, Baseline(result.known))])
