"""QEMU's own trace log holds what a recorder has seen, but for what its form lacks."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from qmpconf.protocol.values import loads
from qmpconf.record.switch import EVENTS
from qmpconf.trace.convert.converting import Converted, convert
from qmpconf.trace.convert.qemu_trace.monitors import NO_ANSWERS, NO_BYTES
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Gap, Traffic
from tests.real.conftest import StartProxy, StartServer
from tests.real.machines import BARE, Server
from tests.real.wire import Wire

LOGGED = (*BARE, "-trace", "handle_qmp_command", "-trace", "monitor_qmp*", "-D", "qemu.log")

#: A session with all kinds of messages.  Each line waits for its answer.
SAID = (
    b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}\n',
    b"{'execute':'query-status', 'id': [1, {'a': \"\\u00e9\\u0000\"}]}",
    b'{"arguments": {}, "id": "z",\n "execute": "stop"}\r\n',
    b'{"exec-oob": "query-yank", "id": 9}',
    b'{"bad"}\n',
    b'{"execute": "query-qmp-schema"}\n',
    b"[1, 2]\n",
    b'{"execute": "block_resize", "arguments": {"device": "none", "size": 1e400}}\n',
    b'{"execute": "set_password", "arguments": {"protocol": "vnc", "password": "hush"}}\n',
    b'{"execute": "quit"}\n',
)


def talk(path: Path) -> None:
    with Wire(path) as wire:
        wire.message()
        for one in SAID:
            wire.send(one)
            wire.reply()
        wire.rest()


def messages(trace: Path, conn: int) -> dict[str, list[bytes]]:
    """What each side of a session sent; a missing message is empty."""
    found: dict[str, list[bytes]] = {"client": [], "server": []}
    for one in TraceReader(str(trace)).records():
        if isinstance(one, Traffic) and one.conn == conn and one.data.strip():
            found[one.sender].append(one.data)
        elif isinstance(one, Gap) and one.conn == conn:
            found[one.sender].append(b"")
    return found


def value(data: bytes) -> object:
    return loads(data.replace(b"1e400", b"1e999")) if data else None


def converted(folder: Path) -> tuple[Path, Converted, set[str]]:
    done = convert(str(folder / "qemu.log"), str(folder / "log.qmptrace"))
    assert done.source.name == "qemu-trace"
    assert not done.notes.damaged
    text = (folder / "log.qmptrace").read_text()
    assert "hush" not in text
    return folder / "log.qmptrace", done, {one.partition(" (")[0] for *_, one in done.notes.told()}


@pytest.mark.parametrize(
    ("release", "timestamps"),
    [("7.2", "on"), ("7.2", "off"), ("10.0", "on"), ("11.1", "on"), ("11.1", "off")],
)
def test_the_log_and_the_recorder_saw_the_same(
    start_server: StartServer,
    start_proxy: StartProxy,
    tmp_path: Path,
    release: str,
    timestamps: str,
) -> None:
    pretty = ("-chardev", "socket,id=p,path=p.sock,server=on,wait=off")
    pretty += ("-mon", "chardev=p,mode=control,pretty=on")
    server = start_server(f"qemu-{release}", *LOGGED, *pretty, "-msg", f"timestamp={timestamps}")
    proxy = start_proxy(server)
    with Wire(tmp_path / "p.sock") as watcher:
        watcher.send(b'{"execute": "qmp_capabilities"}')
        talk(proxy.path)
        watched = watcher.rest()
    proxy.stop()
    trace, _, told = converted(tmp_path)
    # Before the proxy there was the client that waits until the server is up.
    recorded, logged = messages(Path(proxy.trace), 1), {"client": [], "server": []}
    sessions = range(1, 4)
    for conn in sessions:
        logged = messages(trace, conn)
        if len(logged["client"]) == len(SAID):
            break
    assert logged["server"] == recorded["server"]
    malformed = SAID.index(b'{"bad"}\n')
    assert logged["client"][malformed] == b""
    assert NO_BYTES in told
    del logged["client"][malformed], recorded["client"][malformed]
    assert [value(one) for one in logged["client"]] == [value(one) for one in recorded["client"]]
    (other,) = (
        found for conn in sessions if b"\n" in (found := messages(trace, conn))["server"][0].strip()
    )
    assert b"".join(other["server"]) == watched


def test_5_2_logs_commands_alone(
    start_server: StartServer, start_proxy: StartProxy, tmp_path: Path
) -> None:
    proxy = start_proxy(start_server("qemu-5.2", *LOGGED))
    talk(proxy.path)
    proxy.stop()
    trace, done, told = converted(tmp_path)
    assert NO_ANSWERS in told
    assert done.messages == len(SAID) - 1
    logged = [one for one in messages(trace, 1)["client"] if one]
    recorded = [one for one in messages(Path(proxy.trace), 1)["client"] if b'{"bad"}' not in one]
    assert [value(one) for one in logged] == [value(one) for one in recorded]


@contextmanager
def follow(server: Server, log: str = "qemu.log") -> Iterator[Popen[str]]:
    """`record --trace-log` as a process that has begun; what it says goes on."""
    command = [sys.executable, "-m", "qmpconf", "record", "--trace-log", log]
    with Popen(
        [*command, "--target", "qmp.sock", "-o", "live.qmptrace"],
        cwd=server.folder,
        stderr=PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def begun(process: Popen[str]) -> str:
    """What it has said when it begins to follow."""
    assert process.stderr is not None
    said = ""
    while (line := process.stderr.readline()) and "following" not in line:
        said += line
    return said


def states(server: Server) -> list[str]:
    found = []
    with Wire(server.path) as wire:
        wire.negotiate()
        for name in EVENTS:
            wire.send(
                b'{"execute": "trace-event-get-state", "arguments": {"name": "%b"}}' % name.encode()
            )
            reply = wire.reply()
            found.append(reply["return"][0]["state"] if "return" in reply else "none")
    return found


@pytest.mark.parametrize("release", ["5.2", "7.2", "10.0", "11.1"])
def test_a_running_machine_is_followed(
    start_server: StartServer, start_proxy: StartProxy, tmp_path: Path, release: str
) -> None:
    server = start_server(f"qemu-{release}", *BARE, "-D", "qemu.log")
    before = states(server)
    assert "enabled" not in before
    proxy = start_proxy(server)
    with follow(server) as process:
        said = begun(process)
        talk(proxy.path)  # and the machine ends
        assert process.wait() == 0
        assert process.stderr is not None
        said += process.stderr.read()
    proxy.stop()
    assert f"{NO_BYTES} (" not in said
    recorded = messages(Path(proxy.trace), 1)
    logged = messages(tmp_path / "live.qmptrace", 1)
    assert "hush" not in (tmp_path / "live.qmptrace").read_text()
    assert b"qmpconf-" not in (tmp_path / "live.qmptrace").read_bytes()  # nothing of our own
    at = SAID.index(b'{"bad"}\n')
    del recorded["client"][at]
    assert [value(one) for one in logged["client"] if one] == [
        value(one) for one in recorded["client"]
    ]
    if release == "5.2":
        assert "commands alone are recorded" in said
        assert set(logged["server"]) == {b""}
    else:
        assert NO_BYTES in said
        assert logged["server"] == recorded["server"]


@pytest.mark.parametrize("was_on", [False, True])
def test_the_events_are_switched_off_again(start_server: StartServer, was_on: bool) -> None:
    events = ("-trace", "handle_qmp_command", "-trace", "monitor_qmp_respond") if was_on else ()
    server = start_server("qemu-11.1", *BARE, "-D", "qemu.log", *events)
    before = states(server)
    assert before == (["enabled"] * 2 if was_on else ["disabled"] * 2)
    with follow(server) as process:
        begun(process)
        assert states(server) == ["enabled"] * 2
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert states(server) == before
    # Of one session after the other on the same monitor, ours is left out.
    found = messages(server.folder / "live.qmptrace", 1)
    assert [loads(one)["execute"] for one in found["client"]] == [
        "qmp_capabilities",
        *["trace-event-get-state"] * 2,
    ]
    assert b'"QMP"' in found["server"][0]
    assert messages(server.folder / "live.qmptrace", 2) == {"client": [], "server": []}


def test_another_file_is_not_the_log(qemu: Server) -> None:
    (qemu.folder / "other.log").touch()
    with follow(qemu, "other.log") as process:
        said = begun(process)
        assert process.wait() == 4
    assert "other.log is not where the machine at unix:qmp.sock logs" in said
    assert not (qemu.folder / "live.qmptrace").exists()
    assert states(qemu) == ["disabled"] * 2


def test_a_server_without_these_events(storage_daemon: Server) -> None:
    (storage_daemon.folder / "qemu.log").touch()
    with follow(storage_daemon) as process:
        said = begun(process)
        assert process.wait() == 4
    assert "no trace events: The command trace-event-get-state has not been found" in said
