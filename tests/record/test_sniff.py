"""A live capture of a session holds what a proxy on its way recorded."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.errors import UsageError
from qmpconf.monitor.core import Monitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import TcpAddress
from qmpconf.net.endpoint import Listener
from qmpconf.record.sniff import sniff_trace
from qmpconf.schema.store import load_shipped
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Open, Traffic
from tests.record.proxy import receive
from tests.record.sniffing import (
    PATIENCE,
    free_port,
    messages,
    recording,
    require_capture,
    talk,
)

COMMANDS = ["qmp_capabilities", "query-qmp-schema", *["query-status"] * 20, "stop", "query-version"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_proxy_and_a_capture_hold_the_same(tmp_path: Path, host: str) -> None:
    require_capture()
    captured, proxied = tmp_path / "captured.qmptrace", tmp_path / "proxied.qmptrace"
    monitor = Monitor(load_shipped("qemu-7.2.22"), lambda: 1_000_002)
    with Listener(TcpAddress(host, 0)) as listener, MonitorServer(monitor, [listener]):
        assert isinstance(listener.address, TcpAddress)
        port, proxy_port = listener.address.port, free_port()
        server, proxy = str(TcpAddress(host, port)), str(TcpAddress(host, proxy_port))
        with (
            recording("--sniff", "lo", "--port", str(port), "-o", str(captured), begins="captur"),
            recording("--server", server, "--listen", proxy, "-o", str(proxied), begins="listen"),
        ):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            talk(proxy_port, *COMMANDS, family=family)
            talk(proxy_port, "qmp_capabilities", family=family)
    assert messages(captured) == messages(proxied)
    assert len(messages(captured)) > 2 * len(COMMANDS)
    reader = TraceReader(str(captured))
    assert {one.who for one in reader.records() if isinstance(one, Close)} == {"client"}
    assert [one.conn for one in reader.records() if isinstance(one, Open)] == [1, 2]
    assert all(one.server == server for one in reader.records() if isinstance(one, Open))
    assert reader.finished
    times = [one.t for one in reader.records()]
    assert times == sorted(times)
    assert times[0] > 0
    assert stat.S_IMODE(captured.stat().st_mode) == 0o600


def test_a_session_that_had_begun(tmp_path: Path) -> None:
    require_capture()
    captured = tmp_path / "captured.qmptrace"
    monitor = Monitor(load_shipped("qemu-7.2.22"), lambda: 1_000_002)
    with Listener(TcpAddress("127.0.0.1", 0)) as listener, MonitorServer(monitor, [listener]):
        assert isinstance(listener.address, TcpAddress)
        port = listener.address.port
        with socket.create_connection(("127.0.0.1", port)) as sock:
            file = sock.makefile("rwb")
            file.readline()
            with recording(
                *("--sniff", "lo", "--port", str(port), "-o", str(captured), "--once"),
                begins="captur",
            ) as process:
                file.write(b'{"execute":"qmp_capabilities","id":1}\r\n')
                file.flush()
                file.readline()
                file.close()
                sock.close()
                try:
                    assert process.wait(PATIENCE) == 0
                except subprocess.TimeoutExpired:
                    pytest.fail(f"the session has no end: {captured.read_text()}")
                assert "2 messages in 1 session" in process.stderr.read()
    assert [(one, form) for one, form, _ in messages(captured)][:4] == [
        ("client", "gap"),
        ("server", "gap"),
        ("client", "msg"),
        ("server", "msg"),
    ]


def test_secrets_are_redacted(tmp_path: Path) -> None:
    require_capture()
    captured = tmp_path / "captured.qmptrace"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with (
            recording("--sniff", "lo", "--port", str(port), "-o", str(captured), begins="captur"),
            socket.create_connection(("127.0.0.1", port)) as client,
        ):
            text = b'{"execute":"set_password","arguments":{"password":"hunter2"}}\n'
            client.sendall(text)
            server, _ = listener.accept()
            with server:
                assert server.recv(100) == text
    assert b"hunter2" not in captured.read_bytes()
    (one,) = [one for one in TraceReader(str(captured)).records() if isinstance(one, Traffic)]
    assert one.redacted == ("/arguments/password",)


def test_an_interface_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    with pytest.raises(UsageError, match=r"no interface 'nope0'; there are .*\blo\b"):
        sniff_trace(str(path), interface="nope0", port=4444)
    assert not path.exists()


def test_without_the_privilege(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linux = pytest.importorskip("scapy.arch.linux")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(linux, "L2ListenSocket", refused)
    path = tmp_path / "t.qmptrace"
    with pytest.raises(UsageError, match="needs the capability CAP_NET_RAW"):
        sniff_trace(str(path), interface="lo", port=4444)
    assert not path.exists()


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    require_capture()
    path = tmp_path / "t.qmptrace"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        sniff_trace(str(path), interface="lo", port=4444)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--sniff", "lo"], "needs both"),
        (["--port", "4444"], "needs both"),
        (["--sniff", "lo", "--port", "4444", "--server", "x"], "--server has nothing to do"),
        (["--sniff", "lo", "--port", "4444", "--server-dials"], "--server-dials has nothing"),
        (["--sniff", "lo", "--port", "4444", "--", "true"], "a client has nothing to do"),
    ],
)
def test_wrong_calls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    before, dashes, client = "\0".join(arguments).partition("--\0")
    words = [
        *before.split("\0"),
        "-o",
        str(tmp_path / "t"),
        *([dashes[:2], client] if client else []),
    ]
    assert main(["record", *filter(None, words)]) == 2
    assert says in capsys.readouterr().err
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x"])
def test_a_port_that_is_none(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["record", "--sniff", "lo", f"--port={port}", "-o", "t"])
    assert caught.value.code == 2
    assert "is not a TCP port" in capsys.readouterr().err


def test_packets_of_the_full_length_are_captured_whole(tmp_path: Path) -> None:
    """Linux hands over up to 64 KiB of data as one packet, with its headers besides."""
    require_capture()
    captured = tmp_path / "captured.qmptrace"
    reply = b'{"return": ["' + b"x" * 4_000_000 + b'"]}\r\n'
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with (
            recording("--sniff", "lo", "--port", str(port), "-o", str(captured), begins="captur"),
            socket.create_connection(("127.0.0.1", port)) as client,
        ):
            client.sendall(b'{"execute":"query-status"}\n')
            server, _ = listener.accept()
            with server:
                assert server.recv(100)
                sender = threading.Thread(target=server.sendall, args=(reply,))
                sender.start()
                assert receive(client, len(reply)) == reply
                sender.join()
    assert [(one, form) for one, form, _ in messages(captured)] == [
        ("client", "msg"),
        ("server", "msg"),
        ("server", "shut"),
    ]
