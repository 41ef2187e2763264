"""Whatever two sides do to each other, in any order, comes out as it does without a recorder."""

from __future__ import annotations

import contextlib
import itertools
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.record.proxy import Pair, receive, until, until_end
from tests.usual import examples

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["client", "server"]),
        st.one_of(
            st.integers(1, 3000),  # send so many bytes
            st.sampled_from(["read", "read", "shut", "close"]),
        ),
    ),
    max_size=20,
)
OTHER = {"client": "server", "server": "client"}


class Model:
    """Two sides and the bytes that are on their way to each."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.socks = {"client": client, "server": server}
        self.waiting = {"client": b"", "server": b""}
        self.sent = {"client": b"", "server": b""}
        self.read = {"client": b"", "server": b""}
        self.ended: set[str] = set()  # sends nothing more
        self.closed: set[str] = set()

    def act(self, side: str, action: int | str) -> None:
        """Do it, if `side` still can."""
        if side in self.closed:
            return
        other = OTHER[side]
        if isinstance(action, int):
            if side not in self.ended and other not in self.closed:
                start = len(self.sent[side])
                data = bytes(32 + (start + at) * 7 % 90 for at in range(action))
                self.socks[side].sendall(data)
                self.sent[side] += data
                self.waiting[other] += data
        elif action == "read":
            got = receive(self.socks[side], len(self.waiting[side]))
            assert got == self.waiting[side]
            self.read[side] += got
            self.waiting[side] = b""
        elif action == "shut" and side not in self.ended and other not in self.closed:
            self.socks[side].shutdown(socket.SHUT_WR)
            self.ended.add(side)
        elif action == "close":
            if self.socks[side].family != socket.AF_UNIX:
                self.act(side, "read")  # or else the reset destroys what is on its way
            self.socks[side].close()
            self.closed.add(side)
            self.ended.add(side)

    def finish(self) -> None:
        """Read to the end whatever is still to come."""
        for side, sock in self.socks.items():
            if side in self.closed:
                continue
            self.act(side, "read")
            if OTHER[side] in self.ended:
                with contextlib.suppress(ConnectionResetError):
                    assert until_end(sock) == b""


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_any_order_of_sending_reading_and_closing(tmp_path: Path, kind: str) -> None:
    numbers = itertools.count()

    @given(ACTIONS)
    @settings(
        max_examples=examples(80),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def check(actions: list[tuple[str, int | str]]) -> None:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        with Pair(folder, kind) as pair:
            for through in (False, True):
                model = Model(*pair.session(through=through))
                for side, action in actions:
                    model.act(side, action)
                model.finish()
            # On TCP, one who has closed looks like one who has said all.
            if len(model.ended) == 2 or (model.closed and kind == "unix"):
                until(pair.proxy.closed)
            pair.proxy.stop()
            assert pair.proxy.closed() or not any(model.read.values())  # perhaps it never began
            for side, other in OTHER.items():
                recorded = pair.proxy.bytes(side)  # type: ignore[arg-type]
                assert model.sent[side].startswith(recorded)
                assert recorded.startswith(model.read[other])

    check()
