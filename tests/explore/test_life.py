"""A server's life: its folder, its limits, how it ended, and what stands in its trace."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from qmpconf.errors import TargetError, UsageError
from qmpconf.explore.life import FILES, Ground, Life

#: A server that greets, then prints its limits and its files as the answer to each command.
SERVER = """
import json, os, resource, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
peer = listener.accept()[0]
stream = peer.makefile("rwb")
version = {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}
def say(value):
    stream.write(json.dumps(value).encode() + b"\\r\\n")
    stream.flush()
say({"QMP": {"version": version, "capabilities": []}})
for line in stream:
    command = json.loads(line)
    if command["execute"] == "leave":
        sys.exit(5)
    if command["execute"] in ("yank", "close"):
        peer.shutdown(socket.SHUT_RDWR)
        time.sleep(3600)
    limits = [resource.getrlimit(one)[0] for one in (resource.RLIMIT_AS, resource.RLIMIT_CORE)]
    say({"return": {"limits": limits, "files": sorted(os.listdir()), "password": "hunter2"}, "id": command["id"]})
"""


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    words = shlex.join([sys.executable, str(program)])
    return Ground(f"{words} {{socket}} --password=hunter3", memory=1 << 30)


def test_a_folder_with_files_and_limits_of_its_own(ground: Ground, tmp_path: Path) -> None:
    with Life(ground, str(tmp_path / "life.qmptrace")) as life:
        said = life.say({"execute": "look", "id": 1})
    assert said is not None
    assert said.result["limits"] == [1 << 30, 0]
    assert said.result["files"] == sorted(FILES)


def test_how_it_ended_is_what_its_process_says(ground: Ground, tmp_path: Path) -> None:
    with Life(ground, str(tmp_path / "life.qmptrace")) as life:
        assert life.say({"execute": "leave", "id": 1}) is None
        assert life.over
        assert life.finish().how == "exit code 5"


@pytest.mark.parametrize(("command", "how"), [("close", "closed"), ("yank", "")])
def test_a_session_that_is_closed_and_one_that_it_was_asked_to_close(
    command: str, how: str, ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpconf.explore.life._ENDING", 0.2)
    with Life(ground, str(tmp_path / "life.qmptrace")) as life:
        assert life.say({"execute": command, "id": 1}) is None
        assert life.finish().how == how


def test_what_is_secret_in_an_answer_or_the_command_line_is_not_kept(
    ground: Ground, tmp_path: Path
) -> None:
    path = tmp_path / "life.qmptrace"
    with Life(ground, str(path)) as life:
        life.say({"execute": "look", "id": 1, "arguments": {"password": "made up"}})
    assert "hunter" not in path.read_text()
    assert "made up" in path.read_text()  # else nothing could be shown again


@pytest.mark.parametrize("command", ["", "true", "'", "qmpconf-no-such-program {socket}"])
def test_a_command_line_that_cannot_be_used(command: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Life(Ground(command), str(tmp_path / "life.qmptrace"))


def test_what_a_server_that_dies_has_printed_is_said(tmp_path: Path) -> None:
    ground = Ground("sh -c 'echo no such machine >&2; exit 1' {socket}")
    with pytest.raises(TargetError, match=r"exit code 1.*no such machine"):
        Life(ground, str(tmp_path / "life.qmptrace"))
