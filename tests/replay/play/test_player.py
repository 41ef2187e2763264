"""Replays against the embedded monitor: what is the same, bad recordings, pace, usage."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpconf.errors import InputError, UsageError
from qmpconf.protocol.framing import Kind
from qmpconf.protocol.values import loads
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.report.replay import as_text
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Close, Open
from tests.replay.conftest import exchange, monitors, serving, written
from tests.replay.play.samples import (
    GREETING,
    NEGOTIATE,
    OPENING,
    SAME,
    differences,
    long_session,
    say,
)
from tests.replay.spoiler import Spoiler

Record = Callable[..., str]
Again = Callable[..., ReplayResult]

# --- the same ---------------------------------------------------------------------------------------


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


# --- bad traces -------------------------------------------------------------------------------------


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


# --- pace and interrupts ----------------------------------------------------------------------------


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


# --- usage ------------------------------------------------------------------------------------------


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
