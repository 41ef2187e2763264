"""Which messages are asked for."""

from __future__ import annotations

import pytest

from qmpconf.trace.selection import Selection
from qmpconf.trace.summary import Summary

SUMMARIES = [
    Summary(2, 0.0, 1, "client", "open"),
    Summary(3, 1.0, 1, "server", "greeting", outcome="7.2.22"),
    Summary(4, 1.0, 1, "client", "command", "query-block"),
    Summary(5, 1.1, 1, "server", "return", "query-block", latency=0.1, answers=4),
    Summary(6, 2.0, 2, "client", "command", "query-cpus"),
    Summary(7, 2.0, 2, "server", "event", "STOP"),
    Summary(8, 2.5, 2, "server", "error", "query-cpus", latency=0.5, answers=6, outcome="X"),
    Summary(9, 3.0, 2, "client", "malformed", outcome="no JSON"),
    Summary(10, 4.0, 2, "server", "close", outcome="server", text="reset"),
    Summary(11, 4.0, 1, "client", "close", outcome="client"),
]


@pytest.mark.parametrize(
    ("selection", "lines"),
    [
        (Selection(), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (Selection(commands=("query-block",)), [4, 5]),
        (Selection(commands=("query-*",)), [4, 5, 6, 8]),
        (Selection(commands=("query-b*", "*-cpus")), [4, 5, 6, 8]),
        (Selection(commands=("stop", "STOP")), []),
        (Selection(events=("*",)), [7]),
        (Selection(commands=("query-b*",), events=("S*",)), [4, 5, 7]),
        (Selection(errors=True), [8, 9, 10]),
        (Selection(errors=True, commands=("*",)), [8]),
        (Selection(slow=0.1), [5, 8]),
        (Selection(slow=0.11), [8]),
        (Selection(sessions=frozenset({1})), [2, 3, 4, 5, 11]),
        (Selection(lines=((4, 5), (10, float("inf")))), [4, 5, 10, 11]),
    ],
)
def test_what_passes(selection: Selection, lines: list[int]) -> None:
    matches = selection.matcher()
    assert [one.line for one in SUMMARIES if matches(one)] == lines
    assert selection.everything == (len(lines) == len(SUMMARIES))
