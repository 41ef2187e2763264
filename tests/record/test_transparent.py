"""A client and a server cannot notice the recorder, and all stands in the trace."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpconf.net.address import UnixAddress
from qmpconf.protocol.framing import Kind
from qmpconf.record.flow import ROOM
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Descriptor, Finish, Gap, Shut
from qmpconf.trace.redaction import Redactor
from tests.descriptors import no_descriptor_left
from tests.record.proxy import (
    GREETING,
    PATIENCE,
    Pair,
    Proxy,
    connected,
    receive,
    reset,
    until,
    until_end,
)
from tests.usual import examples

KINDS = ["unix", "tcp", "unix-tcp", "tcp-unix", "ipv6"]


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


@pytest.fixture
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    kind = getattr(request, "param", "unix")
    if kind == "ipv6" and not has_ipv6():
        pytest.skip("no IPv6 loopback")
    with no_descriptor_left(), Pair(tmp_path, kind) as pair:
        yield pair


every_kind = pytest.mark.parametrize("pair", KINDS, indirect=True)


@every_kind
def test_bytes_both_ways_and_the_end(pair: Pair) -> None:
    client, server = pair.session()
    server.sendall(GREETING)
    assert receive(client, len(GREETING)) == GREETING
    client.sendall(b'{"execute":"a"}')
    assert receive(server, 15) == b'{"execute":"a"}'
    server.sendall(b'{"return": {}}\r\n')
    assert receive(client, 16) == b'{"return": {}}\r\n'
    client.close()
    assert until_end(server) == b""
    server.close()
    until(lambda: pair.proxy.closed() == {1: ("client", "")})
    pair.proxy.stop()
    assert pair.proxy.bytes("server") == GREETING + b'{"return": {}}\r\n'
    assert pair.proxy.bytes("client") == b'{"execute":"a"}'
    records = list(TraceReader(pair.proxy.trace).records())
    assert records[-1] == Finish(records[-1].line, records[-1].t, 1, 3)
    assert not pair.proxy.said


PIECES = st.lists(
    st.tuples(
        st.booleans(),
        st.one_of(
            st.binary(min_size=1, max_size=40),
            st.sampled_from([GREETING, b'{"a":', b"1}", b"'", b"\xff", b"\r\n", b"[" * 40]),
            st.integers(1, 60_000).map(lambda size: b'{"x":"' + b"y" * size + b'"}\r\n'),
        ),
    ),
    max_size=15,
)


def test_any_bytes_in_any_pieces(tmp_path: Path) -> None:
    """Client and server each send pieces while the other one reads."""
    numbers = itertools.count()

    @given(PIECES)
    @settings(
        max_examples=examples(60),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def check(pieces: list[tuple[bool, bytes]]) -> None:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        with Pair(folder) as pair:
            client, server = pair.session()
            wanted = {}
            for sock, forward in ((client, True), (server, False)):
                wanted[sock] = [data for direction, data in pieces if direction is forward]

            def send(sock: socket.socket) -> None:
                for data in wanted[sock]:
                    sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)

            threads = [threading.Thread(target=send, args=(sock,)) for sock in (client, server)]
            for thread in threads:
                thread.start()
            got = {}
            readers = [
                threading.Thread(target=lambda s=sock: got.update({s: until_end(s)}))
                for sock in (client, server)
            ]
            for thread in readers:
                thread.start()
            for thread in [*threads, *readers]:
                thread.join(PATIENCE)
            assert got[server] == b"".join(wanted[client])
            assert got[client] == b"".join(wanted[server])
            until(pair.proxy.closed)
            pair.proxy.stop()
            assert pair.proxy.bytes("client") == b"".join(wanted[client])
            assert pair.proxy.bytes("server") == b"".join(wanted[server])
            assert pair.proxy.finished()

    check()


@every_kind
def test_a_client_that_says_all_and_then_listens(pair: Pair) -> None:
    client, server = pair.session()
    client.sendall(b'{"execute":"a"}\n')
    client.shutdown(socket.SHUT_WR)
    assert until_end(server) == b'{"execute":"a"}\n'
    for number in range(3):
        server.sendall(b'{"return": %d}\r\n' % number)
        assert receive(client, 15) == b'{"return": %d}\r\n' % number
    server.close()
    assert until_end(client) == b""
    until(lambda: pair.proxy.closed() == {1: ("client", "")})
    shut = [one for one in TraceReader(pair.proxy.trace).records() if isinstance(one, Shut)]
    assert [one.who for one in shut] == ["client"]


@every_kind
def test_a_server_that_says_all_and_then_listens(pair: Pair) -> None:
    client, server = pair.session()
    server.sendall(GREETING)
    server.shutdown(socket.SHUT_WR)
    assert until_end(client) == GREETING
    client.sendall(b"{}")
    assert receive(server, 2) == b"{}"
    client.close()
    assert until_end(server) == b""
    until(lambda: pair.proxy.closed() == {1: ("server", "")})


def test_an_unfinished_message_at_the_end_is_delivered_and_recorded(pair: Pair) -> None:
    client, server = pair.session()
    client.sendall(b'{"execute":"a"} {"exec')
    client.shutdown(socket.SHUT_WR)
    assert until_end(server) == b'{"execute":"a"} {"exec'
    server.sendall(b'{"return": {}}\r\n{"ev')
    server.close()
    assert until_end(client) == b'{"return": {}}\r\n{"ev'
    until(pair.proxy.closed)
    assert [frame.kind for frame in pair.proxy.frames("client")] == [Kind.VALUE, Kind.PARTIAL]
    assert pair.proxy.bytes("server") == b'{"return": {}}\r\n{"ev'
    items = [type(one) for one in TraceReader(pair.proxy.trace).items()]
    assert items.index(Shut) == 3  # the unfinished message stands before the end of its direction


@pytest.mark.parametrize("pair", ["tcp"], indirect=True)
@pytest.mark.parametrize("who", ["client", "server"])
def test_a_reset_is_passed_on(pair: Pair, who: str) -> None:
    client, server = pair.session()
    client.sendall(b"{}")
    assert receive(server, 2) == b"{}"
    one, other = (client, server) if who == "client" else (server, client)
    reset(one)
    with pytest.raises(ConnectionResetError):
        other.recv(1)
    until(lambda: pair.proxy.closed() == {1: (who, "Connection reset by peer")})


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_full_close_with_unread_data(pair: Pair, who: str) -> None:
    """On a UNIX socket the one that stays reads all there is, and then the end."""
    client, server = pair.session()
    one, other = (client, server) if who == "client" else (server, client)
    other.sendall(b"{}")
    select.select([one], [], [], PATIENCE)
    one.sendall(b'{"a":1}')
    assert receive(other, 7) == b'{"a":1}'
    one.close()
    with contextlib.suppress(ConnectionResetError):
        assert until_end(other) == b""
    until(lambda: 1 in pair.proxy.closed())
    assert pair.proxy.closed()[1][0] == who


@every_kind
@pytest.mark.parametrize("who", ["client", "server"])
def test_writing_to_one_that_has_gone_fails(pair: Pair, who: str) -> None:
    client, server = pair.session()
    one, other = (client, server) if who == "client" else (server, client)
    one.close()

    def write() -> None:
        while True:
            other.sendall(b'{"x":"' + b"y" * 1000 + b'"}\n')

    with pytest.raises(OSError) as caught:
        write()
    assert caught.value.errno in (errno.EPIPE, errno.ECONNRESET)
    until(lambda: 1 in pair.proxy.closed())
    assert pair.proxy.closed()[1][0] == who


def test_a_server_that_reads_no_more_and_still_speaks(pair: Pair) -> None:
    client, server = pair.session()
    server.shutdown(socket.SHUT_RD)

    def write() -> None:
        while True:
            client.sendall(b"{}" * 100)

    with pytest.raises(BrokenPipeError):
        write()
    server.sendall(GREETING)
    assert receive(client, len(GREETING)) == GREETING
    server.close()
    assert until_end(client) == b""


def test_what_a_server_said_before_it_died_is_delivered(pair: Pair) -> None:
    client, server = pair.session()
    reply = b'{"return": "' + b"x" * 100_000 + b'"}\r\n'
    server.sendall(reply)
    server.close()
    with contextlib.suppress(OSError):
        for _ in range(100):
            client.sendall(b'{"execute":"late"}')
    assert until_end(client) == reply
    assert pair.proxy.bytes("server") == reply


def blocked_after(sock: socket.socket, data: bytes) -> int:
    """Send until nothing more is taken; how many bytes were."""
    sock.setblocking(False)
    sent = 0
    while select.select([], [sock], [], 0.3)[1]:
        with contextlib.suppress(BlockingIOError):
            sent += sock.send(data)
    sock.settimeout(PATIENCE)
    return sent


@pytest.mark.parametrize("pair", ["unix", "tcp"], indirect=True)
@pytest.mark.parametrize("who", ["client", "server"])
def test_a_receiver_that_does_not_read_holds_its_sender_back(pair: Pair, who: str) -> None:
    client, server = pair.session()
    one, other = (client, server) if who == "client" else (server, client)
    message = b'{"x":"' + b"y" * 10_000 + b'"}\r\n'
    sent = blocked_after(one, message)
    limit = 1 << 20 if one.family == socket.AF_UNIX else 32 << 20  # the system's own buffers
    assert 0 < sent < limit
    # The other direction is not held up.
    other.sendall(b'{"return": {}}')
    assert receive(one, 14) == b'{"return": {}}'
    got = receive(other, sent)
    assert len(got) == sent
    assert got == (message * (sent // len(message) + 1))[:sent]
    one.sendall(b"{}")
    assert receive(other, 2) == b"{}"


def blocked_for_good(sock: socket.socket, data: bytes) -> int:
    """Send until nothing more is taken, as one does that waits in its write; how many bytes were."""
    sock.setblocking(False)
    sent, tries = 0, 0
    while tries < 60:
        try:
            sent += sock.send(data)
            tries = 0
        except BlockingIOError:
            tries += 1
            time.sleep(0.005)
    return sent


@pytest.mark.parametrize("kind", ["unix", "tcp"])
@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("size", [1000, 100_000])
@pytest.mark.parametrize("redact", [False, True], ids=["plain", "redacted"])
def test_a_sender_can_push_little_more_than_without_us(
    tmp_path: Path, kind: str, who: str, size: int, *, redact: bool
) -> None:
    message = b'{"key":"' + b"y" * size + b'"}\r\n'
    with Pair(tmp_path, kind, redact=Redactor() if redact else None) as pair:
        sides = [pair.session(through=through) for through in (False, True)]
        for push in (blocked_after, blocked_for_good):
            direct, through = (push(two[who == "server"], message) for two in sides)
            assert direct > 0
            # While a long message is sent on, there is room for 128 KiB of it (flow.py).
            assert through - direct < max(direct, (128 << 10) + ROOM if size > ROOM else 0)


def test_one_who_goes_while_it_holds_its_sender_back(pair: Pair) -> None:
    client, server = pair.session()
    blocked_after(server, b'{"x":"' + b"y" * 10_000 + b'"}\r\n')
    client.close()
    with pytest.raises(OSError):
        server.sendall(b"x" * 1_000_000)
    until(pair.proxy.closed)


def test_one_who_is_held_back_and_goes_is_still_delivered(pair: Pair) -> None:
    """A client writes more than is taken, and closes; all that was taken still arrives."""
    client, server = pair.session()
    message = b'{"x":"' + b"y" * 10_000 + b'"}\r\n'
    sent = blocked_after(client, message)
    client.close()
    got = until_end(server)
    assert len(got) == sent
    until(lambda: pair.proxy.closed() == {1: ("client", "")})
    assert pair.proxy.bytes("client") == got


def test_a_message_of_64_mib(pair: Pair) -> None:
    client, server = pair.session()
    message = b'{"execute":"x","arguments":{"x":"' + b"y" * (64 << 20) + b'"}}\r\n'
    sender = threading.Thread(target=client.sendall, args=(message,))
    sender.start()
    got = receive(server, len(message))
    sender.join(PATIENCE)
    assert got == message
    reply = b'{"return": ["' + b"z" * (64 << 20) + b'"]}\r\n'
    sender = threading.Thread(target=server.sendall, args=(reply,))
    sender.start()
    assert receive(client, len(reply)) == reply
    sender.join(PATIENCE)
    client.sendall(b'{"execute":"stop"}')
    assert receive(server, 18) == b'{"execute":"stop"}'
    client.close()
    until(pair.proxy.closed)
    pair.proxy.stop()
    assert pair.proxy.bytes("client") == message + b'{"execute":"stop"}'
    assert pair.proxy.bytes("server") == reply
    gaps = [one for one in TraceReader(pair.proxy.trace).items() if isinstance(one, Gap)]
    assert [(one.too_long, one.size) for one in gaps] == [(True, len(reply) - 2)]


def test_garbage_for_a_while(pair: Pair) -> None:
    """Noise in pieces of any size; the session goes on afterwards."""
    client, server = pair.session()
    noise = random.Random(5)
    alphabet = [b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b":", b",", b"\xff", b"1", b"\n", b" "]
    sent = bytearray()

    def send() -> None:
        while len(sent) < 300_000:
            size = noise.choice([1, 7, 100, 5000])
            piece = (
                noise.randbytes(size)
                if noise.random() < 0.5
                else b"".join(noise.choices(alphabet, k=size))
            )
            client.sendall(piece)
            sent.extend(piece)
        client.sendall(b"\xff\n" + b'{"execute":"stop"}')
        sent.extend(b"\xff\n" + b'{"execute":"stop"}')
        client.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    got = until_end(server)
    sender.join(PATIENCE)
    assert got == bytes(sent)
    server.sendall(b'{"return": {}}\r\n')
    assert receive(client, 16) == b'{"return": {}}\r\n'
    client.close()
    until(pair.proxy.closed)
    assert pair.proxy.bytes("client") == bytes(sent)
    assert pair.proxy.frames("client")[-1].data == b'{"execute":"stop"}'


@pytest.mark.parametrize("room", [1, 20, 4096])
def test_descriptors_arrive_on_their_byte_and_are_described(pair: Pair, room: int) -> None:
    """Three writes that the system glues together; the second and the third carry descriptors."""
    client, server = pair.session()
    reading, writing = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    first, second, third = b'{"execute":"a"}', b'{"execute":"getfd"}', b' {"execute":"add-fd"}\n'
    client.sendall(first)
    socket.send_fds(client, [second], [reading])
    socket.send_fds(client, [third], [writing, null])
    total = len(first + second + third)
    got = b""
    found = {}
    while len(got) < total:
        data, fds, _, _ = socket.recv_fds(server, room, 10)
        if fds:
            found[len(got), len(data)] = [os.fstat(fd).st_ino for fd in fds]
        for fd in fds:
            os.close(fd)
        got += data
    assert got == first + second + third
    wanted = {
        len(first): [os.fstat(reading).st_ino],
        len(first + second): [os.fstat(writing).st_ino, os.fstat(null).st_ino],
    }
    for (begin, size), inodes in found.items():
        byte = next(byte for byte in wanted if begin <= byte < begin + size)
        assert wanted.pop(byte) == inodes
    assert not wanted
    for fd in (reading, writing, null):
        os.close(fd)
    client.close()
    until(pair.proxy.closed)
    items = [one for one in TraceReader(pair.proxy.trace).items() if isinstance(one, Item)]
    with_fds = [(one.frame.data.strip(), one.fds) for one in items if one.fds]
    assert with_fds[0] == (second, (Descriptor("pipe", "r"),))
    assert with_fds[1][1] == (Descriptor("pipe", "w"), Descriptor("null", "rw"))
    assert len(with_fds) == 2


def test_descriptors_for_one_who_does_not_read(pair: Pair) -> None:
    """Descriptors wait with their byte, and are closed when the session ends before."""
    client, server = pair.session()
    blocked_after(client, b'{"x":"' + b"y" * 10_000 + b'"}\r\n')
    reading, writing = os.pipe()
    with contextlib.suppress(BlockingIOError):
        client.setblocking(False)
        socket.send_fds(client, [b"{}"], [reading])
    os.close(reading)
    server.close()
    client.close()
    until(pair.proxy.closed)
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"x")
    os.close(writing)


@pytest.mark.parametrize("pair", ["unix-tcp"], indirect=True)
def test_descriptors_that_the_server_cannot_be_given_are_dropped(pair: Pair) -> None:
    client, server = pair.session()
    socket.send_fds(client, [b'{"execute":"getfd"}'], [0])
    assert receive(server, 19) == b'{"execute":"getfd"}'


def test_no_server_refuses_the_client_and_goes_on(tmp_path: Path) -> None:
    server = UnixAddress(str(tmp_path / "server"))
    client = UnixAddress(str(tmp_path / "client"))
    with no_descriptor_left(), Proxy(tmp_path, server, client) as proxy:
        for conn in (1, 2):
            with connected(proxy.address) as sock, contextlib.suppress(OSError):
                assert until_end(sock) == b""
            until(lambda conn=conn: conn in proxy.closed())
        assert proxy.closed()[1] == ("server", "No such file or directory")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(server.path)
            with connected(proxy.address) as sock, contextlib.suppress(OSError):
                assert until_end(sock) == b""
            until(lambda: 3 in proxy.closed())
            listener.listen()
            with connected(proxy.address) as sock:
                accepted, _ = listener.accept()
                accepted.sendall(GREETING)
                assert receive(sock, len(GREETING)) == GREETING
                accepted.close()
            until(lambda: 4 in proxy.closed())
    assert proxy.closed()[3] == ("server", "Connection refused")
    assert proxy.recorder.refused == 3
    assert [said for said in proxy.said if "cannot be reached" in said] == proxy.said
    assert len(proxy.said) == 3
    assert proxy.finished()
    assert not os.path.exists(client.path)


@pytest.mark.parametrize("pair", ["tcp"], indirect=True)
def test_a_refusal_over_tcp_is_a_reset(pair: Pair) -> None:
    pair.listener.close()
    with pytest.raises(ConnectionResetError), connected(pair.proxy.address) as sock:
        sock.recv(1)
    until(lambda: pair.proxy.closed() == {1: ("server", "Connection refused")})


def crowd(pair: Pair, count: int) -> None:
    """So many clients at once, each with a dialogue of its own."""
    per_client = 20

    def serve() -> None:
        def dialogue(sock: socket.socket) -> None:
            with sock:
                sock.sendall(GREETING)
                while data := sock.recv(4096):
                    sock.sendall(data + b"\r\n")

        threads = []
        for _ in range(count):
            sock, _ = pair.listener.accept()
            sock.settimeout(PATIENCE)
            threads.append(threading.Thread(target=dialogue, args=(sock,)))
            threads[-1].start()
        for thread in threads:
            thread.join(PATIENCE)

    wrong: list[Any] = []

    def talk(number: int) -> None:
        with connected(pair.proxy.address) as sock:
            if receive(sock, len(GREETING)) != GREETING:
                wrong.append(number)
            for turn in range(per_client):
                text = b'{"id":[%d,%d]}' % (number, turn)
                sock.sendall(text)
                if receive(sock, len(text) + 2) != text + b"\r\n":
                    wrong.append((number, turn))

    server = threading.Thread(target=serve)
    server.start()
    clients = [threading.Thread(target=talk, args=(number,)) for number in range(count)]
    for thread in clients:
        thread.start()
    for thread in [*clients, server]:
        thread.join(PATIENCE)
    assert wrong == []
    until(lambda: len(pair.proxy.closed()) == count)
    pair.proxy.stop()
    said = set()
    for conn in range(1, count + 1):
        mine = pair.proxy.bytes("client", conn)
        said.add(mine)
        answers = mine.replace(b"}{", b"}\r\n{") + b"\r\n"
        assert pair.proxy.bytes("server", conn) == GREETING + answers
    assert said == {
        b"".join(b'{"id":[%d,%d]}' % (number, turn) for turn in range(per_client))
        for number in range(count)
    }


@pytest.mark.parametrize("pair", ["unix", "tcp"], indirect=True)
def test_fifty_clients_at_once(pair: Pair) -> None:
    crowd(pair, 50)


def test_two_clients_one_after_the_other(pair: Pair) -> None:
    for number in (1, 2):
        client, server = pair.session()
        server.sendall(GREETING)
        assert receive(client, len(GREETING)) == GREETING
        client.close()
        assert until_end(server) == b""
        until(lambda number=number: number in pair.proxy.closed())
    assert pair.proxy.bytes("server", 1) == pair.proxy.bytes("server", 2) == GREETING


def test_a_client_that_waits_while_the_servers_queue_is_full(tmp_path: Path) -> None:
    """A server that accepts nobody: clients wait, and are served when it does."""
    with no_descriptor_left():
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "server"))
        listener.listen(0)
        listener.settimeout(PATIENCE)
        server = UnixAddress(str(tmp_path / "server"))
        with Proxy(tmp_path, server, UnixAddress(str(tmp_path / "client"))) as proxy:
            clients = [connected(proxy.address) for _ in range(5)]
            accepted = []
            for _ in clients:
                sock, _ = listener.accept()
                sock.sendall(GREETING)
                accepted.append(sock)
            for client in clients:
                client.settimeout(PATIENCE)
                assert receive(client, len(GREETING)) == GREETING
            late = [connected(proxy.address) for _ in range(5)]
        for sock in [*clients, *late, *accepted, listener]:
            sock.close()
    assert proxy.finished()
