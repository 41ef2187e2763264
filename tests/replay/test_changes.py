"""Forty single changes in what a server says, in a rich session: each is found, none masked away."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from qmpconf.protocol.framing import Kind
from qmpconf.protocol.messages import Event, Failure, Success
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.values import dumps, loads
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.replay.said import Transcript
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.replay.parrot import Change, Parrot

TRACE = str(Path(__file__).parents[2] / "traces" / "qemu-7.2.22-rich.qmptrace.gz")

#: Changes a parsed message in place, or gives what is said instead of it.
Spoil = Callable[[Any], bytes | None]


def positions() -> dict[tuple[str, str], list[int]]:
    """Where each kind of message stands among the server's: (kind, command or event)."""
    transcript, found = Transcript(), {}
    count = 0
    for item in TraceReader(TRACE).items():
        if not isinstance(item, Item):
            continue
        if item.sender == "client":
            transcript.client(item.frame)
        elif item.frame.kind is Kind.VALUE:
            said = transcript.server(item.frame, item.line)
            assert said is not None
            kind = {Event: "event", Success: "return", Failure: "error"}.get(
                type(said.message), "greeting"
            )
            found.setdefault((kind, said.of), []).append(count)
            count += 1
    transcript.close(Party.CLIENT)
    return found


POSITIONS = positions()


def put(path: str, value: Any) -> Spoil:
    """Set the value at a pointer; a function gets the old one; ``...`` removes it."""

    def spoil(message: Any) -> None:
        *parents, last = path.split("/")[1:]
        for part in parents:
            message = message[int(part) if isinstance(message, list) else part]
        key: Any = int(last) if isinstance(message, list) else last
        if value is ...:
            del message[key]
        elif isinstance(message, list) and key == len(message):
            message.append(value)
        else:
            message[key] = value(message[key]) if callable(value) else value

    return spoil


def raw(change: Callable[[bytes], bytes]) -> Spoil:
    """Change the bytes, line end included."""
    return lambda message: change(dumps(message) + b"\r\n")


class Row(NamedTuple):
    """What is changed where, and the difference that must be found."""

    kind: str
    of: str
    spoil: Spoil
    found: tuple[str, str, str]
    which: int = 0


def reply(
    of: str, path: str, value: Any, kind: str = "changed", at: str = "", which: int = 0
) -> Row:
    return Row("return", of, put(path, value), (kind, f"reply to {of}", at or path), which)


def error(of: str, path: str, value: Any, kind: str = "changed") -> Row:
    return Row("error", of, put(path, value), (kind, f"reply to {of}", path))


def event(of: str, path: str, value: Any, kind: str = "changed", which: int = 0) -> Row:
    return Row("event", of, put(path, value), (kind, f"event {of}", path), which)


ROWS = [
    # values
    reply("query-status", "/return/status", "paused"),
    reply("query-status", "/return/running", True),
    reply("query-uuid", "/return/UUID", "11111111-2222-3333-4444-555555555556"),
    reply("query-cpu-definitions", "/return/3/typename", "x"),
    reply("query-block", "/return/0/inserted/image/virtual-size", 1048577),
    reply("query-named-block-nodes", "/return/0/iops", 1),
    reply("query-pci", "/return/0/devices/0/id/vendor", lambda old: old + 1),
    reply("query-version", "/return/qemu/micro", 23),
    reply("query-memory-size-summary", "/return/base-memory", lambda old: old - 1),
    reply("qom-get", "/return", "x"),
    # types, also where a value is masked
    reply("query-status", "/return/running", 0),
    reply("query-memory-size-summary", "/return/base-memory", str),
    reply("query-cpus-fast", "/return/0/thread-id", "1234"),
    reply("query-cpus-fast", "/return/0/thread-id", 1.5),
    reply("blockdev-snapshot-delete-internal-sync", "/return/date-sec", None),
    reply("query-migrate", "/return/total-time", "8", which=1),
    event("STOP", "/timestamp/seconds", "1"),
    event("STOP", "/timestamp", 5),
    # members and elements
    reply("query-status", "/return/singlestep", ..., "missing"),
    reply("query-block", "/return/0/inserted/image/new", 1, "extra"),
    reply("query-cpus-fast", "/return/0/thread-id", ..., "missing"),
    reply("query-migrate", "/return/status", ..., "missing", which=1),
    reply("query-commands", "/return/7", ..., "missing"),
    reply("query-block-jobs", "/return/0", {"type": "x"}, "extra"),
    reply("query-version", "/return/package", ..., "missing"),
    event("BLOCK_JOB_READY", "/data/speed", ..., "missing"),
    event("STOP", "/data", {}, "extra"),
    event("JOB_STATUS_CHANGE", "/data/new", 1, "extra", 30),
    # order
    reply("query-tpm-models", "/return", lambda old: old[::-1], at="/return/0"),
    reply("query-mice", "/return", lambda old: old[::-1], at="/return/0/index", which=1),
    Row("event", "RESUME", raw(lambda _: b""), ("moved", "event RESUME", "")),
    # events
    Row("event", "DEVICE_DELETED", raw(lambda _: b""), ("missing", "event DEVICE_DELETED", "")),
    Row(
        "event", "BLOCK_JOB_READY", raw(lambda one: one * 2), ("extra", "event BLOCK_JOB_READY", "")
    ),
    event("JOB_STATUS_CHANGE", "/data/status", "ready", "changed", 12),
    event("DEVICE_DELETED", "/data/path", "/machine/x", "changed", 1),
    event("MIGRATION", "/data/status", "failed", "changed", 2),
    # errors
    error("device-list-properties", "/error/class", "GenericError"),
    error("netdev_del", "/error/desc", "another text"),
    error("device_del", "/error/data", {}, "extra"),
    Row(
        "return",
        "query-mice",
        lambda message: dumps(
            {"id": message["id"], "error": {"class": "GenericError", "desc": "x"}}
        ),
        ("changed", "reply to query-mice", ""),
    ),
    Row(
        "error",
        "netdev_del",
        lambda message: dumps({"return": {}, "id": message["id"]}),
        ("fixed", "reply to netdev_del", ""),
    ),
    # the wire
    Row(
        "return",
        "query-name",
        put("/id", 5),
        ("changed", "reply to query-name", "/id"),
    ),
    Row(
        "return",
        "query-name",
        raw(lambda one: one.replace(b"\r\n", b"\n")),
        ("changed", "rule framing.crlf", ""),
    ),
    Row(
        "return",
        "query-name",
        raw(lambda one: one * 2),
        ("extra", "reply to nothing", ""),
    ),
]


def test_there_are_forty_of_them() -> None:
    assert len(ROWS) >= 40


def changing(row: Row) -> Change:
    wanted = POSITIONS[row.kind, row.of][row.which]
    late: list[bytes] = []

    def change(position: int, data: bytes) -> bytes:
        line = data + b"\r\n"
        if position == wanted:
            if row.found[0] == "moved":
                late.append(line)
                return b""
            message = copy.deepcopy(loads(data))
            spoilt = row.spoil(message)
            return dumps(message) + b"\r\n" if spoilt is None else spoilt
        return line + (late.pop() if late else b"")

    return change


def replay(tmp_path: Path, change: Change | None) -> ReplayResult:
    with Parrot(tmp_path / "s", TRACE, change):
        return replay_trace(TRACE, target=str(tmp_path / "s"), event_timeout=3, timeout=60)


def test_without_a_change_nothing_differs(tmp_path: Path) -> None:
    result = replay(tmp_path, None)
    assert (result.exit_code, result.differences.count, result.masks) == (0, 0, {})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.of}-{'-'.join(row.found)}")
def test_the_change_is_found(row: Row, tmp_path: Path) -> None:
    result = replay(tmp_path, changing(row))
    found = [(one.first.kind, one.first.subject, one.first.pointer) for one in result.differences]
    assert row.found in found
    assert result.differences.count <= 2 or row.found[2].endswith("/index")
    assert result.exit_code == 1
    assert result.masks == {}
