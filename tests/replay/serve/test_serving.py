"""The corpus played as the server, to the very clients that were recorded; bad input."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.errors import InputError, UsageError
from qmpconf.replay.serve.monitor import Order
from qmpconf.replay.serve.serving import serve_trace
from qmpconf.trace.reader import TraceReader

ROOT = Path(__file__).resolve().parents[3]
SERVE = (sys.executable, "-m", "qmpconf", "serve")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

#: The recordings of clients that are programs here; libvirtd's are not.
CORPUS = [
    path
    for path in sorted((ROOT / "traces").glob("*.qmptrace.gz"))
    if not path.name.endswith("-libvirtd.qmptrace.gz")
]


@pytest.mark.parametrize("order", ["strict", "request"])
@pytest.mark.parametrize("trace", CORPUS, ids=lambda path: path.name.partition(".qmptrace")[0])
def test_the_recorded_client_cannot_tell(
    trace: Path, order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    module = trace.name.partition(".qmptrace")[0].rpartition("-")[2]
    client = [sys.executable, "-m", f"traces.clients.{module}", "{listen}"]
    played = serve_trace(str(trace), client=client, order=order, timeout=60)
    assert [one.first for one in played.differences] == []
    assert played.client_code == 0
    assert played.exit_code == 0
    assert played.sessions == 1
    assert played.messages == sum(
        getattr(item, "sender", "") == "server" for item in TraceReader(str(trace)).items()
    )


ASKS = """\
import asyncio, sys
from qemu.qmp import ExecuteError, QMPClient

async def main():
    client = QMPClient("another")
    await client.connect(sys.argv[1])
    print((await client.execute("query-status"))["status"])
    try:
        await client.execute("query-nothing")
    except ExecuteError as error:
        print(error)
    await client.disconnect()

asyncio.run(main())
"""


def test_another_client_is_served_by_request(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trace = ROOT / "traces" / "qemu-7.2.22-rich.qmptrace.gz"
    played = serve_trace(
        str(trace), client=[sys.executable, "-c", ASKS, "{listen}"], order="request", timeout=60
    )
    status, error = capfd.readouterr().out.splitlines()
    assert status in ("prelaunch", "running", "paused")
    assert error.startswith("qmpconf serve: query-nothing is not in the recording")
    assert played.unexpected == 1
    assert played.unplayed > 100
    assert played.exit_code == 1


TWO = """\
import socket, sys
one, two = (socket.socket(socket.AF_UNIX) for _ in range(2))
one.connect(sys.argv[1])
two.connect(sys.argv[1])
two.sendall(b'{"execute":"b"}')
two.shutdown(socket.SHUT_WR)
print(one.recv(99).decode().strip())
one.sendall(b'{"execute":"a"}')
print(one.recv(99).decode().strip())
one.close()
for line in two.makefile():
    print(line.strip())
"""


def test_two_clients_at_once_are_served_as_they_were(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The second one waited in the server's queue until the first had gone."""
    trace = write(
        tmp_path / "t",
        '{"t":0,"conn":1,"open":{}}\n',
        '{"t":0,"conn":2,"open":{}}\n',
        '{"t":0,"conn":2,"from":"client","msg":{"execute":"b"}}\n',
        '{"t":0,"conn":2,"shut":"client"}\n',
        '{"t":0,"conn":1,"from":"server","msg":{"QMP":1}}\n',
        '{"t":0,"conn":1,"from":"client","msg":{"execute":"a"}}\n',
        '{"t":0,"conn":1,"from":"server","msg":{"return":"a"}}\n',
        '{"t":0,"conn":1,"close":"client"}\n',
        '{"t":0,"conn":2,"from":"server","msg":{"QMP":2}}\n',
        '{"t":0,"conn":2,"from":"server","msg":{"return":"b"}}\n',
        '{"t":0,"conn":2,"close":"server"}\n',
        '{"t":0,"finish":{"sessions":2,"messages":6}}\n',
    )
    played = serve_trace(trace, client=[sys.executable, "-c", TWO, "{listen}"], timeout=60)
    assert capfd.readouterr().out.splitlines() == [
        '{"QMP":1}',
        '{"return":"a"}',
        '{"QMP":2}',
        '{"return":"b"}',
    ]
    assert [one.first for one in played.differences] == []
    assert (played.sessions, played.client_code, played.exit_code) == (2, 0, 0)


def write(path: Path, *lines: str) -> str:
    path.write_text('{"qmptrace":1}\n' + "".join(lines))
    return str(path)


def test_a_trace_without_sessions_is_refused(tmp_path: Path) -> None:
    trace = write(tmp_path / "t", '{"t":0,"finish":{"sessions":0,"messages":0}}\n')
    with pytest.raises(InputError, match="holds no session"):
        serve_trace(trace, listen=[str(tmp_path / "s")])
    assert not (tmp_path / "s").exists()


def test_a_torn_trace_is_served_as_far_as_it_goes(tmp_path: Path) -> None:
    trace = write(
        tmp_path / "t",
        '{"t":0,"conn":1,"from":"server","msg":{"QMP":{}}}\n',
        '{"t":0,"conn":1,"from":"client","msg":{"exe',
    )
    command = [*SERVE, trace, "--listen", "s", "--timeout", "60"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=-1, text=True
    ) as child:
        assert child.stderr is not None
        assert child.stdout is not None
        assert "t on unix:s" in child.stderr.readline()
        reader = "import socket; s = socket.socket(1); s.connect('s'); print(s.recv(99))"
        done = subprocess.run(
            [sys.executable, "-c", reader], cwd=tmp_path, check=True, capture_output=True
        )
        assert b'{"QMP":{}}' in done.stdout
        assert child.wait(60) == 0
        assert "line 3 is torn" in child.stdout.read()


def test_a_client_that_never_connects_is_told(tmp_path: Path) -> None:
    trace = ROOT / "traces" / "qemu-7.2.22-shell.qmptrace.gz"
    done = subprocess.run(
        [*SERVE, str(trace), "--listen", "s", "--timeout", "0.1"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "no client has connected within 0.1 seconds" in done.stderr
    assert "missing: session, session 1" in done.stdout
    assert not (tmp_path / "s").exists()


def test_a_program_that_never_connects_ends_it() -> None:
    trace = ROOT / "traces" / "qemu-7.2.22-shell.qmptrace.gz"
    played = serve_trace(str(trace), client=[sys.executable, "-c", "pass"])
    assert played.client_code == 0
    assert played.exit_code == 1
    assert played.unplayed == 1


def test_options_of_the_other_kind_of_server_are_refused(tmp_path: Path) -> None:
    for words in (["--order", "strict"], [str(tmp_path / "t"), "--schema", "x"]):
        done = subprocess.run(
            [*SERVE, "--listen", "s", *words],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert f"{words[-2]} is for" in done.stderr
    with pytest.raises(UsageError, match="say where clients connect"):
        serve_trace("t")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 1), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_a_report(number: signal.Signals, code: int, tmp_path: Path) -> None:
    trace = ROOT / "traces" / "qemu-7.2.22-shell.qmptrace.gz"
    command = [*SERVE, str(trace), "--listen", "s"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=-1, text=True
    ) as child:
        assert child.stderr is not None
        assert child.stdout is not None
        assert "on unix:s" in child.stderr.readline()
        child.send_signal(number)
        assert child.wait(60) == code
        assert "missing: session, session 1" in child.stdout.read()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_a_client_that_does_not_end_by_itself(
    number: signal.Signals, tmp_path: Path
) -> None:
    trace = write(tmp_path / "t", '{"t":0,"conn":1,"open":{}}\n')
    client = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
    command = [*SERVE[:-1], "record", "--mode", "once", "-o", trace, "--", *client]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.send_signal(number)
        assert child.wait(60) == 128 + signal.SIGTERM  # as the client


def test_a_client_that_falls_silent_is_ended(tmp_path: Path) -> None:
    trace = write(tmp_path / "t", '{"t":0,"conn":1,"open":{}}\n')
    client = [sys.executable, "-c", "import time; time.sleep(600)"]
    played = serve_trace(trace, client=client, timeout=0.1)
    assert played.failure == "no client has connected within 0.1 seconds"
    assert played.client_code == -signal.SIGTERM


def test_a_damaged_trace_is_refused_with_its_line(tmp_path: Path) -> None:
    trace = write(tmp_path / "t", '{"t":0,"conn":1,"open":{}}\n', "damage\n", "{}\n")
    with pytest.raises(InputError, match="t:3"):
        serve_trace(trace, listen=[str(tmp_path / "s")])
