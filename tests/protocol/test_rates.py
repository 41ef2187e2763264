"""Rate-limited events: three of a kind within a second are too many, two are not."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.messages import Event, from_server
from qmpconf.protocol.rates import Rates


def event(name: str, at: int, **data: object) -> Event:
    """An event that happened `at` microseconds."""
    value: dict[str, object] = {
        "event": name,
        "timestamp": {"seconds": at // 1_000_000, "microseconds": at % 1_000_000},
    }
    if data:
        value["data"] = data
    message = from_server(json.dumps(value).encode())
    assert isinstance(message, Event)
    return message


def broken(name: str, times: list[int], version: tuple[int, ...] = (7, 2, 0)) -> list[int]:
    rates = Rates()
    return [
        n for n, at in enumerate(times) if rates.too_often(event(name, at), version) is not None
    ]


def test_two_within_a_second_are_legal() -> None:
    assert broken("RTC_CHANGE", [0, 900_000, 1_900_000]) == []


def test_three_within_a_second_are_not() -> None:
    assert broken("RTC_CHANGE", [0, 300_000, 600_000]) == [2]


def test_other_events_are_not_limited() -> None:
    assert broken("RESET", [0, 1, 2, 3]) == []


def test_each_key_has_its_own_limit() -> None:
    rates = Rates()
    for at in range(9):
        one = event("VSERPORT_CHANGE", at, id=f"port{at % 3}", open=True)
        found = rates.too_often(one, ())
        assert (found is not None) == (at >= 6)


def test_block_io_error_is_limited_since_9_2() -> None:
    assert broken("BLOCK_IO_ERROR", [0, 1, 2], (9, 1, 0)) == []
    assert broken("BLOCK_IO_ERROR", [0, 1, 2], (9, 2, 0)) == [2]
    assert broken("BLOCK_IO_ERROR", [0, 1, 2], ()) == []


def test_block_io_error_that_stops_the_machine_is_not_limited() -> None:
    rates = Rates()
    for at in range(5):
        one = event("BLOCK_IO_ERROR", at, device="", action="stop", operation="write")
        assert rates.too_often(one, (10, 0, 13)) is None


def test_a_clock_that_fails_or_goes_back_says_nothing() -> None:
    failed = Event({}, (), False, "RTC_CHANGE", None, -1, -1)
    rates = Rates()
    assert [rates.too_often(failed, ()) for _ in range(3)] == [None] * 3
    assert broken("RTC_CHANGE", [5_000_000, 100, 200]) == []


@given(st.lists(st.integers(0, 3_000_000), max_size=40))
def test_what_a_limiting_server_sends_is_never_too_often(gaps: list[int]) -> None:
    """A model of the limit: the first at once, then the latest of each second when it is over."""
    now = free = 0
    held: int | None = None
    sent = []
    for gap in gaps:
        now += gap
        if held is not None and free <= now:
            sent.append(held)
            held, free = None, free + 1_000_000
        if now >= free:
            sent.append(now)
            free = now + 1_000_000
        else:
            held = now
    assert broken("WATCHDOG", sent) == []


def test_memory_is_bounded() -> None:
    rates = Rates()
    for at in range(3000):
        rates.too_often(event("VSERPORT_CHANGE", at, id=str(at)), ())
    assert len(rates._last) <= 1024
