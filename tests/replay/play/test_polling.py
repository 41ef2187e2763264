"""An agent is asked again whether a process has ended, until it has, as the recorded client did."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from qmpconf.protocol.framing import Framer
from qmpconf.replay.play import link
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from qmpconf.trace.reader import direction
from qmpconf.trace.writer import TraceWriter
from tests.replay.conftest import serving

SAID = [
    (b'{"execute":"guest-exec","arguments":{"path":"x"}}\n', b'{"return": {"pid": 7}}\n'),
    (
        b'{"execute":"guest-exec-status","arguments":{"pid":7}}\n',
        b'{"return": {"exitcode": 0, "exited": true}}\n',
    ),
    (b'{"execute":"guest-ping"}\n', b'{"return": {}}\n'),
]


def replayed(tmp_path: Path, early: int) -> ReplayResult:
    """A replay against an agent whose process has ended when it was asked `early` times before."""
    trace = str(tmp_path / "t.qmptrace")
    with TraceWriter(trace) as writer:
        writer.open(1)
        for asked, answer in SAID:
            writer.frames(1, "client", Framer().feed(asked))
            writer.frames(1, "server", Framer().feed(answer))
        writer.close(1, "client")

    def agent(client: socket.socket) -> None:
        left = early
        with client.makefile("rb") as lines:
            for line in lines:
                command = json.loads(line)
                result: dict[str, object] = {}
                if command["execute"] == "guest-exec":
                    result = {"pid": 9}
                elif command["execute"] == "guest-exec-status":
                    assert command["arguments"] == {"pid": 9}
                    result = {"exited": False} if left else {"exitcode": 0, "exited": True}
                    left -= 1
                client.sendall(json.dumps({"return": result}).encode() + b"\n")

    with serving(tmp_path / "ga.sock", agent):
        return replay_trace(
            trace, target=f"unix:{tmp_path / 'ga.sock'}", output=str(tmp_path / "again.qmptrace")
        )


@pytest.mark.parametrize("early", [0, 3])
def test_it_is_asked_until_it_has_ended(tmp_path: Path, early: int) -> None:
    result = replayed(tmp_path, early)
    assert (result.exit_code, result.new, result.replies) == (0, [], 3)
    asked = direction(str(tmp_path / "again.qmptrace"), 1, "client")
    assert asked.count(b"guest-exec-status") == early + 1


def test_one_that_never_ends_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_MOST_POLLS", 3)
    result = replayed(tmp_path, 100)
    assert result.exit_code == 1
    assert any("exited" in str(one) for one in result.new)
