"""The client that asks one thing after the other, at the embedded monitor and at odd servers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpconf.errors import TargetError
from qmpconf.net.client import Client, RefusedError
from qmpconf.protocol.messages import Failure, Success
from qmpconf.testing.monitor import Monitor


@pytest.fixture
def target() -> Iterator[str]:
    with Monitor() as monitor:
        yield str(monitor.address)


def test_it_negotiates_and_asks(target: str) -> None:
    with Client(target) as client:
        assert client.negotiate("oob").major >= 7
        assert client.call("query-status")["status"] == "running"
        assert client.call("query-yank", oob=True) == [{"type": "chardev", "id": "qmp"}]


def test_an_error_is_an_answer_or_an_exception(target: str) -> None:
    with Client(target) as client:
        client.negotiate()
        reply = client.ask("yank", {"instance": []})
        assert isinstance(reply, Failure)
        with pytest.raises(RefusedError, match="no-such failed with CommandNotFound: "):
            client.call("no-such")
        assert client.call("query-status")["status"] == "running"


def test_ids_count_and_events_are_kept(target: str) -> None:
    with Client(target, prefix="t") as client:
        client.negotiate()
        reply = client.ask("stop")
        assert isinstance(reply, Success)
        assert reply.id == "t-2"
        client.call("cont")
        assert client.events == ["STOP", "RESUME"]


def test_events_without_end_are_no_answer(tmp_path: Path) -> None:
    event = b'{"event": "E", "timestamp": {"seconds": 1, "microseconds": 0}}\r\n'
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        given_up = threading.Event()

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                for _ in range(1000):
                    peer.sendall(event)
                    if given_up.wait(0.01):
                        break

        thread = threading.Thread(target=serve)
        thread.start()
        with Client(f"unix:{tmp_path / 's'}", patience=0.1) as client:
            with pytest.raises(TargetError, match=r"no answer within 0\.1 s"):
                client.call("query-status")
            given_up.set()
            assert client.events
        thread.join()


def test_who_does_not_read_does_not_answer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with (
            Client(f"unix:{tmp_path / 's'}", patience=0.1) as client,
            pytest.raises(TargetError, match=r"no answer within 0\.1 s"),
        ):
            client.call("a", {"long": "x" * (1 << 24)})


@pytest.mark.parametrize(
    ("said", "why"),
    [(b"SSH-2.0-x\r\n", "not a QMP monitor: it sends no JSON"), (b"", "closed the connection")],
)
def test_other_servers_are_named(tmp_path: Path, said: bytes, why: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        with Client(f"unix:{tmp_path / 's'}") as client, pytest.raises(TargetError, match=why):
            client.negotiate()
        thread.join()
