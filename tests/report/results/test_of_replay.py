"""What a replay's result says of its differences."""

from __future__ import annotations

import pytest

from qmpconf.check.baseline import Baseline
from qmpconf.replay.compare import Level
from qmpconf.replay.difference import Difference
from qmpconf.replay.result import ReplayResult as Replay
from qmpconf.report.results.of_replay import of_replay
from qmpconf.report.results.records import FindingRecord, Header


def found(one: Difference) -> FindingRecord:
    replay = Replay("t.qmptrace", "", "unix:x", Level.VALUE)
    replay.differences.add(one)
    records = of_replay(Header(verb="replay"), replay, Baseline()).records
    return next(record for record in records if isinstance(record, FindingRecord))


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (
            Difference("extra", "reply to x", 1, 7, pointer="/return/12", got='{"name": "y"}'),
            'came, and was not recorded: {"name": "y"}',
        ),
        (
            Difference(
                "missing",
                "reply to x",
                1,
                7,
                pointer="/return/1",
                expected="[]",
                why="8.0 has none",
            ),
            "8.0 has none: []",
        ),
        (
            Difference("missing", "reply to x", 1, 7, pointer="/return/size", expected="false"),
            "was recorded, and did not come",
        ),
        (
            Difference("extra", "reply to x", 1, 7, pointer="/return/0", got="x" * 200),
            f"came, and was not recorded: {'x' * 80}...",
        ),
    ],
)
def test_an_element_of_one_side_is_told(one: Difference, told: str) -> None:
    assert found(one).message == told


def test_notes_of_one_array_are_one() -> None:
    replay = Replay("t.qmptrace", "", "unix:x", Level.VALUE)
    for at in range(20):
        where = f"/return/{at}"
        replay.differences.add(
            Difference("extra", "reply to x", 1, 7, pointer=where, got=f"{at}", note="offers more")
        )
    replay.differences.add(Difference("extra", "reply to x", 1, 7, pointer="/return/3", got="3"))
    records = of_replay(Header(verb="replay"), replay, Baseline()).records
    own, note = (record for record in records if isinstance(record, FindingRecord))
    assert (own.severity, own.pointer, own.count) == ("error", "/return/3", 1)
    assert (note.severity, note.pointer, note.count) == ("note", "/return", 20)
    assert note.message == "offers more: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more"
