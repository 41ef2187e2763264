"""The fewest faults that a client fails with; what a run of it gives is said beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qmpconf.cli.reduce import _told_faults
from qmpconf.errors import TargetError, UsageError
from qmpconf.faults.rules import Rule, Schedule
from qmpconf.record.recording import Recording
from qmpconf.replay.reduce import faults
from qmpconf.replay.reduce.faults import ReducedFaults, reduce_faults

A, B, C = (Rule("lose", "reply", name) for name in "abc")
#: What a client does with these faults: the exit code (None: it does not end), and those that happen.
Client = Callable[[tuple[Rule, ...]], tuple[int | None, tuple[Rule, ...]]]


@pytest.fixture
def reduce(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ReducedFaults]:
    def reduced(client: Client, schedule: Schedule, **more: Any) -> ReducedFaults:
        def record(path: str, *, faults: Schedule | None, **_: object) -> Recording:
            with open(path, "x"):
                pass
            code, happened = client(faults.rules if faults is not None else ())
            return Recording(path, 1, 1, code, False, 0, faults=happened, timed_out=code is None)

        monkeypatch.setattr(faults, "record_trace", record)
        told: list[str] = []
        options = {"timeout": 3, "time_limit": 60, "progress": told.append} | more
        return reduce_faults(schedule, ["client"], **options)

    return reduced


def test_the_fewest_that_it_fails_with_in_the_same_way(
    reduce: Callable[..., ReducedFaults],
) -> None:
    def client(rules: tuple[Rule, ...]) -> tuple[int | None, tuple[Rule, ...]]:
        return (7 if {A, C} <= {*rules} else 8 if C in rules else 0), rules

    found = reduce(client, Schedule((A, B, C)))
    assert (found.fails, found.left, found.exit_code) == ("exit code 7", (A, C), 1)
    said = _told_faults(found, None)
    assert said == f"the client fails with 2 of 3 faults: exit code 7 ({found.tries} runs)\n"


def test_a_client_that_hangs_fails(reduce: Callable[..., ReducedFaults]) -> None:
    found = reduce(lambda rules: (None if B in rules else 0, rules), Schedule((A, B)))
    assert (found.fails, found.left) == ("it does not end within 3 s", (B,))


def test_a_client_that_copes(reduce: Callable[..., ReducedFaults]) -> None:
    found = reduce(lambda rules: (0, rules), Schedule((A, B)))
    assert (found.exit_code, found.tries) == (0, 2)
    assert _told_faults(found, None) == "the client copes with 2 faults (2 runs)\n"


def test_rules_are_reduced_where_each_fault_alone_does_not_do(
    reduce: Callable[..., ReducedFaults],
) -> None:
    alone = Rule("lose", "reply", "a", session=1, times=1)

    def client(rules: tuple[Rule, ...]) -> tuple[int | None, tuple[Rule, ...]]:
        return 7 if A in rules else 0, (alone,)

    found = reduce(client, Schedule((A, B, C)))
    assert found.left == (A,)
    assert "the client fails with 1 of 3 faults" in _told_faults(found, None)
    assert "the rules are reduced" in found.note


def test_chance_that_does_not_come_again_leaves_nothing_out(
    reduce: Callable[..., ReducedFaults],
) -> None:
    runs: list[int] = []

    def client(_: tuple[Rule, ...]) -> tuple[int | None, tuple[Rule, ...]]:
        runs.append(1)
        return 7 if len(runs) == 2 else 0, (A,)

    found = reduce(client, Schedule(seed=1))
    assert (found.exit_code, found.left, found.tries) == (1, (), 3)
    assert _told_faults(found, None).startswith("the client does not fail again with the same")


def test_a_client_that_fails_without_any_of_them(reduce: Callable[..., ReducedFaults]) -> None:
    with pytest.raises(TargetError, match="fails without any fault: exit code 1"):
        reduce(lambda rules: (1, rules), Schedule((A,)))
    with pytest.raises(UsageError, match="no fault had happened"):
        reduce(lambda rules: (1 if rules else 0, ()), Schedule((A,)))


def test_after_a_while_it_is_left_at_that(reduce: Callable[..., ReducedFaults]) -> None:
    found = reduce(lambda rules: (7 if rules else 0, rules), Schedule((A, B)), time_limit=0.0)
    assert (found.left, found.exit_code) == ((A, B), 1)
    assert "no fewer were looked for after 0 s" in _told_faults(found, None)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (2, "interrupted\nnothing is known of the client yet (2 runs)\n"),
        (3, "interrupted\n"),
        (
            4,
            "the client fails with 2 of 2 faults: exit code 7 (4 runs)\ninterrupted: the fewest so",
        ),
    ],
)
def test_interrupted(reduce: Callable[..., ReducedFaults], at: int, said: str) -> None:
    runs: list[int] = []

    def client(rules: tuple[Rule, ...]) -> tuple[int | None, tuple[Rule, ...]]:
        runs.append(1)
        if len(runs) == at:
            raise KeyboardInterrupt
        return 7 if rules else 0, rules

    found = reduce(client, Schedule((A, B)))
    assert found.exit_code == 130
    assert _told_faults(found, None).startswith(said)
