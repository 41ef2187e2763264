"""Secrets stay out of the trace, and nothing else of a message changes."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.values import loads, resolve
from qmpconf.trace.records import Side
from qmpconf.trace.redaction import (
    LINES,
    MEMBERS,
    PLACES,
    REPLACEMENT,
    RESULTS,
    Redactor,
    redact_command_line,
    strings,
)

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


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.command}/{place.path[-1]}")
def test_every_place_of_the_table(place: Any) -> None:
    arguments: Any = SECRET
    for part in reversed(place.path):
        arguments = {part: arguments, "beside": "kept"}
    for member, values in place.when.items():
        for value in values:
            arguments[member] = value
    where = "/arguments/" + "/".join(place.path)
    assert only_the_secret(command(place.command, arguments)) == [where]
    oob = command(place.command, arguments, id=1).replace(b'"execute"', b'"exec-oob"')
    assert only_the_secret(oob) == [where]
    for member in place.when:
        kept = command(place.command, {**arguments, member: "other"})
        assert redacted(kept) == (kept, [])
    other = command("x-" + place.command, arguments)
    assert redacted(other) == (other, [])


@pytest.mark.parametrize("member", sorted(MEMBERS))
def test_members_that_are_secret_everywhere(member: str) -> None:
    deep = {"driver": "raw", "file": {"children": [{}, {member: SECRET, "user": "u"}]}}
    where = f"/arguments/file/children/1/{member}"
    assert only_the_secret(command("blockdev-add", deep)) == [where]
    assert only_the_secret(command("set_password", {member: SECRET})) == [f"/arguments/{member}"]
    assert only_the_secret(command("x", {member: [SECRET, {"y": SECRET}]}), count=2) == [
        f"/arguments/{member}/0",
        f"/arguments/{member}/1/y",
    ]


@pytest.mark.parametrize(
    "data",
    [
        b'{ "execute" : "set_password" ,\t"arguments" : { "password"\n:\r"hunter2" } } ',
        b"{'execute':'set_password','arguments':{'x':'\\'','protocol':\"vnc\"}}",
        b'{"execute":"set_password","arguments":{"pass\\u0077ord":"hunter2"}}',
        b'{"execute":"set\\u005fpassword","arguments":{"password":"hunter2","id":"hunter1"}}',
        b'{"arguments":{"password":"hunter2"},"id":"password","execute":"set_password"}',
        b'{"execute":"set_password","arguments":{"password":"hunter2"}}{"execute":"stop"}\r\n',
        b'{"execute":"object-add","arguments":{"qom-type":"sec\\u0072et","data":"hunter2"}}',
        b'{"execute":"x","arguments":{"password":5,"passwords":"a","p":{"Password":"b"}}}',
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
    data = b'{"execute":"set_password","arguments":{"password":%b,"z":1}}'
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
        {"qom-type": {"secret": 1}, "property": ["data"]},
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


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("set_password vnc hunter2", "set_password vnc REDACTED"),
        ("  set_password  spice  hunter2 keep", "  set_password  spice  REDACTED keep"),
        ('set_password vnc "my hunter2" keep', "set_password vnc REDACTED keep"),
        ("set_password vnc hunter2 -d display1", "set_password vnc REDACTED -d display1"),
        ("block_passwd ide0-hd0 hunter2", "block_passwd ide0-hd0 REDACTED"),
        ("change vnc password hunter2", "change vnc password REDACTED"),
        ("object_add secret,id=s0,data=hunter2", "object_add secret,id=s0,data=REDACTED"),
        (
            "object_add secret,data=hunter2,,2,format=raw,id=s",
            "object_add secret,data=REDACTED,format=raw,id=s",
        ),
        ("object_add data=hunter2,qom-type=secret", "object_add data=REDACTED,qom-type=secret"),
        (
            'object_add {"qom-type":"secret","data":"hunter2","id":"s"}',
            'object_add {"qom-type":"secret","data":REDACTED,"id":"s"}',
        ),
        ("qom-set /objects/s data hunter2", "qom-set /objects/s data REDACTED"),
        ("info status", None),
        ("object_add rng-random,id=r,filename=/dev/random", None),
        ("change vnc localhost:1", None),
        ("set_password", None),
    ],
)
def test_command_lines_of_the_human_monitor(line: str, kept: str | None) -> None:
    data = command("human-monitor-command", {"command-line": line})
    found, pointers = redacted(data)
    if kept is None:
        assert (found, pointers) == (data, [])
        return
    assert found == command("human-monitor-command", {"command-line": kept})
    assert pointers == ["/arguments/command-line"]
    assert any(pattern.match(line) for pattern in LINES)


QOM_GET = {"path": "/objects/sec0", "property": "data"}


@pytest.mark.parametrize("number", [1, "a", None, {"x": [1.0]}, 2**70, [[]]])
def test_the_result_of_a_query_for_a_secret_is_told_by_its_id(number: Any) -> None:
    redactor = Redactor()
    asked = command("qom-get", QOM_GET, id=number)
    assert redacted(asked, redactor=redactor) == (asked, [])
    answers = [
        (b'{"return": "running", "id": "other"}\r\n', None),
        (b'{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}\r\n', None),
        (b'{"return": "hunter2", "id": %b}\r\n' % json.dumps(number).encode(), "/return"),
        (b'{"return": "hunter2", "id": %b}\r\n' % json.dumps(number).encode(), None),
    ]
    for data, where in answers:
        kept, pointers = redacted(data, "server", redactor)
        assert pointers == ([where] if where else [])
        assert kept == (data.replace(b"hunter2", b"REDACTED") if where else data)


def test_ids_are_kept_for_they_are_needed_to_match() -> None:
    data = command("set_password", {"x": 1}, id={"password": "p", "id": ["secret"]})
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


def test_results_of_every_row_of_the_table() -> None:
    for result in RESULTS:
        arguments = {member: min(values) for member, values in result.when.items()}
        redactor = Redactor()
        redacted(command(result.command, arguments, id=1), redactor=redactor)
        kept, _ = redacted(b'{"return": "hunter2", "id": 1}', "server", redactor)
        assert b"hunter2" not in kept


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


def test_command_lines_of_programs() -> None:
    line = (
        "qemu -object secret,id=s,data=hunter2 -spice port=1,password=hunter2,,3,x=y -name data=d"
    )
    assert redact_command_line(line) == (
        "qemu -object secret,id=s,data=REDACTED -spice port=1,password=REDACTED,x=y "
        "-name data=REDACTED"
    )
    for line in ("qemu -drive file=data,metadata=1", os.fsdecode(b"a\xff 'b' \"c")):
        assert redact_command_line(line) == line
    line = """-object '{"qom-type":"secret","id":"s","data":"hunter2"}' --password=hunter2"""
    assert redact_command_line(line) == line.replace("hunter2", "REDACTED")


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


def paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        return [(path, value)]
    if not isinstance(value, dict | list):
        return []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [one for name, item in items for one in paths(item, (*path, str(name)))]


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=200)
def test_spans_of_strings(value: Any, ensure_ascii: bool, indent: int | None) -> None:
    data = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent).encode()
    found = [
        (tuple(map(str, path)), "password" in path, below, loads(data[start:end]))
        for path, below, start, end in strings(data, frozenset({"password"}))
    ]
    assert [(path, text) for path, _, _, text in found] == paths(value)
    assert all(wanted == below for _, wanted, below, _ in found)


@given(JSON)
@settings(max_examples=200)
def test_whatever_stands_in_arguments(value: Any) -> None:
    data = command("x", {"password": value})
    kept, pointers = redacted(data)
    after = json.loads(kept)
    assert "hunter2" not in kept.decode()
    for place in pointers:
        assert resolve(after, place) == REPLACEMENT
    assert len(pointers) == len(paths(value))


def test_hostile_messages_take_linear_time() -> None:
    """Many strings, far below: a message that a path for each string would make gigabytes of."""
    many = b",".join([b'"a"'] * 100_000)
    deep = b'{"execute":"set_password","arguments":{"%b":' + b"[" * 900 + many + b"]" * 900 + b"}}"
    kept, pointers = redacted(deep.replace(b"%b", b"x"))
    assert (kept, pointers) == (deep.replace(b"%b", b"x"), [])
    kept, pointers = redacted(deep.replace(b"%b", b"password"))
    assert b'"a"' not in kept
    assert pointers == [""]
