"""What a client is given, message by message."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.faults.engine import Cut, Faults, Happened, Line
from qmpconf.faults.rules import Rule, Schedule
from tests.usual import examples

GREETING = b'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": []}}'


def command(name: str, number: int) -> bytes:
    return b'{"execute": "%b", "id": %d}' % (name.encode(), number)


def reply(number: int) -> bytes:
    return b'{"return": {}, "id": %d}' % number


def event(name: str) -> bytes:
    return b'{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "%b"}' % name.encode()


def lines_of(*rules: Rule) -> tuple[Line, list[Happened], Faults]:
    told: list[Happened] = []
    faults = Faults(Schedule(rules), told.append)
    return faults.session(1), told, faults


def said(line: Line, data: bytes, now: float = 0.0) -> list[bytes | Cut]:
    return line.server(data, b"\r\n", now)


def test_what_is_lost_does_not_come_and_all_else_does() -> None:
    line, told, faults = lines_of(Rule("lose", "event", "SHUTDOWN"))
    assert said(line, GREETING) == [GREETING + b"\r\n"]
    assert said(line, event("SHUTDOWN")) == []
    assert said(line, event("STOP")) == [event("STOP") + b"\r\n"]
    assert [str(one) for one in told] == ["session 1: lose: event SHUTDOWN"]
    assert faults.withheld == {1}


def test_a_reply_is_known_by_the_command_that_it_answers() -> None:
    line, told, _ = lines_of(Rule("lose", "reply", "stop"))
    line.client(command("query-status", 1))
    line.client(command("stop", 2))
    assert said(line, reply(1)) == [reply(1) + b"\r\n"]
    assert said(line, reply(2)) == []
    assert told[0].what == "reply stop"


LONG = b'{"execute": "guest-file-write", "arguments": {"buf-b64": "%b"}, "id": 7}' % (
    b"A" * (1 << 20)
)


def test_a_command_that_is_too_long_to_be_read_takes_its_reply_and_no_other() -> None:
    line, told, _ = lines_of(Rule("lose", "reply", "stop"))
    line.client(LONG)
    line.client(command("stop", 8))
    refused = b'{"error": {"class": "GenericError", "desc": "no"}, "id": 7}'
    assert said(line, refused) == [refused + b"\r\n"]
    assert said(line, reply(8)) == []
    line.client(LONG)
    line.client(command("cont", 9))
    assert said(line, reply(7)) == [reply(7) + b"\r\n"]
    assert said(line, reply(9)) == [reply(9) + b"\r\n"]
    assert len(told) == 1


def test_a_reply_that_is_too_long_to_be_read_answers_the_command_that_is_due() -> None:
    line, told, _ = lines_of(Rule("lose", "reply", "query-qmp-schema"))
    for name in ("stop", "query-qmp-schema", "cont"):
        line.client(command(name, 1))
    assert said(line, reply(1))
    assert not said(line, b'{"return": "%b", "id": 1}' % (b"x" * (1 << 20)))
    assert said(line, reply(1))
    event = b'{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "X", "data": "%b"}'
    assert said(line, event % (b"x" * (1 << 20)))
    assert [str(one) for one in told] == ["session 1: lose: reply query-qmp-schema"]


def test_skip_and_times() -> None:
    line, told, _ = lines_of(Rule("lose", "event", "STOP", skip=1, times=2))
    got = [bool(said(line, event("STOP"))) for _ in range(5)]
    assert got == [True, False, False, True, True]
    assert len(told) == 2


def test_the_first_rule_counts_and_chance_only_without_one() -> None:
    rules = (
        Rule("slow", "connection", size=7),
        Rule("late", "event", "B", seconds=1),
        Rule("lose", "event"),
        Rule("cut", "event"),
    )
    told: list[Happened] = []
    line = Faults(Schedule(rules, seed=1, rate=1.0), told.append).session(5)
    for name in "ABC":
        said(line, event(name))
    said(line, GREETING)
    assert line.speed == 7
    assert [(one.what, one.fault.do, one.rule, one.number) for one in told[:4]] == [
        ("connection", "slow", 1, -1),
        ("event A", "lose", 3, 0),
        ("event B", "late", 2, 1),
        ("event C", "lose", 3, 2),
    ]
    assert str(told[2]) == "session 5: late: event B, 1 s"
    assert (told[4].what, told[4].rule) == ("greeting", 0)


def test_an_error_for_what_is_not_json_is_not_the_reply_to_a_command() -> None:
    line, told, _ = lines_of(Rule("lose", "reply", "stop"))
    line.client(b"]")
    line.client(b'{"execute": "stop"}')
    assert said(line, b'{"error": {"class": "GenericError", "desc": "JSON parse error"}}')
    assert not said(line, b'{"return": {}}')
    assert len(told) == 1


def test_a_rule_of_one_session() -> None:
    faults = Faults(Schedule((Rule("lose", "event", "STOP", session=2),)))
    first, second = faults.session(1), faults.session(2)
    assert said(first, event("STOP"))
    assert not said(second, event("STOP"))


def test_what_is_late_is_overtaken_and_what_is_delayed_is_not() -> None:
    line, told, faults = lines_of(
        Rule("late", "event", "A", seconds=3), Rule("delay", "event", "B", seconds=1)
    )
    assert said(line, event("A"), 10.0) == []
    assert said(line, event("B"), 10.0) == []
    assert said(line, event("C"), 10.5) == []  # behind B
    assert line.wait(10.5) == 0.5
    assert line.due(10.9) == []
    assert line.due(11.0) == [event("B") + b"\r\n", event("C") + b"\r\n"]
    assert said(line, event("D"), 12.0) == [event("D") + b"\r\n"]
    assert faults.withheld == {0}
    assert line.due(13.0) == [event("A") + b"\r\n"]
    assert line.wait(13.0) is None
    assert [(one.what, one.given) for one in told] == [
        ("event A", False),
        ("event B", False),
        ("event B", True),
        ("event A", True),
    ]
    assert not faults.withheld


def test_delays_add_up() -> None:
    line, _, _ = lines_of(Rule("delay", "event", "A", seconds=1))
    for now, name in ((0.0, "A"), (0.25, "B"), (0.5, "A")):
        assert said(line, event(name), now) == []
    assert line.due(1.5) == [event("A") + b"\r\n", event("B") + b"\r\n"]
    assert line.wait(1.5) == 0.5
    assert line.due(2.0) == [event("A") + b"\r\n"]


def test_a_late_reply_comes_with_the_next_command() -> None:
    line, _, _ = lines_of(Rule("late", "reply", "*", times=1, next_command=True))
    line.client(command("stop", 1))
    assert said(line, reply(1)) == []
    assert line.wait(0.0) is None
    assert line.client(command("cont", 2)) == [reply(1) + b"\r\n"]
    assert said(line, reply(2)) == [reply(2) + b"\r\n"]


def test_double_cut_and_hang() -> None:
    line, _, _ = lines_of(
        Rule("double", "greeting"), Rule("hang", "event", "STOP"), Rule("cut", "event", "X")
    )
    assert said(line, GREETING) == [GREETING + b"\r\n"] * 2
    half, end = said(line, event("X"))
    assert isinstance(half, bytes)
    assert event("X").startswith(half)
    assert 0 < len(half) < len(event("X"))
    assert isinstance(end, Cut)
    assert said(line, event("STOP")) == []
    assert said(line, event("RESUME")) == []
    assert line.other(b"noise") == []


def test_connections() -> None:
    faults = Faults(
        Schedule(
            (
                Rule("refuse", "connection", session=1),
                Rule("slow", "connection", session=2, size=7),
                Rule("hang", "connection", session=3),
            )
        )
    )
    assert faults.session(1).refused
    assert faults.session(2).speed == 7
    assert said(faults.session(3), GREETING) == []
    assert not faults.session(4).refused


def test_a_server_is_held_back_when_much_waits() -> None:
    line, _, _ = lines_of(Rule("delay", "event", "A", seconds=5))
    said(line, event("A"))
    for _ in range(9):
        assert not line.full
        said(line, b'{"return": "%b"}' % (b"x" * 1_000_000))
    assert line.full
    assert sum(map(len, line.due(5.0))) > 9_000_000  # type: ignore[arg-type]
    assert not line.full


def test_what_is_late_counts_as_what_waits() -> None:
    line, _, _ = lines_of(Rule("late", "reply", seconds=5))
    for number in range(9):
        assert not line.full
        said(line, b'{"return": "%b", "id": %d}' % (b"x" * 1_000_000, number))
    assert line.full
    assert len(line.due(5.0)) == 9
    assert not line.full


_SAID = st.lists(
    st.sampled_from(["greeting", "A", "B", "C", "stop", "cont", "query-status"]), max_size=30
)


def played(schedule: Schedule, sessions: list[list[str]]) -> tuple[list[Rule], list[object]]:
    """What a client that waits for nothing is given, with a second between two messages."""
    faults = Faults(schedule)
    got: list[object] = []
    for number, messages in enumerate(sessions, 1):
        line = faults.session(number)
        now = 0.0
        for at, one in enumerate(messages):
            now += 1
            got.append((now, line.due(now)))
            if one == "greeting":
                got.append(said(line, GREETING, now))
            elif one.isupper():
                got.append(said(line, event(one), now))
            else:
                got.append(line.client(command(one, at)))
                got.append(said(line, reply(at), now))
        got.append(line.due(1e9))
    return faults.happened, got


@given(st.integers(), st.floats(0, 1), st.lists(_SAID, max_size=3))
@settings(max_examples=examples(200))
def test_chance_is_the_same_again_and_as_rules(
    seed: int, rate: float, sessions: list[list[str]]
) -> None:
    happened, got = played(Schedule(seed=seed, rate=rate), sessions)
    assert played(Schedule(seed=seed, rate=rate), sessions) == (happened, got)
    assert played(Schedule(tuple(happened)), sessions) == (happened, got)


@given(st.lists(_SAID, max_size=3))
@settings(max_examples=examples(100))
def test_without_a_fault_nothing_changes(sessions: list[list[str]]) -> None:
    happened, got = played(Schedule(), sessions)
    flat = [out for one in got if isinstance(one, list) for out in one]
    assert happened == []
    assert len(flat) == sum(map(len, sessions))


@given(st.integers(0, 1000), st.lists(_SAID, min_size=1, max_size=3), st.data())
@settings(max_examples=examples(100))
def test_a_fault_that_is_left_out_changes_no_other(
    seed: int, sessions: list[list[str]], data: st.DataObject
) -> None:
    happened, _ = played(Schedule(seed=seed, rate=0.3), sessions)
    kept = [one for one in happened if data.draw(st.booleans())]
    again, _ = played(Schedule(tuple(kept)), sessions)
    silenced = {one.session for one in kept if one.do == "hang"}
    assert [one for one in again if one.session not in silenced] == [
        one for one in kept if one.session not in silenced
    ]
