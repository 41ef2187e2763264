"""`Monitor`, `Recorder` and `Replayer`, as fixtures of somebody's own use them: without pytest."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qemu.qmp import QMPClient

import qmpconf.testing
from qmpconf.errors import InputError, TargetError, UsageError
from qmpconf.testing import Endpoint, Monitor, Recorder, Replayer
from qmpconf.trace.reader import TraceReader
from tests.testing.samples import CLIENT, GOOD, GREETING, write_trace

scope: dict[str, Any] = {}
exec(CLIENT, scope)
Client = scope["Client"]


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    with Monitor("qemu-7.2.22") as found:
        yield found


def test_public_names_are_there() -> None:
    for name in qmpconf.testing.__all__:
        assert getattr(qmpconf.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = qmpconf.testing.nothing


# --- the monitor --------------------------------------------------------------------------------


def test_a_monitor_answers_on_its_socket(monitor: Monitor) -> None:
    assert monitor.address == f"unix:{monitor.path}"
    assert monitor.connect_args == monitor.path == str(monitor)
    client = Client(monitor.path)
    assert client.greeting["QMP"]["version"]["qemu"] == {"major": 7, "minor": 2, "micro": 22}
    assert client.ask("query-status")["return"]["status"] == "running"
    client.close()
    with pytest.raises(UsageError, match="is not a TCP port"):
        _ = monitor.port


def test_a_monitor_on_tcp() -> None:
    with Monitor("qemu-7.2.22", tcp=True) as monitor:
        assert monitor.address == f"tcp:127.0.0.1:{monitor.port}" == f"tcp:{monitor}"
        assert monitor.connect_args == ("127.0.0.1", monitor.port)
        with socket.create_connection(monitor.connect_args) as client:
            assert client.recv(6) == b'{"QMP"'
        with pytest.raises(UsageError, match="is not a UNIX socket"):
            _ = monitor.path


def test_a_monitor_tells_events_on_request(monitor: Monitor) -> None:
    client = Client(monitor.path)
    monitor.emit("SHUTDOWN", {"guest": True})
    monitor.emit("DEVICE_DELETED", {"path": "/machine/x", "nonsense": 1})
    while len(client.events) < 2:
        client.ask("query-name")
    assert client.events == ["SHUTDOWN", "DEVICE_DELETED"]
    client.close()
    with pytest.raises(UsageError, match="has no event 'SHUTDOWNS'; did you mean 'SHUTDOWN'"):
        monitor.emit("SHUTDOWNS")


def test_an_event_fits_its_schema(monitor: Monitor, tmp_path: Path) -> None:
    with Recorder(tmp_path, monitor) as recorder:
        client = Client(recorder.path)
        monitor.emit("DEVICE_DELETED", {"nonsense": 1})
        while not client.events:
            client.ask("query-name")
        client.close()
    (outcome,) = recorder.check()
    assert [one.first.requirement for one in outcome.groups if one.first.blame == "server"] == []


def test_nobody_can_connect_to_a_monitor_that_has_quit(monitor: Monitor) -> None:
    path = monitor.path
    client = Client(path)
    client.ask("quit")
    assert client.lines.read() == b""
    assert client.events == ["SHUTDOWN"]
    client.close()
    with socket.socket(socket.AF_UNIX) as late:
        late.settimeout(60)
        try:
            late.connect(path)
            answer = late.recv(1)  # it came just before the socket went
        except (ConnectionError, FileNotFoundError):
            answer = b""
    assert answer == b""


def test_a_monitor_is_there_inside_of_its_with_statement_only() -> None:
    monitor = Monitor("qemu-7.2.22")
    for use in (lambda: monitor.path, lambda: monitor.emit("STOP")):
        with pytest.raises(UsageError, match="with statement"):
            use()
    with monitor:
        path = Path(monitor.path)
        assert path.exists()
    assert not path.parent.exists()
    with pytest.raises(UsageError), Monitor("qemu-0.1"):
        pass


# --- the recorder -------------------------------------------------------------------------------


def test_a_recorder_keeps_everything_and_blames_the_client(
    monitor: Monitor, tmp_path: Path
) -> None:
    with Recorder(tmp_path, monitor) as recorder:
        client = Client(recorder.path)
        client.ask("block_resize", device="none", size="1M")
        assert recorder.commands() == ["qmp_capabilities", "block_resize"]
        assert [one.kind for one in recorder.messages()] == [
            *("open", "greeting", "command", "return", "command", "error")
        ]
        client.close()
    (outcome,) = recorder.check()
    assert [one.first.requirement for one in outcome.groups] == ["schema.arguments"]
    assert recorder.check("none")[0].groups.totals["error"] == 0
    assert TraceReader(recorder.trace).header.meta["server"] == monitor.address


@pytest.mark.parametrize("number", range(5))
def test_what_a_client_says_last_is_in_the_trace(
    number: int, monitor: Monitor, tmp_path: Path
) -> None:
    """It neither waits for an answer nor for anybody to accept it."""
    with Recorder(tmp_path, monitor) as recorder:
        for _ in range(number):
            Client(recorder.path).close()
        with recorder.connect() as client:
            client.sendall(b'{"execute": "qmp_capabilities"}{"execute": "no-such-command"}')
    assert recorder.commands()[-2:] == ["qmp_capabilities", "no-such-command"]
    reader = TraceReader(recorder.trace)
    assert len([one for one in reader.items() if type(one).__name__ == "Close"]) == number + 1
    assert reader.finished


def test_a_client_that_stays_connected_is_not_waited_for(monitor: Monitor, tmp_path: Path) -> None:
    with Recorder(tmp_path, monitor) as recorder:
        client = Client(recorder.path)
    assert recorder.messages()[-1].outcome == "recorder"
    client.close()


def test_several_servers_have_a_trace_each(monitor: Monitor, tmp_path: Path) -> None:
    with Monitor("qemu-10.0.13") as other, Recorder(tmp_path, monitor) as recorder:
        first, second = Client(recorder.path), Client(recorder(other.address).path)
        first.close()
        second.close()
        with pytest.raises(UsageError, match="2 traces"):
            _ = recorder.trace
    names = [Path(one).name for one in recorder.traces]
    assert names == ["qmp.qmptrace", "qmp-2.qmptrace"]
    greetings = [one.outcome for one in recorder.messages() if one.kind == "greeting"]
    assert greetings == ["7.2.22", "10.0.13"]


def test_a_server_can_be_started_for_it(tmp_path: Path) -> None:
    command = f"{sys.executable} -m qmpconf serve --schema qemu-7.2.22 --listen {{socket}}"
    with Recorder(tmp_path) as recorder:
        client = Client(recorder(spawn=command).path)
        client.ask("query-status")
        client.close()
    assert recorder.commands() == ["qmp_capabilities", "query-status"]


def test_secrets_are_not_kept(monitor: Monitor, tmp_path: Path) -> None:
    with Recorder(tmp_path, monitor) as recorder:
        client = Client(recorder.path)
        client.ask("set_password", protocol="vnc", password="battery staple")
        client.close()
    assert "battery staple" not in Path(recorder.trace).read_text()


def test_wrong_servers_are_told(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        with pytest.raises(UsageError, match="say where the server is"):
            _ = recorder.path
        with pytest.raises(UsageError, match="is one connection"):
            recorder("fd:3")
        with pytest.raises(TargetError, match="ended before it listened"):
            recorder(spawn="false {socket}")
    with pytest.raises(UsageError, match="has ended"):
        recorder("unix:x")
    assert list(tmp_path.iterdir()) == []


# --- recordings as servers ----------------------------------------------------------------------


def test_a_recording_answers(tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "x.qmptrace", GOOD)
    with Replayer(str(trace)) as replay:
        client = Client(replay.path)
        assert client.ask("query-status")["return"]["status"] == "running"
        client.close()
    (playing,) = replay.playing
    assert not playing.failed


@pytest.mark.parametrize("partial", [False, True])
def test_what_was_not_said_is_told(partial: bool, tmp_path: Path) -> None:
    with Replayer() as replay:
        trace = write_trace(tmp_path / "x.qmptrace", GOOD)
        Client(replay(str(trace), partial=partial).path).close()
    (playing,) = replay.playing
    assert playing.played.unplayed == 1
    assert playing.failed is not partial


def test_what_was_not_recorded_is_told_in_any_case(tmp_path: Path) -> None:
    with Replayer(str(write_trace(tmp_path / "x.qmptrace", GOOD)), partial=True) as replay:
        client = Client(replay.path)
        assert "error" in client.ask("query-name")
        client.close()
    assert replay.playing[0].failed
    assert replay.playing[0].played.unexpected == 1


def test_the_last_words_of_a_client_count(tmp_path: Path) -> None:
    with Replayer(str(write_trace(tmp_path / "x.qmptrace", GOOD))) as replay:
        client = Client(replay.path)
        client.send("query-status")
        client.close()
    assert not replay.playing[0].failed


def test_equal_requests_get_their_answers_in_any_order(tmp_path: Path) -> None:
    asked = [("->", {"execute": "query-name"}), ("<-", {"return": {"name": "vm"}})]
    trace = str(write_trace(tmp_path / "x.qmptrace", [*GOOD, *asked]))
    with Replayer() as replay:
        client = Client(replay(trace, order="request").path)
        assert client.ask("query-name")["return"] == {"name": "vm"}
        assert client.ask("query-status")["return"]["status"] == "running"
        client.close()
        with pytest.raises(UsageError, match="no order 'any'"):
            replay(trace, order="any")  # type: ignore[arg-type]
    assert not replay.playing[0].failed


def test_wrong_recordings_are_told(tmp_path: Path) -> None:
    with Replayer() as replay:
        with pytest.raises(UsageError, match="no recording was named"):
            _ = replay.path
        with pytest.raises(InputError, match="holds no session"):
            replay(str(write_trace(tmp_path / "x.qmptrace")))
        with pytest.raises(InputError, match="cannot read"):
            replay(str(tmp_path / "none.qmptrace"))


# --- clients of all kinds -----------------------------------------------------------------------


@pytest.fixture(params=["monitor", "recorder", "replay"])
def endpoint(
    request: pytest.FixtureRequest, monitor: Monitor, tmp_path: Path
) -> Iterator[Endpoint]:
    if request.param == "monitor":
        yield monitor
    elif request.param == "recorder":
        with Recorder(tmp_path, monitor) as recorder:
            yield recorder
    else:
        # Without a capability to enable, every client negotiates in the same way.
        greeting = {"QMP": {**GREETING["QMP"], "capabilities": []}}
        trace = write_trace(tmp_path / "x.qmptrace", [("<-", greeting), *GOOD[1:]])
        with Replayer(str(trace), order="request") as replay:
            yield replay


def test_a_client_with_a_loop_of_its_own(endpoint: Endpoint) -> None:
    async def talk() -> Any:
        client = QMPClient("test")
        await client.connect(endpoint.connect_args)
        try:
            return await client.execute("query-status")
        finally:
            await client.disconnect()

    assert asyncio.run(talk())["status"] == "running"


def test_a_client_in_a_thread(endpoint: Endpoint) -> None:
    found = []

    def work() -> None:
        client = Client(endpoint.path)
        found.append(client.ask("query-status"))
        client.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert found[0]["return"]["status"] == "running"


def test_a_client_that_is_a_program(endpoint: Endpoint) -> None:
    code = f"{CLIENT}\nprint(Client({endpoint.path!r}).ask('query-status'))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "running" in done.stdout
