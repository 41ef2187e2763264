"""Replays against what hangs, dies, refuses, or is another product."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from qmpconf.errors import UsageError
from qmpconf.replay.play import player
from qmpconf.replay.play.replaying import replay_trace
from tests.replay.conftest import exchange, serving, written
from tests.replay.play.samples import GREETING, OPENING, differences, say

Record = Callable[..., str]


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


def test_a_target_that_reads_on_slowly_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at the clock is a second later here: all of it takes longer than the patience."""
    monkeypatch.setattr(player, "time", SimpleNamespace(monotonic=count(1.0).__next__))
    long = '{"execute":"a","arguments":{"x":"' + "x" * (8 << 20) + '"}}'

    def behave(sock: socket.socket) -> None:
        sock.sendall(GREETING.encode() + b"\r\n")
        sock.recv(4096)
        sock.sendall(b'{"return": {}}\r\n')
        end = b""
        while not end.rstrip().endswith(b"}}") and (data := sock.recv(4096)):
            end = (end + data)[-10:]
        sock.sendall(b'{"return": {}}\r\n')
        sock.recv(4096)

    recorded = written(tmp_path / "t", [*OPENING, f"1->{long}", '1<-{"return": {}}', "1-client"])
    with serving(tmp_path / "s", behave):
        result = replay_trace(recorded, target=str(tmp_path / "s"))
    assert (result.failure, result.exit_code, result.replies) == ("", 0, 2)


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
