"""Secrets stay out of the trace, and nothing else of a message changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.places import resolve
from qmpconf.protocol.values import loads
from qmpconf.trace.records import Side
from qmpconf.trace.redaction import REPLACEMENT, Redactor
from qmpconf.trace.redaction.places import COMMANDS, RESULTS, Command, Replaced
from tests.usual import examples

SECRET = "hunter2"


def redacted(
    data: bytes, sender: Side = "client", redactor: Redactor | None = None
) -> tuple[bytes, list[str]]:
    """What a trace would hold of `data`, and the pointers."""
    redactor = redactor or Redactor()
    framer = Framer(CLIENT_LIMITS if sender == "client" else SERVER_LIMITS)
    kept = b""
    pointers: list[str] = []
    for frame in framer.feed(data) + framer.close():
        new, places = redactor(1, sender, frame)
        assert (new.kind, new.end) == (frame.kind, frame.end)
        kept += new.data + new.end
        pointers += places
    return kept, pointers


def command(name: str, arguments: Any, **more: Any) -> bytes:
    return json.dumps({"execute": name, "arguments": arguments, **more}).encode()


def only_the_secret(data: bytes, sender: Side = "client", count: int = 1) -> list[str]:
    """Redact `data`; nothing but the secret may change, and the pointers must lead to it."""
    assert data.count(SECRET.encode()) == count
    kept, pointers = redacted(data, sender)
    assert kept == data.replace(SECRET.encode(), REPLACEMENT.encode())
    for place in pointers:
        assert REPLACEMENT in resolve(loads(kept), place)
    return pointers


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.names)
def test_every_row_of_the_table(row: Command) -> None:
    for name in row.names.split():
        arguments: dict[str, Any] = {
            member: "kept" for member, fits in row.keeps.items() if not fits
        }
        if row.when:
            # What fits every row's pattern of a member's values: none of these is a secret.
            fitting = ("password", "passwd", "secret", "data")
            arguments[row.when[0]] = next(one for one in fitting if row.when[1].fullmatch(one))
        data = command(name, {**arguments, "whatever": SECRET, "other": [1, True, {"x": "y"}]})
        kept, pointers = redacted(data)
        said = json.loads(kept)["arguments"]
        assert {member: said.pop(member) for member in arguments} == arguments
        assert said == {
            "whatever": REPLACEMENT,
            "other": [REPLACEMENT, True, {"x": REPLACEMENT}],
        }
        assert pointers == [f"/arguments/{one}" for one in ("whatever", "other/0", "other/2/x")]
        oob = command(name, {**arguments, "whatever": SECRET}, id=1)
        assert only_the_secret(oob.replace(b'"execute"', b'"exec-oob"')) == ["/arguments/whatever"]
        if row.when:
            other = command(name, {**arguments, row.when[0]: "other", "whatever": SECRET})
            assert redacted(other) == (other, [])
        for member, fits in row.keeps.items():
            if fits and not (row.when and member == row.when[0]):
                kept, _ = redacted(command(name, {**arguments, member: "what, " + SECRET}))
                assert SECRET not in kept.decode()


@pytest.mark.parametrize("member", ["password", "passwd", "cookie"])
def test_members_that_are_secret_everywhere(member: str) -> None:
    deep = {"driver": "raw", "file": {"children": [{}, {member: SECRET, "user": "u"}]}}
    where = f"/arguments/file/children/1/{member}"
    assert only_the_secret(command("blockdev-add", deep)) == [where]
    assert only_the_secret(command("x", {member: [SECRET]})) == [f"/arguments/{member}/0"]


def test_all_goes_that_a_password_holds_and_only_strings_of_a_key() -> None:
    data = command("x", {"password": [1, {"y": "z"}, None], "key": [1, {"y": "z"}, "a"]})
    kept, _ = redacted(data)
    assert json.loads(kept)["arguments"] == {
        "password": [REPLACEMENT, {"y": REPLACEMENT}, None],
        "key": [1, {"y": "z"}, REPLACEMENT],
    }


@pytest.mark.parametrize(
    "member",
    [
        "password-secret",
        "key-secret",
        "cookie-secret",
        "file.proxy-password-secret",
        "new-secret",
        "passwordid",
        "keyid",
        "token-file",
        "cookie64",
        "monkey",
        "host-key-check",
        "pass-discard-request",
        "data",
        "arg",
        "user",
    ],
)
def test_members_that_name_no_secret(member: str) -> None:
    data = command("blockdev-add", {"driver": "x", "file": {member: "sec0"}})
    assert redacted(data) == (data, [])


@pytest.mark.parametrize(
    "data",
    [
        b'{ "execute" : "set_password" ,\t"arguments" : { "password"\n:\r"hunter2" } } ',
        b"{'execute':'set_password','arguments':{'display':'\\'','protocol':\"vnc\"}}",
        b'{"execute":"set_password","arguments":{"pass\\u0077ord":"hunter2"}}',
        b'{"execute":"set\\u005fpassword","arguments":{"password":"hunter2","id":"hunter1"}}',
        b'{"arguments":{"password":"hunter2"},"id":"password","execute":"set_password"}',
        b'{"execute":"set_password","arguments":{"password":"hunter2"}}{"execute":"stop"}\r\n',
        b'{"execute":"object-add","arguments":{"qom-type":"sec\\u0072et","data":"hunter2"}}',
        b'{"execute":"set_password","arguments":{"password":""}}',
        '{"execute":"é","arguments":{"password":"hunter2","😀":"é"}}'.encode(),
    ],
)
def test_nothing_else_of_the_bytes_changes(data: bytes) -> None:
    kept, pointers = redacted(data)
    if b"hunter2" in data or b'"password":""' in data:
        assert kept == data.replace(b"hunter2", b"REDACTED").replace(b'":""', b'":"REDACTED"')
        assert len(pointers) == 1
    else:
        assert (kept, pointers) == (data, [])


@pytest.mark.parametrize(
    "secret", [b'"a\\"b,hunter2}"', b'"\\u0068unter2"', b"'hunter2'", b"'it\\'s \"hunter2'"]
)
def test_a_secret_is_replaced_whole_however_it_is_written(secret: bytes) -> None:
    data = b'{"execute":"set_password","arguments":{"password":%b,"id":1}}'
    kept, pointers = redacted(data % secret)
    assert kept == data % b'"REDACTED"'
    assert pointers == ["/arguments/password"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"execute":"set_password","arguments":{"password":"hunter2","password":"b"}}',
        b'{"execute":"set_password","arguments":{"password":"hunter2","password":1}}',
        b'{"execute":"set_password","arguments":{"password":"hunter2"},"arguments":{}}',
        (
            b'{"execute":"object-add","execute":"stop","arguments":'
            b'{"qom-type":"secret","qom-type":"x","data":"hunter2"}}'
        ),
        b'[{"execute":"set_password","arguments":{"password":"hunter2"}}]',
        b'{"execute":"set_password","arguments":[{"password":"hunter2"}]}',
        b'{"execute":"set_password","argument":{"password":"hunter2"}}',
        b'{"execute":["set_password"],"arguments":{"password":"hunter2"}}',
        b'{"execute":"x","arguments":{"deep":'
        + b"[" * 990
        + b"]" * 990
        + b',"password":"hunter2"}}',
        # No JSON:
        b'{"execute":"set_password","arguments":{"password":"hunter2"}',
        b'{"execute":"set_password","arguments":{"password":"hunter2',
        b'{"execute":"set_password","arguments":{"password":"hunter2\\',
        b'{"execute":"set_password","arguments":{"password":"hunter2\n"}}',
        b'{"execute":"set_password","arguments":{"password":"hunter2\xff',
        b"{'execute':'set_password','arguments':{'password' : 'hunter2\x00",
        b'{"execute":"set_password" "arguments":{"password":"hunter2"}}',
        b'{"execute":"set_password","arguments":{"password":"hunter2",}}',
        b'{"execute":"set_password","arguments":{"password":"\\xhunter2"}}',
        b'{"execute":"object-add","arguments":{"qom-type":"secret","data":"hunter2"}]',
        b'{"execute":"sev-inject-launch-secret","arguments":{"packet-header":"hunter2"',
        b'{"execute":"human-monitor-command","arguments":{"command-line":"x hunter2"',
    ],
)
def test_messages_that_are_wrong_leak_nothing_and_keep_their_frames(data: bytes) -> None:
    kept, pointers = redacted(data)
    assert b"hunter2" not in kept
    assert b"REDACTED" in kept
    assert pointers

    def kinds(text: bytes) -> list[Kind]:
        framer = Framer()
        frames = framer.feed(text + b' {"execute":"stop"}') + framer.close()
        return [frame.kind for frame in frames]

    assert kinds(kept) == kinds(data)


@pytest.mark.parametrize(
    "arguments",
    [
        {"qom-type": [], "data": "x"},
        {"qom-type": {"x": 1}, "property": ["data"]},
        {"property": [], "path": {}},
        {"property": None, "target": {}},
        [],
        None,
        "password",
        5,
    ],
)
@pytest.mark.parametrize(
    "name", ["object-add", "qom-set", "qom-get", "change", "human-monitor-command", ["qom-get"], {}]
)
def test_odd_types_do_no_harm(name: Any, arguments: Any) -> None:
    data = json.dumps({"execute": name, "arguments": arguments, "id": {"secret": []}}).encode()
    assert redacted(data) == (data, [])


QOM_GET = {"path": "/objects/sec0", "property": "data"}


@pytest.mark.parametrize("number", [1, "a", None, {"x": [1.0]}, 2**70, [[]]])
def test_the_result_of_a_query_for_a_secret_is_told_by_its_id(number: Any) -> None:
    redactor = Redactor()
    asked = command("qom-get", QOM_GET, id=number)
    assert redacted(asked, redactor=redactor) == (asked, [])
    answer = b'{"return": "%b", "id": %b}\r\n'
    written = json.dumps(number).encode()
    answers = [
        (b'{"return": "running", "id": "other"}\r\n', None),
        (b'{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}\r\n', None),
        (answer % (b"hunter2", written), "/return"),
        (answer % (b"hunter3", written), None),
    ]
    for data, where in answers:
        kept, pointers = redacted(data, "server", redactor)
        assert pointers == ([where] if where else [])
        assert kept == (data.replace(b"hunter2", b"REDACTED") if where else data)


def test_ids_are_kept_for_they_are_needed_to_match() -> None:
    data = command("set_password", {"display": 1}, id={"password": "p", "id": ["secret"]})
    assert redacted(data) == (data, [])
    data = command("set_password", {"password": SECRET}, id={"password": "p"})
    assert only_the_secret(data) == ["/arguments/password"]


def test_results_without_an_id_in_turn() -> None:
    redactor = Redactor()
    redacted(command("qom-get", QOM_GET), redactor=redactor)
    for data in (b'{"return": {"x": "y"}}', b'{"event": "X"}', b'{"return": "y", "id": 1}'):
        assert redacted(data, "server", redactor) == (data, [])
    assert redacted(b'{"return": "hunter2"}', "server", redactor) == (
        b'{"return": "REDACTED"}',
        ["/return"],
    )
    assert redacted(b'{"return": "running"}', "server", redactor)[1] == []


@pytest.mark.parametrize("result", RESULTS.values(), ids=lambda one: one.command)
def test_results_of_every_row_of_the_table(result: Replaced) -> None:
    arguments = {result.when[0]: "data"} if result.when else {}
    redactor = Redactor()
    redacted(command(result.command, arguments, id=1), redactor=redactor)
    value = '{"keys": ["hunter2"], "name": "data", "value": "hunter2"}'
    for answer in (value,) if result.kind != "text" else (value, '"hunter2"'):
        again = Redactor()
        redacted(command(result.command, arguments, id=1), redactor=again)
        kept, _ = redacted(b'{"return": %b, "id": 1}' % answer.encode(), "server", again)
        assert b'"value": "hunter2"' not in kept
        assert result.kind == "listed" or b"hunter2" not in kept


def test_a_server_that_keeps_no_ids_shows_no_secret() -> None:
    redactor = Redactor()
    redacted(command("qom-get", QOM_GET, id=1), redactor=redactor)
    assert redacted(b'{"return": "hunter2"}', "server", redactor)[1] == ["/return"]


def test_so_many_awaited_secrets_that_any_string_may_be_one() -> None:
    redactor = Redactor()
    for number in range(1100):
        redacted(command("qom-get", QOM_GET, id=number), redactor=redactor)
    for number in (3, 1099, "x" * 5000):
        redacted(command("qom-get", QOM_GET, id=number), redactor=redactor)
        data = b'{"return": "hunter2", "id": %b}' % json.dumps(number).encode()
        assert b"hunter2" not in redacted(data, "server", redactor)[0]


def test_secret_ones_among_listed_properties() -> None:
    redactor = Redactor()
    redacted(command("qom-list-get", {"paths": ["/objects/s"]}, id=1), redactor=redactor)
    data = (
        b'{"return": [{"properties": [{"name": "type", "type": "string", "value": "secret"}, '
        b'{"name": "data", "type": "string", "value": "hunter2"}]}], "id": 1}\r\n'
    )
    kept, pointers = redacted(data, "server", redactor)
    assert kept == data.replace(b"hunter2", b"REDACTED")
    assert pointers == ["/return/0/properties/1/value"]


def test_a_result_that_is_cut_off_or_no_json_leaks_nothing() -> None:
    for data in (b'{"return": "hunter2', b'{"return": "hunter2", "id": inf}\r\n'):
        redactor = Redactor()
        redacted(command("qom-get", QOM_GET, id=1), redactor=redactor)
        kept, pointers = redacted(data, "server", redactor)
        assert b"hunter2" not in kept
        assert pointers == [""]


def test_the_output_of_the_human_monitor_that_is_a_secret() -> None:
    redactor = Redactor()
    asked = command("human-monitor-command", {"command-line": "qom-get /objects/s data"}, id=1)
    assert redacted(asked, redactor=redactor) == (asked, [])
    kept, _ = redacted(b'{"return": "\\"hunter2\\"\\r\\n", "id": 1}', "server", redactor)
    assert kept == b'{"return": "REDACTED", "id": 1}'


def test_sessions_are_kept_apart() -> None:
    redactor = Redactor()
    redactor(1, "client", Frame(Kind.VALUE, command("qom-get", QOM_GET)))
    answer = Frame(Kind.VALUE, b'{"return": "x"}')
    assert redactor(2, "server", answer) == (answer, ())
    assert redactor(1, "server", answer)[1] == ("/return",)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text('aé😀\\"\x7f', max_size=4)
    | st.just("hunter2"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["password", "data", "a", "0", "~/", "", "é", "execute"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


def paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict | list):
        return [] if value is None or isinstance(value, bool) else [(path, value)]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [one for name, item in items for one in paths(item, (*path, str(name)))]


@given(JSON)
@settings(max_examples=examples(200))
def test_whatever_stands_in_arguments(value: Any) -> None:
    data = command("x", {"password": value})
    kept, pointers = redacted(data)
    after = json.loads(kept)
    assert "hunter2" not in kept.decode()
    for place in pointers:
        assert resolve(after, place) == REPLACEMENT
    assert len(pointers) == len(paths(value))


def test_many_secrets_deep_down_have_one_pointer() -> None:
    """A message that a path for each string would make gigabytes of."""
    many = b",".join([b'"a"'] * 100_000)
    deep = b'{"execute":"%b","arguments":{"%b":' + b"[" * 900 + many + b"]" * 900 + b"}}"
    other = deep.replace(b"%b", b"x", 1).replace(b"%b", b"x-pass-through")
    assert redacted(other) == (other, [])
    kept, pointers = redacted(deep.replace(b"%b", b"x", 1).replace(b"%b", b"password"))
    assert b'"a"' not in kept
    assert pointers == [""]


def test_a_long_name_makes_no_long_pointers() -> None:
    name = "x" * 100_000
    kept, pointers = redacted(command("x", {name: {"password": ["a"] * 1000}}))
    assert b'"a"' not in kept
    assert pointers == [""]
