"""Each change that a spoiling proxy makes in what a target says is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpconf.replay.play.replaying import replay_trace
from tests.replay.conftest import exchange, monitors
from tests.replay.play.samples import differences, long_session, say
from tests.replay.spoiler import Spoil, Spoiler

Record = Callable[..., str]


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
