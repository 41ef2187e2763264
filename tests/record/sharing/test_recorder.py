"""Clients that share a server: who may send, who goes when, and what the trace has of it."""

from __future__ import annotations

import array
import contextlib
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.errors import OutputError
from qmpconf.net.address import UnixAddress
from qmpconf.net.descriptors import receive as receive_with
from qmpconf.record.sharing import recorder as module
from qmpconf.record.sharing.recorder import SharingRecorder
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Open, Traffic
from tests.descriptors import no_descriptor_left
from tests.record.proxy import (
    GREETING,
    PATIENCE,
    Proxy,
    connected,
    listening,
    until,
    until_end,
)

NEGOTIATE = b'{"execute": "qmp_capabilities", "id": "n"}'
EVENT = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n'


@pytest.fixture(autouse=True)
def closes_all() -> Iterator[None]:
    with no_descriptor_left():
        yield


class Peer:
    """A socket that is read message by message."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")

    def hear(self) -> Any:
        """The next message; an error's class and id alone; None at the end."""
        line = self.file.readline()
        found = json.loads(line) if line else None
        if found and "error" in found:
            return found["error"]["class"], found.get("id")
        return found

    def say(self, data: bytes) -> None:
        self.sock.sendall(data + b"\n")

    def close(self) -> None:
        self.file.close()
        self.sock.close()


class Shared:
    """A proxy that shares, its server (this test) and clients."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.where = UnixAddress(str(folder / "server"))
        self.listener = None if more.get("server_dials") else listening(self.where)
        observers = UnixAddress(str(folder / "observers"))
        self.observers = observers
        self.proxy = Proxy(
            folder,
            self.where,
            UnixAddress(str(folder / "client")),
            make=SharingRecorder,
            observe_at=observers,
            **more,
        )
        self._peers: list[Peer] = []

    def serve(self) -> Peer:
        """The server's side of the one session."""
        if self.listener is None:
            sock = connected(self.where)
        else:
            sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE)
        server = Peer(sock)
        self._peers.append(server)
        sock.sendall(GREETING)
        asked = server.hear()
        assert asked["arguments"] == {"enable": ["oob"]}
        server.say(json.dumps({"return": {}, "id": asked["id"]}).encode() + b"\r")
        return server

    def client(self, *, observes: bool = False) -> Peer:
        """A client that has not negotiated."""
        found = Peer(connected(self.observers if observes else self.proxy.address))
        self._peers.append(found)
        return found

    def negotiated(self, *, observes: bool = False) -> Peer:
        found = self.client(observes=observes)
        assert "QMP" in found.hear()
        found.say(NEGOTIATE)
        assert found.hear() == {"return": {}, "id": "n"}
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.proxy.stop()
        finally:
            self.proxy.writer.abandon()
            if self.listener is not None:
                self.listener.close()
            for peer in self._peers:
                peer.close()


def answered(server: Peer, client: Peer, name: str) -> None:
    """A command that reaches the server, and its response."""
    client.say(json.dumps({"execute": name, "id": name}).encode())
    asked = server.hear()
    assert asked["execute"] == name
    server.say(json.dumps({"return": {}, "id": asked["id"]}).encode() + b"\r")
    assert client.hear() == {"return": {}, "id": name}


def refused(client: Peer, name: str) -> None:
    client.say(json.dumps({"execute": name, "id": name}).encode())
    assert client.hear() == ("GenericError", name)


def test_the_first_may_send_and_the_others_observe(tmp_path: Path) -> None:
    with Shared(tmp_path) as shared:
        early = shared.client(observes=True)
        server = shared.serve()
        assert "QMP" in early.hear()
        owner = shared.negotiated()
        other = shared.negotiated()
        answered(server, owner, "stop")
        server.say(EVENT.strip() + b"\r")
        for one in (owner, other):
            assert one.hear()["event"] == "STOP"
        refused(other, "cont")
        answered(server, other, "query-status")
        early.say(NEGOTIATE)
        assert early.hear() == {"return": {}, "id": "n"}
        refused(early, "cont")
        owner.close()
        late = shared.negotiated()
        answered(server, late, "cont")
        refused(other, "cont")  # once an observer, always one
        late.sock.shutdown(socket.SHUT_WR)
        last = shared.negotiated()
        answered(server, last, "system_reset")
        assert late.hear() is None
    trace = shared.proxy.trace
    opens = [one for one in TraceReader(trace).records() if isinstance(one, Open)]
    assert [(one.conn, one.shared, one.through) for one in opens] == [
        (1, True, 0),
        *((conn, False, 1) for conn in (2, 3, 4, 5, 6)),
    ]
    outcome = check_trace(trace)
    # What the server did is found once, in the session that it has; so is what clients did.
    found = {one.first.requirement: (one.first.session, one.count) for one in outcome.groups}
    assert found == {"practice.failed": (4, 3), "schema.return": (1, 1)}
    assert outcome.sessions == 6


def test_all_may_send_where_that_is_wanted_but_for_observers(tmp_path: Path) -> None:
    with Shared(tmp_path, all_write=True) as shared:
        first = shared.client()
        server = shared.serve()
        assert "QMP" in first.hear()
        second = shared.negotiated()
        answered(server, second, "stop")
        refused(shared.negotiated(observes=True), "stop")


def test_who_does_not_read_is_let_go_and_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 1 << 18)
    with Shared(tmp_path) as shared:
        first = shared.client()
        server = shared.serve()
        assert "QMP" in first.hear()
        first.say(NEGOTIATE)
        assert first.hear() == {"return": {}, "id": "n"}
        dead = shared.negotiated()
        for _ in range(20):
            server.sock.sendall(EVENT * 500)
            for _ in range(500):
                assert first.hear()["event"] == "STOP"
        assert shared.proxy.said == ["session 3: the client does not read; its connection is ended"]
        heard = until_end(dead.sock)
        assert heard[: heard.rindex(b"\n") + 1] == EVENT * heard.count(b"\n")
        first.sock.sendall(b"}" * 500)  # noise is answered, byte for byte, and in order
        for _ in range(500):
            assert first.hear() == ("GenericError", None)
        answered(server, first, "quit")
    assert shared.proxy.closed()[3] == ("recorder", "does not read")


def test_a_server_that_goes_takes_its_clients_along_and_the_next_one_dials_again(
    tmp_path: Path,
) -> None:
    with Shared(tmp_path) as shared:
        clients = [shared.client() for _ in range(2)]
        server = shared.serve()
        for one in clients:
            assert "QMP" in one.hear()
            one.say(NEGOTIATE)
            assert one.hear() == {"return": {}, "id": "n"}
        server.say(EVENT.strip() + b"\r")
        server.close()
        for one in clients:
            assert one.hear()["event"] == "STOP"
            assert one.hear() is None
        until(lambda: len(shared.proxy.closed()) == 3)
        again = shared.client()
        server = shared.serve()
        assert "QMP" in again.hear()
        server.say(b'{"return": {}, "id": "nobody"}')
        assert shared.listener is not None
        shared.listener.close()
        os.unlink(shared.where.path)
        server.close()
        assert again.hear() is None
        with contextlib.suppress(OSError):  # refused, as by a server that is not there
            assert shared.client().hear() is None
        until(lambda: shared.proxy.recorder.refused == 1)
    who = {conn: one[0] for conn, one in shared.proxy.closed().items()}
    assert who == dict.fromkeys(range(1, 7), "server")


def test_a_server_that_dials_is_shared_by_who_waits_and_who_comes(tmp_path: Path) -> None:
    with Shared(tmp_path, server_dials=True) as shared:
        early = shared.client()
        server = shared.serve()
        assert "QMP" in early.hear()
        early.say(NEGOTIATE)
        assert early.hear() == {"return": {}, "id": "n"}
        late = shared.negotiated()
        answered(server, early, "stop")
        refused(late, "stop")
        with connected(shared.where) as other:
            assert until_end(other) == b""
        assert shared.proxy.said == [
            "another server has connected, while one is shared: it is sent away"
        ]
        server.close()
        assert early.hear() is None
        assert late.hear() is None
        again = shared.client()
        server = shared.serve()  # it dials anew
        assert "QMP" in again.hear()


def test_a_server_that_is_no_monitor_ends_the_clients(tmp_path: Path) -> None:
    with Shared(tmp_path) as shared:
        client = shared.client()
        assert shared.listener is not None
        sock, _ = shared.listener.accept()
        with sock:
            sock.sendall(b'{"return": {}}\n')
            assert client.hear() is None
        assert shared.proxy.said == ["the server does not negotiate as a QMP server does"]


def test_descriptors_ride_on_their_command(tmp_path: Path) -> None:
    with Shared(tmp_path) as shared:
        shared.client()
        server = shared.serve()
        client = shared.client(observes=True)
        assert "QMP" in client.hear()
        first, second = os.pipe()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [first]))]
        client.sock.sendmsg([NEGOTIATE], rights)  # it takes none: it is closed
        assert client.hear() == {"return": {}, "id": "n"}
        client.say(b'{"execute": "query-status", "id": 1}')
        assert "id" in server.hear()
        client.sock.sendall(b'{"execute": "query-')
        client.sock.sendmsg([b'version"}'], rights)
        os.close(first)
        server.say(b'{"return": {}}\r')
        buffer = memoryview(bytearray(4096))
        count, fds, at = receive_with(server.sock, buffer)
        assert (at, len(fds), b"query-version" in bytes(buffer[:count])) == (0, 1, True)
        os.write(second, b"x")
        assert os.read(fds[0], 1) == b"x"
        for fd in (*fds, second):
            os.close(fd)
    records = [one for one in TraceReader(shared.proxy.trace).records() if isinstance(one, Traffic)]
    assert [(one.conn, len(one.fds)) for one in records if one.fds] == [(3, 1), (3, 1), (1, 1)]


def test_once_ends_with_the_last_client(tmp_path: Path) -> None:
    with Shared(tmp_path, once=True) as shared:
        first = shared.client()
        server = shared.serve()
        assert "QMP" in first.hear()
        second = shared.negotiated()
        first.close()
        answered(server, second, "query-status")
        second.close()
        shared.proxy.join()
        assert server.hear() is None
        assert shared.proxy.finished()


def test_a_full_disk_stops_before_anything_unrecorded_is_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Shared(tmp_path) as shared:
        client = shared.client()
        server = shared.serve()
        assert "QMP" in client.hear()

        def full(*_: object) -> None:
            raise OutputError("cannot write t.qmptrace: No space left on device")

        monkeypatch.setattr(shared.proxy.writer, "frames", full)
        client.say(b'{"execute": "stop"}')
        shared.proxy.join()
        assert client.hear() is None
        assert server.hear() is None
        assert re.search("No space", str(shared.proxy.error))
