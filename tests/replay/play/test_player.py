"""Replays against the embedded monitor, a spoiling proxy and fakes that hang, die or refuse."""

from __future__ import annotations

import array
import contextlib
import json
import os
import re
import select
import shlex
import signal
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpconf.errors import InputError, UsageError
from qmpconf.monitor.core import Monitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import TcpAddress
from qmpconf.net.endpoint import Listener
from qmpconf.protocol.framing import Kind
from qmpconf.protocol.values import loads
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.report.replay import as_text
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Close, Descriptor, Open
from tests.replay.conftest import CATALOG, exchange, monitors, serving, written
from tests.replay.spoiler import Spoil, Spoiler

Record = Callable[..., str]
Again = Callable[..., ReplayResult]

GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, '
    '"capabilities": []}}'
)
NEGOTIATE = '{"execute":"qmp_capabilities"}'
OPENING = ["1+", f"1<-{GREETING}", f"1->{NEGOTIATE}", '1<-{"return": {}}']


SAME = [
    *OPENING,
    '1->{"execute":"query-name"}',
    '1<-{"return": {}}',
    '1->{"execute":"query-name","id":1}',
    '1<-{"return": {}, "id": 1}',
    "1-client",
]
SAME[1] = SAME[1].replace('"micro": 0', '"micro": 22').replace("[]", '["oob"]')


def say(*names: str) -> bytes:
    return b"".join(b'{"execute":"%b"}\n' % name.encode() for name in names)


def long_session(path: Path) -> None:
    exchange(
        path,
        say("qmp_capabilities"),
        say("query-version", "query-commands", "query-qmp-schema"),
        b'{"execute":"query-status","id":{"a":1.0}}{"execute":"stop","id":null}',
        say("stop", "query-status", "cont", "query-chardev", "query-name", "query-uuid"),
        b'{"execute":"nonsense","id":1}{"execute":"stop","arguments":{"now":1}}',
        say(*["stop", "cont", "query-status"] * 30),
        say("system_reset"),
        say("quit"),
    )


def differences(result: ReplayResult) -> list[tuple[str, str, str]]:
    return [
        (group.first.kind, group.first.subject, group.first.pointer)
        for group in result.differences
        if not group.first.note
    ]


# --- the same -------------------------------------------------------------------------------------


def test_a_long_session_is_the_same_and_its_bytes_are(record: Record, again: Again) -> None:
    trace = record(long_session)
    result = again(trace)
    assert (result.exit_code, differences(result), result.warnings) == (0, [], [])
    assert result.sent > 100
    assert result.replies == result.sent
    assert result.events == 64
    assert direction(result.output, 1, "client") == direction(trace, 1, "client")


def test_a_replay_can_be_replayed(record: Record, again: Again, tmp_path: Path) -> None:
    first = again(record(long_session))
    second = tmp_path / "second.qmptrace"
    os.rename(first.output, second)
    assert again(str(second)).exit_code == 0


def test_malformed_input_is_sent_as_recorded(record: Record, again: Again) -> None:
    pieces = (
        say("qmp_capabilities"),
        b'{"execute":\xff\n[1]\n{}\n',
        b'{"a" 1}nonsense\x00\n"text" 12 {"execute":"query-name"',
        b",\"id\":'x'}\r\n\r\n  ",
        b'{"execute":"half',
    )
    trace = record(lambda path: exchange(path, *pieces))
    result = again(trace)
    assert (result.exit_code, differences(result)) == (0, [])
    assert direction(result.output, 1, "client") == b"".join(pieces)


def test_sessions_one_after_the_other(record: Record, again: Again) -> None:
    def client(path: Path) -> None:
        for _ in range(3):
            exchange(path, say("qmp_capabilities", "stop"), say("cont"))

    result = again(record(client))
    assert (result.exit_code, result.sessions, differences(result)) == (0, 3, [])


def test_sessions_that_overlap_keep_the_recorded_order(tmp_path: Path) -> None:
    """What one session does shows in the other: they must not run apart."""
    answer = '{"return": {"status": "%s", "singlestep": false, "running": %s}}'
    stamp = '"timestamp": {"seconds": 1, "microseconds": 0}'
    script = ["1+", f"1<-{GREETING}", f"1->{NEGOTIATE}", '1<-{"return": {}}']
    script += ["2+", f"2<-{GREETING}", f"2->{NEGOTIATE}", '2<-{"return": {}}']
    for _ in range(20):
        for word, event, running in (("stop", "STOP", "false"), ("cont", "RESUME", "true")):
            script.append(f'1->{{"execute":"{word}"}}')
            script += [f'{conn}<-{{{stamp}, "event": "{event}"}}' for conn in "12"]
            script.append('1<-{"return": {}}')
            script.append('2->{"execute":"query-status"}')
            status = "running" if event == "RESUME" else "paused"
            script.append("2<-" + answer % (status, running))
    script += ["2-client", "1-client"]
    trace = written(tmp_path / "t", script)
    target = tmp_path / "s"
    # A socket serves one client at a time; this one hands each a socket of its own.
    with (
        monitors(tmp_path / "a", tmp_path / "b"),
        two_sockets(target, tmp_path / "a", tmp_path / "b"),
    ):
        result = replay_trace(trace, target=str(target), event_timeout=2, timeout=60)
    assert differences(result) == [
        ("changed", "greeting", "/QMP/version/qemu/micro"),
        ("extra", "greeting", "/QMP/capabilities/0"),
    ]
    assert result.failure == ""


class two_sockets:  # noqa: N801 - reads like the function that it is
    """A door that lets its first client into one socket, and its second into another."""

    def __init__(self, path: Path, *rooms: Path) -> None:
        left = list(rooms)
        self._spoiler = Spoiler(path, "", lambda data, _: data)
        self._spoiler.choose = lambda: str(left.pop(0))

    def __enter__(self) -> None:
        self._spoiler.__enter__()

    def __exit__(self, *error: object) -> None:
        self._spoiler.__exit__(*error)


def test_a_half_close_is_a_half_close_and_its_answers_are_expected(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        seen.append(b"".join(iter(lambda: sock.recv(4096), b"")))
        sock.sendall(b'{"return": {}}\r\n')

    script = ["1+", f"1<-{GREETING}", f"1->{NEGOTIATE}", "1-shut", '1<-{"return": {}}', "1-client"]
    with serving(tmp_path / "s", behave):
        result = replay_trace(written(tmp_path / "t", script), target=str(tmp_path / "s"))
    assert seen == [NEGOTIATE.encode() + b"\n"]
    assert (result.exit_code, result.replies) == (0, 1)


def test_the_own_trace_tells_where_it_comes_from(record: Record, again: Again) -> None:
    trace = record(long_session)
    reader = TraceReader(again(trace).output)
    assert reader.header.meta["replay"] == trace
    items = list(reader.items())
    assert isinstance(items[0], Open)
    assert isinstance(items[-1], Close)
    assert reader.finished


# --- changed answers ------------------------------------------------------------------------------


def changed(find: bytes, replacement: bytes) -> Spoil:
    """Change the first message that holds `find`."""
    done: list[int] = []

    def spoil(data: bytes, _: int) -> bytes:
        if find not in data or done:
            return data
        done.append(1)
        return data.replace(find, replacement, 1)

    return spoil


def dropped(find: bytes) -> Spoil:
    def spoil(data: bytes, _: int) -> bytes:
        return b"" if find in data else data

    return spoil


def swapped(find: bytes) -> Spoil:
    """Send the first message that holds `find` behind the next one."""
    held: list[bytes] = []
    done: list[int] = []

    def spoil(data: bytes, _: int) -> bytes:
        if held:
            return data + held.pop()
        if find in data and not done:
            done.append(1)
            held.append(data)
            return b""
        return data

    return spoil


WORK = (
    say("qmp_capabilities"),
    b'{"execute":"query-status","id":1}',
    b'{"execute":"stop","id":2}',
    b'{"execute":"query-chardev","id":3}{"execute":"query-uuid","id":4}',
    b'{"execute":"nonsense","id":5}',
    b'{"execute":"cont","id":6}',
    b'{"execute":"query-version","id":7}',
    b'{"execute":"query-name"}',
)

SPOILED: list[tuple[str, Spoil, tuple[str, str, str]]] = [
    (
        "greeting version",
        changed(b'"micro": 22', b'"micro": 23'),
        ("changed", "greeting", "/QMP/version/qemu/micro"),
    ),
    (
        "capability gone",
        changed(b'["oob"]', b"[]"),
        ("missing", "greeting", "/QMP/capabilities/0"),
    ),
    (
        "package of another type",
        changed(b'"package": "', b'"package": 1, "x": "'),
        ("changed", "greeting", "/QMP/version/package"),
    ),
    (
        "value",
        changed(b'"status": "running"', b'"status": "paused"'),
        ("changed", "reply to query-status", "/return/status"),
    ),
    (
        "type",
        changed(b'"running": true', b'"running": 1'),
        ("changed", "reply to query-status", "/return/running"),
    ),
    (
        "member gone",
        changed(b', "singlestep": false', b""),
        ("missing", "reply to query-status", "/return/singlestep"),
    ),
    (
        "member new",
        changed(b'"singlestep": false', b'"singlestep": false, "new": 1'),
        ("extra", "reply to query-status", "/return/new"),
    ),
    (
        "element gone",
        changed(b'[{"frontend-open": true', b'[], "x": [{"frontend-open": true'),
        ("missing", "reply to query-chardev", "/return/0"),
    ),
    (
        "id as string",
        changed(b'"id": 3}', b'"id": "3"}'),
        ("changed", "reply to query-chardev", "/id"),
    ),
    (
        "error class",
        changed(b"CommandNotFound", b"GenericError"),
        ("changed", "reply to nonsense", "/error/class"),
    ),
    (
        "error text",
        changed(b"no command", b"no such command"),
        ("changed", "reply to nonsense", "/error/desc"),
    ),
    (
        "error for success",
        changed(b'{"return": {}, "id": 6}', b'{"id": 6, "error": {"class": "A", "desc": ""}}'),
        ("changed", "reply to cont", ""),
    ),
    ("event gone", dropped(b'"STOP"'), ("missing", "event STOP", "")),
    (
        "event with data",
        changed(b'"event": "STOP"', b'"event": "STOP", "data": {"a": 1}'),
        ("extra", "event STOP", "/data"),
    ),
    (
        "event with another name",
        changed(b'"STOP"', b'"STOPPED"'),
        ("missing", "event STOP", ""),
    ),
    (
        "event without time",
        changed(b'"timestamp": {"seconds": 1, "microseconds": 2}, ', b""),
        ("missing", "event STOP", "/timestamp"),
    ),
    ("event behind the reply", swapped(b'"STOP"'), ("moved", "event STOP", "")),
    (
        "event twice",
        changed(b'{"return": {}, "id": 2}', b'{"event": "STOP"}\r\n{"return": {}, "id": 2}'),
        ("extra", "event STOP", ""),
    ),
    ("line feed alone", changed(b"\r\n", b"\n"), ("changed", "rule framing.crlf", "")),
    (
        "replies swapped",
        swapped(b'"id": 3'),
        ("changed", "rule response.in-order", ""),
    ),
    (
        "a reply twice",
        changed(b'{"return": {}, "id": 2}', b'{"return": {}, "id": 2}\r\n{"return": {}, "id": 2}'),
        ("extra", "reply to nothing", ""),
    ),
]


@pytest.mark.parametrize(
    ("spoil", "found"), [row[1:] for row in SPOILED], ids=[row[0] for row in SPOILED]
)
def test_each_change_is_named(
    tmp_path: Path, record: Record, spoil: Spoil, found: tuple[str, str, str]
) -> None:
    trace = record(lambda path: exchange(path, *WORK))
    server, door = tmp_path / "target", tmp_path / "door"
    with monitors(server), Spoiler(door, server, spoil):
        result = replay_trace(trace, target=str(door), event_timeout=3, timeout=60)
    assert result.exit_code == 1, result
    assert found in differences(result)
    assert result.differences.count <= 3


def test_without_spoiling_the_proxy_changes_nothing(tmp_path: Path, record: Record) -> None:
    trace = record(lambda path: exchange(path, *WORK))
    server, door = tmp_path / "target", tmp_path / "door"
    with monitors(server), Spoiler(door, server, lambda data, _: data):
        result = replay_trace(trace, target=str(door), event_timeout=60)
    assert (result.exit_code, differences(result)) == (0, [])


def test_a_missing_reply_is_named_and_the_target_hangs(tmp_path: Path, record: Record) -> None:
    trace = record(lambda path: exchange(path, *WORK))
    server, door = tmp_path / "target", tmp_path / "door"
    with monitors(server), Spoiler(door, server, dropped(b'"id": 4')):
        result = replay_trace(trace, target=str(door), timeout=5)
    assert result.exit_code == 4
    assert "no reply to query-uuid" in result.failure
    assert ("missing", "reply to query-uuid", "") in differences(result)


@pytest.mark.parametrize(
    ("compare", "code"), [("exact", 1), ("value", 1), ("shape", 0), ("outcome", 0)]
)
def test_the_levels(tmp_path: Path, record: Record, compare: Any, code: int) -> None:
    trace = record(lambda path: exchange(path, say("qmp_capabilities"), say("query-status")))
    server, door = tmp_path / "target", tmp_path / "door"
    spoil = changed(b'"running", ', b'"paused", ')
    with monitors(server), Spoiler(door, server, spoil):
        assert replay_trace(trace, target=str(door), compare=compare).exit_code == code


def test_many_missing_events_do_not_take_forever(tmp_path: Path, record: Record) -> None:
    trace = record(long_session)
    server, door = tmp_path / "target", tmp_path / "door"
    with monitors(server), Spoiler(door, server, dropped(b'"timestamp": {')):
        result = replay_trace(trace, target=str(door), event_timeout=2.0)  # for each: too long
    assert result.exit_code == 1
    assert result.differences.count == 64


# --- bad targets ----------------------------------------------------------------------------------


@pytest.fixture
def trace(tmp_path: Path) -> str:
    script = [*OPENING, '1->{"execute":"a"}', '1<-{"return": 1}', "1-client"]
    return written(tmp_path / "trace", script)


def test_nobody_there(tmp_path: Path, trace: str) -> None:
    result = replay_trace(trace, target=str(tmp_path / "nobody"))
    assert result.exit_code == 4
    assert "nobody" in result.failure


def test_a_target_that_says_nothing(tmp_path: Path, trace: str) -> None:
    with serving(tmp_path / "s", lambda sock: sock.recv(1) and None):
        result = replay_trace(trace, target=str(tmp_path / "s"), timeout=0.3)
    assert result.exit_code == 4
    assert "no greeting" in result.failure


def test_a_target_that_hangs_up_before_it_says_anything_is_connected_to_again(
    tmp_path: Path,
) -> None:
    connections = []

    def behave(sock: socket.socket) -> None:
        connections.append(sock)
        if len(connections) == 2:
            sock.sendall(GREETING.encode() + b"\r\n")
            sock.recv(4096)

    recorded = written(tmp_path / "t", ["1+", f"1<-{GREETING}", "1-client"])
    with serving(tmp_path / "s", behave):
        result = replay_trace(recorded, target=str(tmp_path / "s"))
    assert (result.exit_code, len(connections)) == (0, 2)
    assert any("connected to once more" in text for text in result.warnings)


def test_a_target_that_always_hangs_up_is_told(tmp_path: Path, trace: str) -> None:
    connections = []
    with serving(tmp_path / "s", connections.append):
        result = replay_trace(trace, target=str(tmp_path / "s"))
    assert (result.exit_code, len(connections)) == (4, 2)
    assert ("missing", "greeting", "") in differences(result)


def test_a_message_waits_for_the_event_that_came_before_it_though_the_reply_is_there(
    tmp_path: Path,
) -> None:
    ok, event = '{"return": {}}', '{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "E"}'
    negotiation = '{"execute":"qmp_capabilities"}'
    script = ["1+", f"1<-{GREETING}", f"1->{negotiation}", f"1<-{ok}", '1->{"execute":"a"}']
    script += [f"1<-{ok}", f"1<-{event}", '1->{"execute":"b"}', f"1<-{ok}", "1-client"]
    early: list[bytes] = []

    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        for _ in range(2):  # the negotiation, and the command
            early.append(sock.recv(4096))
            sock.sendall(ok.encode() + b"\r\n")
        sock.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            early.append(sock.recv(4096))
        sock.settimeout(10)
        sock.sendall(event.encode() + b"\r\n")
        early.append(sock.recv(4096))
        sock.sendall(ok.encode() + b"\r\n")

    with serving(tmp_path / "s", behave):
        result = replay_trace(written(tmp_path / "t", script), target=str(tmp_path / "s"))
    assert result.exit_code == 0
    assert [one.count(b'"b"') for one in early][-1] == 1
    assert sum(one.count(b'"b"') for one in early) == 1


def test_a_target_that_reads_nothing(tmp_path: Path) -> None:
    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        ended = select.poll()
        ended.register(sock, select.POLLRDHUP)  # not readable: nothing is read
        ended.poll()

    script = ["1+", f"1<-{GREETING}", f'1->{{"execute":"a","id":"{"x" * 2_000_000}"}}', "1-client"]
    with serving(tmp_path / "s", behave):
        result = replay_trace(
            written(tmp_path / "t", script), target=str(tmp_path / "s"), timeout=3
        )
    assert result.exit_code == 4
    assert "read nothing" in result.failure


def test_a_target_that_dies_in_the_middle(tmp_path: Path, trace: str) -> None:
    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        sock.recv(4096)

    with serving(tmp_path / "s", behave):
        result = replay_trace(trace, target=str(tmp_path / "s"))
    assert result.exit_code == 4
    assert "ended session 1" in result.failure
    assert ("missing", "reply to qmp_capabilities", "") in differences(result)


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 1000, b"{" * 5000, b"[]\r\n"]
)
def test_a_target_that_is_another_product(tmp_path: Path, trace: str, data: bytes) -> None:
    with serving(tmp_path / "s", lambda sock: sock.sendall(data)):
        result = replay_trace(trace, target=str(tmp_path / "s"), timeout=1)
    assert result.exit_code == 4
    assert ("missing", "greeting", "") in differences(result)


def test_a_target_that_floods(tmp_path: Path, trace: str) -> None:
    flood = b'{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "RESET"}\r\n' * 100

    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        while True:
            sock.sendall(flood)

    with serving(tmp_path / "s", behave):
        result = replay_trace(trace, target=str(tmp_path / "s"), timeout=5)
    assert result.exit_code == 4
    assert "no reply to qmp_capabilities" in result.failure


def test_a_spawned_target_that_cannot_start(trace: str) -> None:
    with pytest.raises(UsageError, match="no-such-program"):
        replay_trace(trace, spawn="no-such-program {socket}")
    result = replay_trace(trace, spawn="sh -c 'exit 3' {socket}")
    assert result.exit_code == 4
    assert "exit code 3" in result.failure


def test_a_server_that_quits_is_started_again(record: Record) -> None:
    def client(path: Path) -> None:
        exchange(path, say("qmp_capabilities", "query-status", "stop"), say("quit"))

    path = Path(record(client))
    # Two servers, one after the other: the second session continues the recording.
    lines = path.read_text().splitlines()
    session = [line for line in lines if '"conn":1' in line]
    finish = '{"t":9.000000,"finish":{"sessions":2,"messages":0}}'
    doubled = [lines[0], *session, *(line.replace('"conn":1', '"conn":2') for line in session)]
    path.write_text("\n".join([*doubled, finish]) + "\n")
    result = replay_trace(
        str(path),
        spawn=f"{sys.executable} -m qmpconf serve --schema qemu-7.2.22 --listen {{socket}}",
    )
    assert (result.exit_code, differences(result), result.sessions) == (0, [], 2)


def test_a_server_that_should_have_ended_the_session(tmp_path: Path) -> None:
    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        sock.recv(4096)
        sock.sendall(b'{"return": {}}\r\n')
        sock.recv(4096)

    with serving(tmp_path / "s", behave):
        result = replay_trace(
            written(tmp_path / "t", [*OPENING, "1-server"]),
            target=str(tmp_path / "s"),
            event_timeout=0.2,
        )
    assert result.exit_code == 1
    assert differences(result) == [("changed", "session", "")]


# --- bad traces -----------------------------------------------------------------------------------


def test_a_recording_that_was_cut_off(tmp_path: Path) -> None:
    script = [*OPENING, '1->{"execute":"query-status"}']
    trace = written(tmp_path / "t", script, finish=False)
    with open(trace, "ab") as file:
        file.write(b'{"t":1.0,"conn":1,"from":"ser')
    with monitors(tmp_path / "s"):
        result = replay_trace(trace, target=str(tmp_path / "s"), compare="outcome")
    assert result.exit_code == 0
    assert any("torn" in text for text in result.warnings)
    assert any("no end" in text for text in result.warnings)


def test_a_damaged_trace_is_an_input_error_and_the_own_trace_is_kept(tmp_path: Path) -> None:
    trace = Path(written(tmp_path / "t", [*OPENING, "1-client"]))
    lines = trace.read_text().splitlines()
    lines.insert(4, "garbage")
    trace.write_text("\n".join(lines) + "\n")
    output = tmp_path / "out"
    with monitors(tmp_path / "s"), pytest.raises(InputError, match=":5"):
        replay_trace(str(trace), target=str(tmp_path / "s"), output=str(output))
    assert any(isinstance(one, Item) for one in TraceReader(str(output)).items())


def test_an_empty_recording_is_told(tmp_path: Path) -> None:
    result = replay_trace(written(tmp_path / "t", []), target="nowhere")
    assert result.exit_code == 1
    assert any("no session" in text for text in result.warnings)


def test_redacted_values_are_sent_as_they_are_and_told(tmp_path: Path) -> None:
    trace = Path(
        written(
            tmp_path / "t",
            [
                *OPENING,
                '1->{"execute":"x","arguments":{"data":"REDACTED"}}',
                '1<-{"return": "REDACTED"}',
                "1-client",
            ],
        )
    )
    text = trace.read_text()
    text = text.replace(
        '"msg":{"execute":"x"', '"redacted":["/arguments/data"],"msg":{"execute":"x"'
    )
    text = text.replace('"msg":{"return": "R', '"redacted":["/return"],"msg":{"return": "R')
    trace.write_text(text)
    seen: list[Any] = []

    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        sock.recv(4096)
        sock.sendall(b'{"return": {}}\r\n')
        seen.append(loads(sock.recv(4096)))
        sock.sendall(b'{"return": "the real secret"}\r\n')

    with serving(tmp_path / "s", behave):
        result = replay_trace(str(trace), target=str(tmp_path / "s"))
    assert seen[0]["arguments"] == {"data": "REDACTED"}
    assert (result.exit_code, [key[0] for key in result.masks]) == (0, ["redacted"])
    assert any("/arguments/data" in text and "redacted" in text for text in result.warnings)


# --- descriptors ----------------------------------------------------------------------------------


def test_descriptors_are_recreated_by_kind(tmp_path: Path) -> None:
    kinds = [
        ("file", "rw", stat.S_ISREG),
        ("file", "r", stat.S_ISREG),
        ("pipe", "w", stat.S_ISFIFO),
        ("pipe", "r", stat.S_ISFIFO),
        ("socket", "rw", stat.S_ISSOCK),
        ("directory", "r", stat.S_ISDIR),
        ("null", "rw", stat.S_ISCHR),
        ("block", "rw", stat.S_ISCHR),
    ]
    fds = tuple(Descriptor(kind, access) for kind, access, _ in kinds)
    script = [
        *OPENING,
        ('1->{"execute":"getfd"}', fds),
        '1<-{"return": {}}',
        "1-client",
    ]
    got: list[os.stat_result] = []

    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        sock.recv(4096)
        sock.sendall(b'{"return": {}}\r\n')
        _, ancillary, _, _ = sock.recvmsg(4096, 4096)
        for _, _, data in ancillary:
            for number in array.array("i", data):
                got.append(os.fstat(number))
                os.close(number)
        sock.sendall(b'{"return": {}}\r\n')

    with serving(tmp_path / "s", behave):
        result = replay_trace(
            written(tmp_path / "t", script),
            target=str(tmp_path / "s"),
            output=str(tmp_path / "out"),
        )
    assert result.exit_code == 0
    assert [test(one.st_mode) for one, (_, _, test) in zip(got, kinds, strict=True)] == [True] * 8
    assert [text for text in result.warnings if "block" in text]
    kept = [one for one in TraceReader(str(tmp_path / "out")).items() if isinstance(one, Item)]
    assert [len(one.fds) for one in kept if one.fds] == [8]


def test_descriptors_do_not_travel_over_tcp_and_that_is_told(tmp_path: Path) -> None:
    script = [
        *OPENING,
        ('1->{"execute":"getfd"}', (Descriptor("file", "rw"),)),
        '1<-{"return": {}}',
        "1-client",
    ]
    monitor = Monitor(CATALOG, lambda: 0)
    with Listener(TcpAddress("127.0.0.1", 0)) as listener, MonitorServer(monitor, [listener]):
        result = replay_trace(
            written(tmp_path / "t", script), target=str(listener.address), compare="outcome"
        )
    assert result.failure == ""
    assert [text for text in result.warnings if "descriptors" in text]


def test_what_a_target_writes_into_a_pipe_or_a_socket_is_drained(tmp_path: Path) -> None:
    """A dump is longer than a pipe holds; QEMU answers when all of it is written."""
    fds = (Descriptor("pipe", "w"), Descriptor("socket", "rw"))
    script = [*OPENING, ('1->{"execute":"getfd"}', fds), '1<-{"return": {}}', "1-client"]

    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        sock.recv(4096)
        sock.sendall(b'{"return": {}}\r\n')
        _, ancillary, _, _ = sock.recvmsg(4096, 4096)
        for _, _, data in ancillary:
            for number in array.array("i", data):
                with open(number, "wb") as file:
                    file.write(b"x" * (4 << 20))
        sock.sendall(b'{"return": {}}\r\n')

    with serving(tmp_path / "s", behave):
        result = replay_trace(written(tmp_path / "t", script), target=str(tmp_path / "s"))
    assert result.exit_code == 0
    assert result.replies == 2


def test_files_are_listed_and_made_before_the_target_is_started(tmp_path: Path) -> None:
    paths = [str(tmp_path / "a"), str(tmp_path / "b c")]
    script = [*OPENING]
    for number, path in enumerate(paths):
        node = {"driver": "file", "filename": path, "node-name": f"n{number}"}
        script += ["1->" + json.dumps({"execute": "blockdev-add", "arguments": node})]
        script += ['1<-{"return": {}}']
    trace = written(tmp_path / "t", [*script, "1-client"])
    # The target looks for the file that the command has made before.
    spawn = f"{sys.executable} -c {shlex.quote(LOOKS)} {{socket}} {shlex.quote(paths[1])}"
    listed: list[str] = []
    result = replay_trace(
        trace,
        spawn=spawn,
        compare="outcome",
        prepare="touch",
        needs=lambda files: listed.extend(one.path for one in files),
    )
    assert listed == paths
    assert not [text for text in result.warnings if "not there" in text]
    assert result.failure == ""
    os.unlink(paths[0])
    result = replay_trace(trace, spawn=spawn, compare="outcome")
    (told,) = [text for text in result.warnings if "not there" in text]
    assert f"blockdev-add opened {paths[0]}" in told
    with pytest.raises(UsageError, match=r"--prepare 'false' failed \(exit code 1\)"):
        replay_trace(trace, spawn=spawn, prepare="false")


def test_a_server_that_was_sent_a_signal_is_sent_one(tmp_path: Path) -> None:
    """As libvirt's ``destroy`` does; a server that is somebody else's is not, and that is said."""
    shutdown = '{"event": "SHUTDOWN", "data": {"guest": false, "reason": "host-signal"}}'
    script = [*OPENING, f"1<-{shutdown}", "1-server"]
    trace = written(tmp_path / "t", script)
    ends = f"import signal\n{LOOKS}".replace(
        "while data",
        "def end(*_):\n"
        f"    sock.sendall(b'{shutdown}\\r\\n')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "while data",
    )
    spawn = f"{sys.executable} -c {shlex.quote(ends)} {{socket}} /"
    result = replay_trace(trace, spawn=spawn)
    assert (result.exit_code, result.events, result.warnings) == (0, 1, []), as_text(result)
    with monitors(tmp_path / "s"):
        result = replay_trace(
            trace, target=str(tmp_path / "s"), event_timeout=0.1, compare="outcome"
        )
    (told,) = result.warnings
    assert told.startswith("line 6: the recorded server was ended by a signal")


LOOKS = """
import os, socket, sys
assert os.path.exists(sys.argv[2])
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
sock, _ = listener.accept()
sock.sendall(b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\\r\\n')
while data := sock.recv(4096):
    sock.sendall(b'{"return": {}}\\r\\n')
"""


def test_a_descriptor_that_was_inherited_is_named(tmp_path: Path) -> None:
    script = [
        *OPENING,
        '1->{"execute":"migrate-incoming","arguments":{"uri":"fd:26"}}',
        '1<-{"return": {}}',
        "1-client",
    ]
    with monitors(tmp_path / "s"):
        result = replay_trace(
            written(tmp_path / "t", script), target=str(tmp_path / "s"), compare="outcome"
        )
    (told,) = [text for text in result.warnings if "inherited" in text]
    assert told.startswith("line 6: migrate-incoming: fd:26 is a descriptor")


# --- pace and interrupts --------------------------------------------------------------------------


def test_speed_paces_by_the_recorded_times(tmp_path: Path) -> None:
    lines = []
    for line in Path(written(tmp_path / "t", SAME)).read_text().splitlines():
        lines.append(re.sub(r'"t":[0-9.]+', f'"t":{len(lines) / 10:.6f}', line))
    (tmp_path / "t").write_text("\n".join(lines) + "\n")
    times = []
    for speed in (0.0, 2.0):
        with monitors(tmp_path / "s"):
            result = replay_trace(str(tmp_path / "t"), target=str(tmp_path / "s"), speed=speed)
        assert result.exit_code == 0
        times.append(result.seconds)
    assert times[1] > 0.28
    assert times[0] < times[1]


def test_an_interrupt_keeps_what_was_found(tmp_path: Path, trace: str) -> None:
    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode().replace(b'"micro": 0', b'"micro": 1') + b"\r\n")
        sock.recv(4096)
        signal.raise_signal(signal.SIGINT)
        sock.recv(4096)

    output = tmp_path / "out"
    with serving(tmp_path / "s", behave):
        result = replay_trace(trace, target=str(tmp_path / "s"), output=str(output))
    assert result.exit_code == 130
    assert ("changed", "greeting", "/QMP/version/qemu/micro") in differences(result)
    assert any(isinstance(one, Item) for one in TraceReader(str(output)).items())


# --- usage ----------------------------------------------------------------------------------------


def test_there_must_be_one_target(trace: str) -> None:
    with pytest.raises(UsageError):
        replay_trace(trace)
    with pytest.raises(UsageError):
        replay_trace(trace, target="a", spawn="b {socket}")


def test_an_existing_output_is_not_overwritten(trace: str) -> None:
    with pytest.raises(UsageError, match="exists"):
        replay_trace(trace, target="a", output=trace)


def test_white_space_and_frames_stay_what_they_were(record: Record, again: Again) -> None:
    trace = record(lambda path: exchange(path, b"\n\n" + say("qmp_capabilities") + b"\t\n"))
    result = again(trace)
    kinds = [
        item.frame.kind
        for item in TraceReader(result.output).items()
        if isinstance(item, Item) and item.sender == "client"
    ]
    assert Kind.VALUE in kinds
    assert direction(result.output, 1, "client") == direction(trace, 1, "client")


def test_the_nearest_candidate_is_told_where_a_message_has_no_match(tmp_path: Path) -> None:
    """An event about something else does not stand for it, and is shown beside it."""

    def deleted(device: str) -> str:
        stamp = '"timestamp": {"seconds": 1, "microseconds": 1}'
        return f'{{"event": "DEVICE_DELETED", "data": {{"device": "{device}"}}, {stamp}}}'

    def behave(sock: socket.socket) -> None:
        if sock.recv(4096):
            sock.sendall(f'{deleted("b")}\r\n{{"return": {{}}}}\r\n'.encode())
            sock.recv(1)

    script = ["1+", '1->{"execute":"x"}', '1<-{"return": {}}', f"1<-{deleted('a')}", "1-client"]
    with serving(tmp_path / "s", behave):
        trace = written(tmp_path / "t", script)
        result = replay_trace(trace, target=str(tmp_path / "s"), event_timeout=0.1)
    missing, extra = (group.first for group in result.differences)
    assert (missing.kind, missing.nearest, extra.kind) == ("missing", deleted("b"), "extra")
    text = re.sub(r"\s+", "", as_text(result))
    assert f"nearest{deleted('b')}".replace(" ", "") in text
