"""How long the suite waits: long for what is slow, briefly for what was waited for in vain before."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.conform.patience import LATE, LEAST, SHRINKS, SLACK, Patience
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.talk import Talk
from qmpconf.conform.tape import Tape
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import Unmet
from qmpconf.monitor.core import Session
from tests.conform.test_variants import broken, served
from tests.conform.variants.base import Broken

RULE = "response.exactly-one"
seconds = st.floats(0.001, 60, allow_nan=False)


@given(st.floats(0.1, 60), st.lists(st.one_of(seconds, st.just("silence"))))
def test_a_wait_is_never_longer_than_asked_for_nor_shorter_than_a_slow_server_needs(
    full: float, seen: list[float | str]
) -> None:
    patience = Patience(full)
    latest = 0.0
    for one in seen:
        before = patience.answer(RULE)
        if isinstance(one, float):
            patience.took(one)
            latest = one
        else:
            patience.in_vain(RULE, before)
            assert patience.answer(RULE) <= before
        assert min(full, max(LEAST, SLACK * latest)) <= patience.answer(RULE) <= full
        assert 0 < patience.behind() <= full
        assert min(full, max(LATE, SLACK * latest)) <= patience.event() <= full


def test_waits_in_vain_for_one_requirement_leave_the_others_alone() -> None:
    patience = Patience(10)
    assert patience.in_vain(RULE, patience.answer(RULE)) == "nothing in 10 s"
    assert patience.answer(RULE) == 2.5
    assert patience.answer("recovery.after-error") == 10
    told = patience.in_vain(RULE, patience.answer(RULE))
    assert told == "nothing in 2.5 s, after 1 wait in vain before"


def test_one_slow_answer_is_forgotten_after_many_quick_ones() -> None:
    patience = Patience(10)
    patience.took(3)
    patience.in_vain(RULE, 10)
    assert patience.answer(RULE) == 10
    for _ in range(200):
        patience.took(0.001)
    assert patience.answer(RULE) == 2.5


#: Seconds that an answer may take at first.
PATIENCE = 4.0

#: All but the long messages: they are given a minute each.
GROUPS = (
    *("framing.", "greeting.", "negotiation.", "session.", "request.", "response.", "event."),
    *("oob.", "recovery.", "limits.nesting", "schema."),
)


class OneCommandPerRead(Broken):
    """What stands behind the first line of a read is thrown away."""

    def heard(self, _session: Session, data: bytes) -> bytes:
        return data[: data.find(b"\n") + 1] if b"\n" in data else data


class ErrorsLackTheirId(Broken):
    """Errors come back without the id."""

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        if "error" in message:
            message = {key: value for key, value in message.items() if key != "id"}
        return message


@pytest.mark.parametrize(
    ("monitor", "breaks", "also"),
    [
        # Of commands that are sent together, all but the first one are lost.
        (
            OneCommandPerRead,
            {"framing.by-value", RULE},
            {
                *("oob.overtakes", "oob.queue", "response.in-order", "response.id-echo"),
                *(
                    "session.half-close",
                    "recovery.after-error",
                    "recovery.reset-byte",
                    "limits.size",
                ),
            },
        ),
        (ErrorsLackTheirId, {"response.id-echo"}, set()),
    ],
)
def test_a_broken_server_is_not_waited_for_again_and_again(
    monitor: type[Broken],
    breaks: set[str],
    also: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All cases are run, and each rule is waited for in vain for the whole time once at most."""
    answers: list[float] = []
    took = Patience.took

    def remembered(patience: Patience, seconds: float) -> None:
        answers.append(seconds)
        took(patience, seconds)

    monkeypatch.setattr(Patience, "took", remembered)
    with served(monitor()) as address:
        options = Options(folder=str(tmp_path), shipped=False, patterns=GROUPS, patience=PATIENCE)
        with Suite(Target(address), options) as suite:
            outcome = suite.run_all()
    assert outcome.gone == ""
    found = broken(outcome) - {"schema.command-offered"}
    assert breaks <= found <= breaks | also
    told = " ".join(one.reason for one in outcome.results)
    slowest = SLACK * max(answers)
    for waited, before in re.findall(r"nothing in ([\d.]+) s(?:, after (\d+) wait)?", told):
        shrunk = PATIENCE / SHRINKS ** int(before or 0)
        assert float(waited) <= 1.01 * max(shrunk, LEAST, slowest), (waited, before)


@pytest.mark.parametrize("reads", [0, 3])
def test_a_server_that_reads_on_is_given_time_for_each_part_until_there_is_room(
    reads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has taken something in each of so many waits, and nothing in the one behind them."""
    left = iter([900 - 100 * (number // 2 + number % 2) for number in range(2 * reads)])
    asked: list[int] = []

    def untaken(_: socket.socket) -> int:
        asked.append(next(left, 0))
        return asked[-1]

    monkeypatch.setattr("qmpconf.conform.talk.untaken", untaken)
    ours, theirs = socket.socketpair()
    tape = Tape(str(tmp_path / "t.qmptrace"))
    with theirs:
        deadline = time.monotonic() + 60
        talk = Talk(ours, tape, "x", patience=Patience(0.05), deadline=deadline, silence=RULE)
        with pytest.raises(Unmet, match="not taken in time"):
            talk.send(b'"' + b"x" * (1 << 20) + b'"')
        assert len(asked) == 2 * reads + 2  # before and after each wait
        talk.close()
    tape.finish()
