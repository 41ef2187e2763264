"""A trace played as the server, sans IO: scripts by hand, live clients as bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.monitor.core import Close, Discard, Quit, Send
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.replay.serve.monitor import Order, Stage
from qmpconf.replay.serve.outcome import Played
from qmpconf.replay.serve.script import asked, read_script
from qmpconf.trace.items import Item
from qmpconf.trace.lines import Lines
from qmpconf.trace.reader import TraceReader

GREETING = '{"QMP": {"version": {}, "capabilities": []}}'
HELLO = [
    '< {"QMP": {"version": {}, "capabilities": []}}',
    '> {"execute":"qmp_capabilities"}',
    '< {"return": {}}',
]


def lines_of(script: list[str], conn: int, end: str | None) -> list[str]:
    """Records of one session: ``>`` the client, ``<`` the server."""
    lines = [f'{{"t":0,"conn":{conn},"open":{{"client":"c","server":"s"}}}}']
    for text in script:
        side = "client" if text[0] == ">" else "server"
        body = text[2:]
        extra, _, body = body.rpartition("|") if body.startswith('"') else ("", "", body)
        extra = f"{extra}," if extra else ""
        lines.append(f'{{"t":0,"conn":{conn},"from":"{side}",{extra}"msg":{body}}}')
    if end:
        lines.append(f'{{"t":0,"conn":{conn},"close":"{end}"}}')
    return lines


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def make(*sessions: list[str], end: str | None = "client") -> str:
        path = tmp_path / "made.qmptrace"
        lines = ['{"qmptrace":1,"started":"2026-01-01T00:00:00Z","recorder":"test","meta":{}}']
        for conn, script in enumerate(sessions, 1):
            lines += lines_of(script, conn, end)
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    return make


class Live:
    """A live client of a stage: says lines, gets messages."""

    def __init__(self, path: str, order: Order = "strict") -> None:
        self.result = Played(path)
        self.stage = Stage(read_script(TraceReader(path).items()), self.result, order=order)
        self.closed: list[int] = []
        self.quits = 0
        self.discarded: list[int] = []

    def take(self, actions: list[Any]) -> list[Any]:
        said = b""
        for action in actions:
            if isinstance(action, Send):
                said += action.data
            elif isinstance(action, Close):
                self.closed.append(action.session)
            elif isinstance(action, Discard):
                self.discarded += action.descriptors
            elif isinstance(action, Quit):
                self.quits += 1
        return [json.loads(line) for line in said.splitlines()]

    def open(self) -> list[Any]:
        return self.take(self.stage.open()[1])

    def say(self, text: str, number: int = 1, fds: tuple[int, ...] = ()) -> list[Any]:
        return self.take(self.stage.receive(number, text.encode(), fds))

    def leave(self, number: int = 1) -> list[Any]:
        self.take(self.stage.end(number))
        return self.take(self.stage.lost(number))

    def subjects(self) -> list[tuple[str, str, int]]:
        return [
            (one.first.kind, one.first.subject, one.first.line) for one in self.result.differences
        ]


STATUS = [
    *HELLO,
    '> {"execute":"query-status","id":1}',
    '< {"return": {"status": "running"}, "id": 1}',
    '> {"execute":"stop","id":2}',
    '< {"event": "STOP", "timestamp": {}}',
    '< {"return": {}, "id": 2}',
    '> {"execute":"query-status","id":3}',
    '< {"return": {"status": "paused"}, "id": 3}',
    '< {"event": "LATE", "timestamp": {}}',
]


@pytest.mark.parametrize("order", ["strict", "request"])
def test_the_recorded_session_is_played_whole(write: Callable[..., str], order: Order) -> None:
    live = Live(write(STATUS), order)
    assert live.open() == [json.loads(GREETING)]
    assert live.say('{"execute":"qmp_capabilities"}') == [{"return": {}}]
    assert live.say('{"execute":"query-status","id":1}') == [
        {"return": {"status": "running"}, "id": 1}
    ]
    stop = live.say('{"execute":"stop","id":2}')
    assert [one.get("event") for one in stop] == ["STOP", None]
    assert [one.get("event") for one in live.say('{"execute":"query-status","id":3}')] == [
        None,
        "LATE",
    ]
    live.leave()
    assert live.quits == 1
    assert live.result.exit_code == 0
    assert live.result.commands == 4


def test_the_live_ids_are_echoed(write: Callable[..., str]) -> None:
    live = Live(write(STATUS))
    live.open()
    assert live.say('{"execute":"qmp_capabilities","id":{"a":[1.0]}}') == [
        {"return": {}, "id": {"a": [1.0]}}
    ]
    assert live.say('{"execute":"query-status"}') == [{"return": {"status": "running"}}]
    assert live.say('{"execute":"stop","id":null}')[1] == {"return": {}, "id": None}


def test_white_space_member_order_and_empty_arguments_do_not_matter(
    write: Callable[..., str],
) -> None:
    live = Live(write([*HELLO, '> {"execute":"a","arguments":{"x":1,"y":2}}', '< {"return": 5}']))
    live.open()
    live.say('{"arguments": {}, "execute":"qmp_capabilities"}')
    assert live.say('{ "arguments":{"y":2, "x":1.0},\n"execute":"a"}') == [{"return": 5}]
    assert live.leave() == []
    assert live.result.exit_code == 0


def test_strict_refuses_what_comes_out_of_order_and_goes_on(write: Callable[..., str]) -> None:
    live = Live(write(STATUS))
    live.open()
    live.say('{"execute":"qmp_capabilities"}')
    (reply,) = live.say('{"execute":"stop","id":"x"}')
    assert reply["id"] == "x"
    assert reply["error"]["class"] == "GenericError"
    assert "line 6 comes next" in reply["error"]["desc"]
    assert "nearest is line 8" in reply["error"]["desc"]
    assert live.say('{"execute":"query-status"}') == [{"return": {"status": "running"}}]
    live.leave()
    assert live.subjects() == [
        ("extra", "command stop", 6),
        ("missing", "command stop", 8),
        ("missing", "command query-status", 11),
    ]
    assert live.result.exit_code == 1
    assert (live.result.unexpected, live.result.unplayed) == (1, 2)


def test_by_request_the_state_goes_on_by_sequence(write: Callable[..., str]) -> None:
    live = Live(write(STATUS), "request")
    live.open()
    live.say('{"execute":"qmp_capabilities"}')
    live.say('{"execute":"stop"}')
    assert live.say('{"execute":"query-status"}')[0] == {"return": {"status": "paused"}}
    assert live.say('{"execute":"query-status"}') == [{"return": {"status": "running"}}]
    assert live.say('{"execute":"query-status","id":9}') == [
        {"return": {"status": "paused"}, "id": 9}
    ]
    live.leave()
    assert live.result.exit_code == 0
    assert live.result.repeated == 1


def test_by_request_an_unknown_command_is_told_with_the_nearest(write: Callable[..., str]) -> None:
    live = Live(write(STATUS), "request")
    live.open()
    (reply,) = live.say('{"execute":"query-statsu"}')
    assert "not in the recording" in reply["error"]["desc"]
    assert 'line 6: {"execute": "query-status"}' in reply["error"]["desc"]


class Counting:
    """A shelf that counts what is had from it."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.count = 0

    def holds(self, item: Item) -> bool:
        return self._lines.holds(item)

    def item(self, number: int) -> Item:
        self.count += 1
        return self._lines.item(number)


def test_of_a_long_recording_only_what_may_be_it_is_looked_at(write: Callable[..., str]) -> None:
    polls = [
        line
        for at in range(3000)
        for line in (
            f'> {{"execute":"poll","arguments":{{"n":{at}}}}}',
            f'< {{"return": {at}}}',
        )
    ]
    path = write([*HELLO, *polls])
    with Lines(TraceReader(path)) as lines:
        shelf = Counting(lines)
        stage = Stage(read_script(TraceReader(path).items(), shelf), Played(path), order="request")
        stage.open()

        def say(number: int) -> bytes:
            text = f'{{"execute":"poll","arguments":{{"n":{number}}}}}'
            shelf.count = 0
            return b"".join(
                one.data for one in stage.receive(1, text.encode()) if isinstance(one, Send)
            )

        for number in (2500, 2500, 7):
            assert say(number) == b'{"return": %d}\r\n' % number
            assert shelf.count < 5
        assert b"is not in the recording; the nearest is line" in say(-1)
        assert shelf.count < 500


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("0", "-0.0"),
        ("100000000000000000000", "1e20"),
        ("9223372036854775807", "9223372036854775808.0"),
        ("18446744073709551617", "1.8446744073709552e+19"),
        ("1e400", "1e500"),
        ("1" + "0" * 400, "1e400"),
        ('{"a": 1, "b": [2, {}]}', '{"b": [2, {}], "a": 1}'),
        ('"\\u0041"', '"A"'),
    ],
)
def test_what_says_the_same_has_the_same_sign(one: str, other: str) -> None:
    both = [
        asked(Frame(Kind.VALUE, f'{{"execute":"a","arguments":{{"x":{text}}}}}'.encode()))
        for text in (one, other)
    ]
    assert both[0].says(both[1])
    assert both[0].sign == both[1].sign


def test_redacted_values_match_anything(write: Callable[..., str]) -> None:
    command = '> "redacted":["/arguments/password"]|{"execute":"set","arguments":{"password":"-"}}'
    live = Live(write([command, '< {"return": {}}']))
    live.open()
    assert live.say('{"execute":"set","arguments":{"password":{"a":"secret"}}}') == [{"return": {}}]
    other = Live(write([command, '< {"return": {}}']))
    other.open()
    assert "error" in other.say('{"execute":"set","arguments":{"word":"secret"}}')[0]


def test_what_was_redacted_may_nest_deeper_than_python_may_recurse(
    write: Callable[..., str],
) -> None:
    said = '{"execute":"set","arguments":{"password":"%s","a":' + "[" * 1000 + "]" * 1000 + "}}"
    places = '"redacted":["/arguments/password","/arguments/b","b"]'
    live = Live(write([f"> {places}|{said % '-'}", '< {"return": {}}']))
    live.open()
    assert live.say(said % "secret") == [{"return": {}}]


def test_descriptors_are_accepted_and_a_missing_one_is_told(write: Callable[..., str]) -> None:
    script = ['> "fds":[{"kind":"file","access":"rw"}]|{"execute":"getfd"}', '< {"return": {}}']
    live = Live(write(script))
    live.open()
    assert live.say('{"execute":"getfd"}', fds=(77,)) == [{"return": {}}]
    assert live.discarded == [77]
    assert live.result.exit_code == 0
    without = Live(write(script))
    without.open()
    assert without.say('{"execute":"getfd"}') == [{"return": {}}]
    assert without.subjects() == [("changed", "descriptors with getfd", 3)]


def test_a_client_that_waits_gets_what_one_that_did_not_got(write: Callable[..., str]) -> None:
    pipelined = [
        '> {"execute":"cont"}',
        '> {"execute":"query"}',
        '< {"event": "RESUME"}',
        '< {"return": 1}',
        '< {"return": 2}',
    ]
    for order in ("strict", "request"):
        live = Live(write(pipelined), order)
        live.open()
        assert live.say('{"execute":"cont"}') == [{"event": "RESUME"}, {"return": 1}]
        assert live.say('{"execute":"query"}') == [{"return": 2}]


def test_the_greeting_does_not_wait_for_a_client_that_spoke_first(
    write: Callable[..., str],
) -> None:
    live = Live(write(['> {"execute":"a"}', f"< {GREETING}", '< {"return": 1}']))
    assert live.open() == [json.loads(GREETING)]
    assert live.say('{"execute":"a"}') == [{"return": 1}]


def test_the_server_hangs_up_where_it_did(write: Callable[..., str]) -> None:
    live = Live(write([*HELLO, '> {"execute":"quit"}', '< {"return": {}}'], end="server"))
    live.open()
    live.say('{"execute":"qmp_capabilities"}')
    assert live.closed == []
    assert live.say('{"execute":"quit"}') == [{"return": {}}]
    assert live.closed == [1]


def test_a_recording_that_was_cut_off_answers_with_an_error(write: Callable[..., str]) -> None:
    live = Live(write([*HELLO, '> {"execute":"migrate"}'], end=None))
    live.open()
    live.say('{"execute":"qmp_capabilities"}')
    (reply,) = live.say('{"execute":"migrate","id":4}')
    assert reply["id"] == 4
    assert "the recording ends before its reply" in reply["error"]["desc"]
    assert live.result.exit_code == 1


def test_sessions_are_played_in_their_order(write: Callable[..., str]) -> None:
    live = Live(
        write(['< {"first": 1}'], ['< {"second": 2}', '> {"execute":"a"}', '< {"return": 1}'])
    )
    assert live.open() == [{"first": 1}]
    assert live.open() == []  # it waits, as it did in the server's queue
    assert live.say('{"execute":"a"}', 2) == []
    assert live.leave(1) == [{"second": 2}, {"return": 1}]
    assert live.quits == 0
    live.leave(2)
    assert live.quits == 1
    assert live.result.exit_code == 0


def test_a_session_that_nobody_asked_for_is_told(write: Callable[..., str]) -> None:
    live = Live(write(HELLO, HELLO))
    live.open()
    live.say('{"execute":"qmp_capabilities"}')
    live.leave(1)
    live.take(live.stage.close())
    assert live.subjects() == [("missing", "session", 7)]
    assert live.result.exit_code == 1


def test_one_client_too_many_is_turned_away(write: Callable[..., str]) -> None:
    live = Live(write(HELLO))
    live.open()
    assert live.open() == []
    assert live.closed == [2]
    assert live.subjects() == [("extra", "session", 0)]


def test_malformed_input_is_compared_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text(
        '{"qmptrace":1}\n'
        '{"t":0,"conn":1,"from":"client","raw":"{\\"a\\": }\\r\\n"}\n'
        '{"t":0,"conn":1,"from":"server","msg":{"error": {"class": "GenericError", "desc": "no"}}}\n'
    )
    live = Live(str(path))
    live.open()
    assert "not what was recorded" in live.say('{"b": }\r\n')[0]["error"]["desc"]
    assert live.say('{"a": }\r\n')[0]["error"]["desc"] == "no"


@given(data=st.binary(max_size=200), order=st.sampled_from(["strict", "request"]))
def test_any_bytes_get_an_answer_or_none(data: bytes, order: Order, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.qmptrace"
    if not path.exists():
        path.write_text('{"qmptrace":1}\n' + "\n".join(lines_of(STATUS, 1, "client")) + "\n")
    live = Live(str(path), order)
    live.open()
    for action in live.stage.receive(1, data):
        assert isinstance(action, Send)
    live.leave()
    assert live.result.exit_code == 1


@given(
    tokens=st.lists(st.sampled_from(["a", "b", "reply", "event"]), max_size=40),
    order=st.sampled_from(["strict", "request"]),
)
def test_who_says_what_was_recorded_hears_what_was_recorded(
    tokens: list[str], order: Order, tmp_path_factory: Any
) -> None:
    """Pipelined or not, with equal commands: every message of the server comes, in its order."""
    script: list[str] = []
    pending: list[str] = []
    for at, token in enumerate([*tokens, *["reply"] * len(tokens)]):
        if token == "event":
            script.append(f'< {{"event": "E{at}"}}')
        elif token != "reply":
            pending.append(token)
            script.append(f'> {{"execute":"{token}"}}')
        elif pending:
            script.append(f'< {{"return": "{pending.pop(0)}{at}"}}')
    path = tmp_path_factory.getbasetemp() / "played.qmptrace"
    path.write_text('{"qmptrace":1}\n' + "\n".join(lines_of(script, 1, "client")) + "\n")
    live = Live(str(path), order)
    heard = live.open()
    for text in script:
        if text[0] == ">":
            said = live.say(text[2:])
            assert sum("return" in one for one in said) == 1  # also to a client that waits
            heard += said
    live.leave()
    assert heard == [json.loads(text[2:]) for text in script if text[0] == "<"]
    assert live.result.exit_code == 0
