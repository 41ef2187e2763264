"""Sockets: connecting, listening, and whose socket file may be removed."""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path

import pytest

from qmpconf.errors import TargetError, UsageError
from qmpconf.net.address import FdAddress, TcpAddress, UnixAddress
from qmpconf.net.endpoint import (
    Listener,
    abort,
    connect,
    inherited,
    is_bound,
    is_listening,
    places,
    untaken,
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "s")


def stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)


def test_unix_there_and_back(path: str) -> None:
    with Listener(UnixAddress(path)) as listener:
        assert is_bound(path)
        assert is_listening(listener.socket)
        client = connect(UnixAddress(path))
        server, _ = listener.socket.accept()
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        client.close()
        server.close()
    assert not os.path.exists(path)
    assert not is_bound(path)


def test_tcp_there_and_back_on_a_free_port() -> None:
    with Listener(TcpAddress("127.0.0.1", 0)) as listener:
        assert isinstance(listener.address, TcpAddress)
        assert listener.address.port > 0
        client = connect(listener.address)
        server, _ = listener.socket.accept()
        abort(client)
        with pytest.raises(ConnectionResetError):
            server.recv(1)
        server.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6_loopback() -> None:
    try:
        listener = Listener(TcpAddress("::1", 0))
    except UsageError:
        pytest.skip("no IPv6 loopback")
    with listener:
        assert str(listener.address).startswith("tcp:[::1]:")
        connect(listener.address).close()


def test_every_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener(TcpAddress("127.0.0.1", 0)) as listener:
        assert isinstance(listener.address, TcpAddress)
        port = listener.address.port
        found = [
            (family, socket.SOCK_STREAM, 6, "", target)
            for family, target in (
                (socket.AF_INET6, ("::1", port, 0, 0)),
                (socket.AF_INET, ("127.0.0.2", 1)),
                (socket.AF_INET, ("127.0.0.1", port)),
            )
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        where = TcpAddress("many.example", port)
        assert [place.target[0] for place in places(where)] == ["127.0.0.2", "127.0.0.1", "::1"]
        connect(where).close()


def test_connecting_in_vain(path: str) -> None:
    with pytest.raises(TargetError, match="No such file") as caught:
        connect(UnixAddress(path))
    assert caught.value.exit_code == 4
    stale(path)
    with pytest.raises(TargetError, match="refused"):
        connect(UnixAddress(path))
    for other in (os.path.dirname(path), __file__):
        with pytest.raises(TargetError, match="it is not a socket"):
            connect(UnixAddress(other))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(TargetError, match=f"tcp:127.0.0.1:{port}.*refused"):
        connect(TcpAddress("127.0.0.1", port))
    with pytest.raises(TargetError, match="cannot connect to"):
        connect(TcpAddress("host.invalid", 1))
    with pytest.raises(TargetError, match="cannot connect to"):
        connect(TcpAddress("x" * 70 + ".invalid", 1))


def test_a_stale_socket_file_is_taken_over(path: str) -> None:
    stale(path)
    assert os.path.exists(path)
    assert not is_bound(path)
    with Listener(UnixAddress(path)):
        connect(UnixAddress(path)).close()
    assert not os.path.exists(path)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_a_live_socket_is_refused_and_not_disturbed(path: str, kind: int) -> None:
    with socket.socket(socket.AF_UNIX, kind) as owner:
        owner.bind(path)
        if kind != socket.SOCK_DGRAM:
            owner.listen()
        with pytest.raises(UsageError, match="in use") as caught:
            Listener(UnixAddress(path))
        assert caught.value.exit_code == 2
        assert is_bound(path)
        owner.setblocking(False)
        with pytest.raises(BlockingIOError):
            owner.accept() if kind != socket.SOCK_DGRAM else owner.recv(1)


def test_a_socket_that_is_bound_and_does_not_listen_yet_is_refused(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as owner:
        owner.bind(path)
        with pytest.raises(UsageError, match="in use"):
            Listener(UnixAddress(path))


def test_another_users_socket_is_not_taken_for_stale(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale(path)
    monkeypatch.setattr("qmpconf.net.endpoint._probe", lambda _: errno.EACCES)
    with pytest.raises(UsageError, match="Permission denied"):
        Listener(UnixAddress(path))
    assert os.path.exists(path)


def test_what_is_no_socket_is_refused_and_kept(tmp_path: Path) -> None:
    for name in ("file", "folder", "link", "dangling"):
        path = tmp_path / name
        if name == "file":
            path.write_text("precious")
        elif name == "folder":
            path.mkdir()
        else:
            path.symlink_to(tmp_path / ("file" if name == "link" else "none"))
        with pytest.raises(UsageError, match="not a socket"):
            Listener(UnixAddress(str(path)))
        assert os.path.lexists(path)
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("name", ["none/s", "file/s"])
def test_listening_where_nothing_can_be_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot listen on unix:"):
        Listener(UnixAddress(str(tmp_path / name)))


def test_a_tcp_port_in_use_is_refused() -> None:
    with (
        Listener(TcpAddress("127.0.0.1", 0)) as listener,
        pytest.raises(UsageError, match=r"cannot listen on tcp:127\.0\.0\.1:.*in use"),
    ):
        Listener(listener.address)
    with pytest.raises(UsageError, match=r"cannot listen on tcp:host\.invalid:1: (?!cannot)"):
        Listener(TcpAddress("host.invalid", 1))


def test_a_file_that_is_no_longer_ours_stays(path: str) -> None:
    listener = Listener(UnixAddress(path))
    os.unlink(path)
    listener.close()
    listener = Listener(UnixAddress(path))
    os.unlink(path)
    with Listener(UnixAddress(path)):
        listener.close()
        assert is_bound(path)
        listener.close()
        assert is_bound(path)
    listener = Listener(UnixAddress(path))
    os.unlink(path)
    Path(path).write_text("precious")
    listener.close()
    assert Path(path).read_text() == "precious"


def test_a_folder_that_goes_while_listening(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    listener = Listener(UnixAddress(str(folder / "s")))
    (folder / "s").unlink()
    folder.rmdir()
    listener.close()


def test_a_relative_path_is_removed_from_where_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listener = Listener(UnixAddress("s"))
    monkeypatch.chdir("/")
    listener.close()
    assert not (tmp_path / "s").exists()


def test_inherited_sockets(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        listener = Listener(FdAddress(os.dup(sock.fileno())))
        assert is_listening(listener.socket)
        listener.close()
        assert os.path.exists(path)
    one, other = socket.socketpair()
    fd = os.dup(one.fileno())
    os.set_inheritable(fd, True)
    sock = inherited(FdAddress(fd))
    assert not is_listening(sock)
    assert not os.get_inheritable(fd)
    assert connect(FdAddress(os.dup(one.fileno()))).close() is None
    for each in (sock, one, other):
        each.close()
    with pytest.raises(UsageError, match="not an open descriptor"):
        inherited(FdAddress(fd))


def test_inherited_descriptors_that_are_no_stream_socket_stay_open(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with pytest.raises(UsageError, match="not a socket"):
        inherited(FdAddress(reading))
    os.fstat(reading)
    os.close(reading)
    os.close(writing)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        with pytest.raises(UsageError, match="not a stream socket"):
            inherited(FdAddress(sock.fileno()))
        os.fstat(sock.fileno())
    with pytest.raises(UsageError, match="not an open descriptor"):
        inherited(FdAddress(999_999_999))


def test_abort_of_a_unix_socket_is_a_close() -> None:
    one, other = socket.socketpair()
    abort(one)
    assert other.recv(1) == b""
    other.close()
    assert struct.calcsize("ii") == 8


def test_an_abstract_address_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    address = UnixAddress(f"@qmpconf-{os.getpid()}")
    with Listener(address) as listener:
        assert is_bound(address.name)
        client = connect(address)
        server, _ = listener.socket.accept()
        client.close()
        server.close()
        with pytest.raises(UsageError, match="in use"):
            Listener(address)
    assert os.listdir(tmp_path) == []
    assert not is_bound(address.name)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
@pytest.mark.parametrize("mode", [None, 0o600, 0o660, 0o666])
def test_who_may_connect_to_the_server_may_connect_here(
    tmp_path: Path, path: str, umask: int, mode: int | None
) -> None:
    like = str(tmp_path / "server")
    if mode is not None:
        stale(like)
        os.chmod(like, mode)
    before = os.umask(umask)
    try:
        with Listener(UnixAddress(path), UnixAddress(like)):
            assert os.stat(path).st_mode & 0o777 == (0o600 if mode is None else mode)
    finally:
        os.umask(before)


def test_what_was_not_taken_yet_is_counted() -> None:
    one, other = socket.socketpair()
    with one, other, open(os.devnull, "rb") as file:
        assert untaken(one) == 0
        for _ in range(2):
            one.sendall(b"x" * 1000)
        both = untaken(one)
        assert both >= 2000
        assert len(other.recv(1000)) == 1000
        assert 1000 <= untaken(one) < both
        assert untaken(file) == -1  # type: ignore[arg-type]  # of what is not a socket nothing is known
