"""Who listens and who dials, when a recording ends, and what happens when nothing can be written."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.errors import OutputError, UsageError
from qmpconf.net.address import FdAddress, TcpAddress, UnixAddress
from qmpconf.record import journal
from qmpconf.record.arrivals import Ends
from qmpconf.record.recorder import Recorder
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.records import Gap
from qmpconf.trace.writer import TraceWriter
from tests.descriptors import descriptors_left, no_descriptor_left
from tests.record.proxy import (
    GREETING,
    PATIENCE,
    Pair,
    Proxy,
    connected,
    listening,
    receive,
    until,
    until_end,
)


@pytest.fixture(autouse=True)
def closes_all() -> Iterator[None]:
    with no_descriptor_left():
        yield


def unix(folder: Path, name: str) -> UnixAddress:
    return UnixAddress(str(folder / name))


def greets(client: socket.socket, server: socket.socket) -> None:
    """A short dialogue, to see that the two are connected."""
    server.sendall(GREETING)
    assert receive(client, len(GREETING)) == GREETING
    client.sendall(b'{"execute":"x"}')
    assert receive(server, 15) == b'{"execute":"x"}'


def test_once_ends_after_the_first_session(tmp_path: Path) -> None:
    with Pair(tmp_path, once=True) as pair:
        client, server = pair.session()
        greets(client, server)
        with pytest.raises(OSError):
            connected(pair.proxy.address)
        client.close()
        pair.proxy.join()
        assert pair.proxy.finished()
        assert until_end(server) == b""
    assert not (tmp_path / "client").exists()


def test_once_ends_after_a_refusal(tmp_path: Path) -> None:
    with Proxy(tmp_path, unix(tmp_path, "none"), unix(tmp_path, "client"), once=True) as proxy:
        with connected(proxy.address) as sock, contextlib.suppress(OSError):
            assert until_end(sock) == b""
        proxy.join()
        assert proxy.recorder.refused == 1
        assert proxy.finished()


def test_stopping_closes_every_session_and_finishes_the_trace(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair:
        sessions = [pair.session() for _ in range(3)]
        for client, server in sessions:
            greets(client, server)
        sessions[0][0].sendall(b'{"unfinished":')
        assert receive(sessions[0][1], 14) == b'{"unfinished":'
        pair.proxy.stop()
        for client, server in sessions:
            assert until_end(client) == b""
            assert until_end(server) == b""
        assert pair.proxy.closed() == dict.fromkeys((1, 2, 3), ("recorder", ""))
        assert pair.proxy.bytes("client", 1) == b'{"execute":"x"}{"unfinished":'
        assert pair.proxy.finished()
    assert not (tmp_path / "client").exists()


def test_a_server_that_dials_and_comes_back(tmp_path: Path) -> None:
    where = unix(tmp_path, "dials")
    with Proxy(tmp_path, where, unix(tmp_path, "client"), server_dials=True) as proxy:
        for conn in (1, 2, 3):
            if conn == 2:  # the client may come first
                client = connected(proxy.address)
                server = connected(where)
            else:
                server = connected(where)
                client = connected(proxy.address)
            greets(client, server)
            client.close()
            assert until_end(server) == b""
            server.close()
            until(lambda conn=conn: conn in proxy.closed())
        assert len(proxy.closed()) == 3
    assert not (tmp_path / "dials").exists()


def test_sides_that_go_before_the_other_one_comes_are_forgotten(tmp_path: Path) -> None:
    where = unix(tmp_path, "dials")
    with Proxy(tmp_path, where, unix(tmp_path, "client"), server_dials=True) as proxy:
        connected(where).close()
        connected(where).close()
        server = connected(where)
        client = connected(proxy.address)
        greets(client, server)
        client.close()
        server.close()
        until(proxy.closed)
        connected(proxy.address).close()
        client = connected(proxy.address)
        # This one has said all it has to say, and waits for the answers.
        client.sendall(b'{"execute":"x"}')
        client.shutdown(socket.SHUT_WR)
        server = connected(where)
        assert until_end(server) == b'{"execute":"x"}'
        server.sendall(GREETING)
        assert receive(client, len(GREETING)) == GREETING
        server.close()
        client.close()
        connected(where).close()
        waiting = connected(where)
    with waiting, contextlib.suppress(ConnectionResetError):  # perhaps not even accepted
        assert until_end(waiting) == b""
    assert proxy.recorder.sessions == 2


def test_a_client_that_listens_and_a_server_that_dials(tmp_path: Path) -> None:
    where, clients = unix(tmp_path, "dials"), unix(tmp_path, "client")
    with (
        listening(clients) as listener,
        Proxy(tmp_path, where, clients, server_dials=True, client_listens=True) as proxy,
    ):
        assert proxy.address == where
        server = connected(where)
        client, _ = listener.accept()
        client.settimeout(PATIENCE)
        greets(client, server)
        client.close()
        server.close()
        until(proxy.closed)
        listener.close()
        with connected(where) as server, contextlib.suppress(OSError):
            assert until_end(server) == b""
        until(lambda: 2 in proxy.closed())
        assert proxy.closed()[2] == ("client", "Connection refused")


def test_a_client_that_listens_needs_a_server_that_dials(tmp_path: Path) -> None:
    with (
        TraceWriter(str(tmp_path / "t")) as writer,
        pytest.raises(UsageError, match="nobody would begin"),
    ):
        Recorder(Ends(UnixAddress("s"), UnixAddress("c"), client_listens=True), writer)


def test_an_inherited_listening_socket(tmp_path: Path) -> None:
    clients = unix(tmp_path, "client")
    with listening(clients) as inherited, listening(unix(tmp_path, "server")) as listener:
        fd = os.dup(inherited.fileno())
        with Proxy(tmp_path, unix(tmp_path, "server"), FdAddress(fd)) as proxy:
            for conn in (1, 2):
                client = connected(clients)
                server, _ = listener.accept()
                greets(client, server)
                client.close()
                server.close()
                until(lambda conn=conn: conn in proxy.closed())
        assert os.path.exists(clients.path)  # not ours


def test_an_inherited_connected_socket_is_one_session(tmp_path: Path) -> None:
    client, ours = socket.socketpair()
    with listening(unix(tmp_path, "server")) as listener:
        address = FdAddress(ours.detach())
        with Proxy(tmp_path, unix(tmp_path, "server"), address) as proxy:
            assert proxy.address == address
            server, _ = listener.accept()
            greets(client, server)
            client.close()
            proxy.join()
            server.close()
            assert proxy.closed() == {1: ("client", "")}


def test_an_inherited_connection_to_the_server_is_one_session(tmp_path: Path) -> None:
    ours, server = socket.socketpair()
    with Proxy(tmp_path, FdAddress(ours.detach()), unix(tmp_path, "client")) as proxy:
        client = connected(proxy.address)
        greets(client, server)
        with pytest.raises(OSError):
            connected(proxy.address)
        server.close()
        assert until_end(client) == b""
        proxy.join()
        client.close()


def test_inherited_descriptors_that_are_no_use(tmp_path: Path) -> None:
    with TraceWriter(str(tmp_path / "t")) as writer:
        with pytest.raises(UsageError, match="not an open descriptor"):
            Recorder(Ends(FdAddress(99_999), unix(tmp_path, "client")), writer)
        assert not (tmp_path / "client").exists()
        with listening(unix(tmp_path, "server")) as listener:
            fd = os.dup(listener.fileno())
            with pytest.raises(UsageError, match="listens"):
                Recorder(Ends(FdAddress(fd), unix(tmp_path, "client")), writer)
            with pytest.raises(OSError):
                os.fstat(fd)


def test_a_host_that_is_unknown_refuses_one_session(tmp_path: Path) -> None:
    where = TcpAddress("host.invalid", 4444)
    with Proxy(tmp_path, where, unix(tmp_path, "client")) as proxy:
        for conn in (1, 2):
            with connected(proxy.address) as sock, contextlib.suppress(OSError):
                assert until_end(sock) == b""
            until(lambda conn=conn: conn in proxy.closed())
        assert "cannot connect to tcp:host.invalid:4444" in proxy.closed()[1][1]


def test_patience_with_a_server_that_is_starting(tmp_path: Path) -> None:
    where = unix(tmp_path, "server")
    with Proxy(tmp_path, where, unix(tmp_path, "client"), patience=PATIENCE) as proxy:
        client = connected(proxy.address)
        client.sendall(b'{"execute":"x"}')
        with listening(where) as listener:
            server, _ = listener.accept()
            assert receive(server, 15) == b'{"execute":"x"}'
        server.close()
        client.close()
        late = connected(proxy.address)
    late.close()
    assert proxy.recorder.refused == 0


@pytest.mark.parametrize("spare", [0, 1])
def test_too_many_open_files_harm_no_other_session(tmp_path: Path, spare: int) -> None:
    """Without any left, a client waits; with one left it is refused: there is none for its server."""
    with Pair(tmp_path) as pair:
        client, server = pair.session()
        greets(client, server)
        late = socket.socket(socket.AF_UNIX)
        late.settimeout(PATIENCE)
        assert isinstance(pair.proxy.address, UnixAddress)
        with descriptors_left(spare):
            late.connect(pair.proxy.address.path)
            until(lambda: pair.proxy.said, "nobody complained")
            client.sendall(b'{"execute":"y"}')
            assert receive(server, 15) == b'{"execute":"y"}'
        assert "Too many open files" in pair.proxy.said[0]
        if spare:
            with contextlib.suppress(ConnectionResetError):
                assert until_end(late) == b""
        else:
            waited, _ = pair.listener.accept()
            greets(late, waited)
            waited.close()
        late.close()


def test_it_ends_in_order_where_no_file_can_be_opened(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair, socket.socket(socket.AF_UNIX) as late:
        greets(*pair.session())
        assert isinstance(pair.proxy.address, UnixAddress)
        with descriptors_left(0):
            late.connect(pair.proxy.address.path)
            until(lambda: pair.proxy.said, "nobody complained")
            pair.proxy.stop()
        assert pair.proxy.finished()


@pytest.mark.parametrize("once", [False, True])
def test_a_recording_ends_with_a_child_and_the_sessions_that_it_left(
    tmp_path: Path, once: bool
) -> None:
    with Pair(tmp_path, once=once) as pair:
        client, server = pair.session()
        greets(client, server)
        child = subprocess.Popen(["true"])
        pair.proxy.recorder.stop_after_process(child.pid)
        child.wait()
        for _ in range(20):
            time.sleep(0.005)
            client.sendall(b"{}")
            assert receive(server, 2) == b"{}"
        client.close()
        pair.proxy.join()
        assert pair.proxy.closed() == {1: ("client", "")}
        assert pair.proxy.finished()


class Full:
    """Makes a trace's file full, from the moment that `after` says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, proxy: Proxy) -> None:
        self._real = os.write
        self._fd = proxy.writer._sink._fd
        self.on = False
        if proxy.recorder._tape is not None:
            proxy.recorder._tape.close()  # the compiled core does not write with os.write
        monkeypatch.setattr(os, "write", self._write)

    def _write(self, fd: int, data: bytes) -> int:
        if self.on and fd == self._fd:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._real(fd, data)


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_full_disk_stops_before_anything_unrecorded_is_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    with Pair(tmp_path) as pair:
        full = Full(monkeypatch, pair.proxy)
        client, server = pair.session()
        other_client, other_server = pair.session()
        greets(client, server)
        full.on = True
        one, other = (client, server) if who == "client" else (server, client)
        one.sendall(b'{"execute":"unrecorded"}\r\n')
        pair.proxy.join()
        assert isinstance(pair.proxy.error, OutputError)
        assert "No space left on device" in str(pair.proxy.error)
        assert until_end(other) == b""
        for sock in (one, other_client, other_server):
            with contextlib.suppress(ConnectionResetError):
                assert until_end(sock) == b""
        assert pair.proxy.bytes("client") == b'{"execute":"x"}'
        assert pair.proxy.bytes("server") == GREETING
        assert not pair.proxy.finished()
    assert not (tmp_path / "client").exists()


def test_a_full_disk_when_a_session_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Pair(tmp_path) as pair:
        full = Full(monkeypatch, pair.proxy)
        full.on = True
        with connected(pair.proxy.address) as client, contextlib.suppress(OSError):
            assert until_end(client) == b""
        pair.proxy.join()
        assert isinstance(pair.proxy.error, OutputError)


def test_passing_on_when_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Pair(tmp_path, pass_on_error=True) as pair:
        full = Full(monkeypatch, pair.proxy)
        client, server = pair.session()
        greets(client, server)
        full.on = True
        client.sendall(b'{"execute":"unrecorded"}')
        assert receive(server, 24) == b'{"execute":"unrecorded"}'
        server.sendall(b'{"return": {}}')
        assert receive(client, 14) == b'{"return": {}}'
        client.close()
        assert until_end(server) == b""
        again, server = pair.session()
        greets(again, server)
        pair.proxy.stop()
        assert pair.proxy.error is None
        assert pair.proxy.recorder.failed is not None
        assert len(pair.proxy.said) == 1
        assert "UNRECORDED" in pair.proxy.said[0]
        assert pair.proxy.bytes("client") == b'{"execute":"x"}'
        assert TraceReader(pair.proxy.trace).header.version == 1


@pytest.mark.parametrize("name", ["t.qmptrace", "t.qmptrace.gz", "t.qmptrace.zst"])
def test_a_trace_that_can_be_written_again_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(journal, "_AGAIN", 0.01)
    with Pair(tmp_path, pass_on_error=True, name=name) as pair:
        full = Full(monkeypatch, pair.proxy)
        sessions = [pair.session() for _ in range(2)]
        for client, server in sessions:
            greets(client, server)
        full.on = True
        (client, server), (other, its_server) = sessions
        client.sendall(b'{"execute":"unrecorded"}')
        assert receive(server, 24) == b'{"execute":"unrecorded"}'
        other.close()
        assert until_end(its_server) == b""
        late, late_server = pair.session()
        greets(late, late_server)
        full.on = False
        until(lambda: len(pair.proxy.said) == 2)
        assert pair.proxy.said[1].endswith("can be written again, and goes on behind a gap")
        server.sendall(b'{"return": {}}\r\n')
        assert receive(client, 16) == b'{"return": {}}\r\n'
        late.sendall(b'{"execute":"y"}')
        assert receive(late_server, 15) == b'{"execute":"y"}'
        pair.proxy.stop()
        assert pair.proxy.recorder.failed is None
        assert pair.proxy.recorder.unrecorded
        assert pair.proxy.finished()
        assert pair.proxy.closed()[2] == ("recorder", "ended while it was not recorded")
        said = [item.data for item in pair.proxy.frames("client", 1)]
        assert said == [b'{"execute":"x"}']
        assert [item.data for item in pair.proxy.frames("server", 1)][-1] == b'{"return": {}}'
        assert [item.data for item in pair.proxy.frames("client", 3)] == [b'{"execute":"y"}']
        found = [one.first for one in check_trace(pair.proxy.trace).groups]
        blamed = {one.requirement for one in found if one.blame in ("server", "recorder")}
        assert blamed <= {"trace.gap", "schema.additions"}  # it took what no schema has
        gaps = [one for one in TraceReader(pair.proxy.trace).records() if isinstance(one, Gap)]
        assert [(one.conn, one.sender, one.size, one.messages) for one in gaps] == [
            (1, "client", 24, 1),
            (3, "client", 15, 1),
            (3, "server", len(GREETING), 1),
        ]


def test_the_trace_is_ahead_of_the_receiver(tmp_path: Path) -> None:
    """When a message has arrived, it can be read in the trace."""
    with Pair(tmp_path) as pair:
        client, server = pair.session()
        for number in range(50):
            text = b'{"execute":"x","id":%d}' % number
            client.sendall(text)
            receive(server, len(text))
            assert pair.proxy.bytes("client").endswith(text)


def test_what_a_client_did_not_wait_for_is_written_once(tmp_path: Path) -> None:
    """It has gone before the first byte of a long reply is sent on, and the recorder sees that then."""
    ends = Ends(unix(tmp_path, "server"), unix(tmp_path, "client"))
    reply = b'{"return": "' + b"x" * 100_000 + b'"}\r\n'
    trace = str(tmp_path / "t")
    with (
        listening(ends.server) as listener,
        TraceWriter(trace) as writer,
        Recorder(ends, writer) as recorder,
    ):
        connected(ends.client).close()
        recorder._loop.look(1)
        server, _ = listener.accept()
        with server:
            relay = recorder._relays[1]
            server.sendall(reply)
            relay.on_server(select.EPOLLIN)
            relay.finish("recorder")
    written = direction(trace, 1, "server")
    assert len(written) > 8000
    assert reply.startswith(written)


def test_observed(tmp_path: Path) -> None:
    seen = []

    def observe(conn: int, sender: str, frames: object, t: float) -> None:
        seen.append((conn, sender, [frame.data for frame in frames], t >= 0))  # type: ignore[attr-defined]

    with Pair(tmp_path, observe=observe) as pair:
        client, server = pair.session()
        greets(client, server)
    assert seen == [
        (1, "server", [GREETING[:-2]], True),
        (1, "client", [b'{"execute":"x"}'], True),
    ]


def test_addresses_in_use(tmp_path: Path) -> None:
    clients = unix(tmp_path, "client")
    with TraceWriter(str(tmp_path / "t")) as writer, listening(clients):
        with pytest.raises(UsageError, match="in use"):
            Recorder(Ends(unix(tmp_path, "server"), clients), writer)
        with pytest.raises(UsageError, match="in use"):
            Recorder(Ends(clients, unix(tmp_path, "other"), server_dials=True), writer)
        assert not (tmp_path / "other").exists()
        assert (tmp_path / "client").exists()


def test_it_does_not_connect_to_itself(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would connect to itself"):
        Ends(unix(tmp_path, "one"), unix(tmp_path, "one"))


@pytest.mark.parametrize("stays", [False, True])
def test_what_was_said_before_a_quiet_stop_is_recorded(stays: bool, tmp_path: Path) -> None:
    """Nobody has accepted the client yet, and it has said more than is read at once."""
    ends = Ends(unix(tmp_path, "server"), unix(tmp_path, "client"))
    text = b'{"execute":"x","id":"%s"}' % (b"i" * 4000)
    with (
        listening(ends.server),
        TraceWriter(str(tmp_path / "t")) as writer,
        Recorder(ends, writer) as recorder,
        connected(ends.client) as client,
    ):
        client.sendall(30 * text)
        if not stays:
            client.close()
        recorder.stop_when_quiet(PATIENCE / 15)  # nobody will ever accept it
        recorder.run()
    said = [one for one in TraceReader(str(tmp_path / "t")).records() if hasattr(one, "data")]
    assert len(said) == 30


def test_a_quiet_stop_waits_for_nobody_who_says_nothing(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair:
        client, server = pair.session()
        greets(client, server)
        pair.proxy.recorder.stop_when_quiet(10 * PATIENCE)
        until_end(client)  # gives up after a tenth of that


def test_sides_beyond_a_number_wait_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpconf.record.arrivals._MOST_PARKED", 3)
    servers, clients = unix(tmp_path, "server"), unix(tmp_path, "client")
    with Proxy(tmp_path, servers, clients, server_dials=True) as proxy:
        waiting = [connected(clients) for _ in range(6)]
        until(lambda: len(proxy.recorder._parked["client"]) == 3)
        dialled = [connected(servers) for _ in range(6)]
        for client, server in zip(waiting, dialled, strict=True):
            greets(client, server)
        for sock in (*waiting, *dialled):
            sock.close()
        until(lambda: len(proxy.closed()) == 6)
    assert {who for who, _ in proxy.closed().values()} <= {"client", "server"}
