"""Schedules as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.errors import InputError, UsageError
from qmpconf.faults.ready import READY, load_schedule, text_of
from qmpconf.faults.rules import CONNECTION_FAULTS, MESSAGE_FAULTS, Rule, dumped, parse_schedule
from tests.usual import examples


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    target = draw(st.sampled_from(["reply", "event", "greeting", "connection"]))
    do = draw(st.sampled_from([*(CONNECTION_FAULTS if target == "connection" else MESSAGE_FAULTS)]))
    name = draw(st.text(min_size=1).filter(str.strip)) if target in ("reply", "event") else ""
    numbers = st.integers(0, 1 << 53)
    following = do == "late" and draw(st.booleans())
    least = 0.0 if following else 1e-6
    seconds = draw(st.floats(least, 86400)) if do in ("late", "delay") else 0.0
    size = draw(st.integers(1, 1 << 40)) if do == "slow" else 0
    session, skip, times = draw(numbers), draw(numbers), draw(numbers)
    return Rule(do, target, name, session, skip, times, seconds, following, size)


@given(st.lists(rules(), min_size=1, max_size=5))
@settings(max_examples=examples(200))
def test_what_is_written_is_read_again(some: list[Rule]) -> None:
    assert parse_schedule(dumped(some, ["a comment"]), "x.toml").rules == tuple(some)


@pytest.mark.parametrize("name", READY)
def test_what_is_there_already_can_be_read(name: str) -> None:
    assert len(load_schedule(name).rules) == 1
    assert text_of(name).startswith("# ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1: holds no fault"),
        ('[[fault]]\nreply = "x"', "fault 1 has no 'do'"),
        (
            '[[fault]]\ndo = "loose"\nreply = "x"',
            "2: there is no fault 'loose'; did you mean 'lose'?",
        ),
        ('[[fault]]\ndo = "zzz"\nreply = "x"', "there is no fault 'zzz'; there are lose, double"),
        ('[[fault]]\ndo = "lose"', "1: say to what fault 1 is done, by one of reply, event"),
        ('[[fault]]\ndo = "lose"\nreply = "x"\nevent = "y"', "4: say to what fault 1 is done"),
        (
            '[[fault]]\ndo = "lose"\nconnection = true',
            "'lose' cannot be done to a connection; refuse",
        ),
        ('[[fault]]\ndo = "slow"\nreply = "x"', "'slow' cannot be done to a reply"),
        ('[[fault]]\ndo = "lose"\ngreeting = false', "3: 'greeting' must be true"),
        ('[[fault]]\ndo = "lose"\nreply = ""', "3: 'reply' must be a string, not empty"),
        (
            '[[fault]]\ndo = "late"\nreply = "x"',
            "2: 'late' needs seconds = NUMBER or next-command = true",
        ),
        (
            '[[fault]]\ndo = "delay"\nreply = "x"\nnext-command = true',
            "4: 'next-command' is for late",
        ),
        (
            '[[fault]]\ndo = "late"\nreply = "x"\nseconds = -1',
            "4: 'seconds' must be a number above 0",
        ),
        (
            '[[fault]]\ndo = "late"\nreply = "x"\nseconds = nan',
            "4: 'seconds' must be a number above 0",
        ),
        ('[[fault]]\ndo = "lose"\nreply = "x"\nseconds = 1', "4: 'seconds' is for late and delay"),
        ('[[fault]]\ndo = "slow"\nconnection = true', "2: 'slow' needs bytes = NUMBER"),
        ('[[fault]]\ndo = "lose"\nreply = "x"\nbytes = 1', "4: 'bytes' is for slow"),
        ('[[fault]]\ndo = "lose"\nreply = "x"\nskip = true', "4: 'skip' must be a whole number"),
        ('[[fault]]\ndo = "lose"\nreply = "x"\ntimes = 0', "4: 'times' counts from 1"),
        (
            '[[fault]]\ndo = "lose"\nreply = "x"\ntime = 1',
            "4: unknown key 'time'; did you mean 'times'?",
        ),
        ("seed = 1.5", "1: 'seed' must be a whole number"),
        ("seed = 1\nrate = 2", "2: 'rate' must be a number from 0 to 1"),
        ("rate = 0.5\nfault = []", "1: 'rate' goes with a 'seed'"),
        ("fault = 1", "1: write [[fault]]"),
        ("[[fault]", "1: is not a schedule of faults"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        parse_schedule(text, "x.toml")
    assert f"x.toml:{words}" in str(error.value) or words in str(error.value)
    assert str(error.value).startswith("x.toml:")


def test_a_name_that_is_not_known() -> None:
    with pytest.raises(UsageError, match="no faults of the name 'silentt'; did you mean 'silent'"):
        load_schedule("silentt")
    with pytest.raises(InputError, match="cannot read none"):
        load_schedule("none.toml")


def test_a_pattern_does_not_mean_the_negotiation() -> None:
    assert Rule("lose", "reply", "*").means("reply", "query-status", 1)
    assert not Rule("lose", "reply", "*").means("reply", "qmp_capabilities", 1)
    assert Rule("lose", "reply", "qmp_capabilities").means("reply", "qmp_capabilities", 1)
    assert not Rule("lose", "reply", "query-*", session=2).means("reply", "query-status", 1)
