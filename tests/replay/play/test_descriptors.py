"""Descriptors, files and signals are made again for a target, as far as that can be."""

from __future__ import annotations

import array
import json
import os
import shlex
import socket
import stat
import sys
from pathlib import Path

import pytest

from qmpconf.errors import UsageError
from qmpconf.monitor.core import Monitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import TcpAddress
from qmpconf.net.endpoint import Listener
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.report.replay import as_text
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Descriptor
from tests.replay.conftest import CATALOG, monitors, serving, written
from tests.replay.play.samples import GREETING, OPENING


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
