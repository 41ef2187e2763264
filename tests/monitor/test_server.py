"""The monitor behind real sockets: one client at a time, half-closes, and the end."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from qmpconf.monitor.core import Monitor
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import TcpAddress, UnixAddress
from qmpconf.net.descriptors import send
from qmpconf.net.endpoint import Listener
from qmpconf.schema.store import load_shipped
from tests.descriptors import descriptors_left

CATALOG = load_shipped("qemu-7.2.22")
NEGOTIATE = b'{"execute":"qmp_capabilities"}'


class Client:
    def __init__(self, address: UnixAddress | TcpAddress) -> None:
        if isinstance(address, UnixAddress):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(address.path)
        else:
            self.sock = socket.create_connection((address.host, address.port))
        self.sock.settimeout(60)
        self.file = self.sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def message(self) -> Any:
        line = self.file.readline()
        return json.loads(line) if line else None

    def close(self) -> None:
        self.file.close()
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def now() -> int:
    return time.time_ns() // 1000


@contextlib.contextmanager
def serving(*addresses: UnixAddress | TcpAddress, once: bool = False) -> Iterator[list[Any]]:
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(Listener(address)) for address in addresses]
        stack.enter_context(MonitorServer(Monitor(CATALOG, now), listeners, once=once))
        yield [one.address for one in listeners]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[UnixAddress]:
    with serving(UnixAddress(str(tmp_path / "s"))) as (where,):
        yield where


def test_who_comes_while_no_file_can_be_opened_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()
    accept = MonitorServer._accept

    def accepts(server: MonitorServer, listener: socket.socket) -> None:
        try:
            accept(server, listener)
        finally:
            tried.set()

    monkeypatch.setattr(MonitorServer, "_accept", accepts)
    with (
        serving(UnixAddress(str(tmp_path / "s"))) as (where,),
        socket.socket(socket.AF_UNIX) as late,
    ):
        late.settimeout(60)
        with descriptors_left(0):
            late.connect(where.path)
            assert tried.wait(60)
        assert late.recv(1 << 16).startswith(b'{"QMP"')


def test_a_session_over_tcp() -> None:
    with serving(TcpAddress("127.0.0.1", 0)) as (where,), Client(where) as client:
        assert "QMP" in client.message()
        client.send(NEGOTIATE + b'{"execute":"query-name"}')
        assert client.message() == {"return": {}}
        assert client.message() == {"return": {}}


def test_the_next_client_waits_until_the_first_has_gone(address: UnixAddress) -> None:
    with Client(address) as first, Client(address) as second:
        assert "QMP" in first.message()
        second.send(NEGOTIATE)
        second.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            second.sock.recv(1)
        second.sock.settimeout(60)
        first.close()
        assert "QMP" in second.message()
        assert second.message() == {"return": {}}


def test_every_socket_has_its_client_and_all_hear_the_events(tmp_path: Path) -> None:
    ends = [UnixAddress(str(tmp_path / name)) for name in "ab"]
    with serving(*ends), Client(ends[0]) as first, Client(ends[1]) as second:
        for client in (first, second):
            client.send(NEGOTIATE)
            client.message()
            assert client.message() == {"return": {}}
        first.send(b'{"execute":"stop"}')
        assert first.message()["event"] == "STOP"
        assert second.message()["event"] == "STOP"


def test_a_half_close_gets_all_answers_then_the_end(address: UnixAddress) -> None:
    with Client(address) as client:
        client.send(NEGOTIATE + b'{"execute":"query-qmp-schema"}' * 50 + b'{"execute":')
        client.sock.shutdown(socket.SHUT_WR)
        assert "QMP" in client.message()
        messages = list(iter(client.message, None))
        assert len(messages) == 51


def test_a_client_that_does_not_read_is_not_read_and_gets_everything_later(
    address: UnixAddress,
) -> None:
    with Client(address) as client:
        client.send(NEGOTIATE)
        count = 2000
        data = b'{"execute":"query-commands"}' * count
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        assert "QMP" in client.message()
        assert client.message() == {"return": {}}
        for _ in range(count):
            assert len(client.message()["return"]) > 10
        sender.join()


def test_a_client_that_leaves_abruptly_harms_nobody(address: UnixAddress) -> None:
    for _ in range(5):
        client = Client(address)
        client.send(NEGOTIATE + b'{"execute":"query-qmp-schema"}' * 20)
        client.close()
    with Client(address) as client:
        assert "QMP" in client.message()


def test_quit_ends_all_sessions_and_the_server(tmp_path: Path) -> None:
    ends = [UnixAddress(str(tmp_path / name)) for name in "ab"]
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(Listener(address)) for address in ends]
        server = MonitorServer(Monitor(CATALOG, lambda: 0), listeners)
        thread = threading.Thread(target=server.run)
        thread.start()
        with Client(ends[0]) as first, Client(ends[1]) as second:
            for client in (first, second):
                client.message()
                client.send(NEGOTIATE)
                client.message()
            first.send(b'{"execute":"quit"}')
            assert [first.message(), first.message(), first.message()][1:] == [{"return": {}}, None]
            assert second.message()["event"] == "SHUTDOWN"
            assert second.message() is None
        thread.join(60)
        assert not thread.is_alive()


def test_with_once_it_ends_with_the_first_session(tmp_path: Path) -> None:
    end = UnixAddress(str(tmp_path / "s"))
    with Listener(end) as listener:
        server = MonitorServer(Monitor(CATALOG, lambda: 0), [listener], once=True)
        thread = threading.Thread(target=server.run)
        thread.start()
        with Client(end) as client:
            client.message()
        thread.join(60)
        assert not thread.is_alive()


def test_stop_works_before_and_after_it_runs(tmp_path: Path) -> None:
    with Listener(UnixAddress(str(tmp_path / "s"))) as listener:
        server = MonitorServer(Monitor(CATALOG, lambda: 0), [listener])
        server.stop()
        server.run()
        server.stop()


def test_a_descriptor_that_is_passed_is_held_until_it_is_closed(address: UnixAddress) -> None:
    reader, writer = os.pipe()
    with Client(address) as client:
        client.send(NEGOTIATE)
        client.message()
        client.message()
        data = b'{"execute":"getfd","arguments":{"fdname":"pipe"}}'
        send(client.sock, data[:9], [])
        send(client.sock, data[9:], [writer])
        os.close(writer)
        assert client.message() == {"return": {}}
        assert select.select([reader], [], [], 0)[0] == []  # the monitor has the other end
        client.send(b'{"execute":"closefd","arguments":{"fdname":"pipe"}}')
        assert client.message() == {"return": {}}
        assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_job_goes_on_while_nobody_says_anything(address: UnixAddress) -> None:
    with Client(address) as client:
        client.send(NEGOTIATE)
        client.message()
        client.message()
        for name in ("a", "b"):
            client.send(b'{"execute":"blockdev-add","arguments":{"driver":"null-co",')
            client.send(b'"node-name":"%b","size":100}}' % name.encode())
            assert client.message() == {"return": {}}
        client.send(b'{"execute":"blockdev-backup","arguments":{"device":"a","target":"b",')
        client.send(b'"sync":"full","job-id":"j","speed":1000}}')
        messages = [client.message() for _ in range(8)]
        assert messages[2] == {"return": {}}
        assert messages[-1]["data"] == {"id": "j", "status": "null"}
