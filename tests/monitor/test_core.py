"""The embedded monitor, byte for byte and without a socket."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.monitor.core import Close, Monitor, Quit, Send, identity_of
from qmpconf.protocol.framing import Framer, Kind
from qmpconf.protocol.messages import Failure, Response, from_server
from qmpconf.protocol.values import loads
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.store import load_shipped, shipped
from qmpconf.schema.validator import Validator

CATALOG = load_shipped("qemu-7.2.22")
NEGOTIATE = b'{"execute":"qmp_capabilities"}'


class Dialogue:
    """One session of a monitor; what it says is parsed, and its bytes are kept."""

    def __init__(self, monitor: Monitor | None = None, *, negotiate: bool = True) -> None:
        self.monitor = monitor or Monitor(CATALOG, lambda: 1_000_002)
        self.raw = b""
        self.over: list[object] = []
        self.number, actions = self.monitor.open()
        self.greeting = self.take(actions)[0]
        if negotiate:
            assert self.say(NEGOTIATE) == [{"return": {}}]

    def take(self, actions: list[Any]) -> list[Any]:
        found = []
        for action in actions:
            if isinstance(action, Send):
                if action.session != self.number:
                    continue
                assert action.data.endswith(b"\r\n")
                self.raw += action.data
                found.append(loads(action.data))
            else:
                self.over.append(action)
        return found

    def say(self, data: bytes) -> list[Any]:
        return self.take(self.monitor.receive(self.number, data))

    def error(self, data: bytes) -> str:
        (answer,) = self.say(data)
        return str(answer["error"]["class"])


@pytest.fixture
def talk() -> Dialogue:
    return Dialogue()


# --- greeting and negotiation ---------------------------------------------------------------------


def test_the_greeting_tells_the_catalogs_version_and_that_this_is_no_qemu() -> None:
    greeting = Dialogue(negotiate=False).greeting["QMP"]
    assert greeting["version"]["qemu"] == {"major": 7, "minor": 2, "micro": 22}
    assert "embedded monitor" in greeting["version"]["package"]
    assert greeting["capabilities"] == ["oob"]


def test_before_negotiation_every_other_command_is_not_found() -> None:
    talk = Dialogue(negotiate=False)
    assert talk.error(b'{"execute":"query-status"}') == "CommandNotFound"
    assert talk.error(b'{"execute":"nonsense"}') == "CommandNotFound"
    assert talk.error(b"{}") == "GenericError"
    assert talk.say(NEGOTIATE) == [{"return": {}}]


def test_a_second_negotiation_is_not_found(talk: Dialogue) -> None:
    assert talk.error(NEGOTIATE) == "CommandNotFound"


@pytest.mark.parametrize(
    "arguments", ['{"enable":["bogus"]}', '{"enable":"oob"}', '{"disable":[]}', "null"]
)
def test_a_bad_negotiation_leaves_it_open(arguments: str) -> None:
    talk = Dialogue(negotiate=False)
    bad = f'{{"execute":"qmp_capabilities","arguments":{arguments}}}'
    assert talk.error(bad.encode()) == "GenericError"
    assert talk.say(NEGOTIATE) == [{"return": {}}]


def test_no_event_reaches_a_session_that_has_not_negotiated() -> None:
    monitor = Monitor(CATALOG, lambda: 0)
    first, second, third = Dialogue(monitor), Dialogue(monitor), Dialogue(monitor, negotiate=False)
    actions = monitor.receive(first.number, b'{"execute":"stop"}')
    assert [m.get("event") for m in first.take(actions)] == ["STOP", None]
    assert [m.get("event") for m in second.take(actions)] == ["STOP"]
    assert third.take(actions) == []


# --- out of band ----------------------------------------------------------------------------------


def test_exec_oob_works_once_it_was_enabled() -> None:
    talk = Dialogue(negotiate=False)
    talk.say(b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}')
    (answer,) = talk.say(b'{"exec-oob":"query-yank","id":7}')
    assert answer == {"return": [{"type": "chardev", "id": "qmp"}], "id": 7}
    assert talk.error(b'{"exec-oob":"query-status","id":8}') == "GenericError"
    assert talk.error(b'{"exec-oob":"query-yank","execute":"query-yank"}') == "GenericError"


def test_exec_oob_is_no_member_where_it_was_not_enabled(talk: Dialogue) -> None:
    (answer,) = talk.say(b'{"exec-oob":"query-yank","id":7}')
    assert answer["error"]["class"] == "GenericError"
    assert answer["id"] == 7


# --- requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        ("null", "null"),
        ("true", "true"),
        ('"text"', '"text"'),
        ("1.0", "1"),
        ("0.1", "0.10000000000000001"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("-9223372036854775809", "-9.2233720368547758e+18"),
        ("[1, {}]", "[1, {}]"),
        ('{"a": "\u00fc\U0001f600\x7f"}', '{"a": "\\u00FC\\uD83D\\uDE00\\u007F"}'),
    ],
)
def test_the_id_comes_back_by_value_on_success_and_on_error(
    talk: Dialogue, sent: str, back: str
) -> None:
    talk.say(f'{{"execute":"query-name","id":{sent}}}'.encode())
    assert talk.raw.endswith(f'{{"return": {{}}, "id": {back}}}\r\n'.encode())
    talk.say(f'{{"execute":"nonsense","id":{sent}}}'.encode())
    assert talk.raw.splitlines()[-1].startswith(f'{{"id": {back}, "error": '.encode())


@pytest.mark.parametrize(
    "sent",
    [
        b"[]",
        b'"execute"',
        b"{}",
        b'{"execute":1}',
        b'{"execute":"query-name","extra":1}',
        b'{"execute":"query-name","arguments":null}',
        b'{"execute":"query-name","arguments":[]}',
        b'{"execute":"query-name","execute":"stop"}',
        b'{"execute":"query-name","arguments":{"a":1,"a":2}}',
        b'{"execute":"query-name","id":1e400}',
        b'{"execute" "query-name"}',
        b'{"execute":"query-name"]',
        b'{"execute":"query-name","arguments":{"a":1}}',
        b'{"execute":"yank"}',
        b'{"execute":"yank","arguments":{"instances":1}}',
        b'{"execute":"yank","arguments":{"instances":[{"type":"nonsense","id":"x"}]}}',
        b'{"execute":"yank","arguments":{"instances":[{"type":"chardev"}]}}',
    ],
)
def test_what_is_no_good_command_gets_one_generic_error_and_the_session_goes_on(
    talk: Dialogue, sent: bytes
) -> None:
    assert talk.error(sent + b"\n") == "GenericError"
    assert talk.say(b'{"execute":"query-name"}') == [{"return": {}}]


def test_parse_errors_carry_no_id(talk: Dialogue) -> None:
    for sent in (b'{"id":1 "execute":"a"}', b'{"id":1,"id":2}', b'{"id":1,"execute":\x01'):
        (answer,) = talk.say(sent)
        assert "id" not in answer
        talk.say(b"\n")


def test_shape_errors_carry_the_id(talk: Dialogue) -> None:
    (answer,) = talk.say(b'{"execute":"query-name","extra":1,"id":5}')
    assert answer["id"] == 5


def test_what_the_model_does_not_do_is_not_found_and_not_listed(talk: Dialogue) -> None:
    assert "blockdev-add" in CATALOG.commands
    assert talk.error(b'{"execute":"blockdev-add"}') == "CommandNotFound"
    (answer,) = talk.say(b'{"execute":"query-commands"}')
    names = [one["name"] for one in answer["return"]]
    assert "blockdev-add" not in names
    assert len(names) == len(set(names))
    for name in names:
        (answer,) = Dialogue().say(b'{"execute":"%b","arguments":{"zz":1}}' % name.encode())[-1:]
        assert answer["error"]["class"] in {"GenericError", "CommandNotFound"}
        assert (answer["error"]["class"] == "CommandNotFound") == (name == "qmp_capabilities")


def test_refused_arguments_have_no_effect(talk: Dialogue) -> None:
    assert talk.error(b'{"execute":"stop","arguments":{"now":true}}') == "GenericError"
    (answer,) = talk.say(b'{"execute":"query-status"}')
    assert answer["return"]["status"] == "running"


def test_an_error_suggests_the_argument_that_was_meant(talk: Dialogue) -> None:
    (answer,) = talk.say(b'{"execute":"yank","arguments":{"instance":[]}}')
    assert "did you mean 'instances'?" in answer["error"]["desc"]


# --- framing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent", [b"{'execute':'query-name'}", b'{"execute":\r\n"query-name"}\n', NEGOTIATE[:0] + b""]
)
def test_input_is_framed_by_value_however_it_is_split(sent: bytes) -> None:
    whole, split = Dialogue(), Dialogue()
    data = sent + b'{"execute":"query-status"}{"execute":"query-name"}'
    expected = whole.say(data)
    got = [message for byte in data for message in split.say(bytes([byte]))]
    assert got == expected
    assert len(got) == 2 + bool(sent)


def test_an_impossible_byte_resets_the_parser_inside_a_string(talk: Dialogue) -> None:
    answers = talk.say(b'{"execute":"quer\xff\n{"execute":"query-name"}')
    assert [set(answer) for answer in answers] == [{"error"}, {"return"}]


def test_nesting_up_to_the_limit_is_taken(talk: Dialogue) -> None:
    deep = b"[" * 1000 + b"]" * 1000
    talk.say(b'{"execute":"query-name","id":' + deep + b"}")
    assert talk.raw.endswith(b'{"return": {}, "id": ' + deep + b"}\r\n")
    answers = talk.say(b"[" * 1025 + b"\n")
    assert [set(answer) for answer in answers] == [{"error"}]
    assert talk.say(b'{"execute":"query-name"}') == [{"return": {}}]


# --- the machine ----------------------------------------------------------------------------------


def test_stop_and_cont_change_the_state_and_tell_it_once(talk: Dialogue) -> None:
    stamp = {"seconds": 1, "microseconds": 2}
    stop = [{"timestamp": stamp, "event": "STOP"}, {"return": {}}]
    assert talk.say(b'{"execute":"stop"}') == stop
    assert talk.say(b'{"execute":"stop"}') == [{"return": {}}]
    (status,) = talk.say(b'{"execute":"query-status"}')
    assert status["return"]["status"] == "paused"
    assert status["return"]["running"] is False
    assert [m.get("event") for m in talk.say(b'{"execute":"cont"}')] == ["RESUME", None]
    assert talk.say(b'{"execute":"cont"}') == [{"return": {}}]


def test_a_clock_that_fails_is_told_as_minus_one() -> None:
    talk = Dialogue(Monitor(CATALOG, lambda: -1))
    event, _ = talk.say(b'{"execute":"stop"}')
    assert event["timestamp"] == {"seconds": -1, "microseconds": -1}


def test_quit_tells_shutdown_then_returns_then_ends(talk: Dialogue) -> None:
    event, answer = talk.say(b'{"execute":"quit","id":null}{"execute":"query-name"}')
    assert event["event"] == "SHUTDOWN"
    assert event["data"] == {"guest": False, "reason": "host-qmp-quit"}
    assert answer == {"return": {}, "id": None}
    assert talk.over == [Quit()]


def test_the_end_of_the_clients_side_drops_a_partial_message(talk: Dialogue) -> None:
    assert talk.say(b'{"execute":"que') == []
    assert talk.take(talk.monitor.end(talk.number)) == []
    assert talk.over == [Close(talk.number)]
    assert talk.monitor.end(talk.number) == []


def test_names_come_from_the_identity() -> None:
    monitor = Monitor(CATALOG, lambda: 0, identity_of(CATALOG, "guest"))
    (answer,) = Dialogue(monitor).say(b'{"execute":"query-name"}')
    assert answer == {"return": {"name": "guest"}}


# --- any catalog ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped())
def test_every_answer_fits_its_catalog(name: str) -> None:
    catalog = load_shipped(name)
    talk = Dialogue(Monitor(catalog, lambda: 0))
    validator = Validator(catalog)
    offered = talk.monitor.machine.offered.commands.keys()
    # `quit` comes last: nothing is answered behind it.
    for command in [*sorted(offered - {"quit", "qmp_capabilities"}), *({"quit"} & offered)]:
        arguments = b'{"instances":[]}' if command == "yank" else b"{}"
        *events, answer = talk.say(
            b'{"execute":"%b","arguments":%b}' % (command.encode(), arguments)
        )
        assert not validator.returned(command, answer["return"])
        for event in events:
            assert not validator.data(event["event"], event.get("data", {}))


@pytest.mark.parametrize("name", shipped())
def test_the_introspection_is_what_is_offered(name: str) -> None:
    talk = Dialogue(Monitor(load_shipped(name), lambda: 0))
    offered = talk.monitor.machine.offered
    if "query-qmp-schema" not in offered.commands:
        return
    (answer,) = talk.say(b'{"execute":"query-qmp-schema"}')
    compiled = compile_introspection(answer["return"])
    assert compiled.commands.keys() == offered.commands.keys()
    assert compiled.events.keys() == offered.events.keys()
    if offered.source.kind == "introspection":
        assert compiled.commands == offered.commands
        assert compiled.events == offered.events
        assert offered.types.items() <= compiled.types.items()


@pytest.mark.parametrize(
    ("name", "version"),
    [("qemu-1.1-dev-doc", (1, 1, 0)), ("qemu-1.6.2-doc", (1, 6, 2)), ("qemu-10.0.13", (10, 0, 13))],
)
def test_the_version_is_the_catalogs(name: str, version: tuple[int, int, int]) -> None:
    assert Monitor(load_shipped(name), lambda: 0).machine.identity.version == version


# --- whatever a client sends ----------------------------------------------------------------------

PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            NEGOTIATE,
            b'{"execute":"stop"}',
            b'{"execute":"cont","id":1}',
            b'{"execute":"query-qmp-schema"}',
            b'{"exec-oob":"query-yank"}',
            b"\xff",
            b'{"a":',
            b"]",
            b"\n",
            b"'",
        ]
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_any_input_gets_one_good_answer_a_frame(pieces: list[bytes]) -> None:
    talk = Dialogue(negotiate=False)
    framer, due = Framer(), 0
    for piece in pieces:
        kinds = [frame.kind for frame in framer.feed(piece)]
        due += kinds.count(Kind.VALUE) + kinds.count(Kind.MALFORMED)
        talk.say(piece)
    messages = [from_server(line) for line in talk.raw.splitlines()]
    assert [message.problems for message in messages] == [()] * len(messages)
    assert sum(isinstance(message, Response) for message in messages) == due


def test_errors_are_failures_of_the_protocol(talk: Dialogue) -> None:
    talk.say(b"[]")
    message = from_server(talk.raw.splitlines()[-1])
    assert isinstance(message, Failure)
    assert message.problems == ()
