"""Events: what one is about, and which one came in place of one that did not."""

from __future__ import annotations

from typing import Any

import pytest

from qmpconf.protocol.messages import from_server
from qmpconf.replay.events import about_of, nearest
from qmpconf.replay.said import Said

TIME = '"timestamp": {"seconds": 1, "microseconds": 2}'


def event(name: str, data: str, index: int = 0) -> Said:
    text = f'{{"event": "{name}", "data": {data}, {TIME}}}'.encode()
    message: Any = from_server(text)
    return Said(message, text, index + 5, index)


def test_what_is_shown_for_a_missing_event_is_of_its_kind_and_most_like_it() -> None:
    missing = event("JOB", '{"id": "j1", "status": "ready"}')
    pool = [
        event("JOB", '{"id": "j2", "status": "paused"}', 1),
        event("JOB", '{"id": "j1", "status": "paused"}', 2),
        event("OTHER", '{"id": "j1", "status": "ready"}', 3),
        event("JOB", '{"x": "j2"}', 4),
    ]
    assert '"j1"' in nearest(missing, pool)
    assert '"paused"' in nearest(missing, pool)
    assert nearest(missing, pool[2:3]) == ""
    assert nearest(missing, []) == ""


@pytest.mark.parametrize(
    ("value", "about"),
    [
        ({"data": {"id": "a", "x": "b"}}, {("id", "a")}),
        (
            {"data": {"device": "d", "node-name": "n", "id": 5}},
            {("device", "d"), ("node-name", "n")},
        ),
        ({"data": []}, set()),
        ({}, set()),
        (None, set()),
    ],
)
def test_what_an_event_is_about(value: Any, about: set[tuple[str, str]]) -> None:
    assert about_of(value) == about
