"""Messages: which one a text is, how far it is read, and what is wrong with its shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.protocol.messages import (
    DOWNSTREAM,
    ERROR_CLASSES,
    Command,
    Event,
    Failure,
    Greeting,
    Success,
    Unknown,
    brief,
    from_client,
    from_server,
    type_name,
)
from qmpconf.protocol.requirements import REQUIREMENTS, Level, Party
from qmpconf.protocol.values import dumps, loads
from tests.protocol.playbook import GREETING
from tests.usual import examples

TIME = b'"timestamp": {"seconds": 1, "microseconds": 2}'


def problems(message: Any) -> list[tuple[str, str]]:
    return [(problem.requirement, problem.pointer) for problem in message.problems]


@pytest.mark.parametrize(
    ("data", "name", "arguments", "number", "oob"),
    [
        (b'{"execute":"a"}', "a", {}, None, False),
        (b'{"execute":"a","arguments":{}}', "a", {}, None, False),
        (b'{"execute":"a","arguments":{"x":[1]},"id":[{}]}', "a", {"x": [1]}, [{}], False),
        (b'{"id":"b","exec-oob":"a"}', "a", {}, "b", True),
        (b"{'execute':'a','id':0}", "a", {}, 0, False),
        (' {"execute":"é"}\n'.encode(), "é", {}, None, False),
        (b'{"execute":""}', "", {}, None, False),
    ],
)
def test_commands(data: bytes, name: str, arguments: Any, number: Any, oob: bool) -> None:
    command = from_client(data)
    assert isinstance(command, Command)
    assert (command.name, command.arguments, command.oob) == (name, arguments, oob)
    assert command.id == number
    assert command.has_id == (number is not None)
    assert command.problems == ()


def test_an_id_of_null_is_an_id() -> None:
    command = from_client(b'{"execute":"a","id":null}')
    assert isinstance(command, Command)
    assert command.has_id
    assert command.id is None
    response = from_server(b'{"return": {}, "id": null}')
    assert isinstance(response, Success)
    assert response.has_id
    assert response.id is None


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"{}", [("request.members", "")]),
        (b'{"execute":"a","exec-oob":"a"}', [("request.members", "")]),
        (b'{"execute":"a","x":1}', [("request.members", "/x")]),
        (b'{"execute":"a","~/":1}', [("request.members", "/~0~1")]),
        (b'{"execute":null}', [("request.execute-string", "/execute")]),
        (b'{"exec-oob":["a"]}', [("request.execute-string", "/exec-oob")]),
        (b'{"execute":"a","arguments":null}', [("request.arguments-object", "/arguments")]),
        (b'{"execute":"a","arguments":[]}', [("request.arguments-object", "/arguments")]),
        (b'{"execute":1,"arguments":"x"}', None),
        (b'{"execute":"a","execute":"b"}', [("request.members", "/execute")]),
    ],
)
def test_commands_out_of_shape(data: bytes, found: list[tuple[str, str]] | None) -> None:
    command = from_client(data)
    assert isinstance(command, Command)
    wanted = found or [
        ("request.execute-string", "/execute"),
        ("request.arguments-object", "/arguments"),
    ]
    assert problems(command) == wanted
    assert isinstance(command.name, str)
    assert isinstance(command.arguments, dict)


@pytest.mark.parametrize(
    ("data", "well_formed"),
    [
        (b"[]", True),
        (b"1", True),
        (b'"x"', True),
        (b"null", True),
        (b'{"execute" "a"}', False),
        (b"", False),
        (b"\xff", False),
        (b'{"a":"\\ud800"}', False),
        (b"[}", False),
        (b"nul", False),
    ],
)
def test_what_is_no_command(data: bytes, well_formed: bool) -> None:
    message = from_client(data)
    assert isinstance(message, Unknown)
    assert message.well_formed is well_formed
    assert problems(message) == [("request.object", "")]


def test_greeting() -> None:
    greeting = from_server(GREETING.encode())
    assert isinstance(greeting, Greeting)
    assert greeting.version == (7, 2, 22)
    assert greeting.package == ""
    assert greeting.capabilities == ("oob",)
    assert greeting.problems == ()


@pytest.mark.parametrize(
    ("qmp", "where"),
    [
        (b"5", "/QMP"),
        (b"{}", "/QMP/capabilities"),
        (b'{"version": 5, "capabilities": []}', "/QMP/version"),
        (
            (
                b'{"version": {"qemu": {"major": 1.0, "minor": 2, "micro": 3}, "package": ""}, '
                b'"capabilities": []}'
            ),
            "/QMP/version/qemu/major",
        ),
        (
            (
                b'{"version": {"qemu": {"major": true, "minor": 2, "micro": 3}, "package": ""}, '
                b'"capabilities": []}'
            ),
            "/QMP/version/qemu/major",
        ),
        (
            (
                b'{"version": {"qemu": {"major": 1, "minor": 2, "micro": 3}, "package": null}, '
                b'"capabilities": []}'
            ),
            "/QMP/version/package",
        ),
        (
            (
                b'{"version": {"qemu": {"major": 1, "minor": 2, "micro": 3, "nano": 4}, '
                b'"package": ""}, "capabilities": []}'
            ),
            "/QMP/version/qemu/nano",
        ),
    ],
)
def test_greetings_out_of_shape(qmp: bytes, where: str) -> None:
    greeting = from_server(b'{"QMP": ' + qmp + b"}")
    assert isinstance(greeting, Greeting)
    assert ("greeting.shape", where) in problems(greeting)


@pytest.mark.parametrize(
    ("qmp", "version", "package"),
    [
        (b"5", (), ""),
        (b"{}", (), ""),
        (b'{"version": 5}', (), ""),
        (b'{"version": {"package": "p"}}', (), "p"),
        (b'{"version": {"package": "p", "qemu": {"major": 1}}}', (), "p"),
        (b'{"version": {"qemu": {"major": 1, "minor": 2, "micro": 3}}}', (1, 2, 3), ""),
    ],
)
def test_what_a_greeting_says_in_spite_of_its_shape(
    qmp: bytes, version: tuple[int, ...], package: str
) -> None:
    greeting = from_server(b'{"QMP": ' + qmp + b"}")
    assert isinstance(greeting, Greeting)
    assert (greeting.version, greeting.package) == (version, package)
    assert greeting.capabilities == ()


def test_a_response_out_of_shape_keeps_its_id() -> None:
    for text in (
        b'{"return": 1, "id": 7, "x": 1}',
        b'{"return": 1, "id": 7, "return": 2}',
        b'{"error": 5, "id": 7}',
        b'{"error": {"class": "GenericError", "desc": "x"}, "id": 7, "x": 1}',
    ):
        response = from_server(text)
        assert isinstance(response, Success | Failure)
        assert response.has_id
        assert response.id == 7
        assert response.problems


def test_an_event_without_a_proper_name_has_none() -> None:
    event = from_server(b'{"event": 5, ' + TIME + b"}")
    assert isinstance(event, Event)
    assert event.name == ""
    assert problems(event) == [("event.shape", "/event")]


def test_responses() -> None:
    success = from_server(b'{"return": [1], "id": 5}')
    assert isinstance(success, Success)
    assert (success.result, success.id, success.has_id, success.problems) == ([1], 5, True, ())
    for name in ERROR_CLASSES:
        failure = from_server(b'{"error": {"class": "%b", "desc": "d"}}' % name.encode())
        assert isinstance(failure, Failure)
        assert (failure.error_class, failure.description) == (name, "d")
        assert failure.problems == ()
        assert not failure.has_id


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"error": {}}', ["/error/class", "/error/desc"]),
        (b'{"error": null}', ["/error"]),
        (b'{"error": {"class": 1, "desc": []}}', ["/error/class", "/error/desc"]),
        (b'{"error": {"class": "GenericError", "desc": "", "x": 1}}', ["/error/x"]),
    ],
)
def test_errors_out_of_shape(data: bytes, found: list[str]) -> None:
    failure = from_server(data)
    assert isinstance(failure, Failure)
    assert problems(failure) == [("response.error-shape", where) for where in found]


def test_events() -> None:
    event = from_server(b"{" + TIME + b', "event": "X", "data": {"a": 1}}')
    assert isinstance(event, Event)
    assert (event.name, event.data, event.seconds, event.microseconds) == ("X", {"a": 1}, 1, 2)
    assert event.problems == ()
    event = from_server(b"{" + TIME + b', "event": "X"}')
    assert isinstance(event, Event)
    assert event.data is None


@pytest.mark.parametrize(
    ("stamp", "found"),
    [
        (b'{"seconds": 0, "microseconds": 0}', []),
        (b'{"seconds": -1, "microseconds": -1}', []),
        (b'{"seconds": 1, "microseconds": 999999}', []),
        (b'{"seconds": 1, "microseconds": -1}', ["/timestamp"]),
        (b'{"seconds": -2, "microseconds": -2}', ["/timestamp"]),
        (b'{"seconds": 1}', ["/timestamp/microseconds"]),
        (b'{"seconds": "1", "microseconds": 1}', ["/timestamp/seconds"]),
        (b'{"seconds": 1, "microseconds": 1, "x": 1}', ["/timestamp/x"]),
        (b"5", ["/timestamp"]),
        (b"null", ["/timestamp"]),
    ],
)
def test_timestamps(stamp: bytes, found: list[str]) -> None:
    event = from_server(b'{"timestamp": ' + stamp + b', "event": "X"}')
    assert problems(event) == [("event.timestamp", where) for where in found]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (rb"\u00E9\uD83D\uDE00\u007F", []),
        (rb"\\u00e9", []),
        (rb"\\\\u00e9", []),
        (rb"\u00e9", ["framing.escapes"]),
        (rb"\\\u00e9", ["framing.escapes"]),
        (rb"a\nb\u00FFc\u00ff", ["framing.escapes"]),
        ("é".encode(), ["framing.ascii"]),
    ],
)
def test_ascii(text: bytes, rules: list[str]) -> None:
    response = from_server(b'{"return": "' + text + b'"}')
    assert problems(response) == [(rule, "") for rule in rules]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"{'return': {}}", "framing.valid-json"),
        (b'{"return": "it\\\'s"}', "framing.valid-json"),
        (b'{"return": inf}', "framing.valid-json"),
        (b"[]", "framing.object"),
        (b'{"x": 1}', "framing.object"),
    ],
)
def test_what_no_server_may_send(data: bytes, rule: str) -> None:
    assert problems(from_server(data)) == [(rule, "")]


def test_an_apostrophe_in_double_quotes_is_fine() -> None:
    assert from_server(b'{"return": "it\'s"}').problems == ()


@pytest.mark.parametrize(
    ("name", "downstream"),
    [
        ("__com.redhat_drive-mirror", True),
        ("__org.example.qemu_x", True),
        ("__RFQDN_x", False),
        ("__x", False),
        ("x-y", False),
        ("_com.example_x", False),
    ],
)
def test_downstream_names(name: str, downstream: bool) -> None:
    assert bool(DOWNSTREAM.match(name)) is downstream


def test_values_for_people() -> None:
    assert brief({"a": [1.5, None]}) == '{"a": [1.5, null]}'
    assert len(brief("x" * 100)) == 60
    assert brief("x" * 100).endswith("...")
    assert [type_name(one) for one in (None, True, "", 1, 1.0, [], {})] == [
        *("null", "boolean", "string", "integer", "number", "array", "object")
    ]
    with pytest.raises(TypeError):
        type_name(object())


KEYS = st.sampled_from(
    [
        *("execute", "exec-oob", "arguments", "id", "return", "error", "class", "desc", "event"),
        *("timestamp", "seconds", "microseconds", "data", "QMP", "version", "qemu", "package"),
        *("capabilities", "major", "minor", "micro", "x", ""),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES, st.integers(0, 200))
@settings(max_examples=examples(400), deadline=None)
def test_any_value_and_any_cut_of_it_is_some_message(value: Any, cut: int) -> None:
    whole = dumps(value)
    for data in (whole, whole[:cut], whole.replace(b'"', b"'"), whole + whole):
        for message in (from_client(data), from_server(data)):
            for problem in message.problems:
                assert problem.requirement in REQUIREMENTS
                assert problem.expected
                assert problem.seen
                if problem.seen != "nothing" and isinstance(message.value, dict):
                    parts = problem.pointer.split("/")[1:-1]
                    inner = message.value
                    for part in parts:
                        inner = inner[int(part)] if isinstance(inner, list) else inner[part]


def test_the_register() -> None:
    """Each requirement is whole, and its id belongs to one area."""
    assert len(REQUIREMENTS) > 50
    for name, requirement in REQUIREMENTS.items():
        assert requirement.id == name
        assert name.count(".") == 1
        assert isinstance(requirement.level, Level)
        assert requirement.binds in (Party.CLIENT, Party.SERVER)
        assert requirement.sentence.endswith(".")
        assert requirement.source.startswith(("spec", "reference", "seen"))


def test_pieces_of_a_message_are_its_value() -> None:
    data = b'{"execute":"a","arguments":{"f":1.0},"id":1e400}'
    command = from_client(data)
    assert isinstance(command, Command)
    assert dumps(command.value) == dumps(loads(data))
    assert repr(command.arguments["f"]) == "1.0"


def test_a_member_that_stands_twice_shows_where_its_values_differ() -> None:
    paths = ["/var/lib/" + "deep/" * 50 + name + "/tail" * 50 for name in ("one", "two")]
    members = ", ".join(f'"id": "{one}"' for one in paths)
    (problem,) = from_client(f'{{"execute": "a", {members}}}'.encode()).problems
    assert problem.seen.count("deep/one/tail") == problem.seen.count("deep/two/tail") == 1
    assert ", and later " in problem.seen
    assert len(problem.seen) < 140
