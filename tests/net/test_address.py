"""Addresses: every form, and an error that says what it may be for everything else."""

from __future__ import annotations

import contextlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import UsageError
from qmpconf.net.address import Address, FdAddress, TcpAddress, UnixAddress, parse_address


@pytest.mark.parametrize(
    ("text", "address", "bare"),
    [
        ("unix:/run/qmp.sock", UnixAddress("/run/qmp.sock"), "/run/qmp.sock"),
        ("/run/qmp.sock", UnixAddress("/run/qmp.sock"), "/run/qmp.sock"),
        ("qmp.sock", UnixAddress("qmp.sock"), "qmp.sock"),
        ("unix:tcp:1", UnixAddress("tcp:1"), "tcp:1"),
        ("./a:b", UnixAddress("./a:b"), "./a:b"),
        ("@qmp", UnixAddress("@qmp"), "@qmp"),
        ("unix:@qmp", UnixAddress("@qmp"), "@qmp"),
        ("./@qmp", UnixAddress("./@qmp"), "./@qmp"),
        ("unix:a b", UnixAddress("a b"), "a b"),
        ("x" * 107, UnixAddress("x" * 107), "x" * 107),
        ("tcp:127.0.0.1:4444", TcpAddress("127.0.0.1", 4444), "127.0.0.1:4444"),
        ("tcp:host:0", TcpAddress("host", 0), "host:0"),
        ("tcp::4444", TcpAddress("localhost", 4444), "localhost:4444"),
        ("tcp:[::1]:65535", TcpAddress("::1", 65535), "[::1]:65535"),
        ("fd:7", FdAddress(7), "7"),
    ],
)
def test_forms(text: str, address: Address, bare: str) -> None:
    assert parse_address(text) == address
    assert address.bare == bare
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not an address"),
        ("unix:", "not an address"),
        ("tcp:", "tcp:HOST:PORT"),
        ("tcp:host", "tcp:HOST:PORT"),
        ("tcp:4444", "tcp:HOST:PORT"),
        ("tcp:host:", "tcp:HOST:PORT"),
        ("tcp:host:x", "tcp:HOST:PORT"),
        ("tcp:host:-1", "tcp:HOST:PORT"),
        ("tcp:host:65536", "tcp:HOST:PORT"),
        ("tcp:host:" + "9" * 5000, "tcp:HOST:PORT"),
        ("tcp:::1:4444", "brackets"),
        ("tcp:[]:4444", "brackets"),
        ("fd:", "fd:N"),
        ("fd:-1", "fd:N"),
        ("fd:x", "fd:N"),
        ("fd:٣", "fd:N"),
        ("fd:" + "9" * 30, "fd:N"),
        ("localhost:4444", "did you mean tcp:localhost:4444"),
        ("127.0.0.1:4444", "did you mean tcp:127.0.0.1:4444"),
        ("[::1]:4444", r"did you mean tcp:\[::1\]:4444"),
        ("vsock:2:1234", "no addresses of the kind 'vsock:'"),
        ("ws:localhost:80", "no addresses of the kind 'ws:'"),
        ("ssh://host/sock", "no addresses of the kind 'ssh:'"),
        ("vm:1.sock", "unix:vm:1.sock"),
        ("x" * 108, "108 bytes"),
        ("é" * 54, "108 bytes"),
        ("unix:a\0b", "NUL"),
    ],
)
def test_errors(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_address(text)
    assert caught.value.exit_code == 2


def test_paths_that_are_no_utf8() -> None:
    path = os.fsdecode(b"a\xff")
    assert parse_address(path) == UnixAddress(path)


@given(st.text(max_size=30) | st.text("tcpfdunix:[]0123456789.", max_size=20))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        address = parse_address(text)
        assert parse_address(str(address)) == address


def test_a_descriptor_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_FDNAMES", "web:db:beyond")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    assert parse_address("fd:db") == FdAddress(4)
    with pytest.raises(UsageError, match="LISTEN_FDNAMES: web, db, beyond"):
        parse_address("fd:beyond")
    monkeypatch.setenv("LISTEN_PID", "1")  # they are another process's
    with pytest.raises(UsageError, match="fd:db: no descriptor of that name"):
        parse_address("fd:db")
